package fs

import (
	"errors"
	iofs "io/fs"

	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"vrepofs/tree"
)

var _ fuse.RawFileSystem = (*FS)(nil)

// Lookup answers for one name of a directory. In a level it never composes and never waits for anything but the Source; a
// notification of a move waits for it, as it holds the parent's lock (MOVING §2).
func (f *FS) Lookup(cancel <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	f.stats.ops[opLookup].Add(1)
	if len(name) > tree.MaxComponent { // the kernel's own limit is 1024 (FUSE_NAME_MAX)
		return fuse.Status(syscall.ENAMETOOLONG)
	}
	parent := nodeID(header.NodeId)
	if !parent.isPlace() {
		return f.lookupTree(cancel, parent, name, out)
	}
	p, err := f.place(parent)
	if err != nil {
		return f.status("lookup", parent, err)
	}
	if p.tree {
		return f.lookupTree(cancel, parent, name, out)
	}
	c, err := f.src.Find(p.key, name)
	if errors.Is(err, iofs.ErrNotExist) {
		return fuse.ENOENT // which is not cached, as a zero node id with a timeout would be
	}
	var id nodeID
	if err == nil {
		id, err = childID(f.src, &c)
	}
	if err != nil {
		return f.status("lookup", parent, err)
	}
	e := c.entry()
	fillEntry(out, id, &e)
	return fuse.OK
}

func (f *FS) lookupTree(cancel <-chan struct{}, parent nodeID, name string, out *fuse.EntryOut) fuse.Status {
	d, err := f.dirs.open(cancel, parent)
	if err != nil {
		return f.status("lookup", parent, err)
	}
	i, ok := d.Find(name)
	if !ok {
		return f.lookupEarlier(cancel, &d, name, out)
	}
	e := d.Entry(i)
	id := d.child(i, &e)
	fillEntry(out, id, &e)
	if e.Kind == tree.KindDir {
		f.dirs.remember(id, parent, e)
		if err := f.hide(&out.Attr, id); err != nil {
			return f.status("lookup", parent, err)
		}
	}
	return fuse.OK
}

// Forget has nothing to forget: ids are computed.
func (f *FS) Forget(nodeid, nlookup uint64) { f.stats.ops[opForget].Add(1) }

// entry returns what a node id stands for. For a place it composes nothing.
func (f *FS) entry(cancel <-chan struct{}, id nodeID) (tree.Entry, error) {
	switch {
	case id.isRPM():
		r, err := f.src.RPM(id.rpm())
		if err != nil {
			return tree.Entry{}, err
		}
		return tree.Entry{Kind: tree.KindFile, RPM: true, Serial: id.rpm(), Digest: r.Digest, Size: r.Size, Mtime: r.Mtime}, nil
	case id.isPlace():
		p, err := f.place(id)
		if err != nil {
			return tree.Entry{}, err
		}
		c, err := f.src.Child(p.key)
		return c.entry(), err
	default:
		return f.dirs.entry(cancel, id)
	}
}

// GetAttr answers stat of what the kernel has forgotten the attributes of: a live level after a move, or anything after
// memory pressure.
func (f *FS) GetAttr(cancel <-chan struct{}, input *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	f.stats.ops[opGetAttr].Add(1)
	id := nodeID(input.NodeId)
	e, err := f.entry(cancel, id)
	if err != nil {
		return f.status("getattr", id, err)
	}
	out.AttrValid = forever
	fill(&out.Attr, id, &e)
	if e.Kind == tree.KindDir {
		err = f.hide(&out.Attr, id)
	}
	return f.status("getattr", id, err)
}

// Readlink answers once per symbolic link; the kernel caches targets, as an id has one target for ever.
func (f *FS) Readlink(cancel <-chan struct{}, header *fuse.InHeader) ([]byte, fuse.Status) {
	f.stats.ops[opReadlink].Add(1)
	id := nodeID(header.NodeId)
	e, err := f.entry(cancel, id)
	if err != nil {
		return nil, f.status("readlink", id, err)
	}
	if e.Kind != tree.KindSymlink {
		return nil, fuse.EINVAL
	}
	return []byte(e.Target), fuse.OK
}
