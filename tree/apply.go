package tree

import (
	"vrepofs/blob"
)

// Apply returns the tree root with changes made. They may come in any order; of several changes of one name the last counts;
// to delete what is not there changes nothing. The result is the root that Build would give for the same entries, and root
// itself if nothing changes. Only nodes that the result needs and root has not are put.
//
// The cost is that of the nodes that differ. One insertion or deletion can move the ends of nodes behind it until they meet
// the old ones again, by chance within about three nodes; names chosen with malice can prevent that, which costs time and
// space but no correctness.
func Apply(w Writer, root blob.Digest, changes []Change) (blob.Digest, error) {
	for _, c := range changes {
		if err := checkItem(c.Name, c.Value); err != nil {
			return blob.Digest{}, err
		}
	}
	changes = sortChanges(changes)
	if root.IsZero() {
		return Build(w, func(yield func(string, []byte) bool) {
			for _, c := range changes {
				if !c.Delete && !yield(c.Name, c.Value) {
					return
				}
			}
		})
	}
	a := &applier{w: w, ld: &loader{r: w, keep: map[blob.Digest]*Node{}}, root: root}
	top, err := a.ld.root(root)
	if err != nil {
		return blob.Digest{}, err
	}
	for level := 0; len(changes) > 0; level++ {
		old, now, err := a.rechunk(level, changes)
		if err != nil {
			return blob.Digest{}, err
		}
		changes = a.compare(old, now)
		if level == top.Level {
			if len(changes) == 0 {
				break
			}
			return a.finish(level, now)
		}
	}
	return root, nil
}

// applier makes one Apply, level by level from the leaves up: the nodes that change on one level are the changed items of the
// level above.
type applier struct {
	w    Writer
	ld   *loader
	root blob.Digest
	made []built // new nodes, children before parents, not yet put
}

// rechunk applies changes to the items of one level. It returns the nodes that were rewritten and what they were rewritten to.
func (a *applier) rechunk(level int, changes []Change) (old, now []built, err error) {
	cur, err := newCursor(a.ld, a.root, level)
	if err != nil {
		return nil, nil, err
	}
	out := &chunker{level: level, emit: func(n built) error { now = append(now, n); return nil }}
	add := func(name string, value []byte) error {
		count := uint64(1)
		if level > 0 {
			c, err := parseChild(value)
			if err != nil {
				return err
			}
			count = c.count
		}
		return out.add(name, value, count)
	}
	// next makes the first of the changes.
	next := func() error {
		c := changes[0]
		changes = changes[1:]
		if c.Delete {
			return nil
		}
		return add(c.Name, c.Value)
	}
	for len(changes) > 0 {
		if err := cur.seek(changes[0].Name); err != nil {
			return nil, nil, err
		}
		// From the start of this node on, until a node ends where an old one ended: behind that nothing changes, since an end
		// depends on nothing but the names since the end before it.
		for {
			n := cur.node()
			old = append(old, built{child: child{digest: cur.digest()}, name: n.last()})
			for _, it := range n.Items {
				for len(changes) > 0 && changes[0].Name < it.Name {
					if err := next(); err != nil {
						return nil, nil, err
					}
				}
				if len(changes) > 0 && changes[0].Name == it.Name {
					err = next()
				} else {
					err = add(it.Name, it.Value)
				}
				if err != nil {
					return nil, nil, err
				}
			}
			if cur.isLast() {
				for len(changes) > 0 {
					if err := next(); err != nil {
						return nil, nil, err
					}
				}
				err := out.flush()
				return old, now, err
			}
			if out.run == 0 {
				break
			}
			if err := cur.next(); err != nil {
				return nil, nil, err
			}
		}
	}
	return old, now, nil
}

// compare returns what changed from old to now as changes of the level above, and keeps the nodes that are new.
func (a *applier) compare(old, now []built) []Change {
	var changes []Change
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].name < now[0].name:
			changes = append(changes, Change{Name: old[0].name, Delete: true})
			old = old[1:]
		default:
			same := false
			if len(old) > 0 && old[0].name == now[0].name {
				same = old[0].digest == now[0].digest
				old = old[1:]
			}
			if !same {
				changes = append(changes, Change{Name: now[0].name, Value: now[0].append(nil)})
				a.made = append(a.made, now[0])
			}
			now = now[1:]
		}
	}
	return changes
}

// finish makes the root from all nodes of the level where the old root was, and puts what is new.
func (a *applier) finish(level int, nodes []built) (blob.Digest, error) {
	var root blob.Digest
	switch {
	case len(nodes) > 1: // the tree gets higher
		b := newBuilder(func(d blob.Digest, enc []byte) error {
			a.made = append(a.made, built{child: child{digest: d}, enc: enc})
			return nil
		}, level+1)
		for _, n := range nodes {
			if err := b.addChild(0, n); err != nil {
				return blob.Digest{}, err
			}
		}
		var err error
		if root, err = b.finish(); err != nil {
			return blob.Digest{}, err
		}
	case len(nodes) == 1:
		root = nodes[0].digest
		for ; level > 0; level-- {
			only, err := a.onlyChild(root)
			if err != nil {
				return blob.Digest{}, err
			}
			if only.IsZero() {
				break
			}
			// The tree gets lower: a node with one child is no root. It is the only node of its level, so the last one made.
			if n := len(a.made); n > 0 && a.made[n-1].digest == root {
				a.made = a.made[:n-1]
			}
			root = only
		}
	}
	for _, n := range a.made {
		if err := a.w.PutNode(n.digest, n.enc); err != nil {
			return blob.Digest{}, nodeError(n.digest, err)
		}
	}
	return root, nil
}

// onlyChild returns the child of an internal node that has just one, else the zero Digest.
func (a *applier) onlyChild(d blob.Digest) (blob.Digest, error) {
	var n *Node
	var err error
	if m := len(a.made); m > 0 && a.made[m-1].digest == d {
		n, err = DecodeNode(a.made[m-1].enc)
	} else {
		n, err = a.ld.node(d)
	}
	if err != nil || len(n.Items) > 1 {
		return blob.Digest{}, err
	}
	c, err := parseChild(n.Items[0].Value)
	return c.digest, err
}
