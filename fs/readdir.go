package fs

import (
	"fmt"
	iofs "io/fs"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Directory offsets. An offset is where the next entry is: behind "." 1, behind ".." 2, in a tree's directory behind entry i
// i+3, in a level the name's cookie.
const dotDots = 2

// OpenDir opens a directory. Handles hold nothing: the node id says it all. In a tree place this composes.
func (f *FS) OpenDir(cancel <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	f.stats.ops[opOpenDir].Add(1)
	l, err := f.listing(cancel, nodeID(input.NodeId))
	if err != nil {
		return f.status("opendir", nodeID(input.NodeId), err)
	}
	if !l.live() {
		out.OpenFlags |= fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE
	}
	return fuse.OK
}

// listing is a level or a directory of a tree.
type listing struct {
	level  *levelDir // or
	tree   dir
	self   nodeID
	parent nodeID
}

func (l *listing) live() bool { return l.level != nil && l.level.from.Live }

func (f *FS) listing(cancel <-chan struct{}, id nodeID) (listing, error) {
	if id.isRPM() {
		return listing{}, errNode
	}
	if hidden, err := f.hidden(id); err != nil {
		return listing{}, err
	} else if hidden {
		return listing{}, fmt.Errorf("directory of an earlier generation: %w", iofs.ErrPermission)
	}
	if id.isPlace() {
		p, err := f.place(id)
		if err != nil {
			return listing{}, err
		}
		if !p.tree {
			d, err := f.levels.open(id, p.key)
			return listing{level: d, self: id, parent: p.parent}, err
		}
		d, err := f.dirs.open(cancel, id)
		return listing{tree: d, self: id, parent: p.parent}, err
	}
	d, err := f.dirs.open(cancel, id)
	return listing{tree: d, self: id, parent: d.parent}, err
}

// ReadDirPlus lists names with their attributes. Nothing is asked of the Source per entry of a tree.
func (f *FS) ReadDirPlus(cancel <-chan struct{}, input *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	f.stats.ops[opReadDirPlus].Add(1)
	return f.readDir(cancel, input, out, true)
}

// ReadDir lists names; kernels that know READDIRPLUS do not ask for it.
func (f *FS) ReadDir(cancel <-chan struct{}, input *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	f.stats.ops[opReadDir].Add(1)
	return f.readDir(cancel, input, out, false)
}

func (f *FS) readDir(cancel <-chan struct{}, input *fuse.ReadIn, out *fuse.DirEntryList, plus bool) fuse.Status {
	id := nodeID(input.NodeId)
	l, err := f.listing(cancel, id)
	if err != nil {
		return f.status("readdir", id, err)
	}
	w := dirWriter{out: out, plus: plus}
	off := input.Offset
	// "." and ".." go without attributes: a zero node id tells READDIRPLUS so, and the kernel would not use them.
	if off < 1 && !w.dot(".", l.self, 1) || off < 2 && !w.dot("..", l.parent, 2) {
		return w.status()
	}
	if l.level != nil {
		f.readLevel(&w, l.level, off)
	} else {
		readTree(&w, &l.tree, off)
	}
	return w.status()
}

func readTree(w *dirWriter, d *dir, off uint64) {
	first := uint64(0)
	if off > dotDots {
		first = off - dotDots
	}
	if first >= uint64(d.Len()) {
		return
	}
	for i := int(first); i < d.Len(); i++ {
		e := d.Entry(i)
		id := d.child(i, &e)
		out, ok := w.add(d.Name(i), id, mode(e.Kind), uint64(i)+1+dotDots)
		if !ok {
			return
		}
		if out != nil {
			fillEntry(out, id, &e)
		}
	}
}

func (f *FS) readLevel(w *dirWriter, d *levelDir, off uint64) {
	for _, r := range d.rows[d.after(max(off, dotDots)):] {
		e := r.child.entry()
		out, ok := w.add(r.child.Name, r.id, mode(e.Kind), r.cookie)
		if !ok {
			return
		}
		if out != nil {
			fillEntry(out, r.id, &e)
		}
	}
}

// dirWriter fills the answer to READDIR or READDIRPLUS.
type dirWriter struct {
	out   *fuse.DirEntryList
	plus  bool
	added bool
	full  bool
}

// add adds an entry; out is nil without plus, ok false when the answer is full.
func (w *dirWriter) add(name string, ino nodeID, mode uint32, off uint64) (out *fuse.EntryOut, ok bool) {
	e := fuse.DirEntry{Name: name, Ino: uint64(ino), Mode: mode, Off: off}
	if w.plus {
		out = w.out.AddDirLookupEntry(e)
		ok = out != nil
	} else {
		ok = w.out.AddDirEntry(e)
	}
	if ok {
		w.added = true
	} else {
		w.full = true
	}
	return out, ok
}

func (w *dirWriter) dot(name string, ino nodeID, off uint64) bool {
	_, ok := w.add(name, ino, dirMode, off)
	return ok
}

// status: an answer without entries means the end of the directory, so a buffer too small for one entry is an error.
func (w *dirWriter) status() fuse.Status {
	if w.full && !w.added {
		return fuse.EINVAL
	}
	return fuse.OK
}

// ReleaseDir has nothing to release.
func (f *FS) ReleaseDir(input *fuse.ReleaseIn) { f.stats.ops[opReleaseDir].Add(1) }

// FsyncDir has nothing to do.
func (f *FS) FsyncDir(cancel <-chan struct{}, input *fuse.FsyncIn) fuse.Status { return fuse.OK }
