package compose

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"

	"vrepofs/tree"
)

// Grafted is what is to lie at a path of a directory tree.
type Grafted struct {
	Path  string     // "production/9/core/x86_64/os"
	Entry tree.Entry // as it is to be there; the zero Entry: nothing
}

// Graft returns the directory root (the zero Entry: none yet) with entries put at their paths. Directories above them are made as
// needed, and go away with the last that is in them: of a root with nothing left the result is the zero Entry. A directory whose
// content changes gets the time stamp; what stays the same stays as it is. An entry replaces all that was at and below its
// path; where a path is removed and others lie below it, only the others will be there, in directories of their own.
//
// It costs the directories on the way, whatever the size of what is put.
func Graft(w tree.Writer, root tree.Entry, stamp int64, put []Grafted) (tree.Entry, error) {
	if err := checkGrafted(put); err != nil {
		return tree.Entry{}, err
	}
	return graft(w, root, stamp, put)
}

// checkGrafted refuses what would depend on the order: one path twice, and an entry below another.
func checkGrafted(put []Grafted) error {
	set := make(map[string]tree.Entry, len(put))
	for _, g := range put {
		if err := tree.CheckPath(g.Path); err != nil {
			return err
		}
		if _, twice := set[g.Path]; twice {
			return fmt.Errorf("%s is put twice: %w", g.Path, iofs.ErrInvalid)
		}
		set[g.Path] = g.Entry
	}
	for _, g := range put {
		for i := range len(g.Path) {
			if g.Path[i] == '/' && g.Entry.Kind != 0 && set[g.Path[:i]].Kind != 0 {
				return fmt.Errorf("%s lies in %s: %w", g.Path, g.Path[:i], iofs.ErrInvalid)
			}
		}
	}
	return nil
}

func graft(w tree.Writer, dir tree.Entry, stamp int64, put []Grafted) (tree.Entry, error) {
	own, below := map[string]tree.Entry{}, map[string][]Grafted{}
	var names []string
	for _, g := range put {
		name, rest, deeper := strings.Cut(g.Path, "/")
		_, a := own[name]
		if !a && below[name] == nil {
			names = append(names, name)
		}
		if deeper {
			below[name] = append(below[name], Grafted{rest, g.Entry})
		} else {
			own[name] = g.Entry
		}
	}
	slices.Sort(names)
	var changes []tree.DirChange
	for _, name := range names {
		was, err := childOf(w, dir, name)
		if err != nil {
			return tree.Entry{}, err
		}
		is, replaced := own[name]
		if !replaced {
			is = was
		}
		if rest := below[name]; rest != nil && (is.Kind == tree.KindDir && !replaced || is.Kind == 0) {
			if is, err = graft(w, is, stamp, rest); err != nil {
				return tree.Entry{}, fmt.Errorf("%s/: %w", name, err)
			}
		} else if slices.ContainsFunc(rest, func(g Grafted) bool { return g.Entry.Kind != 0 }) {
			return tree.Entry{}, fmt.Errorf("%s is no directory: %w", name, iofs.ErrInvalid)
		}
		if is != was {
			changes = append(changes, tree.DirChange{Name: name, Entry: is, Delete: is.Kind == 0})
		}
	}
	if len(changes) == 0 {
		return dir, nil
	}
	if dir.Kind == 0 {
		dir = tree.Entry{Kind: tree.KindDir, Nodes: 1}
	}
	dir, err := tree.ChangeDir(w, dir, stamp, changes)
	if err == nil && dir.Nodes == 1 {
		dir = tree.Entry{}
	}
	return dir, err
}

// childOf finds a name in a directory; the zero Entry when it is not there.
func childOf(r tree.Reader, dir tree.Entry, name string) (tree.Entry, error) {
	if dir.Kind == 0 {
		return tree.Entry{}, nil
	}
	v, err := tree.Get(r, dir.Digest, name)
	if errors.Is(err, iofs.ErrNotExist) {
		return tree.Entry{}, nil
	}
	if err != nil {
		return tree.Entry{}, err
	}
	return tree.DecodeEntry(v)
}
