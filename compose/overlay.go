package compose

import (
	"errors"
	"fmt"
	iofs "io/fs"

	"vrepofs/tree"
)

// Replace returns the directory dir, which is from with other names besides, with to in place of from: those other names stay as
// they are. It gets the time stamp. It costs what differs between the first levels of from and to.
func Replace(w tree.Writer, dir, from, to tree.Entry, stamp int64) (tree.Entry, error) {
	if dir == from {
		return to, nil
	}
	var changes []tree.DirChange
	for d, err := range tree.Diff(w, from.Digest, to.Digest) {
		if err != nil {
			return tree.Entry{}, err
		}
		c := tree.DirChange{Name: d.Name, Delete: d.New == nil}
		if d.New != nil {
			if c.Entry, err = tree.DecodeEntry(d.New); err != nil {
				return tree.Entry{}, fmt.Errorf("%s: %w", d.Name, err)
			}
		}
		changes = append(changes, c)
	}
	return tree.ChangeDir(w, dir, stamp, changes)
}

// LookupIn is Lookup where what is not there is the zero Entry.
func LookupIn(r tree.Reader, dir tree.Entry, path string) (tree.Entry, error) {
	if dir.Kind == 0 {
		return tree.Entry{}, nil
	}
	e, err := Lookup(r, dir, path)
	if errors.Is(err, iofs.ErrNotExist) {
		return tree.Entry{}, nil
	}
	return e, err
}
