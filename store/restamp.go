package store

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"vrepofs/blob"
	"vrepofs/index"
	"vrepofs/state"
	"vrepofs/tree"
)

// restamped is one move with the times of its path.
type restamped struct {
	move  state.Move
	blobs []blob.Digest
	nodes []index.NodeRow // new in its trees, children first
	err   error
}

// restamp gives the trees of moves the times of their paths, and their signatures. Paths have nothing to do with each other, so they are done
// by several goroutines, which read w; the new nodes are put into it at the end, in the order of the moves.
func (s *Store) restamp(ctx context.Context, w tree.Writer, put func([]byte) (blob.Digest, error), planned []state.Move, signed *seals, stamp int64) (moves []state.Move, blobs []blob.Digest, err error) {
	done := make([]restamped, len(planned))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), maxRestampers, len(planned)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(planned); i = int(next.Add(1)) - 1 {
				if done[i] = s.restampOne(ctx, w, put, planned[i], signed, stamp); done[i].err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, r := range done {
		if r.err != nil {
			return nil, nil, r.err
		}
	}
	for _, r := range done {
		for _, n := range r.nodes {
			if err := w.PutNode(n.Digest, n.Encoded); err != nil {
				return nil, nil, err
			}
		}
		moves, blobs = append(moves, r.move), append(blobs, r.blobs...)
	}
	return moves, blobs, nil
}

// maxRestampers is how many paths are restamped at once: beyond it the one lock of the index's cache is what they wait for.
const maxRestampers = 8

// restampOne does one path.
func (s *Store) restampOne(ctx context.Context, r tree.Reader, put func([]byte) (blob.Digest, error), m state.Move, signed *seals, stamp int64) restamped {
	if err := ctx.Err(); err != nil {
		return restamped{err: err}
	}
	if m.New == nil {
		return restamped{move: m}
	}
	var was tree.Entry
	if m.Old != nil {
		was = m.Old.Root
	}
	c, w := *m.New, &overlay{Reader: r, known: map[blob.Digest][]byte{}}
	stamp = signed.stampOf(m.Path, stamp)
	root, blobs, err := s.Composer.Restamp(w, put, c.Mode, c.Root, was, stamp)
	if err != nil {
		return restamped{err: fmt.Errorf("channel %s: %s: %w", m.Path, c.Source(), err)}
	}
	c.Root = root
	more, err := signed.seal(w, put, m, &c, stamp)
	if err != nil {
		return restamped{err: fmt.Errorf("channel %s: %w", m.Path, err)}
	}
	m.New = &c
	return restamped{move: m, blobs: append(append(blobs, more...), m.Blobs...), nodes: w.nodes}
}

// overlay is a tree.Writer that keeps new nodes to itself and reads through. One goroutine at a time uses it.
type overlay struct {
	tree.Reader
	known map[blob.Digest][]byte
	nodes []index.NodeRow
}

var _ tree.Writer = (*overlay)(nil)

// Node is tree.Reader's.
func (o *overlay) Node(d blob.Digest) ([]byte, error) {
	if enc, ok := o.known[d]; ok {
		return enc, nil
	}
	return o.Reader.Node(d)
}

// PutNode keeps a node.
func (o *overlay) PutNode(d blob.Digest, enc []byte) error {
	if _, ok := o.known[d]; !ok {
		o.known[d] = enc
		o.nodes = append(o.nodes, index.NodeRow{Digest: d, Encoded: enc})
	}
	return nil
}
