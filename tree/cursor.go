package tree

import (
	"vrepofs/blob"
)

// loader reads and decodes nodes and checks each against its parent. With keep set it holds on to internal nodes, for
// operations that come by them several times.
type loader struct {
	r    Reader
	keep map[blob.Digest]*Node
}

func (ld *loader) node(d blob.Digest) (*Node, error) {
	if n := ld.keep[d]; n != nil {
		return n, nil
	}
	enc, err := ld.r.Node(d)
	if err != nil {
		return nil, nodeError(d, err)
	}
	n, err := DecodeNode(enc)
	if err != nil {
		return nil, nodeError(d, err)
	}
	if ld.keep != nil && n.Level > 0 {
		ld.keep[d] = n
	}
	return n, nil
}

// root reads the root of a tree.
func (ld *loader) root(d blob.Digest) (*Node, error) {
	n, err := ld.node(d)
	if err != nil {
		return nil, err
	}
	if n.Level > 0 && len(n.Items) == 1 {
		return nil, nodeError(d, corrupt("a root of level %d with one child", n.Level))
	}
	return n, nil
}

// child reads the node that item it of a node of the given level refers to. All names in it must be above lower.
func (ld *loader) child(it Item, level int, lower string) (*Node, error) {
	c, err := parseChild(it.Value)
	if err != nil {
		return nil, err
	}
	n, err := ld.node(c.digest)
	switch {
	case err != nil:
		return nil, err
	case n.Level != level-1:
		return nil, nodeError(c.digest, corrupt("level %d below level %d", n.Level, level))
	case n.last() != it.Name:
		return nil, nodeError(c.digest, corrupt("last name %.80q, its parent says %.80q", n.last(), it.Name))
	case n.count != c.count:
		return nil, nodeError(c.digest, corrupt("%d entries, its parent says %d", n.count, c.count))
	case n.Items[0].Name <= lower:
		return nil, nodeError(c.digest, corrupt("name %.80q after %.80q", n.Items[0].Name, lower))
	}
	return n, nil
}

// cursor moves forward over the nodes of one level.
type cursor struct {
	ld    *loader
	level int
	stack []frame // from the root down to the current node
}

type frame struct {
	n      *Node
	digest blob.Digest
	i      int    // the item that the next frame is below
	lower  string // all names in and below n are above it
}

// newCursor stands on the root: call seek before anything else.
func newCursor(ld *loader, root blob.Digest, level int) (*cursor, error) {
	n, err := ld.root(root)
	if err != nil {
		return nil, err
	}
	if n.Level < level {
		panic("BUG: cursor above the root")
	}
	c := &cursor{ld: ld, level: level, stack: make([]frame, 1, n.Level-level+1)}
	c.stack[0] = frame{n: n, digest: root}
	return c, nil
}

func (c *cursor) top() *frame         { return &c.stack[len(c.stack)-1] }
func (c *cursor) node() *Node         { return c.top().n }
func (c *cursor) digest() blob.Digest { return c.top().digest }

// seek moves forward to the node whose names reach up to name, or to the last one.
func (c *cursor) seek(name string) error {
	for len(c.stack) > 1 && c.node().last() < name {
		c.stack = c.stack[:len(c.stack)-1]
	}
	for c.node().Level > c.level {
		f := c.top()
		i, _ := f.n.find(name)
		f.i = min(i, len(f.n.Items)-1)
		if err := c.descend(); err != nil {
			return err
		}
	}
	return nil
}

// descend pushes the child at the top frame's item.
func (c *cursor) descend() error {
	f := c.top()
	it, lower := f.n.Items[f.i], f.lower
	if f.i > 0 {
		lower = f.n.Items[f.i-1].Name
	}
	n, err := c.ld.child(it, f.n.Level, lower)
	if err != nil {
		return err
	}
	c.stack = append(c.stack, frame{n: n, digest: blob.Digest(it.Value[:len(blob.Digest{})]), lower: lower})
	return nil
}

// isLast reports whether the current node is the last of its level.
func (c *cursor) isLast() bool {
	for _, f := range c.stack[:len(c.stack)-1] {
		if f.i+1 < len(f.n.Items) {
			return false
		}
	}
	return true
}

// next moves to the next node of the level; there must be one.
func (c *cursor) next() error {
	for {
		c.stack = c.stack[:len(c.stack)-1]
		if f := c.top(); f.i+1 < len(f.n.Items) {
			f.i++
			break
		}
	}
	for c.node().Level > c.level {
		if err := c.descend(); err != nil {
			return err
		}
	}
	return nil
}
