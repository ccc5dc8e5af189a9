package disktest

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"vrepofs/disk"
)

// Recorder is a disk.FS over a base that remembers every change below a root directory, in order, with its data. What
// happens outside of the root is done and not remembered. Operations run one at a time. It is safe for concurrent use.
type Recorder struct {
	base disk.FS
	root string

	mu sync.Mutex
	// mu guards everything below.
	nodes []*node // by inode number of the model; 0 is the root
	ops   []op
}

// node is a file or directory of the model. Its own fields are its first, durable state plus what a program sees now.
type node struct {
	dir   bool
	perm  os.FileMode
	data  []byte         // durable when recording began
	names map[string]int // durable when recording began

	now  map[string]int // a directory's names as a program sees them
	size int64          // a file's size as a program sees it
}

type opKind int

const (
	opAdd      opKind = iota // name in dir is node now (create, mkdir, link); replaces what had the name
	opMove                   // opAdd of name in dir and removal of oldName from oldDir, as one
	opDel                    // name is gone from dir
	opWrite                  // data at off of node
	opTruncate               // node is off bytes long
	opChmod                  // node's mode
	opSync                   // node's data is durable
	opSyncDir                // node's names are durable
	opSyncFS                 // everything is durable
	opMark                   // name was acknowledged to somebody
)

type op struct {
	kind    opKind
	label   string
	node    int
	dir     int
	name    string
	oldDir  int
	oldName string
	off     int64
	data    []byte
	perm    os.FileMode
}

var _ disk.FS = (*Recorder)(nil)

// NewRecorder records what is done to base below root, an existing directory. What is there already counts as durable.
func NewRecorder(base disk.FS, root string) (*Recorder, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	r := &Recorder{base: base, root: root}
	if _, err := r.load(root); err != nil {
		return nil, fmt.Errorf("record %s: %w", root, err)
	}
	return r, nil
}

// load takes what exists into the model.
func (r *Recorder) load(path string) (int, error) {
	fi, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	n := &node{dir: fi.IsDir(), perm: fi.Mode().Perm()}
	ino := len(r.nodes)
	r.nodes = append(r.nodes, n)
	switch {
	case fi.IsDir():
		n.names, n.now = map[string]int{}, map[string]int{}
		ents, err := os.ReadDir(path)
		if err != nil {
			return 0, err
		}
		for _, e := range ents {
			child, err := r.load(filepath.Join(path, e.Name()))
			if err != nil {
				return 0, err
			}
			n.names[e.Name()], n.now[e.Name()] = child, child
		}
	case fi.Mode().IsRegular():
		if n.data, err = os.ReadFile(path); err != nil {
			return 0, err
		}
		n.size = int64(len(n.data))
	default:
		return 0, fmt.Errorf("%s: neither file nor directory: %w", path, iofs.ErrInvalid)
	}
	return ino, nil
}

// Mark notes that something was acknowledged at this moment: a State of any later moment has it among its Marks.
func (r *Recorder) Mark(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op{kind: opMark, name: what, label: "mark " + what})
}

// Labels returns how many recorded operations carry each label.
func (r *Recorder) Labels() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := map[string]int{}
	for _, o := range r.ops {
		if o.kind != opMark {
			m[o.label]++
		}
	}
	return m
}

// Len returns the number of recorded operations; there is one crash point more than that.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ops)
}

// findLocked returns the directory of path, its last element, and the node there, -1 if there is none. ok is false outside root.
func (r *Recorder) findLocked(path string) (dir int, name string, ino int, ok bool) {
	path, err := filepath.Abs(path)
	if err != nil {
		return 0, "", -1, false
	}
	if path == r.root {
		return -1, "", 0, true
	}
	rel, found := strings.CutPrefix(path, strings.TrimSuffix(r.root, "/")+"/")
	if !found {
		return 0, "", -1, false
	}
	parts := strings.Split(rel, "/")
	for i, p := range parts {
		child, there := r.nodes[dir].now[p]
		if i == len(parts)-1 {
			if !there {
				child = -1
			}
			return dir, p, child, true
		}
		if !there {
			panic(fmt.Sprintf("BUG: %s was made behind the recorder's back", path))
		}
		dir = child
	}
	return 0, "", -1, false
}

// addLocked makes a new node with a name.
func (r *Recorder) addLocked(label string, dir int, name string, n *node) int {
	ino := len(r.nodes)
	if n.dir {
		n.names, n.now = map[string]int{}, map[string]int{}
	}
	r.nodes = append(r.nodes, n)
	r.nodes[dir].now[name] = ino
	r.ops = append(r.ops, op{kind: opAdd, label: label, dir: dir, name: name, node: ino})
	return ino
}

// OpenFile opens a file and records its creation or its truncation.
func (r *Recorder) OpenFile(label, name string, flag int, perm os.FileMode) (disk.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := r.base.OpenFile(label, name, flag, perm)
	if err != nil {
		return nil, err
	}
	dir, last, ino, ok := r.findLocked(name)
	if !ok {
		return f, nil
	}
	if ino < 0 {
		ino = r.addLocked(label, dir, last, &node{perm: perm})
	}
	if n := r.nodes[ino]; flag&os.O_TRUNC != 0 && n.size != 0 {
		n.size = 0
		r.ops = append(r.ops, op{kind: opTruncate, label: label, node: ino})
	}
	return &recFile{File: f, r: r, label: label, ino: ino, append: flag&os.O_APPEND != 0}, nil
}

