package store

import (
	"context"
	"fmt"
	iofs "io/fs"
	"iter"
	"maps"
	"slices"

	"vrepofs/blob"
	"vrepofs/index"
	"vrepofs/state"
	"vrepofs/tree"
)

// Candidate is the directory of all channels as an operation would make it, made and not committed: for gates to look at. If no other
// commit comes between, the commit that is given it (How.Candidate) publishes the same tree byte for byte; else what carries a
// time differs: repomd.xml, what is made from it, and times of directories. Release it.
type Candidate struct {
	Root  tree.Entry // the zero Entry: nothing would be published
	Token string     // of its plan

	head   index.Head
	signed *seals // its signatures, and the stamp that new parts carry
	nodes  *index.Buffer
	lease  *blob.Lease
}

// Release gives up what only the candidate needs.
func (c *Candidate) Release() { c.lease.Close() }

// Stamp is the time that its new parts carry, in seconds since 1970 UTC.
func (c *Candidate) Stamp() int64 { return c.signed.stamp }

// Node returns a tree node that only the candidate has, or iofs.ErrNotExist. It is safe for concurrent use.
func (c *Candidate) Node(d blob.Digest) ([]byte, error) {
	if enc, ok := c.nodes.Own(d); ok {
		return enc, nil
	}
	return nil, fmt.Errorf("node %s of a candidate: %w", d.Short(), iofs.ErrNotExist)
}

// Try makes an operation's candidate. It writes blobs, which nothing refers to until the commit, and commits nothing.
func (s *Store) Try(ctx context.Context, op Op, how How) (_ *Candidate, err error) {
	lease, err := s.Blobs.NewLease()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lease.Close()
		}
	}()
	c := &Candidate{head: s.Index.Head(), nodes: s.Index.NewBuffer(), lease: lease}
	view := s.Index.View(c.head)
	from, err := s.aheadOf(view, c.head, op)
	if err != nil {
		return nil, err
	}
	_, planned, err := s.plan(ctx, from, op, how)
	if err != nil {
		return nil, err
	}
	if c.Token, err = tokenOf(from, planned, how); err != nil {
		return nil, err
	}
	if c.signed, err = s.seals(ctx, view, planned, How{}, nil); err != nil {
		return nil, err
	}
	tx := &trialTx{Reader: view, Buffer: c.nodes, seq: c.head.Seq + 1, stamp: c.signed.stamp, tables: map[string]map[string][]byte{}}
	if _, err := s.publish(ctx, tx, lease, planned, c.signed); err != nil {
		return nil, err
	}
	c.Root, err = state.Published(tx)
	return c, err
}

// candidateTx is a commit that gives what it publishes the times of a candidate, which were made before it and after all other
// commits.
type candidateTx struct {
	*index.Tx
	stamp int64
}

// Stamp is state.Tx's.
func (t candidateTx) Stamp() int64 { return t.stamp }

// trialTx is a commit that will not be: reads go through to a state, writes stay in memory.
type trialTx struct {
	state.Reader
	*index.Buffer
	seq    uint64
	stamp  int64
	tables map[string]map[string][]byte // nil values: deleted
}

var _ publishTx = (*trialTx)(nil)

func (t *trialTx) Seq() uint64                           { return t.seq }
func (t *trialTx) Stamp() int64                          { return t.stamp }
func (t *trialTx) Node(d blob.Digest) ([]byte, error)    { return t.Buffer.Node(d) }
func (t *trialTx) Requires(...blob.Digest)               {}
func (t *trialTx) Put(table, name string, value []byte)  { t.table(table)[name] = value }
func (t *trialTx) Delete(table, name string)             { t.table(table)[name] = nil }
func (t *trialTx) PutNode(d blob.Digest, e []byte) error { return t.Buffer.PutNode(d, e) }

func (t *trialTx) table(name string) map[string][]byte {
	if t.tables[name] == nil {
		t.tables[name] = map[string][]byte{}
	}
	return t.tables[name]
}

// Get is state.Reader's.
func (t *trialTx) Get(table, name string) ([]byte, error) {
	value, ok := t.tables[table][name]
	switch {
	case !ok:
		return t.Reader.Get(table, name)
	case value == nil:
		return nil, fmt.Errorf("%s %q: %w", table, name, iofs.ErrNotExist)
	}
	return value, nil
}

// List is state.Reader's.
func (t *trialTx) List(table, from string) iter.Seq2[tree.Item, error] {
	own := t.tables[table]
	if len(own) == 0 {
		return t.Reader.List(table, from)
	}
	return func(yield func(tree.Item, error) bool) {
		var items []tree.Item
		for item, err := range t.Reader.List(table, from) {
			if err != nil {
				yield(item, err)
				return
			}
			if _, changed := own[item.Name]; !changed {
				items = append(items, item)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(own)) {
			if own[name] != nil && name >= from {
				items = append(items, tree.Item{Name: name, Value: own[name]})
			}
		}
		slices.SortFunc(items, func(a, b tree.Item) int {
			if a.Name < b.Name {
				return -1
			}
			return 1
		})
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}
