package state

import (
	"cmp"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"

	"vrepofs/merge"
)

// External is one external repo of a tag: a repo of the store whose packages its views hold beside those of builds.
type External struct {
	Repo     string     `json:"repo"`
	ID       string     `json:"id,omitempty"` // of the snapshot; "": the latest, followed
	Priority int        `json:"priority"`     // among the externals of the tag; lower numbers come first
	Mode     merge.Mode `json:"mode"`
	Arches   []string   `json:"arches,omitempty"` // of the views that have it; none: all
}

// Ref names what is used: "fedora@latest" or "fedora@20261121T043000Z".
func (e External) Ref() string { return e.Repo + "@" + cmp.Or(e.ID, "latest") }

// ForArch reports whether a view has the external repo. A debug view has those of its arch: it is the same selection. One that names a
// debug view is only for that.
func (e External) ForArch(view string) bool {
	return len(e.Arches) == 0 || slices.Contains(e.Arches, view) || slices.Contains(e.Arches, merge.BaseArch(view))
}

// AddExternal gives a tag an external repo. Priorities and repos are unique in one tag, as in Koji's tag_external_repos.
func AddExternal(tx Tx, tag string, e External) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	if err := e.Mode.Check(); err != nil {
		return fmt.Errorf("tag %s: external repo %s: %w", tag, e.Repo, err)
	}
	if _, err := GetRepo(tx, e.Repo); err != nil {
		return fmt.Errorf("tag %s: external repo: %w", tag, err)
	}
	if e.ID != "" {
		if _, err := GetSnapshot(tx, e.Ref()); err != nil {
			return fmt.Errorf("tag %s: external repo: %w", tag, err)
		}
	}
	for _, a := range e.Arches {
		if !slices.Contains(t.Arches, a) {
			return fmt.Errorf("tag %s: external repo %s: the tag has no views of arch %s: %w", tag, e.Repo, a, iofs.ErrInvalid)
		}
	}
	for _, o := range t.External {
		if o.Repo == e.Repo {
			return fmt.Errorf("tag %s already has external repo %s with priority %d: %w", tag, o.Ref(), o.Priority, iofs.ErrExist)
		}
		if o.Priority == e.Priority {
			return fmt.Errorf("tag %s: priority %d is that of external repo %s: %w", tag, o.Priority, o.Repo, ErrConflict)
		}
	}
	t.External = append(slices.Clone(t.External), e)
	slices.SortFunc(t.External, func(a, b External) int { return cmp.Compare(a.Priority, b.Priority) })
	putTag(tx, t)
	return nil
}

// RemoveExternal takes an external repo from a tag.
func RemoveExternal(tx Tx, tag, repo string) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(t.External, func(e External) bool { return e.Repo == repo })
	if i < 0 {
		return fmt.Errorf("tag %s has no external repo %s: %w", tag, repo, iofs.ErrNotExist)
	}
	t.External = slices.Delete(slices.Clone(t.External), i, i+1)
	putTag(tx, t)
	return nil
}

// externalOf returns the name of a tag that uses a repo, or one snapshot of it by its id; "" when none does.
func externalOf(r Reader, repo, id string) (string, error) {
	for t, err := range Tags(r) {
		if err != nil {
			return "", err
		}
		for _, e := range t.External {
			if e.Repo == repo && (id == "" || e.ID == id) {
				return t.Name, nil
			}
		}
	}
	return "", nil
}

// notExternal refuses to remove what is an external repo of a tag; id "" is the whole repo.
func notExternal(r Reader, repo, id string) error {
	tag, err := externalOf(r, repo, id)
	if err == nil && tag != "" {
		what := repo
		if id != "" {
			what += "@" + id
		}
		err = fmt.Errorf("%s is an external repo of tag %s (vrepofs tag external remove %[2]s %s ends that): %w", what, tag, repo, ErrConflict)
	}
	return err
}

// ExternalSnapshot returns the snapshot that an external repo is in a state; false when it has none (any more).
func ExternalSnapshot(r Reader, e External) (Snapshot, bool, error) {
	s, err := GetSnapshot(r, e.Ref())
	if errors.Is(err, iofs.ErrNotExist) {
		return s, false, nil
	}
	return s, err == nil, err
}
