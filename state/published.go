package state

import (
	"errors"
	"fmt"
	iofs "io/fs"

	"vrepofs/tree"
)

// publishedName is the one row of TablePublished.
const publishedName = "channels"

// Published returns the directory that readers see as channels: every repository at its path, and what lies beside them. The
// zero Entry when nothing is published.
func Published(r Reader) (tree.Entry, error) {
	b, err := r.Get(TablePublished, publishedName)
	if errors.Is(err, iofs.ErrNotExist) {
		return tree.Entry{}, nil
	}
	if err != nil {
		return tree.Entry{}, fmt.Errorf("channels: %w", err)
	}
	e, err := tree.DecodeEntry(b)
	if err != nil {
		return e, fmt.Errorf("channels: record in the index: %w", err)
	}
	return e, nil
}

// PutPublished makes root what readers see as channels; the zero Entry: nothing.
func PutPublished(tx Tx, root tree.Entry) {
	if root.Kind == 0 {
		tx.Delete(TablePublished, publishedName)
		return
	}
	tx.Put(TablePublished, publishedName, root.Append(nil))
}
