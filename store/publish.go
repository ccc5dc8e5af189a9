package store

import (
	"context"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/state"
)

// publish makes the moves of a plan in a transaction, and returns them with the trees that they publish. What else lies beside
// repositories belongs here, so that readers see it with them: one generation is one call.
func (s *Store) publish(ctx context.Context, tx publishTx, lease *blob.Lease, planned []state.Move, signed *seals) ([]state.Move, error) {
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
	return moves, s.replace(ctx, tx, lease, moves, pins)
}

// replace puts what moves, and other entries, into the directory of all channels, with who may enter and the lists that
// this changes. besides are paths that may have been restricted before.
func (s *Store) replace(ctx context.Context, tx publishTx, lease *blob.Lease, moves []state.Move, put []compose.Grafted, besides ...string) error {
	was, err := state.Published(tx)
	if err != nil {
		return err
	}
	root, err := graft(tx, was, moves)
	if err == nil {
		root, err = compose.Graft(tx, root, tx.Stamp(), put)
	}
	if err == nil {
		root, err = restrict(tx, root, besides...)
	}
	if err != nil {
		return err
	}
	if len(besides) > 0 && root != was {
		state.TouchChannels(tx)
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

// publishTx is what publish writes to: an *index.Tx, or the state in which a candidate is made.
type publishTx interface {
	state.Tx
	Requires(blobs ...blob.Digest)
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
