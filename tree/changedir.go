package tree

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"math"
)

// DirChange is one change that ChangeDir makes: set Name to Entry, or delete it.
type DirChange struct {
	Name   string
	Entry  Entry
	Delete bool
}

// ChangeDir returns the directory dir with changes made and with a new mtime, as Apply does it: the same tree that MakeDir
// would build, with the permissions and the group of dir, at the cost of what differs. Of several changes of one name the last counts. Names and entries are checked as
// by MakeDir.
func ChangeDir(w Writer, dir Entry, mtime int64, changes []DirChange) (Entry, error) {
	out, err := changeDir(w, dir, mtime, changes)
	if err != nil {
		return Entry{}, fmt.Errorf("change directory %s: %w", dir.Digest.Short(), err)
	}
	return out, nil
}

func changeDir(w Writer, dir Entry, mtime int64, changes []DirChange) (Entry, error) {
	if dir.Kind != KindDir {
		return Entry{}, fmt.Errorf("a %s: %w", dir.Kind, iofs.ErrInvalid)
	}
	encoded := make([]Change, 0, len(changes))
	delta := map[string]int64{} // per name, what it adds to the number of nodes
	for _, c := range changes {
		e := Change{Name: c.Name, Delete: c.Delete}
		after := int64(0)
		if !c.Delete {
			if err := CheckName(c.Name); err != nil {
				return Entry{}, err
			}
			if err := c.Entry.Check(); err != nil {
				return Entry{}, fmt.Errorf("%q: %w", c.Name, err)
			}
			e.Value = c.Entry.Append(nil)
			after = int64(nodesOf(c.Entry))
		}
		before := int64(0)
		switch v, err := Get(w, dir.Digest, c.Name); {
		case err == nil:
			old, err := DecodeEntry(v)
			if err != nil {
				return Entry{}, fmt.Errorf("%q: %w", c.Name, err)
			}
			before = int64(nodesOf(old))
		case !errors.Is(err, iofs.ErrNotExist):
			return Entry{}, err
		}
		delta[c.Name] = after - before
		encoded = append(encoded, e)
	}
	nodes := int64(dir.Nodes)
	for _, d := range delta {
		nodes += d
	}
	if nodes < 1 || nodes > math.MaxUint32 {
		return Entry{}, fmt.Errorf("%d names in and below it, at most %d: %w", nodes, uint32(math.MaxUint32), iofs.ErrInvalid)
	}
	root, err := Apply(w, dir.Digest, encoded)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Kind: KindDir, Mtime: mtime, Digest: root, Nodes: uint32(nodes), Perm: dir.Perm, Gid: dir.Gid}, nil
}
