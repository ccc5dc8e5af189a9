package index

import (
	"fmt"
	iofs "io/fs"
	"iter"
	"maps"
	"slices"

	"vrepofs/blob"
	"vrepofs/tree"
)

// Tx is what an Op changes and reads: the head's tables with the changes of the operations before it in the same commit and its
// own. It is valid inside Apply only, and for one goroutine.
type Tx struct {
	s    *stage
	need []blob.Digest
	bad  error // what is wrong with a Put or Delete
}

var _ tree.Writer = (*Tx)(nil)

// Seq returns the event number that the commit will have.
func (t *Tx) Seq() uint64 { return t.s.rec.Seq }

// Stamp returns the stamp that the commit will have, in seconds since 1970 UTC.
func (t *Tx) Stamp() int64 { return t.s.rec.Stamp }

// Reads reports whether what t reads is just the state h: it is the head, and neither this operation nor another of the same commit has
// changed anything yet.
func (t *Tx) Reads(h Head) bool {
	return len(t.s.table) == 0 && t.s.pos.head == h && t.s.rec.Root == h.Root
}

// Get returns the value of a name in a table, or iofs.ErrNotExist. Do not modify it.
func (t *Tx) Get(table, name string) ([]byte, error) {
	if c, ok := t.s.table[table][name]; ok {
		if c.Delete {
			return nil, fmt.Errorf("%s %q: %w", table, name, iofs.ErrNotExist)
		}
		return c.Value, nil
	}
	root, err := t.s.root(table)
	if err != nil {
		return nil, err
	}
	return tree.Get(t.s, root, name)
}

// Put sets the value of a name in a table; the table is made with its first name. The bytes belong to the Tx from then on. A
// name or a value that a tree cannot hold (tree.MaxName, tree.MaxValue) fails the call when Apply has returned.
func (t *Tx) Put(table, name string, value []byte) {
	t.change(table, tree.Change{Name: name, Value: value})
}

// Delete removes a name from a table. A name that is not there is fine.
func (t *Tx) Delete(table, name string) {
	t.change(table, tree.Change{Name: name, Delete: true})
}

func (t *Tx) change(table string, c tree.Change) {
	if n := len(c.Name); table == "" || len(table) > tree.MaxName || n == 0 || n > tree.MaxName || len(c.Value) > tree.MaxValue {
		t.bad = fmt.Errorf("%.80q: name %.80q of %d bytes or value of %d bytes does not fit a tree: %w", table, c.Name, n, len(c.Value), iofs.ErrInvalid)
		return
	}
	s := t.s
	if s.table[table] == nil {
		s.table[table] = map[string]tree.Change{}
	}
	set(s, s.table[table], c.Name, c)
}

// List yields a table's entries in the order of their names, from the first that is not below from, as they were when the
// iteration began.
func (t *Tx) List(table, from string) iter.Seq2[tree.Item, error] {
	return func(yield func(tree.Item, error) bool) {
		s := t.s
		root, err := s.root(table)
		if err != nil {
			yield(tree.Item{}, err)
			return
		}
		changes := maps.Clone(s.table[table])
		names := slices.Sorted(maps.Keys(changes))
		i, _ := slices.BinarySearch(names, from)
		names = names[i:]
		// own yields the changed names below limit.
		own := func(limit string, all bool) bool {
			for len(names) > 0 && (all || names[0] < limit) {
				c := changes[names[0]]
				names = names[1:]
				if !c.Delete && !yield(tree.Item{Name: c.Name, Value: c.Value}, nil) {
					return false
				}
			}
			return true
		}
		for it, err := range tree.List(s, root, from) {
			if err != nil {
				yield(tree.Item{}, err)
				return
			}
			if !own(it.Name, false) {
				return
			}
			if _, changed := changes[it.Name]; changed {
				continue // it is the next of own
			}
			if !yield(it, nil) {
				return
			}
		}
		own("", true)
	}
}

// Node returns an encoded tree node: of the store, or one that PutNode got. Do not modify it.
func (t *Tx) Node(d blob.Digest) ([]byte, error) { return t.s.Node(d) }

// PutNode takes a node of a tree that a value will refer to. It goes into the journal with the commit unless it is there.
func (t *Tx) PutNode(d blob.Digest, enc []byte) error { return t.s.PutNode(d, enc) }

// AddFile gives an RPM blob its serial and mtime. A known digest gets its row back, whatever name, time and Serial are given. A
// new one gets the next serial and the mtime given (0: the commit's stamp), raised to one second above the greatest mtime of any
// other blob that was ever seen under its file name.
func (t *Tx) AddFile(f FileRow) (FileRow, error) { return t.s.addFile(f) }

// File returns the row of a known RPM blob, those that AddFile added included, or iofs.ErrNotExist.
func (t *Tx) File(d blob.Digest) (FileRow, error) {
	if f, ok := t.s.files[d]; ok {
		return f, nil
	}
	return t.s.x.FileByDigest(d)
}

// Requires says that what is committed refers to these blobs. When all operations of the call have run, right before the
// append, Options.HasBlob is asked for each; one that is missing is ErrMissing and the call fails.
func (t *Tx) Requires(blobs ...blob.Digest) { t.need = append(t.need, blobs...) }
