package tree

import (
	"fmt"
	iofs "io/fs"
	"iter"

	"vrepofs/blob"
)

// Build makes a tree of items, which come in strictly ascending order of their names' bytes, and returns its root. It holds
// one node per level in memory. An item out of order, an empty or too long name, or a too long value is iofs.ErrInvalid;
// nodes put by then stay with w and mean nothing.
func Build(w Writer, items iter.Seq2[string, []byte]) (blob.Digest, error) {
	b := newBuilder(w.PutNode, 0)
	prev := ""
	for name, value := range items {
		if err := checkItem(name, value); err != nil {
			return blob.Digest{}, err
		}
		if name <= prev {
			return blob.Digest{}, fmt.Errorf("tree: name %.80q comes after %.80q: %w", name, prev, iofs.ErrInvalid)
		}
		prev = name
		if err := b.add(0, name, value, 1); err != nil {
			return blob.Digest{}, err
		}
	}
	return b.finish()
}

// builder stacks one chunker per level, each feeding the one above.
type builder struct {
	put    func(d blob.Digest, enc []byte) error
	base   int      // the lowest level that is built here
	levels []*layer // levels[i] is level base+i
}

type layer struct {
	chunker
	nodes int         // finished so far
	first blob.Digest // what the first item refers to, above base
}

func newBuilder(put func(blob.Digest, []byte) error, base int) *builder {
	return &builder{put: put, base: base}
}

// add appends an item to levels[i].
func (b *builder) add(i int, name string, value []byte, count uint64) error {
	if i == len(b.levels) {
		if b.base+i > maxLevel {
			// Only over a tree that is hostile: with nodes of at least minRun items nobody comes here.
			return corrupt("a tree of more than %d levels", maxLevel+1)
		}
		b.levels = append(b.levels, &layer{chunker: chunker{level: b.base + i, emit: func(n built) error {
			if err := b.put(n.digest, n.enc); err != nil {
				return nodeError(n.digest, err)
			}
			b.levels[i].nodes++
			return b.addChild(i+1, n)
		}}})
	}
	return b.levels[i].add(name, value, count)
}

// addChild appends a reference to a finished node to levels[i].
func (b *builder) addChild(i int, n built) error {
	var v [64]byte
	if i == len(b.levels) || b.levels[i].nodes == 0 && b.levels[i].run == 0 {
		if err := b.add(i, n.name, n.append(v[:0]), n.count); err != nil {
			return err
		}
		b.levels[i].first = n.digest
		return nil
	}
	return b.add(i, n.name, n.append(v[:0]), n.count)
}

// finish ends the open nodes upwards until a level has only one, which is the root.
func (b *builder) finish() (blob.Digest, error) {
	for i := 0; i < len(b.levels); i++ {
		l := b.levels[i]
		if l.nodes == 0 && l.run == 1 && !l.first.IsZero() {
			return l.first, nil
		}
		if err := l.flush(); err != nil {
			return blob.Digest{}, err
		}
	}
	return blob.Digest{}, nil
}
