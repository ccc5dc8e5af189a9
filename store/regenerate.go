package store

import (
	"context"
	"fmt"

	"vrepofs/state"
)

// regenerate makes a plan publish verbatim snapshots with repodata of ours. What is to be composed is composed here; a plan that
// needs another one later, in the commit, keeps upstream's there, and so is not the same plan.
func (s *Store) regenerate(ctx context.Context, f *footing, plan planner, planned []state.Move) (planner, []state.Move, error) {
	made := map[string]state.Channel{}
	for _, m := range planned {
		if m.New == nil || m.New.Mode != state.Verbatim || made[m.New.Snapshot].Snapshot != "" {
			continue
		}
		c := *m.New
		snap, err := s.snapshotEver(c.Snapshot)
		if err != nil {
			return nil, nil, fmt.Errorf("channel %s: regenerate: %w", m.Path, err)
		}
		v, err := s.Composer.Regenerate(ctx, s.Index, snap)
		if err != nil {
			return nil, nil, fmt.Errorf("channel %s: regenerate %s: %w", m.Path, c.Snapshot, err)
		}
		c.Mode, c.Root, c.Count, c.Bytes = state.Generated, v.Root, v.Count, v.Bytes
		made[c.Snapshot] = c
	}
	again := func(f *footing) ([]state.Move, error) {
		moves, err := plan(f)
		for i, m := range moves {
			if m.New == nil || m.New.Mode != state.Verbatim {
				continue
			}
			if c, ok := made[m.New.Snapshot]; ok {
				c.Path = m.Path
				moves[i].New = &c
			}
		}
		return moves, err
	}
	planned, err := again(f)
	return again, planned, err
}

// snapshotEver returns a snapshot by reference, also one that was removed since.
func (s *Store) snapshotEver(ref string) (state.Snapshot, error) {
	_, id, err := state.ParseRef(ref)
	if err != nil {
		return state.Snapshot{}, err
	}
	stamp, err := state.ParseStamp(id)
	if err != nil {
		return state.Snapshot{}, err
	}
	h, err := s.Index.AtStamp(stamp)
	if err != nil {
		return state.Snapshot{}, err
	}
	return state.GetSnapshot(s.Index.View(h), ref)
}
