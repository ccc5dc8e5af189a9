package state

import (
	"fmt"
	iofs "io/fs"
	"slices"

	"vrepofs/merge"
)

// checkArches refuses what no tag can have as its views.
func checkArches(tag string, arches []string) error {
	if len(arches) == 0 {
		return fmt.Errorf("tag %s: no arch given: %w", tag, iofs.ErrInvalid)
	}
	seen := map[string]bool{}
	for _, a := range arches {
		if err := CheckName("arch", a); err != nil {
			return err
		}
		if err := checkNotPinned("arch", a); err != nil {
			return err
		}
		if err := merge.CheckView(a); err != nil {
			return fmt.Errorf("tag %s: %w", tag, err)
		}
		if seen[a] {
			return fmt.Errorf("tag %s: arch %s given twice: %w", tag, a, iofs.ErrInvalid)
		}
		seen[a] = true
	}
	return nil
}

// SetArches says which views a tag has from now on. A view that goes is gone from the tag's next generation; earlier ones, and channels
// that were set to it, keep it. ErrConflict when an external repo of the tag is for a view that goes.
func SetArches(tx Tx, tag string, arches []string) error {
	if err := checkArches(tag, arches); err != nil {
		return err
	}
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	for _, e := range t.External {
		for _, a := range e.Arches {
			if !slices.Contains(arches, a) {
				return fmt.Errorf("tag %s: external repo %s is for arch %s (vrepofs tag external remove %[1]s %[4]s ends that): %w",
					tag, e.Ref(), a, e.Repo, ErrConflict)
			}
		}
	}
	t.Arches = slices.Clone(arches)
	putTag(tx, t)
	return nil
}

// SetContents says what the views of a tag hold beside packages of their arch, or leave out.
func SetContents(tx Tx, tag string, c merge.Contents) error {
	if err := c.Check(); err != nil {
		return fmt.Errorf("tag %s: %w", tag, err)
	}
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	if len(c.Multilib) == 0 {
		c.Multilib = nil // as in records of tags that never had one
	}
	t.Contents = c
	putTag(tx, t)
	return nil
}
