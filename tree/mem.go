package tree

import (
	"fmt"
	iofs "io/fs"
	"sync"

	"vrepofs/blob"
)

// Mem is a Writer in memory, for tests and for trees that are thrown away. It is safe for concurrent use.
type Mem struct {
	mu sync.Mutex
	// mu guards all fields below.
	nodes map[blob.Digest][]byte
	stats MemStats
}

// MemStats counts what was done with a Mem.
type MemStats struct {
	Reads int // calls of Node
	Puts  int // calls of PutNode
	New   int // of these, nodes that were not there yet
	Bytes int // encoded bytes of the new ones
}

// MemStore returns an empty Mem.
func MemStore() *Mem { return &Mem{nodes: map[blob.Digest][]byte{}} }

var _ Writer = (*Mem)(nil)

// Node implements Reader.
func (m *Mem) Node(d blob.Digest) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Reads++
	enc, ok := m.nodes[d]
	if !ok {
		return nil, fmt.Errorf("not in memory: %w", iofs.ErrNotExist)
	}
	return enc, nil
}

// PutNode implements Writer.
func (m *Mem) PutNode(d blob.Digest, enc []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Puts++
	if _, ok := m.nodes[d]; !ok {
		m.nodes[d] = enc
		m.stats.New++
		m.stats.Bytes += len(enc)
	}
	return nil
}

// Stats returns the counters since the last call and sets them to zero.
func (m *Mem) Stats() MemStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	m.stats = MemStats{}
	return s
}
