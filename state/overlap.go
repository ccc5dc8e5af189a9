package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"

	"vrepofs/pinned"
	"vrepofs/tree"
)

// CheckMoves refuses moves of what is frozen, and moves after which paths would overlap: one repository in another, anything in
// what was put as a whole, or something put into a repository under a name that the repository itself has. r must be able to
// read the nodes of every New.
func CheckMoves(r Reader, moves []Move) error {
	o := &overlaps{r: r, after: map[string]*Channel{}}
	for _, m := range moves {
		if m.Old != nil && m.New != nil && m.Old.same(m.New) {
			continue
		}
		at, since, err := Frozen(r, m.Path)
		if err != nil {
			return err
		}
		if at != "" {
			return fmt.Errorf("channel %s: %s is frozen since event %d (vrepofs channel thaw %s ends that): %w", m.Path, at, since.Event, at, ErrConflict)
		}
		o.after[m.Path] = m.New
	}
	for _, m := range moves {
		if c := o.after[m.Path]; c != nil {
			if m.Old == nil {
				if err := checkLists(r, m.Path); err != nil {
					return err
				}
			}
			if m.Old == nil || (m.Old.Files == "") != (c.Files == "") {
				if err := o.checkPinned(m.Path, c); err != nil {
					return err
				}
			}
			if err := o.check(m.Path, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// overlaps looks at what is published after moves.
type overlaps struct {
	r     Reader
	after map[string]*Channel // path → what will be there, or nil; of paths that do not move, what was looked at
}

// at is what will be at a path, nil: nothing.
func (o *overlaps) at(path string) (*Channel, error) {
	if c, ok := o.after[path]; ok {
		return c, nil
	}
	c, err := GetChannel(o.r, path)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		o.after[path] = nil
	case err != nil:
		return nil, err
	default:
		o.after[path] = &c
	}
	return o.after[path], nil
}

// check looks above and below a path that moves.
func (o *overlaps) check(path string, c *Channel) error {
	above := prefixes(path)
	for _, p := range above[:len(above)-1] {
		outer, err := o.at(p)
		if err == nil && outer != nil {
			err = o.inside(path, c, p, outer)
		}
		if err != nil {
			return err
		}
	}
	for item, err := range o.r.List(TableChannels, path+"/") {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(item.Name, path+"/") {
			break
		}
		inner, err := o.at(item.Name)
		if err == nil && inner != nil {
			err = o.inside(item.Name, inner, path, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inside says whether one may lie in the other.
func (o *overlaps) inside(path string, inner *Channel, at string, outer *Channel) error {
	if inner.Files == "" || outer.Files != "" {
		return fmt.Errorf("channel %s would lie in channel %s: %w", path, at, ErrConflict)
	}
	name, _, _ := strings.Cut(path[len(at)+1:], "/")
	_, err := tree.Get(o.r, outer.Root.Digest, name)
	switch {
	case err == nil:
		return fmt.Errorf("channel %s: %s at %s has a %s of its own: %w", path, outer.Source(), at, name, ErrConflict)
	case !errors.Is(err, iofs.ErrNotExist):
		return err
	}
	return nil
}

// checkPinned refuses what is new at names that are those of a repository's pinned files: x/os.repo, or anything below it, beside
// x/os.
func (o *overlaps) checkPinned(path string, c *Channel) error {
	conflict := func(path, owner string) error {
		return fmt.Errorf("channel %s: a file of channel %s has that name: %w", path, owner, ErrConflict)
	}
	for _, p := range prefixes(path) {
		owner, _, ok := pinned.Beside(p)
		if !ok {
			continue
		}
		there, err := o.at(owner)
		if err != nil {
			return err
		}
		if there != nil && there.Files == "" {
			return conflict(path, owner)
		}
	}
	if c.Files != "" {
		return nil
	}
	for _, k := range pinned.Kinds() {
		for below, err := range Channels(o.r, path+string(k)) {
			if err != nil {
				return err
			}
			if there, err := o.at(below.Path); err != nil {
				return err
			} else if there != nil {
				return conflict(below.Path, path)
			}
		}
	}
	return nil
}
