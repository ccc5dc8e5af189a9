package tree

import (
	"iter"

	"vrepofs/blob"
)

// Run is a stretch of neighbouring entries of a tree that are kept in one node of level 1 and its leaves, some hundred of them.
// Equal Nodes hold equal entries, so what was made of a run can be kept under its Node and found again in any tree that shares it.
type Run struct {
	Node blob.Digest

	root  bool // the whole tree, which has no node of level 2
	item  Item // else: how the node of level 2 refers to it
	lower string
}

// Runs yields the runs of a tree in order. The nodes of runs are not read, but for a tree that is one run: so passing over known
// runs costs one node for each 19 of them. After an error it stops.
func Runs(r Reader, root blob.Digest) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		if root.IsZero() {
			return
		}
		ld := &loader{r: r}
		n, err := ld.root(root)
		if err == nil && n.Level < 2 {
			yield(Run{Node: root, root: true}, nil)
			return
		}
		var c *cursor
		if err == nil {
			c, err = newCursor(ld, root, 2)
		}
		if err == nil {
			err = c.seek("")
		}
		for err == nil {
			lower := c.top().lower
			for _, it := range c.node().Items {
				if !yield(Run{Node: blob.Digest(it.Value[:len(blob.Digest{})]), item: it, lower: lower}, nil) {
					return
				}
				lower = it.Name
			}
			if c.isLast() {
				return
			}
			err = c.next()
		}
		yield(Run{}, err)
	}
}

// Whole reports whether the run is all of its tree.
func (u Run) Whole() bool { return u.root }

// Items yields the entries of the run as List does.
func (u Run) Items(r Reader) iter.Seq2[Item, error] {
	if u.root {
		return List(r, u.Node, "")
	}
	return func(yield func(Item, error) bool) {
		ld := &loader{r: r}
		n, err := ld.child(u.item, 2, u.lower)
		if err != nil {
			yield(Item{}, err)
			return
		}
		lower := u.lower
		for _, it := range n.Items {
			leaf, err := ld.child(it, 1, lower)
			if err != nil {
				yield(Item{}, err)
				return
			}
			for _, e := range leaf.Items {
				if !yield(e, nil) {
					return
				}
			}
			lower = it.Name
		}
	}
}
