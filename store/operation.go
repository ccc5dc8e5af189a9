package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"vrepofs/blob"
	"vrepofs/index"
	"vrepofs/state"
)

// Op is an operation on channels that is not made yet: SetOp and its like make one, Move carries it out.
type Op struct {
	// prepare does what takes long, such as composing a view, and returns what makes the plan.
	prepare func(ctx context.Context, s *Store, f *footing) (planner, error)
	// tags is what becomes of tags before anything is planned.
	tags []state.WantedTag
	// idle says that there is to be no commit when nothing would differ, the names of sources included.
	idle bool
}

// planner makes the plan of an operation. It writes nothing and gives the same for the same footing.
type planner func(*footing) ([]state.Move, error)

// How an operation is to be carried out.
type How struct {
	Dry bool // change nothing, say what would happen
	// Expect, if not "", is the Token of a plan: the commit is made only if its plan is that one. Else it is state.ErrConflict.
	Expect string
	// Regenerate publishes verbatim snapshots with repodata of ours instead of upstream's.
	Regenerate bool
	// Closure refuses with ErrGate when packages get requirements that nothing meets; see Closure. nil: not asked.
	Closure *Closure
	// Candidate is the one that the plan of Expect was tried as; nil: none.
	Candidate *Candidate
}

// ErrGate is the kind of an operation that a gate refused.
var ErrGate = errors.New("refused by a gate")

// errIdle ends a commit of which nothing is left.
var errIdle = errors.New("nothing to do")

// SetOp publishes source at path: a snapshot ("fedora@20261121T043000Z", "fedora@latest") or a view, now or as of a moment
// ("dev/x86_64", "dev/x86_64@17").
func SetOp(path, source string) Op {
	return Op{prepare: func(ctx context.Context, s *Store, _ *footing) (planner, error) {
		if err := state.CheckChannelPath(path); err != nil {
			return nil, err
		}
		c, err := s.publication(ctx, source)
		if err != nil {
			return nil, err
		}
		c.Path = path
		return func(r *footing) ([]state.Move, error) {
			if err := isThere(r, c); err != nil {
				return nil, err
			}
			return state.PlanSet(r, c)
		}, nil
	}}
}

// isThere refuses a snapshot that was removed meanwhile.
func isThere(r state.Reader, c state.Channel) error {
	if c.Snapshot == "" {
		return nil
	}
	_, err := state.GetSnapshot(r, c.Snapshot)
	return err
}

// PromoteOp publishes everything that is at and below from also at to, and removes what to has and from lacks.
func PromoteOp(from, to string) Op {
	return Op{prepare: func(context.Context, *Store, *footing) (planner, error) {
		return func(r *footing) ([]state.Move, error) { return state.PlanPromote(r, from, to) }, nil
	}}
}

// RollbackOp makes a path and everything below it what it was at a moment; "" means before its last move.
func RollbackOp(path string, to Moment) Op {
	return Op{prepare: func(_ context.Context, s *Store, _ *footing) (planner, error) {
		if err := state.CheckChannelPath(path); err != nil {
			return nil, err
		}
		var then index.Head
		if to == "" {
			moved, err := state.ChannelMoved(s.Index.View(s.Index.Head()), path)
			if err != nil {
				return nil, err
			}
			if moved.Event == 0 {
				return nil, fmt.Errorf("channel %s never moved: %w", path, state.ErrConflict)
			}
			if then, err = s.Index.At(moved.Event - 1); err != nil {
				return nil, err
			}
		} else {
			var err error
			if then, err = s.Head(to); err != nil {
				return nil, err
			}
		}
		return func(r *footing) ([]state.Move, error) { return state.PlanRollback(r, s.Index.View(then), path) }, nil
	}}
}

// UnsetOp removes a path with everything below it. Earlier events still show it.
func UnsetOp(path string) Op {
	return Op{prepare: func(context.Context, *Store, *footing) (planner, error) {
		return func(r *footing) ([]state.Move, error) { return state.PlanUnset(r, path) }, nil
	}}
}

// Move carries an operation out in one commit, or says with How.Dry what it would do. The plan is made of the head, so that it can be
// shown and signed and gates can look at it, and made again in the commit: if it is not the same by then, nothing is done.
func (s *Store) Move(ctx context.Context, who Who, op Op, how How) (Plan, error) {
	return s.change(ctx, who, op, how, nil)
}

