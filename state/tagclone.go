package state

import (
	"errors"
	"fmt"
	iofs "io/fs"

	"vrepofs/tree"
)

// CloneTag makes the tag to with all that from is: builds in their order of tagging, package list, parents, external repos, settings;
// not the time at which from ends. Its views select what from's select, also where only the order of tagging decides. It costs one record, however many builds there are.
func CloneTag(tx Tx, from, to string) error {
	t, err := GetTag(tx, from)
	if err != nil {
		return err
	}
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
