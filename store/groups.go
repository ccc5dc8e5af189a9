package store

import (
	"bytes"
	"context"
	"fmt"
	iofs "io/fs"
	"strings"

	"vrepofs/compose"
	"vrepofs/comps"
	"vrepofs/index"
	"vrepofs/merge"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/tree"
)

// GroupSettings is what of a group is to change; nil stays as it is.
type GroupSettings struct {
	Name, Description, LangOnly *string
	Hidden, Default, Biarch     *bool
}

// groups makes one change of a tag's groups. A change after which the views' groups would be too large is refused.
func (s *Store) groups(ctx context.Context, who Who, tag string, apply func(*index.Tx) error) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error {
		if err := apply(tx); err != nil {
			return err
		}
		resolved, err := compose.Resolve(tx, tag)
		if err == nil {
			_, err = resolved.Comps(tx)
		}
		return err
	})
}

// viewGroups are the groups of a tag's views.
func viewGroups(r state.Reader, tag string) (*merge.Groups, error) {
	resolved, err := compose.Resolve(r, tag)
	if err != nil {
		return nil, err
	}
	return resolved.Groups(r)
}

// SetGroup says in a tag what a group is. What set does not say is as the tag has it by now, perhaps by inheritance.
func (s *Store) SetGroup(ctx context.Context, who Who, tag, id string, set GroupSettings) (state.Change, error) {
	return s.groups(ctx, who, tag, func(tx *index.Tx) error {
		groups, err := viewGroups(tx, tag)
		if err != nil {
			return err
		}
		var c comps.Config
		if g := groups.Lookup(id); g != nil {
			c = g.Config
		}
		for _, f := range []struct{ to, from *string }{{&c.Name, set.Name}, {&c.Description, set.Description}, {&c.LangOnly, set.LangOnly}} {
			if f.from != nil {
				*f.to = *f.from
			}
		}
		for _, f := range []struct{ to, from *bool }{{&c.Hidden, set.Hidden}, {&c.Default, set.Default}, {&c.Biarch, set.Biarch}} {
			if f.from != nil {
				*f.to = *f.from
			}
		}
		return state.PutGroup(tx, tag, id, c)
	})
}

// RemoveGroups removes all that a tag itself says of groups. What it inherits stays.
func (s *Store) RemoveGroups(ctx context.Context, who Who, tag string, ids []string) (state.Change, error) {
	return s.groups(ctx, who, tag, func(tx *index.Tx) error { return state.RemoveGroups(tx, tag, ids...) })
}

// BlockGroups keeps groups out of a tag and of all that inherit from it, or ends such blocks of the tag's own.
func (s *Store) BlockGroups(ctx context.Context, who Who, tag string, blocked bool, ids []string) (state.Change, error) {
	return s.groups(ctx, who, tag, func(tx *index.Tx) error { return state.BlockGroups(tx, tag, blocked, ids...) })
}

// PutInGroup puts packages, and groups by names such as "@core", into a group of a tag's views. An empty type is that which the package has there
// by now, else mandatory; or conditional for what requires something.
func (s *Store) PutInGroup(ctx context.Context, who Who, tag, id string, entries []comps.Entry) (state.Change, error) {
	return s.groups(ctx, who, tag, func(tx *index.Tx) error {
		groups, err := viewGroups(tx, tag)
		if err != nil {
			return err
		}
		g, err := definedGroup(groups, tag, id)
		if err != nil {
			return err
		}
		had := map[string]comps.Entry{}
		for _, e := range g.Packages {
			had[e.Name] = e.Entry
		}
		put := make([]comps.Entry, len(entries))
		for i, e := range entries {
			if required, isGroup := strings.CutPrefix(e.Name, state.GroupMark); isGroup {
				if _, err := definedGroup(groups, tag, required); err != nil {
					return err
				}
			} else if e.Type == "" {
				switch {
				case e.Requires != "":
					e.Type = "conditional"
				case had[e.Name].Type != "":
					e.Type, e.Requires = had[e.Name].Type, had[e.Name].Requires
				default:
					e.Type = "mandatory"
				}
			}
			put[i] = e
		}
		return state.PutInGroup(tx, tag, id, put...)
	})
}