// change is Move with a change of settings, if c is not nil, which the moves obey.
func (s *Store) change(ctx context.Context, who Who, op Op, how How, c *configuration) (Plan, error) {
	head := s.Index.Head()
	view := s.Index.View(head)
	from, err := s.aheadOf(view, head, op)
	if err != nil {
		return Plan{}, err
	}
	plan, planned, err := s.plan(ctx, from, op, how)
	if err != nil {
		return Plan{}, err
	}
	token, err := tokenOf(from, planned, how)
	if err != nil {
		return Plan{}, err
	}
	if how.Expect != "" && how.Expect != token {
		return Plan{}, errMeanwhile()
	}
	if how.Candidate != nil && how.Candidate.Token != token {
		how.Candidate = nil
	}
	if how.Closure != nil && how.Expect == "" {
		if err := s.checkClosure(ctx, view, planned, *how.Closure); err != nil {
			return Plan{}, err
		}
	}
	signed, err := s.seals(ctx, view, planned, how, c)
	if err != nil {
		return Plan{}, err
	}
	if how.Dry {
		sum := func(b []byte) (blob.Digest, error) { return blob.Sum(b), nil }
		scratch := s.Index.NewBuffer()
		moves, _, err := s.restamp(ctx, scratch, sum, planned, signed, head.Stamp+1)
		if err != nil {
			return Plan{}, err
		}
		if err := state.CheckMoves(unsaved{view, scratch}, moves); err != nil {
			return Plan{}, err
		}
		out := planOf(moves)
		out.Token, out.Tags = token, from.tags
		return out, s.comparePackages(ctx, scratch, out.Steps)
	}
	lease, err := s.Blobs.NewLease()
	if err != nil {
		return Plan{}, err
	}
	defer lease.Close()
	var out Plan
	change, err := s.commit(ctx, who, func(tx *index.Tx) error {
		if c != nil {
			if err := c.apply(ctx, s, tx, lease); err != nil {
				return err
			}
		}
		again, same := planned, tx.Reads(head)
		from, err := s.foot(tx, op)
		if err != nil {
			return err
		}
		if !same {
			if again, err = plan(from); err != nil {
				return err
			}
			if now, err := tokenOf(from, again, how); err != nil {
				return err
			} else if now != token {
				return errMeanwhile()
			}
		}
		if out.Tags = from.tags; len(again) == 0 && len(from.tags) > 0 {
			return nil
		}
		if err := signed.check(tx, again); err != nil || len(again) == 0 && c != nil {
			return err
		}
		date(tx, again)
		var to publishTx = tx
		if c := how.Candidate; c != nil && c.head.Seq+1 == tx.Seq() && c.signed.stamp <= tx.Stamp() {
			to = candidateTx{tx, c.signed.stamp} // byte for byte what was looked at
		}
		moves, err := s.publish(ctx, to, lease, again, signed)
		out.Steps = planOf(moves).Steps
		if err == nil && op.idle && len(out.Tags) == 0 && idle(out.Steps) {
			err = errIdle
		}
		return err
	})
	if errors.Is(err, errIdle) {
		err = nil
	}
	out.Change, out.Token = change, token
	return out, err
}

// seals makes the signatures of a plan, unless they were made with the candidate or it is a dry run.
func (s *Store) seals(ctx context.Context, r state.Reader, planned []state.Move, how How, c *configuration) (*seals, error) {
	if how.Candidate != nil {
		return how.Candidate.signed, nil
	}
	settings, err := s.settingsWith(r, c)
	if err != nil {
		return nil, err
	}
	signed, err := s.newSeals(ctx, settings, planned, c != nil)
	if err != nil {
		return nil, err
	}
	if signed.dry = how.Dry; how.Dry {
		return signed, nil
	}
	return signed, s.sign(ctx, signed, planned)
}

// plan prepares an operation and plans it.
func (s *Store) plan(ctx context.Context, f *footing, op Op, how How) (planner, []state.Move, error) {
	plan, err := op.prepare(ctx, s, f)
	if err != nil {
		return nil, nil, err
	}
	planned, err := plan(f)
	if err == nil && how.Regenerate {
		plan, planned, err = s.regenerate(ctx, f, plan, planned)
	}
	return plan, planned, err
}

// errMeanwhile refuses a commit whose plan is not the one that was made before.
func errMeanwhile() error {
	return fmt.Errorf("a channel or tag of it was changed meanwhile, try again: %w", state.ErrConflict)
}

// idle reports whether steps change nothing at all, neither what is seen nor what it is called.
func idle(steps []Step) bool {
	for _, s := range steps {
		if s.Action != Unchanged || s.Old.Source() != s.New.Source() || s.Old.Mode != s.New.Mode {
			return false
		}
	}
	return true
}

// tokenOf names a plan: what becomes of tags; which paths, from what, to what; with a closure gate also all that the gate looks at. Times that the commit
// gives do not count.
func tokenOf(r *footing, planned []state.Move, how How) (string, error) {
	h := sha256.New()
	r.put(h)
	for _, m := range planned {
		fmt.Fprintf(h, "%q", m.Path)
		putChannel(h, m.Old)
		putChannel(h, m.New)
	}
	if how.Closure != nil {
		for _, u := range how.Closure.universes(planned) {
			fmt.Fprintf(h, "closure %q\n", u)
			for c, err := range state.Channels(r, u) {
				if err != nil {
					return "", err
				}
				putChannel(h, &c)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func putChannel(w io.Writer, c *state.Channel) {
	if c == nil {
		io.WriteString(w, " -\n")
		return
	}
	fmt.Fprintf(w, " %q %q %q %x\n", c.Path, c.Source(), c.Mode, c.Root.Append(nil))
}
