package tree

import (
	"bytes"
	"iter"

	"vrepofs/blob"
)

// Delta is one difference between two trees. Old is nil where the name is new, New is nil where it is gone; a value that is
// there but empty is not nil. The values alias nodes: do not modify them.
type Delta struct {
	Name     string
	Old, New []byte
}

// Diff yields what makes the tree a into the tree b, in the order of the names. Nodes that both have are not entered, so the
// cost is that of the differences. After an error it stops.
func Diff(r Reader, a, b blob.Digest) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		if a == b {
			return
		}
		x, err := newSide(r, a)
		if err != nil {
			yield(Delta{}, err)
			return
		}
		y, err := newSide(r, b)
		if err != nil {
			yield(Delta{}, err)
			return
		}
		for {
			d, ok, err := step(x, y)
			if err != nil {
				yield(Delta{}, err)
				return
			}
			if ok && !yield(d, nil) {
				return
			}
			if x.done() && y.done() {
				return
			}
		}
	}
}

// step consumes what comes next on one side or on both. Each side's next thing is either an entry or a whole subtree.
func step(x, y *side) (d Delta, ok bool, err error) {
	// What one side has before the place that the other side has reached already is on that side alone.
	switch {
	case y.done() || !x.done() && x.item().Name <= y.passed:
		if x.level() >= 0 {
			return d, false, x.enter()
		}
		it := x.take()
		return Delta{Name: it.Name, Old: it.Value}, true, nil
	case x.done() || y.item().Name <= x.passed:
		if y.level() >= 0 {
			return d, false, y.enter()
		}
		it := y.take()
		return Delta{Name: it.Name, New: it.Value}, true, nil
	}
	lx, ly := x.level(), y.level()
	if lx >= 0 || ly >= 0 {
		if lx == ly && bytes.Equal(x.item().Value, y.item().Value) {
			x.take()
			y.take()
			return d, false, nil
		}
		if lx >= ly {
			err = x.enter()
		}
		if ly >= lx && err == nil {
			err = y.enter()
		}
		return d, false, err
	}
	p, q := x.item(), y.item()
	switch {
	case p.Name < q.Name:
		x.take()
		return Delta{Name: p.Name, Old: p.Value}, true, nil
	case p.Name > q.Name:
		y.take()
		return Delta{Name: q.Name, New: q.Value}, true, nil
	}
	x.take()
	y.take()
	return Delta{Name: p.Name, Old: p.Value, New: q.Value}, !bytes.Equal(p.Value, q.Value), nil
}

// side is the part of one tree that is not compared yet.
type side struct {
	ld     loader
	stack  []frame // the item at the top is the next; a frame has at least one item left
	passed string  // the last name that was consumed
}

func newSide(r Reader, root blob.Digest) (*side, error) {
	s := &side{ld: loader{r: r}}
	if root.IsZero() {
		return s, nil
	}
	n, err := s.ld.root(root)
	if err != nil {
		return nil, err
	}
	s.stack = append(s.stack, frame{n: n})
	return s, nil
}

func (s *side) done() bool  { return len(s.stack) == 0 }
func (s *side) top() *frame { return &s.stack[len(s.stack)-1] }
func (s *side) item() Item  { return s.top().n.Items[s.top().i] }

// level is the level of the node that the next item refers to, -1 for an entry.
func (s *side) level() int { return s.top().n.Level - 1 }

// take consumes the next item with all that is below it.
func (s *side) take() Item {
	it := s.item()
	s.passed = it.Name
	s.advance()
	return it
}

// enter replaces the next item by the items of the node that it refers to.
func (s *side) enter() error {
	n, err := s.ld.child(s.item(), s.top().n.Level, s.passed)
	if err != nil {
		return err
	}
	s.advance()
	s.stack = append(s.stack, frame{n: n})
	return nil
}

func (s *side) advance() {
	s.top().i++
	for len(s.stack) > 0 && s.top().i == len(s.top().n.Items) {
		s.stack = s.stack[:len(s.stack)-1]
	}
}
