package tree

import (
	"cmp"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"slices"

	"vrepofs/blob"
)

// Limits of what a tree holds. They are part of the format.
const (
	MaxName  = 4096    // longest name in bytes; the shortest is 1
	MaxValue = 1 << 16 // longest value in bytes; a value may be empty
)

// Reader fetches nodes.
type Reader interface {
	// Node returns the encoded node whose digest is d. The owner has verified the digest; neither side modifies the bytes
	// afterwards. A node that is not there is iofs.ErrNotExist, which functions of this package report as ErrCorrupt.
	Node(d blob.Digest) ([]byte, error)
}

// Writer fetches nodes and takes new ones.
type Writer interface {
	Reader
	// PutNode is called once for each node that an operation makes, children before parents. The node may exist already: that
	// is no error. The bytes belong to the Writer from then on.
	PutNode(d blob.Digest, enc []byte) error
}

// Item is one entry of a tree. The bytes of Value alias a node: do not modify them.
type Item struct {
	Name  string
	Value []byte
}

// Change is one change that Apply makes: set Name to Value, or delete it.
type Change struct {
	Name   string
	Value  []byte
	Delete bool
}

// Get returns the value of name in the tree root, or iofs.ErrNotExist. The value aliases a node: do not modify it. Get reads
// one node per level and allocates nothing itself.
func Get(r Reader, root blob.Digest, name string) ([]byte, error) {
	if root.IsZero() {
		return nil, notExist(name)
	}
	level := -1 // not known yet
	for d := root; ; {
		enc, err := r.Node(d)
		if err != nil {
			return nil, nodeError(d, err)
		}
		l, value, exact, err := seek(enc, name)
		switch {
		case err != nil:
			return nil, nodeError(d, err)
		case level >= 0 && l != level-1:
			return nil, nodeError(d, corrupt("level %d below level %d", l, level))
		case value == nil:
			return nil, notExist(name)
		case l == 0 && !exact:
			return nil, notExist(name)
		case l == 0:
			return value, nil
		}
		c, err := parseChild(value)
		if err != nil {
			return nil, nodeError(d, err)
		}
		d, level = c.digest, l
	}
}

// Len returns the number of entries of a tree. It reads one node.
func Len(r Reader, root blob.Digest) (int, error) {
	if root.IsZero() {
		return 0, nil
	}
	enc, err := r.Node(root)
	if err != nil {
		return 0, nodeError(root, err)
	}
	n, err := entries(enc)
	if err != nil {
		return 0, nodeError(root, err)
	}
	return int(n), nil
}

// List yields the entries in the order of their names' bytes, from the first whose name is not below from. After an error it
// stops. Every node is checked against its parent (level, last name, count, order), so hostile nodes cannot make it run for
// ever or out of order.
func List(r Reader, root blob.Digest, from string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		if root.IsZero() {
			return
		}
		c, err := newCursor(&loader{r: r}, root, 0)
		if err == nil {
			err = c.seek(from)
		}
		for err == nil {
			n := c.node()
			i, _ := n.find(from)
			for ; i < len(n.Items); i++ {
				if !yield(n.Items[i], nil) {
					return
				}
			}
			if c.isLast() {
				return
			}
			err = c.next()
		}
		yield(Item{}, err)
	}
}

// Walk calls visit for every node that the tree root consists of, parents first, with its level (0 = leaf). If visit returns
// false, the node is not read and what lies below it is passed over: so a node that was visited before need not be entered
// again. Only the root and inner nodes are read; that a leaf is there is for visit to find out. Trees that values refer to
// are not followed.
func Walk(r Reader, root blob.Digest, visit func(node blob.Digest, level int) bool) error {
	if root.IsZero() {
		return nil
	}
	ld := &loader{r: r}
	n, err := ld.root(root) // its level is not known otherwise
	if err != nil || !visit(root, n.Level) || n.Level == 0 {
		return err
	}
	return walkBelow(ld, n, "", visit)
}

func walkBelow(ld *loader, n *Node, lower string, visit func(blob.Digest, int) bool) error {
	for _, it := range n.Items {
		c, err := parseChild(it.Value)
		if err != nil {
			return err
		}
		if visit(c.digest, n.Level-1) && n.Level > 1 {
			kid, err := ld.child(it, n.Level, lower)
			if err != nil {
				return err
			}
			if err := walkBelow(ld, kid, lower, visit); err != nil {
				return err
			}
		}
		lower = it.Name
	}
	return nil
}

// checkItem reports what is wrong with an entry that is about to be stored.
func checkItem(name string, value []byte) error {
	switch {
	case name == "":
		return fmt.Errorf("tree: empty name: %w", iofs.ErrInvalid)
	case len(name) > MaxName:
		return fmt.Errorf("tree: name %.40q…: %d bytes, at most %d: %w", name, len(name), MaxName, iofs.ErrInvalid)
	case len(value) > MaxValue:
		return fmt.Errorf("tree: value of %.80q: %d bytes, at most %d: %w", name, len(value), MaxValue, iofs.ErrInvalid)
	}
	return nil
}

func notExist(name string) error { return absent(name) }

// absent is the error for a name that is not there. Most who ask for one only want to know that, so its text is made when it is read.
type absent string

func (a absent) Error() string { return fmt.Sprintf("tree: %.80q: %v", string(a), iofs.ErrNotExist) }

// Unwrap returns iofs.ErrNotExist.
func (a absent) Unwrap() error { return iofs.ErrNotExist }

// nodeError names the node that an error is about. One that is not there is damage: iofs.ErrNotExist means an absent name to callers.
func nodeError(d blob.Digest, err error) error {
	if errors.Is(err, iofs.ErrNotExist) {
		err = corrupt("not there (%v)", err)
	}
	return fmt.Errorf("tree node %s: %w", d.Short(), err)
}

// sortChanges returns the changes sorted by name, of several with one name the last.
func sortChanges(changes []Change) []Change {
	s := slices.Clone(changes)
	slices.SortStableFunc(s, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
	out := s[:0]
	for i, c := range s {
		if i+1 < len(s) && s[i+1].Name == c.Name {
			continue
		}
		out = append(out, c)
	}
	return out
}
