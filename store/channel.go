package store

import (
	"context"
	"slices"
	"strings"

	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/state"
)

// Action is what happens to one repository of a channel.
type Action string

// The actions.
const (
	Set       Action = "set"       // nothing was published at its path before
	Changed   Action = "changed"   // its content changes
	Removed   Action = "removed"   // its path goes away
	Unchanged Action = "unchanged" // what a reader sees stays as it is, times included
)

// Step is what happens to one repository of a channel.
type Step struct {
	Path     string
	Action   Action
	Old, New *state.Channel // nil: not published
	Packages *PackageDiff   // of dry runs and histories
}

// Plan is what an operation on channels does, in the order of paths.
type Plan struct {
	Tags   []state.TagStep // what becomes of tags first, in the order in which they were named; of an Apply
	Steps  []Step
	Change state.Change // the commit; zero of a dry run, and when an Apply had nothing to do
	Token  string       // names exactly this plan: How.Expect of the commit
}

// SetChannel publishes source at path: a snapshot ("fedora@20261121T043000Z", "fedora@latest") or a view, now or as of a moment
// ("dev/x86_64", "dev/x86_64@17"). A dry run changes nothing and says what would happen.
func (s *Store) SetChannel(ctx context.Context, who Who, path, source string, dry bool) (Plan, error) {
	return s.Move(ctx, who, SetOp(path, source), How{Dry: dry})
}

// publication finds what a source names, and composes it if it is a view.
func (s *Store) publication(ctx context.Context, source string) (c state.Channel, err error) {
	tag, arch, view := strings.Cut(source, "/")
	if !view {
		r, _, err := s.State("")
		if err != nil {
			return c, err
		}
		snap, err := state.GetSnapshot(r, source)
		return state.Channel{Snapshot: snap.Ref(), Mode: snap.Mode, Root: snap.Root, Count: snap.Count, Bytes: snap.Bytes}, err
	}
	arch, at, _ := strings.Cut(arch, "@")
	if err := state.CheckName("tag", tag); err != nil {
		return c, err
	}
	r, _, err := s.State(Moment(at))
	if err != nil {
		return c, err
	}
	v, err := s.Composer.View(ctx, r, tag, arch)
	return viewChannel(v), err
}

// viewChannel is a view as a channel publishes it.
func viewChannel(v compose.View) state.Channel {
	return state.Channel{
		Tag: v.Tag, Arch: v.Arch, AsOf: v.Generation, Mode: state.Generated, Root: v.Root, Count: v.Count, Bytes: v.Bytes,
	}
}

// Promote publishes everything that is at and below from also at to, and removes what to has and from lacks, in one commit.
func (s *Store) Promote(ctx context.Context, who Who, from, to string, dry bool) (Plan, error) {
	return s.Move(ctx, who, PromoteOp(from, to), How{Dry: dry})
}

// Rollback makes a path and everything below it what it was at a moment; "" means before its last move.
func (s *Store) Rollback(ctx context.Context, who Who, path string, to Moment, dry bool) (Plan, error) {
	return s.Move(ctx, who, RollbackOp(path, to), How{Dry: dry})
}

// UnsetChannel removes a path with everything below it. Earlier events still show it.
func (s *Store) UnsetChannel(ctx context.Context, who Who, path string, dry bool) (Plan, error) {
	return s.Move(ctx, who, UnsetOp(path), How{Dry: dry})
}

// FreezeChannel refuses all moves at and below a path until it is thawed.
func (s *Store) FreezeChannel(ctx context.Context, who Who, path string, frozen bool) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error {
		if frozen {
			return state.Freeze(tx, path)
		}
		return state.Thaw(tx, path)
	})
}

// ChannelEvent is one event that moved a channel, froze or thawed it.
type ChannelEvent struct {
	Rows    []index.Row          // of the log: more than one if operations were committed together
	Steps   []Step               // what it did at and below the path, without what stayed
	Freezes []state.FreezeChange // what it froze or thawed: the path, one above it or one below it
}

// ChannelHistory returns at most limit events that moved a path or anything below it, froze or thawed it, newest first, from those below before (0:
// all); more says that older ones follow. It costs what those events changed.
func (s *Store) ChannelHistory(ctx context.Context, path string, before uint64, limit int) (events []ChannelEvent, more bool, err error) {
	if path != "" {
		if err := state.CheckChannelPath(path); err != nil {
			return nil, false, err
		}
	}
	head := s.Index.Head()
	if before > 0 && before <= head.Seq {
		if head, err = s.Index.At(before - 1); err != nil {
			return nil, false, err
		}
	}
	for {
		now := s.Index.View(head)
		moved, err := state.ChannelMoved(now, path)
		if err != nil {
			return nil, false, err
		}
		frozen, freezes, err := state.FreezesMoved(now, path)
		if err != nil {
			return nil, false, err
		}
		seq := max(moved.Event, frozen)
		if seq == 0 {
			return events, false, nil
		}
		if len(events) == limit {
			return events, true, nil
		}
		if head, err = s.Index.At(seq - 1); err != nil {
			return nil, false, err
		}
		var e ChannelEvent
		if frozen == seq {
			e.Freezes = freezes
		}
		for row, err := range s.Index.Log(seq, seq) {
			if err != nil {
				return nil, false, err
			}
			e.Rows = append(e.Rows, row)
		}
		if moved.Event < seq {
			events = append(events, e)
			continue
		}
		if e.Steps, err = s.channelSteps(s.Index.View(head), now, path); err != nil {
			return nil, false, err
		}
		if err := s.comparePackages(ctx, s.Index, e.Steps); err != nil {
			return nil, false, err
		}
		events = append(events, e)
	}
}

// channelSteps says what differs at and below a path between two states.
func (s *Store) channelSteps(a, b state.Reader, path string) ([]Step, error) {
	olds := map[string]*state.Channel{}
	for c, err := range state.Channels(a, path) {
		if err != nil {
			return nil, err
		}
		olds[c.Path] = &c
	}
	var moves []state.Move
	for c, err := range state.Channels(b, path) {
		if err != nil {
			return nil, err
		}
		if old := olds[c.Path]; old == nil || old.Root != c.Root {
			moves = append(moves, state.Move{Path: c.Path, Old: old, New: &c})
		}
		delete(olds, c.Path)
	}
	for p, old := range olds {
		moves = append(moves, state.Move{Path: p, Old: old})
	}
	slices.SortFunc(moves, func(a, b state.Move) int { return strings.Compare(a.Path, b.Path) })
	return planOf(moves).Steps, nil
}
