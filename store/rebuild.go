package store

import (
	"errors"
	"path/filepath"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/index"
)

// Rebuild makes the index of a store anew from its journal and its blobs, and returns the head. index.ErrLocked when a process
// has the store open.
func Rebuild(root string, o Options) (index.Head, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return index.Head{}, err
	}
	if err := CheckOwner(root); err != nil {
		return index.Head{}, err
	}
	s := &Store{Root: root}
	if s.Blobs, err = blob.Open(root, disk.OS{}); err != nil {
		return index.Head{}, err
	}
	if err := index.Rebuild(root, index.Options{AcceptClock: o.AcceptClock, Command: o.Command}, s.reparse); err != nil {
		return index.Head{}, err
	}
	st, err := Open(root, o)
	if err != nil {
		return index.Head{}, err
	}
	head := st.Index.Head()
	return head, errors.Join(st.Index.Err(), st.Close())
}