// Mkdir makes a directory.
func (r *Recorder) Mkdir(label, name string, perm os.FileMode) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.base.Mkdir(label, name, perm); err != nil {
		return err
	}
	if dir, last, _, ok := r.findLocked(name); ok {
		r.addLocked(label, dir, last, &node{dir: true, perm: perm})
	}
	return nil
}

// Rename moves old over new; both must be below the root, or neither.
func (r *Recorder) Rename(label, old, new string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldDir, oldName, ino, ok := r.findLocked(old)
	dir, name, target, ok2 := r.findLocked(new)
	if ok != ok2 {
		return &os.LinkError{Op: "rename", Old: old, New: new, Err: errors.New("recorder: across the root")}
	}
	if err := r.base.Rename(label, old, new); err != nil || !ok {
		return err
	}
	if ino == target {
		return nil // two links of one file: rename(2) does nothing
	}
	delete(r.nodes[oldDir].now, oldName)
	r.nodes[dir].now[name] = ino
	r.ops = append(r.ops, op{kind: opMove, label: label, node: ino, dir: dir, name: name, oldDir: oldDir, oldName: oldName})
	return nil
}

// Link makes new a hard link to old. The content of a file outside the root is taken as it is now, and as not yet durable.
func (r *Recorder) Link(label, old, new string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.base.Link(label, old, new); err != nil {
		return err
	}
	dir, name, _, ok := r.findLocked(new)
	if !ok {
		return nil
	}
	_, _, ino, ok := r.findLocked(old)
	if !ok {
		data, err := os.ReadFile(new)
		if err != nil {
			return err
		}
		fi, err := os.Stat(new)
		if err != nil {
			return err
		}
		ino = r.addLocked(label, dir, name, &node{perm: fi.Mode().Perm(), size: int64(len(data))})
		r.ops = append(r.ops, op{kind: opWrite, label: label, node: ino, data: data})
		return nil
	}
	r.nodes[dir].now[name] = ino
	r.ops = append(r.ops, op{kind: opAdd, label: label, dir: dir, name: name, node: ino})
	return nil
}

// Remove removes a file or an empty directory.
func (r *Recorder) Remove(label, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.base.Remove(label, name); err != nil {
		return err
	}
	if dir, last, _, ok := r.findLocked(name); ok {
		delete(r.nodes[dir].now, last)
		r.ops = append(r.ops, op{kind: opDel, label: label, dir: dir, name: last})
	}
	return nil
}

// SyncDir makes the names in a directory durable.
func (r *Recorder) SyncDir(label, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.base.SyncDir(label, name); err != nil {
		return err
	}
	if _, _, ino, ok := r.findLocked(name); ok {
		r.ops = append(r.ops, op{kind: opSyncDir, label: label, node: ino})
	}
	return nil
}

// SyncFS makes everything durable.
func (r *Recorder) SyncFS(label, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.base.SyncFS(label, name); err != nil {
		return err
	}
	r.ops = append(r.ops, op{kind: opSyncFS, label: label})
	return nil
}

// recFile hides the base's ReadFrom, so that all data passes Write.
type recFile struct {
	disk.File
	r      *Recorder
	label  string
	ino    int
	append bool
	off    int64
}

var _ disk.File = (*recFile)(nil)

func (f *recFile) Write(b []byte) (int, error) {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	n, err := f.File.Write(b)
	node := f.r.nodes[f.ino]
	if f.append {
		f.off = node.size
	}
	if n > 0 {
		f.r.ops = append(f.r.ops, op{kind: opWrite, label: f.label + ".write", node: f.ino, off: f.off, data: append([]byte(nil), b[:n]...)})
		f.off += int64(n)
		node.size = max(node.size, f.off)
	}
	return n, err
}

// record does a thing and, if that succeeds, remembers it.
func (f *recFile) record(o op, do func() error) error {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	if err := do(); err != nil {
		return err
	}
	o.node = f.ino
	if o.kind == opTruncate {
		f.r.nodes[f.ino].size = o.off
	}
	f.r.ops = append(f.r.ops, o)
	return nil
}

func (f *recFile) Sync(label string) error {
	return f.record(op{kind: opSync, label: label}, func() error { return f.File.Sync(label) })
}

func (f *recFile) SyncFS(label string) error {
	return f.record(op{kind: opSyncFS, label: label}, func() error { return f.File.SyncFS(label) })
}

func (f *recFile) Truncate(label string, size int64) error {
	return f.record(op{kind: opTruncate, label: label, off: size}, func() error { return f.File.Truncate(label, size) })
}

func (f *recFile) Chmod(label string, mode os.FileMode) error {
	return f.record(op{kind: opChmod, label: label, perm: mode.Perm()}, func() error { return f.File.Chmod(label, mode) })
}

func (f *recFile) Clone(string, *os.File) error {
	return fmt.Errorf("clone %s: recorded files cannot: %w", f.Name(), errors.ErrUnsupported)
}
