package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"

	"vrepofs/blob"
	"vrepofs/tree"
)

// CloneTag makes the tag to with all that from is: builds in their order of tagging, package list, parents, external repos, settings;
// not the time at which from ends. Its views select what from's select, also where only the order of tagging decides. It costs one record, however many builds there are.
func CloneTag(tx Tx, from, to string) error {
	t, err := GetTag(tx, from)
	if err != nil {
		return err
	}
	return putClone(tx, t, to)
}

// CloneTagFrom is CloneTag from a tag as it was in a past state: with its builds, package list, groups, parents, external repos and settings of
// then. What they name must still be there, else ErrConflict says what is not; parents and followed repos are what they are now.
// A build that got RPMs since has them. It reads every build of the tag.
func CloneTagFrom(tx Tx, past Reader, from, to string) error {
	t, err := GetTag(past, from)
	if err != nil {
		return err
	}
	for _, l := range t.Inherit {
		if had, err := exists(tx, TableTags, l.Parent); err != nil {
			return err
		} else if !had {
			return fmt.Errorf("tag %s inherited from tag %s then, which is no more: %w", from, l.Parent, ErrConflict)
		}
	}
	for _, e := range t.External {
		if _, err := GetRepo(tx, e.Repo); err == nil && e.ID != "" {
			_, err = GetSnapshot(tx, e.Ref())
			if errors.Is(err, iofs.ErrNotExist) {
				return fmt.Errorf("tag %s had the external repo %s then, which is no more: %w", from, e.Ref(), ErrConflict)
			} else if err != nil {
				return err
			}
		} else if errors.Is(err, iofs.ErrNotExist) {
			return fmt.Errorf("tag %s had the external repo %s then, which is no more: %w", from, e.Repo, ErrConflict)
		} else if err != nil {
			return err
		}
	}
	if t.Builds, err = renewBuilds(tx, t); err != nil {
		return err
	}
	return putClone(tx, t, to)
}

// renewBuilds is the tree of a past tag's builds with their records of now. The event at which each was tagged stays.
func renewBuilds(tx Tx, t Tag) (blob.Digest, error) {
	var changes []tree.Change
	var gone []string
	for b, err := range TagBuilds(tx, t) {
		if err != nil {
			return t.Builds, err
		}
		now, err := GetBuild(tx, b.NVR)
		if errors.Is(err, iofs.ErrNotExist) {
			gone = append(gone, b.NVR)
			continue
		} else if err != nil {
			return t.Builds, err
		}
		if d := blob.Sum(now.encode()); d != b.Record {
			b.ID, b.Record = now.ID, d
			changes = append(changes, tree.Change{Name: b.NVR, Value: b.encode()})
		}
	}
	if n := len(gone); n > 0 {
		what := strings.Join(gone[:min(n, maxNamed)], ", ")
		if n > maxNamed {
			what += fmt.Sprintf(" and %d more", n-maxNamed)
		}
		return t.Builds, fmt.Errorf("tag %s had builds then that are no more: %s (vrepofs build import brings them back): %w", t.Name, what, ErrConflict)
	}
	d, err := tree.Apply(tx, t.Builds, changes)
	if err != nil {
		return d, fmt.Errorf("tag %s: %w", t.Name, err)
	}
	return d, nil
}

// putClone makes the tag to of a record.
func putClone(tx Tx, t Tag, to string) error {
	if err := CheckName("tag", to); err != nil {
		return err
	}
	if had, err := exists(tx, TableTags, to); err != nil {
		return err
	} else if had {
		return fmt.Errorf("tag %s: %w", to, iofs.ErrExist)
	}
	t.Name, t.Created, t.Until = to, now(tx), 0
	putTag(tx, t)
	return nil
}

// AddMissingToTag tags those builds that the tag does not have itself. Those that it has keep their place in the order.
func AddMissingToTag(tx Tx, tag string, nvrs ...string) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	var missing []string
	for _, nvr := range nvrs {
		if has, err := hasBuild(tx, t, nvr); err != nil {
			return err
		} else if !has {
			missing = append(missing, nvr)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return AddToTag(tx, tag, missing...)
}

// hasBuild reports whether a tag has a build itself.
func hasBuild(r tree.Reader, t Tag, nvr string) (bool, error) {
	_, err := tree.Get(r, t.Builds, nvr)
	if errors.Is(err, iofs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
