package store

import (
	"fmt"

	"vrepofs/compose"
	"vrepofs/state"
	"vrepofs/tree"
)

// restrict gives the directories of all channels the modes and groups that the settings say, and returns the root with them. A
// directory that changes so gets the commit's stamp, and those above it. besides are paths that may have been restricted before.
func restrict(tx state.Tx, root tree.Entry, besides ...string) (tree.Entry, error) {
	all, err := state.Restrictions(tx, besides...)
	if err != nil || root.Kind == 0 {
		return root, err
	}
	for _, x := range all {
		e := root
		if x.Path != "" {
			if e, err = compose.LookupIn(tx, root, x.Path); err != nil {
				return root, err
			}
		}
		if e.Kind == 0 {
			continue
		}
		want := e
		if e.Kind == tree.KindDir {
			want = e.Restrict(x.Perm, x.Gid)
		} else if x.Perm&0o555 != 0o555 || x.Gid != 0 {
			return root, fmt.Errorf("channel %s is to be restricted and is a %s: only directories can be: %w", x.Path, e.Kind, state.ErrConflict)
		}
		if want == e {
			continue
		}
		if want.Mtime = tx.Stamp(); x.Path == "" {
			root = want
		} else if root, err = compose.Graft(tx, root, tx.Stamp(), []compose.Grafted{{Path: x.Path, Entry: want}}); err != nil {
			return root, err
		}
	}
	return root, nil
}

// restricts reports whether the change is of who may enter a path.
func (c *configuration) restricts() bool {
	_, mode := c.patch["mode"]
	_, group := c.patch["group"]
	return mode || group
}