// definedGroup finds a group into which something can be put.
func definedGroup(groups *merge.Groups, tag, id string) (*merge.ViewGroup, error) {
	g := groups.Lookup(id)
	if g == nil {
		return nil, fmt.Errorf("tag %s has no group %.80q; vrepofs tag group add %s GROUP makes one: %w", tag, id, tag, iofs.ErrNotExist)
	}
	if g.Blocked {
		return nil, fmt.Errorf("tag %s: group %s is blocked by tag %s; vrepofs tag group add or unblock ends that: %w", tag, id, g.From, state.ErrConflict)
	}
	return g, nil
}

// RemoveFromGroup removes what a tag itself says of packages in a group.
func (s *Store) RemoveFromGroup(ctx context.Context, who Who, tag, id string, names []string) (state.Change, error) {
	return s.groups(ctx, who, tag, func(tx *index.Tx) error { return state.RemoveFromGroup(tx, tag, id, names...) })
}

// BlockInGroup keeps packages out of a group, in a tag and all that inherit from it, or ends such blocks of the tag's own.
func (s *Store) BlockInGroup(ctx context.Context, who Who, tag, id string, blocked bool, names []string) (state.Change, error) {
	return s.groups(ctx, who, tag, func(tx *index.Tx) error {
		if blocked {
			groups, err := viewGroups(tx, tag)
			if err != nil {
				return err
			}
			if _, err := definedGroup(groups, tag, id); err != nil {
				return err
			}
		}
		return state.BlockInGroup(tx, tag, id, blocked, names...)
	})
}

// ImportGroups puts the groups of a comps.xml into a tag; see state.ImportGroups.
func (s *Store) ImportGroups(ctx context.Context, who Who, tag string, c *comps.Comps, replace bool) (state.Change, error) {
	return s.groups(ctx, who, tag, func(tx *index.Tx) error { return state.ImportGroups(tx, tag, c, replace) })
}

// RepoGroups returns the comps.xml of a snapshot of a repo ("fedora@latest"), perhaps compressed, as upstream's repomd.xml names it, and
// which snapshot that is. iofs.ErrNotExist when it has none.
func (s *Store) RepoGroups(ref string) (file []byte, snapshot string, err error) {
	r, _, err := s.State("")
	if err != nil {
		return nil, "", err
	}
	snap, err := state.GetSnapshot(r, ref)
	if err != nil {
		return nil, "", err
	}
	read := func(path string) ([]byte, error) {
		e, err := compose.Lookup(r, snap.Root, path)
		if err != nil {
			return nil, fmt.Errorf("snapshot %s: %w", snap.Ref(), err)
		}
		if e.Kind != tree.KindFile || e.Size > comps.MaxSize {
			return nil, fmt.Errorf("snapshot %s: %s: no file, or more than %d MiB: %w", snap.Ref(), path, comps.MaxSize>>20, iofs.ErrInvalid)
		}
		return s.Composer.ReadSmall(e)
	}
	b, err := read("repodata/repomd.xml")
	if err != nil {
		return nil, "", err
	}
	md, err := repodata.ParseRepomd(bytes.NewReader(b))
	if err != nil {
		return nil, "", fmt.Errorf("snapshot %s: %w", snap.Ref(), err)
	}
	href := ""
	for _, rec := range md.Records {
		switch {
		case rec.Type == "group": // plain, as createrepo_c writes it
			href = rec.Href
		case href == "" && strings.HasPrefix(rec.Type, "group_") && rec.Type != "group_zck":
			href = rec.Href
		}
	}
	if href == "" {
		return nil, "", fmt.Errorf("snapshot %s has no groups: %w", snap.Ref(), iofs.ErrNotExist)
	}
	b, err = read(href)
	return b, snap.Ref(), err
}
