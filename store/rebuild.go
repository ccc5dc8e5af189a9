package store

import (
	"errors"
	"fmt"
	"os"
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
	// Before blob.Open makes what is missing.
	if _, err := os.Stat(filepath.Join(root, "vrepofs")); err != nil {
		return index.Head{}, fmt.Errorf("no store at %s: %w", root, err)
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
