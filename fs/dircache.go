package fs

import (
	"fmt"

	"vrepofs/blob"
	"vrepofs/tree"
)

// dirCache decodes node ids of tree places by descending from the place's root through directories that it keeps: whole
// directories by digest (shared by all places and generations), and for each directory node id lately used what it stands for.
type dirCache struct {
	src   Source
	roots *composer
	dirs  *lru[blob.Digest, *tree.Dir]
	refs  *lru[nodeID, dirRef]
}

// dirRef is what a directory node id stands for.
type dirRef struct {
	entry  tree.Entry
	parent nodeID // the id itself for a place's root
}

// dir is a loaded directory of a tree place.
type dir struct {
	id     nodeID
	parent nodeID
	digest blob.Digest // of the directory's tree
	*tree.Dir
}

// maxRefs is how many decoded directory ids are kept, some 200 bytes each.
const maxRefs = 16384

func newDirCache(src Source, roots *composer, bytes int64) *dirCache {
	return &dirCache{
		src: src, roots: roots,
		dirs: newLRU[blob.Digest](bytes, func(d *tree.Dir) int64 { return int64(d.Size()) + 64 }),
		refs: newLRU[nodeID](maxRefs, func(dirRef) int64 { return 1 }),
	}
}

// child returns the node id of entry i.
func (d *dir) child(i int, e *tree.Entry) nodeID {
	if e.RPM {
		return rpmID(e.Serial)
	}
	return placeID(d.id.serial(), d.id.ordinal()+d.Ordinal(i))
}

// open returns the directory of a node id in a tree place. It composes if need be.
func (c *dirCache) open(cancel <-chan struct{}, id nodeID) (dir, error) {
	ref, err := c.ref(cancel, id)
	if err != nil {
		return dir{}, err
	}
	return c.loadRef(id, ref)
}

// ref decodes a directory's node id.
func (c *dirCache) ref(cancel <-chan struct{}, id nodeID) (dirRef, error) {
	if ref, ok := c.refs.get(id); ok {
		return ref, nil
	}
	if id.ordinal() == 0 {
		e, err := c.roots.root(cancel, id.serial())
		if err != nil {
			return dirRef{}, err
		}
		ref := dirRef{e, id}
		c.refs.put(id, ref)
		return ref, nil
	}
	parent, _, e, err := c.descend(cancel, id, nil)
	if err != nil {
		return dirRef{}, err
	}
	if e.Kind != tree.KindDir {
		return dirRef{}, fmt.Errorf("%w: %v is no directory", errNode, id)
	}
	return c.remember(id, parent.id, e), nil
}

// remember keeps what a directory's id stands for, so that the next request inside need not descend.
func (c *dirCache) remember(id, parent nodeID, e tree.Entry) dirRef {
	ref := dirRef{e, parent}
	c.refs.put(id, ref)
	return ref
}

func (c *dirCache) loadRef(id nodeID, ref dirRef) (dir, error) {
	d, err := c.dirs.load(ref.entry.Digest, func() (*tree.Dir, error) { return tree.LoadDir(c.src, ref.entry) })
	return dir{id: id, parent: ref.parent, digest: ref.entry.Digest, Dir: d}, err
}

// descend finds the entry with a node id of ordinal > 0: its directory and its index there. visit, if not nil, is called with
// each name on the way.
func (c *dirCache) descend(cancel <-chan struct{}, id nodeID, visit func(name string)) (dir, int, tree.Entry, error) {
	at := placeID(id.serial(), 0)
	rest := id.ordinal()
	for {
		d, err := c.open(cancel, at)
		if err != nil {
			return dir{}, 0, tree.Entry{}, err
		}
		i, below, ok := d.ByOrdinal(rest)
		if !ok {
			return dir{}, 0, tree.Entry{}, fmt.Errorf("%w: %v", errNode, id)
		}
		if visit != nil {
			visit(d.Name(i))
		}
		e := d.Entry(i)
		if below == 0 {
			return d, i, e, nil
		}
		at, rest = d.child(i, &e), below
		if _, ok := c.refs.get(at); !ok {
			c.remember(at, d.id, e)
		}
	}
}

// entry returns the entry with a node id of ordinal > 0.
func (c *dirCache) entry(cancel <-chan struct{}, id nodeID) (tree.Entry, error) {
	if ref, ok := c.refs.get(id); ok {
		return ref.entry, nil
	}
	_, _, e, err := c.descend(cancel, id, nil)
	return e, err
}
