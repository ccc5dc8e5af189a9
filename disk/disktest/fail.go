package disktest

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"

	"vrepofs/disk"
)

// Fail is a disk.FS that can be told to fail. Besides the labels that callers give there is, for each label of an
// OpenFile, one for the writes to that file (label + ".write") and one for its closing (label + ".close"). It is safe
// for concurrent use.
type Fail struct {
	base disk.FS

	mu sync.Mutex
	// mu guards everything below.
	seen   map[string]int
	breaks map[string]*fault
	hits   int
}

type fault struct {
	left int // occurrences until it fails
	err  error
	stay bool
}

var _ disk.FS = (*Fail)(nil)

// NewFail returns an FS that does as base does until Break is called.
func NewFail(base disk.FS) *Fail {
	return &Fail{base: base, seen: map[string]int{}, breaks: map[string]*fault{}}
}

// Break makes the nth operation from now (1 is the next) that carries the label fail with err, once. A write that fails
// first writes half of its bytes, as a disk does that becomes full. A failing Close closes; everything else is not done.
func (f *Fail) Break(label string, nth int, err error) { f.set(label, nth, err, false) }

// BreakAll is Break for the nth and every later operation.
func (f *Fail) BreakAll(label string, nth int, err error) { f.set(label, nth, err, true) }

func (f *Fail) set(label string, nth int, err error, stay bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.breaks[label] = &fault{left: nth, err: err, stay: stay}
}

// Repair takes back every Break.
func (f *Fail) Repair() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.breaks)
}

// Labels returns the labels seen so far, sorted.
func (f *Fail) Labels() []string { return slices.Sorted(maps.Keys(f.Counts())) }

// Counts returns how often each label was seen.
func (f *Fail) Counts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.seen)
}

// Hits returns how many operations have been made to fail.
func (f *Fail) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// check counts an operation and returns the error it shall fail with.
func (f *Fail) check(label string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[label]++
	b := f.breaks[label]
	if b == nil {
		return nil
	}
	if b.left--; b.left > 0 {
		return nil
	}
	if !b.stay {
		delete(f.breaks, label)
	}
	f.hits++
	return b.err
}

func (f *Fail) path(label, op, name string, do func() error) error {
	if err := f.check(label); err != nil {
		return &os.PathError{Op: op, Path: name, Err: err}
	}
	return do()
}

// OpenFile opens a file whose operations can fail, too.
func (f *Fail) OpenFile(label, name string, flag int, perm os.FileMode) (disk.File, error) {
	if err := f.check(label); err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	file, err := f.base.OpenFile(label, name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &failFile{File: file, f: f, label: label}, nil
}

// Mkdir makes a directory.
func (f *Fail) Mkdir(label, name string, perm os.FileMode) error {
	return f.path(label, "mkdir", name, func() error { return f.base.Mkdir(label, name, perm) })
}

// Rename moves old over new.
func (f *Fail) Rename(label, old, new string) error {
	if err := f.check(label); err != nil {
		return &os.LinkError{Op: "rename", Old: old, New: new, Err: err}
	}
	return f.base.Rename(label, old, new)
}

// Link makes new a hard link to old.
func (f *Fail) Link(label, old, new string) error {
	if err := f.check(label); err != nil {
		return &os.LinkError{Op: "link", Old: old, New: new, Err: err}
	}
	return f.base.Link(label, old, new)
}

// Remove removes a file or an empty directory.
func (f *Fail) Remove(label, name string) error {
	return f.path(label, "remove", name, func() error { return f.base.Remove(label, name) })
}

// SyncDir makes names durable.
func (f *Fail) SyncDir(label, name string) error {
	return f.path(label, "fsync", name, func() error { return f.base.SyncDir(label, name) })
}

// SyncFS makes a file system durable.
func (f *Fail) SyncFS(label, name string) error {
	return f.path(label, "syncfs", name, func() error { return f.base.SyncFS(label, name) })
}

type failFile struct {
	disk.File
	f     *Fail
	label string
}

var _ disk.File = (*failFile)(nil)

func (f *failFile) Write(b []byte) (int, error) {
	err := f.f.check(f.label + ".write")
	if err == nil {
		return f.File.Write(b)
	}
	n := 0
	if len(b) > 1 {
		n, _ = f.File.Write(b[:len(b)/2])
	}
	return n, &os.PathError{Op: "write", Path: f.Name(), Err: err}
}

// ReadFrom goes through Write when a write is to fail, and else to the base, so that counting does not change which system
// calls are used.
func (f *failFile) ReadFrom(r io.Reader) (int64, error) {
	if rf, ok := f.File.(io.ReaderFrom); ok {
		f.f.mu.Lock()
		_, broken := f.f.breaks[f.label+".write"]
		f.f.mu.Unlock()
		if !broken {
			if err := f.f.check(f.label + ".write"); err != nil {
				return 0, &os.PathError{Op: "write", Path: f.Name(), Err: err}
			}
			return rf.ReadFrom(r)
		}
	}
	return io.Copy(struct{ io.Writer }{f}, r)
}

func (f *failFile) Close() error {
	err := f.f.check(f.label + ".close")
	if cerr := f.File.Close(); err == nil {
		return cerr
	}
	return &os.PathError{Op: "close", Path: f.Name(), Err: err}
}

func (f *failFile) op(label, op string, do func() error) error {
	return f.f.path(label, op, f.Name(), do)
}

func (f *failFile) Sync(label string) error {
	return f.op(label, "fdatasync", func() error { return f.File.Sync(label) })
}

func (f *failFile) SyncFS(label string) error {
	return f.op(label, "syncfs", func() error { return f.File.SyncFS(label) })
}

func (f *failFile) Truncate(label string, size int64) error {
	return f.op(label, "truncate", func() error { return f.File.Truncate(label, size) })
}

func (f *failFile) Chmod(label string, mode os.FileMode) error {
	return f.op(label, "chmod", func() error { return f.File.Chmod(label, mode) })
}

func (f *failFile) Clone(label string, src *os.File) error {
	if err := f.f.check(label); err != nil {
		return fmt.Errorf("clone %s: %w", f.Name(), err)
	}
	return f.File.Clone(label, src)
}
