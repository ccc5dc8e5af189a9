package store

import (
	"context"
	"fmt"
	"io"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/state"
)

// footing is what the plan of an operation is made from: a state in which the operation's changes of tags are made already.
type footing struct {
	state.Reader
	tags    []state.TagStep
	changed map[string]blob.Digest // of tags that change, what becomes of them (state.TagStep.ID)
}

// aheadOf makes an operation's changes of tags beside a state, in memory.
func (s *Store) aheadOf(r state.Reader, head index.Head, op Op) (*footing, error) {
	if len(op.tags) == 0 {
		return &footing{Reader: r}, nil
	}
	return s.foot(&trialTx{
		Reader: r, Buffer: s.Index.NewBuffer(), seq: head.Seq + 1, stamp: head.Stamp + 1, tables: map[string]map[string][]byte{},
	}, op)
}

// foot makes an operation's changes of tags in a transaction. Each tag is checked as any change of it is.
func (s *Store) foot(tx state.Tx, op Op) (*footing, error) {
	f := &footing{Reader: tx}
	if len(op.tags) == 0 {
		return f, nil
	}
	var err error
	if f.tags, err = state.ApplyTags(tx, op.tags); err != nil {
		return nil, err
	}
	f.changed = make(map[string]blob.Digest, len(f.tags))
	for i := range f.tags {
		t := &f.tags[i]
		if f.changed[t.Name], err = t.ID(tx); err != nil {
			return nil, err
		}
		if t.New == nil {
			continue
		}
		if err := signedTag(tx, t.Name); err != nil {
			return nil, err
		}
		if t.Old == nil || t.Old.Until != t.New.Until {
			if err := s.checkUntil(t.Name, t.New.Until); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// put writes what becomes of tags into the name of a plan.
func (f *footing) put(w io.Writer) {
	for _, t := range f.tags {
		fmt.Fprintf(w, "tag %q %s\n", t.Name, f.changed[t.Name])
	}
}

// published is the view of a tag that is to be published, as it is in a footing. Its AsOf is zero if that is not committed yet.
type published struct {
	state.Channel
	recipe blob.Digest // if AsOf is zero
}

// view composes a view as it is in a footing.
func (s *Store) view(ctx context.Context, f *footing, tag, arch string) (published, error) {
	v, err := s.Composer.ViewAhead(ctx, f, tag, arch, f.changed)
	p := published{Channel: viewChannel(v)}
	if v.Generation.Event == 0 {
		p.recipe = v.Recipe
	}
	return p, err
}

// stands refuses what would be another view in this footing.
func (p published) stands(f *footing) error {
	if p.recipe == (blob.Digest{}) {
		return nil
	}
	v, err := compose.ResolveAhead(f, p.Tag, f.changed)
	if err == nil && v.Recipe(p.Arch) != p.recipe {
		err = errMeanwhile()
	}
	return err
}

// date gives moves whose views are those of a commit in the making its event.
func date(tx state.Tx, moves []state.Move) {
	for i, m := range moves {
		if m.New != nil && m.New.Tag != "" && m.New.AsOf.Event == 0 {
			c := *m.New
			c.AsOf = state.Change{Event: tx.Seq(), Stamp: tx.Stamp()}
			moves[i].New = &c
		}
	}
}
