package blob

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vrepofs/disk"
)

// How says in which way Place takes a file's bytes.
type How int

const (
	Copy     How = iota // the bytes are copied
	Reflink             // the blocks are shared where the file system can (FICLONE: Btrfs, XFS), else as Copy
	Hardlink            // "adopt": the store gets another link to the user's own file, whose mode and owner stay
)

// String returns the word for messages: "copy", "reflink" or "hardlink".
func (h How) String() string {
	switch h {
	case Copy:
		return "copy"
	case Reflink:
		return "reflink"
	case Hardlink:
		return "hardlink"
	}
	return fmt.Sprintf("How(%d)", int(h))
}

// ErrChanged is the kind of error for a file that was changed while it was being put.
var ErrChanged = errors.New("file changed while it was read")

// Place stores an open regular file that the caller has just hashed as d and found to be size bytes long. The bytes are not
// hashed again, unless the file was changed so lately that its times cannot tell (racyTime). A change of size, or
// any change during the call, is ErrChanged; see PlaceUnchanged for a change before the call. f stays the caller's, its offset
// may move.
//
// Hardlink links the file by the name it was opened with; the error is unix.EXDEV if it is on another file system.
func (l *Lease) Place(f *os.File, d Digest, size int64, how How) error {
	before, err := f.Stat()
	if err == nil && before.Size() != size {
		err = fmt.Errorf("%w: is %d bytes long, was %d", ErrChanged, before.Size(), size)
	}
	if err == nil {
		err = l.place(f, before, d, how)
	}
	if err != nil {
		return fmt.Errorf("put blob %s: %s %s: %w", d, how, f.Name(), err)
	}
	return nil
}

// PlaceUnchanged is Place for a caller that took before, by f.Stat(), before it hashed the file: any change since then is
// ErrChanged.
func (l *Lease) PlaceUnchanged(f *os.File, before os.FileInfo, d Digest, how How) error {
	if err := l.place(f, before, d, how); err != nil {
		return fmt.Errorf("put blob %s: %s %s: %w", d, how, f.Name(), err)
	}
	return nil
}

func (l *Lease) place(f *os.File, before os.FileInfo, d Digest, how How) error {
	if err := l.usable(); err != nil {
		return err
	}
	if !before.Mode().IsRegular() {
		return fmt.Errorf("not a regular file: %w", os.ErrInvalid)
	}
	if err := unchangedSince(f, before, false); err != nil {
		return err
	}
	if l.has(d, before.Size()) {
		return nil
	}
	if how == Hardlink {
		return l.adopt(f, before, d)
	}
	t, err := l.create()
	if err != nil {
		return err
	}
	if err := l.fill(t, f, before, d, how); err != nil {
		l.discard(t, t.Name())
		return err
	}
	return l.arrive(d, t.Name(), t, nil)
}

// fill makes t a copy of f.
func (l *Lease) fill(t disk.File, f *os.File, before os.FileInfo, d Digest, how How) error {
	cloned := false
	if how == Reflink && !l.noClone.Load() {
		err := t.Clone("blob.put.clone", f)
		switch {
		case err == nil:
			cloned = true
		case errors.Is(err, errors.ErrUnsupported):
			l.noClone.Store(!errors.Is(err, unix.EXDEV)) // the next file may lie on our file system
		default:
			return err
		}
	}
	if !cloned {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		// One byte more than it should have shows that it has grown. The length limits copy_file_range(2), too.
		n, err := copyBuffered(t, io.LimitReader(f, before.Size()+1))
		if err != nil {
			return err
		}
		if n != before.Size() {
			return fmt.Errorf("%w: %d bytes copied of %d", ErrChanged, n, before.Size())
		}
	}
	if err := unchangedSince(f, before, false); err != nil {
		return err
	}
	if racy(before) {
		return checkFile(t.Name(), d)
	}
	return nil
}

// adopt links f's file into the lease's directory.
func (l *Lease) adopt(f *os.File, before os.FileInfo, d Digest) error {
	temp := l.tempName()
	if err := l.s.fs.Link("blob.put.link", f.Name(), temp); err != nil {
		if errors.Is(err, unix.EXDEV) {
			return fmt.Errorf("adopting makes a hard link, and the file is not on the file system of the store: %w", err)
		}
		return err
	}
	var st unix.Stat_t
	err := unchangedSince(f, before, true)
	if err == nil {
		if err = unix.Lstat(temp, &st); err == nil && (st.Ino != inode(before) || st.Mtim.Nano() != before.ModTime().UnixNano()) {
			err = fmt.Errorf("%w: another file has its name now", ErrChanged)
		}
	}
	if err == nil && racy(before) {
		err = checkFile(temp, d)
	}
	if err != nil {
		l.discard(nil, temp)
		return err
	}
	linked := adoptionOf(st)
	// The user's bytes may not be durable yet: to sync them needs no permission to write them. One of many is synced by syncfs,
	// which saves opening it a second time, 8 system calls.
	if l.inBulk() {
		return l.arrive(d, temp, nil, &linked)
	}
	t, err := l.s.fs.OpenFile("blob.put.reopen", temp, os.O_RDONLY, 0)
	if err != nil {
		l.discard(nil, temp)
		return err
	}
	return l.arrive(d, temp, t, &linked)
}

// unchangedSince compares f's inode with what it was. Linking a file changes its ctime.
func unchangedSince(f *os.File, before os.FileInfo, linked bool) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) || !os.SameFile(now, before) ||
		!linked && ctime(now) != ctime(before) {
		return ErrChanged
	}
	return nil
}

func ctime(fi os.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Ctim.Nano()
	}
	return 0
}

func inode(fi os.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// racyTime is for how long after a change another one could leave the same times: file systems stamp with the clock of the
// last timer tick, at most 10 ms old (CONFIG_HZ=100); Git calls such files racily clean. Ten ticks, for clocks that are stepped.
const racyTime = 100 * time.Millisecond

func racy(fi os.FileInfo) bool {
	return racyAt(ctime(fi))
}

func racyAt(ns int64) bool {
	age := time.Since(time.Unix(0, ns))
	return age < racyTime && age > -time.Hour
}

// checkFile hashes the named file.
func checkFile(name string, d Digest) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	got, _, err := hashReader(f)
	if err == nil && got != d {
		err = fmt.Errorf("%w: its digest is %s now", ErrChanged, got)
	}
	return err
}

// buffers of 64 KiB each, one per goroutine that copies or hashes: bigger ones are not faster from the page cache.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// copyBuffered is io.Copy with a pooled buffer. Between two files of one file system the kernel copies (copy_file_range).
func copyBuffered(w io.Writer, r io.Reader) (int64, error) {
	b := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(b)
	if rf, ok := w.(io.ReaderFrom); ok {
		if lr, ok := r.(*io.LimitedReader); ok {
			if _, ok := lr.R.(*os.File); ok {
				return rf.ReadFrom(r)
			}
		}
	}
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, b[:])
}
