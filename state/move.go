package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
	"strings"

	"vrepofs/blob"
	"vrepofs/pinned"
)

// Move is what happens to one path of the published tree. The functions named Plan… say which moves an operation means and write
// nothing; Publish makes them.
type Move struct {
	Path string
	Old  *Channel // nil: nothing was published there
	// New is nil when the path is removed. Of a plan its Root is that of the source; before Publish it must be made that of the
	// path (compose.Restamp).
	New *Channel
	// Blobs are what New refers to and nothing that is committed does yet: a commit must find them there.
	Blobs []blob.Digest
}

// Same reports whether two moves are the same move from the same state.
func (m Move) Same(o Move) bool {
	eq := func(a, b *Channel) bool { return (a == nil) == (b == nil) && (a == nil || a.same(b)) }
	return m.Path == o.Path && eq(m.Old, o.Old) && eq(m.New, o.New)
}

// PlanSet puts c at its path.
func PlanSet(r Reader, c Channel) ([]Move, error) {
	if err := CheckChannelPath(c.Path); err != nil {
		return nil, err
	}
	if c.Files == "" && strings.HasPrefix(c.Path[strings.LastIndexByte(c.Path, '/')+1:], ".") {
		return nil, fmt.Errorf("channel path %q: the name of a repository cannot begin with a dot: %w", c.Path, iofs.ErrInvalid)
	}
	m := Move{Path: c.Path, New: &c}
	old, err := GetChannel(r, c.Path)
	switch {
	case err == nil:
		m.Old = &old
	case !errors.Is(err, iofs.ErrNotExist):
		return nil, err
	}
	return []Move{m}, nil
}

// PlanUnset removes everything at and below a path.
func PlanUnset(r Reader, path string) ([]Move, error) {
	if err := CheckChannelPath(path); err != nil {
		return nil, err
	}
	moves, err := planTree(r, path, nil)
	if err == nil && len(moves) == 0 {
		err = nothing(path)
	}
	return moves, err
}

// PlanPromote sets everything at and below from at the same place of to, and removes what to has and from lacks.
func PlanPromote(r Reader, from, to string) ([]Move, error) {
	for _, p := range []string{from, to} {
		if err := CheckChannelPath(p); err != nil {
			return nil, err
		}
	}
	if from == to || strings.HasPrefix(from, to+"/") || strings.HasPrefix(to, from+"/") {
		return nil, fmt.Errorf("promote %s to %s: one lies in the other: %w", from, to, iofs.ErrInvalid)
	}
	wanted := map[string]Channel{}
	for c, err := range Channels(r, from) {
		if err != nil {
			return nil, err
		}
		c.Path = to + strings.TrimPrefix(c.Path, from)
		if err := CheckChannelPath(c.Path); err != nil { // it may be too long there
			return nil, err
		}
		wanted[c.Path] = c
	}
	if len(wanted) == 0 {
		return nil, nothing(from)
	}
	return planTree(r, to, wanted)
}

// PlanRollback makes a path and all below it what it was in an earlier state.
func PlanRollback(r, then Reader, path string) ([]Move, error) {
	if err := CheckChannelPath(path); err != nil {
		return nil, err
	}
	wanted := map[string]Channel{}
	for c, err := range Channels(then, path) {
		if err != nil {
			return nil, err
		}
		wanted[c.Path] = c
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("channel %s: nothing was published there then (vrepofs channel unset removes it): %w", path, iofs.ErrNotExist)
	}
	return planTree(r, path, wanted)
}

// planTree makes what is at and below a path exactly wanted. Moves are in the order of paths.
func planTree(r Reader, path string, wanted map[string]Channel) ([]Move, error) {
	moves := map[string]Move{}
	for old, err := range Channels(r, path) {
		if err != nil {
			return nil, err
		}
		moves[old.Path] = Move{Path: old.Path, Old: &old}
	}
	for p, c := range wanted {
		moves[p] = Move{Path: p, Old: moves[p].Old, New: &c}
	}
	return slices.SortedFunc(maps.Values(moves), func(a, b Move) int { return strings.Compare(a.Path, b.Path) }), nil
}

func nothing(path string) error {
	return fmt.Errorf("channel %s: nothing is published there: %w", path, iofs.ErrNotExist)
}

// Publish makes moves, all of them or none, in the records; PutPublished makes readers see them. The Root of each New is what is to
// be seen at its path; where it is what was there already, nothing moves, though the record may come to name another source.
func Publish(tx Tx, moves []Move) error {
	if err := CheckMoves(tx, moves); err != nil {
		return err
	}
	for _, m := range moves {
		if m.New == nil {
			tx.Delete(TableChannels, m.Path)
			putMoved(tx, m.Path)
			continue
		}
		c := *m.New
		c.Path, c.Dir, c.Changed, c.Earlier = m.Path, c.Root.Append(nil), now(tx), earlier(tx, m.Old)
		if m.Old != nil && m.Old.Root == c.Root {
			if m.Old.same(&c) {
				continue
			}
			c.Changed, c.Earlier = m.Old.Changed, m.Old.Earlier
		} else {
			putMoved(tx, m.Path)
		}
		tx.Put(TableChannels, c.Path, encode(c))
	}
	return nil
}

// maxEarlier is how many earlier generations of its path a record knows: what pinned.MaxEarlier names of them.
const maxEarlier = pinned.MaxEarlier

// earlier returns the events at which there was another repository at the path of what lies there, nil: nothing; the newest first. A
// path that was empty begins anew, and what was put is no repository. A generation that this very commit made was never seen.
func earlier(tx Tx, old *Channel) []uint64 {
	if old == nil || old.Files != "" {
		return nil
	}
	if old.Changed.Event == tx.Seq() {
		return old.Earlier
	}
	return append([]uint64{old.Changed.Event}, old.Earlier[:min(len(old.Earlier), maxEarlier-1)]...)
}

// putMoved notes that what is seen at a path, and so below all its prefixes, changes with this commit.
func putMoved(tx Tx, path string) {
	v := encode(now(tx))
	tx.Put(TableChannelMoves, "/", v)
	for _, p := range prefixes(path) {
		tx.Put(TableChannelMoves, "/"+p, v)
	}
}
