package store

import (
	"fmt"
	"strings"

	"vrepofs/compose"
	"vrepofs/state"
	"vrepofs/tree"
)

// graft puts what moves into the directory of all channels. A repository that moves keeps what was put into it, and whatever else
// lies there: only its own names are exchanged. tx has the records as they are after the moves.
func graft(tx state.Tx, root tree.Entry, moves []state.Move) (tree.Entry, error) {
	var gone, emptied, whole, inner []compose.Grafted
	moved := map[string]bool{} // paths that something new lies at
	for _, m := range moves {
		if m.New != nil && !stays(m) {
			moved[m.Path] = true
		}
	}
	for _, m := range moves {
		switch {
		case stays(m):
		case m.New == nil && m.Old.Files != "":
			gone = append(gone, compose.Grafted{Path: m.Path})
		case m.New == nil:
			emptied = append(emptied, compose.Grafted{Path: m.Path})
		case m.New.Files != "" && below(moved, m.Path):
			inner = append(inner, compose.Grafted{Path: m.Path, Entry: m.New.Root})
		default:
			whole = append(whole, compose.Grafted{Path: m.Path, Entry: m.New.Root})
		}
	}
	// What leaves a repository goes before the repository's new names come, and what is put into it comes behind them: they may be
	// the same.
	root, err := compose.Graft(tx, root, tx.Stamp(), gone)
	if err != nil {
		return root, err
	}
	roots := rootsOf(moves)
	for _, step := range [][]compose.Grafted{emptied, whole} {
		for i := range step {
			if err := exchange(tx, root, roots[step[i].Path], &step[i], moved); err != nil {
				return root, fmt.Errorf("channel %s: %w", step[i].Path, err)
			}
		}
		if root, err = compose.Graft(tx, root, tx.Stamp(), step); err != nil {
			return root, err
		}
	}
	return compose.Graft(tx, root, tx.Stamp(), inner)
}

// rootsOf is what the moves of repositories replace, by path.
func rootsOf(moves []state.Move) map[string]tree.Entry {
	roots := map[string]tree.Entry{}
	for _, m := range moves {
		switch {
		case m.Old != nil && m.Old.Files != "" || m.New != nil && m.New.Files != "": // replaced as a whole
		case m.Old != nil:
			roots[m.Path] = m.Old.Root
		default:
			roots[m.Path] = tree.Entry{Kind: tree.KindDir, Nodes: 1}
		}
	}
	return roots
}

// exchange makes g, which is to be grafted into root in place of the repository from, keep what lies in the repository besides.
func exchange(tx state.Tx, root, from tree.Entry, g *compose.Grafted, moved map[string]bool) error {
	if from.Kind != tree.KindDir {
		return nil
	}
	there, err := compose.LookupIn(tx, root, g.Path)
	if err != nil || there.Kind != tree.KindDir {
		return err
	}
	if g.Entry.Kind != 0 {
		g.Entry, err = compose.Replace(tx, there, from, g.Entry, tx.Stamp())
		return err
	}
	for c, err := range state.Channels(tx, g.Path) {
		if err != nil {
			return err
		}
		if !moved[c.Path] { // files that stay though the repository goes
			g.Entry, err = compose.Replace(tx, there, from, tree.Entry{Kind: tree.KindDir, Nodes: 1}, tx.Stamp())
			return err
		}
	}
	return nil
}

// stays reports whether readers see the same after a move as before.
func stays(m state.Move) bool { return m.Old != nil && m.New != nil && m.Old.Root == m.New.Root }

// below reports whether a path lies in one of a set.
func below(set map[string]bool, path string) bool {
	for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		if set[path[:i]] {
			return true
		}
	}
	return false
}
