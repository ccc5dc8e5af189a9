package index

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/tree"
)

// errNode marks a tree node that should be there and is not: an iofs.ErrNotExist that is not the answer to a question about a
// name.
var errNode = errors.New("tree node is missing")

var _ tree.Reader = (*Index)(nil)

// Node returns the encoded tree node with a digest: from memory, or from Badger after its digest was checked. Do not modify it.
// One that is not there is iofs.ErrNotExist, one that is not what it was is ErrCorrupt.
func (x *Index) Node(d blob.Digest) ([]byte, error) {
	if enc, ok := x.nodes.get(d); ok {
		return enc, nil
	}
	if s := x.lateStage(); s != nil {
		if enc, ok := s.nodes[d]; ok {
			return enc, nil
		}
	}
	enc, err := x.get(keyD(keyNode, d))
	if errors.Is(err, badger.ErrKeyNotFound) {
		enc, err = x.get(keyD(keyLoose, d))
	}
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, fmt.Errorf("%w: %s: %w", errNode, d, iofs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("tree node %s: %w", d.Short(), err)
	}
	if got := blob.Sum(enc); got != d {
		return nil, fmt.Errorf("tree node: digest is %s, want %s: %w", got, d, ErrCorrupt)
	}
	x.nodes.put(d, enc)
	return enc, nil
}

// PutNodes keeps nodes of derived trees in Badger only: a rebuild loses them, and Record or a commit that needs them keeps them
// for good. They are visible when PutNodes returns.
func (x *Index) PutNodes(nodes []NodeRow) error {
	if err := x.gate.enter(); err != nil {
		return err
	}
	defer x.gate.exit()
	if err := disk.CheckRoom(x.root, 4); err != nil {
		return err
	}
	wb := x.db.NewWriteBatch()
	defer wb.Cancel()
	for _, n := range nodes {
		if got := blob.Sum(n.Encoded); got != n.Digest {
			return fmt.Errorf("put node: digest is %s, want %s", got, n.Digest)
		}
		if err := wb.Set(keyD(keyLoose, n.Digest), n.Encoded); err != nil {
			return fmt.Errorf("put nodes: %w", err)
		}
	}
	if err := wb.Flush(); err != nil {
		return fmt.Errorf("put nodes: %w", err)
	}
	return nil
}

// Buffer is a tree.Writer that keeps new nodes in memory and reads through to the index: build a tree with it, then hand its
// Nodes to PutNodes or Record. One goroutine at a time uses it.
type Buffer struct {
	x     *Index
	nodes []NodeRow
	known map[blob.Digest][]byte
}

var _ tree.Writer = (*Buffer)(nil)

// NewBuffer returns an empty Buffer over the index.
func (x *Index) NewBuffer() *Buffer { return &Buffer{x: x, known: map[blob.Digest][]byte{}} }

// Node is tree.Reader's.
func (b *Buffer) Node(d blob.Digest) ([]byte, error) {
	if enc, ok := b.known[d]; ok {
		return enc, nil
	}
	return b.x.Node(d)
}

// PutNode keeps a node.
func (b *Buffer) PutNode(d blob.Digest, enc []byte) error {
	if _, ok := b.known[d]; !ok {
		b.known[d] = enc
		b.nodes = append(b.nodes, NodeRow{d, enc})
	}
	return nil
}

// Own returns a node that was put. Any number of goroutines may call it once nothing more is put.
func (b *Buffer) Own(d blob.Digest) ([]byte, bool) {
	enc, ok := b.known[d]
	return enc, ok
}

// Nodes returns what was put, in order. Some of them may be in the store already.
func (b *Buffer) Nodes() []NodeRow { return b.nodes }

// cache keeps the nodes that were used last, about limit bytes of them. It has two generations: what is used moves to the young
// one; when that has half the limit, the old one is dropped and the young becomes old. So a hit in the young generation changes
// nothing, which a list of least recent use would.
type cache struct {
	limit int64

	mu sync.RWMutex
	// mu guards what follows.
	young, old map[blob.Digest][]byte
	size       int64 // bytes in young
}

// cacheRow is what a row costs beside the node itself: map slot and slice header.
const cacheRow = 96

func newCache(limit int64) *cache {
	return &cache{limit: limit, young: map[blob.Digest][]byte{}}
}

func (c *cache) get(d blob.Digest) ([]byte, bool) {
	c.mu.RLock()
	enc, ok := c.young[d]
	if !ok {
		enc, ok = c.old[d]
		c.mu.RUnlock()
		if ok {
			c.put(d, enc)
		}
		return enc, ok
	}
	c.mu.RUnlock()
	return enc, true
}

func (c *cache) put(d blob.Digest, enc []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.young[d]; ok {
		return
	}
	c.size += int64(len(enc)) + cacheRow
	if c.size > c.limit/2 {
		c.old, c.young = c.young, map[blob.Digest][]byte{}
		c.size = int64(len(enc)) + cacheRow
	}
	c.young[d] = enc
}
