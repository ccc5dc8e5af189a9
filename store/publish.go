package store

import (
	"context"
	"fmt"
	"slices"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/state"
)

// move makes the moves of a plan in one commit. The plan is made of the head, so that it can be shown and signed, and made again in
// the commit: if it is not the same by then, nothing is done.
func (s *Store) move(ctx context.Context, who Who, dry bool, plan func(state.Reader) ([]state.Move, error)) (Plan, error) {
	return s.change(ctx, who, dry, nil, plan)
}

// change is move with a change of settings, if c is not nil, which the moves obey.
func (s *Store) change(ctx context.Context, who Who, dry bool, c *configuration, plan func(state.Reader) ([]state.Move, error)) (Plan, error) {
	lease, err := s.Blobs.NewLease()
	if err != nil {
		return Plan{}, err
	}
	defer lease.Close()
	head := s.Index.Head()
	view := s.Index.View(head)
	planned, err := plan(view)
	if err != nil {
		return Plan{}, err
	}
	settings, err := s.settingsWith(view, c)
	if err != nil {
		return Plan{}, err
	}
	signed, err := s.newSeals(ctx, settings, planned, c != nil)
	if err != nil {
		return Plan{}, err
	}
	if dry {
		signed.dry = true
		sum := func(b []byte) (blob.Digest, error) { return blob.Sum(b), nil }
		scratch := s.Index.NewBuffer()
		moves, _, err := s.restamp(ctx, scratch, sum, planned, signed, head.Stamp+1)
		if err != nil {
			return Plan{}, err
		}
		if err := state.CheckMoves(view, moves); err != nil {
			return Plan{}, err
		}
		out := planOf(moves)
		return out, s.comparePackages(ctx, scratch, out.Steps)
	}
	if err := s.sign(ctx, signed, planned); err != nil {
		return Plan{}, err
	}
	var out Plan
	change, err := s.commit(ctx, who, func(tx *index.Tx) error {
		if c != nil {
			if err := c.apply(ctx, s, tx, lease); err != nil {
				return err
			}
		}
		again, err := plan(tx)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(planned, again, state.Move.Same) {
			return fmt.Errorf("the channel was changed meanwhile, try again: %w", state.ErrConflict)
		}
		if err := signed.check(tx, again); err != nil || len(again) == 0 {
			return err
		}
		moves, err := s.publish(ctx, tx, lease, again, signed)
		out = planOf(moves)
		return err
	})
	out.Change = change
	return out, err
}

// publish makes the moves of a plan in a transaction, and returns them with the trees that they publish. What else lies beside
// repositories belongs here, so that readers see it with them: one generation is one call.
func (s *Store) publish(ctx context.Context, tx *index.Tx, lease *blob.Lease, planned []state.Move, signed *seals) ([]state.Move, error) {
	moves, blobs, err := s.restamp(ctx, tx, lease.Write, planned, signed, tx.Stamp())
	if err != nil {
		return nil, err
	}
	if err := state.Publish(tx, moves); err != nil {
		return nil, err
	}
	pins, err := pinMoved(tx, moves)
	if err != nil {
		return nil, err
	}
	tx.Requires(blobs...)
	return moves, s.replace(ctx, tx, lease, oneOf(append(graftsOf(moves), pins...)))
}

// replace puts entries into the directory of all channels, with the lists that this changes.
func (s *Store) replace(ctx context.Context, tx *index.Tx, lease *blob.Lease, put []compose.Grafted) error {
	was, err := state.Published(tx)
	if err != nil {
		return err
	}
	root, err := compose.Graft(tx, was, tx.Stamp(), put)
	if err != nil {
		return err
	}
	root, blobs, err := s.lists(ctx, tx, lease, was, root)
	if err != nil {
		return err
	}
	if err := lease.Flush(ctx); err != nil {
		return err
	}
	tx.Requires(blobs...)
	state.PutPublished(tx, root)
	return nil
}

// graftsOf is what moves put into the directory of all channels.
func graftsOf(moves []state.Move) []compose.Grafted {
	put := make([]compose.Grafted, 0, len(moves))
	for _, m := range moves {
		g := compose.Grafted{Path: m.Path}
		if m.New != nil {
			g.Entry = m.New.Root
		}
		put = append(put, g)
	}
	return put
}

// planOf says what moves of restamped trees are.
func planOf(moves []state.Move) Plan {
	var p Plan
	for _, m := range moves {
		step := Step{Path: m.Path, Old: m.Old, New: m.New, Action: Changed}
		switch {
		case m.New == nil:
			step.Action = Removed
		case m.Old == nil:
			step.Action = Set
		case m.Old.Root == m.New.Root:
			step.Action = Unchanged
		}
		p.Steps = append(p.Steps, step)
	}
	return p
}
