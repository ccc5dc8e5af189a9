package blob

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"vrepofs/disk"
)

// Lease is a writer's claim on the store: what it has put, or has been told is there (Has), is not swept away while the lease
// lives. Blobs become visible and durable with Flush. A Lease is safe for concurrent use; Close only after all other calls.
type Lease struct {
	s       *Store
	dir     string    // incoming/LEASE
	lock    disk.File // dir, open and flocked: the sign of life; syncfs goes through it
	temps   atomic.Uint64
	noClone atomic.Bool // FICLONE was found not to work here

	flush sync.Mutex // held by Flush and Close

	mu sync.Mutex
	// mu guards everything below.
	pending map[Digest]*arrival
	open    int       // how many pending have an open file
	bulk    bool      // more than syncEach arrived since the last Flush: files are closed at once
	dirs    [256]bool // directories of blobs/ that hold something that may not be durable
	err     error     // a sync failed: the end of all writing
	closed  bool
}

// arrival is a blob on its way in.
type arrival struct {
	temp    string
	file    disk.File // open for a later Sync; nil when syncfs will do it, or when it was done
	synced  bool
	renamed bool
	linked  *adoption // a hard link to a file of the user's, as it was once the link was made; nil for our own file
}

// NewLease makes a lease. Close it.
func (s *Store) NewLease() (*Lease, error) {
	for range 100 {
		l, err := s.newLease()
		if err != nil {
			return nil, fmt.Errorf("lease: %w", err)
		}
		if l != nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("lease: %s keeps being cleaned away: %w", s.incoming(), unix.EBUSY)
}

// newLease returns nil without an error if a Recover took the directory for a dead one before it was locked.
func (s *Store) newLease() (*Lease, error) {
	var id [8]byte
	rand.Read(id[:])
	dir := filepath.Join(s.incoming(), fmt.Sprintf("%d-%x", os.Getpid(), id))
	if err := s.fs.Mkdir("blob.lease.mkdir", dir, 0o700); err != nil {
		return nil, err
	}
	f, err := s.fs.OpenFile("blob.lease.open", dir, os.O_RDONLY, 0)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		s.fs.Remove("blob.lease.rmdir", dir)
		return nil, err
	}
	if flock(f.Fd(), unix.LOCK_EX|unix.LOCK_NB) != nil || !samePath(f, dir) {
		return nil, f.Close()
	}
	return &Lease{s: s, dir: dir, lock: f, pending: map[Digest]*arrival{}}, nil
}

// samePath reports whether name still is the file that f has open.
func samePath(f disk.File, name string) bool {
	var a, b unix.Stat_t
	return unix.Fstat(int(f.Fd()), &a) == nil && unix.Lstat(name, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// Recover drops what dead owners of leases have left under incoming/: after an unclean stop, or a power loss, none of it
// was acknowledged. Living leases of this and other processes are left alone.
func (s *Store) Recover() error {
	names, err := os.ReadDir(s.incoming())
	if err != nil {
		return fmt.Errorf("recover leases: %w", err)
	}
	for _, e := range names {
		if err := s.drop(filepath.Join(s.incoming(), e.Name()), e.IsDir()); err != nil {
			return fmt.Errorf("recover leases: %w", err)
		}
	}
	return nil
}

func (s *Store) drop(name string, dir bool) error {
	gone := func(err error) error {
		if errors.Is(err, iofs.ErrNotExist) {
			return nil
		}
		return err
	}
	if !dir {
		return gone(s.fs.Remove("blob.recover.remove", name))
	}
	f, err := os.Open(name)
	if err != nil {
		return gone(err)
	}
	defer f.Close()
	if err := flock(f.Fd(), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil // its owner lives
	}
	files, err := f.Readdirnames(-1)
	if err != nil {
		return gone(err)
	}
	for _, n := range files {
		if err := gone(s.fs.Remove("blob.recover.remove", filepath.Join(name, n))); err != nil {
			return err
		}
	}
	return gone(s.fs.Remove("blob.recover.rmdir", name))
}

// Has reports whether d is in the store or in this lease. A blob of the store is looked for on the disk, and the next Flush
// makes its name durable, since whoever put it may not have come to that yet.
func (l *Lease) Has(d Digest) bool { return l.has(d, -1) }

func (l *Lease) has(d Digest, size int64) bool {
	l.mu.Lock()
	_, pending := l.pending[d]
	l.mu.Unlock()
	if pending {
		return true
	}
	if !l.s.has(d, size) {
		return false
	}
	l.mu.Lock()
	l.dirs[d[0]] = true
	l.mu.Unlock()
	return true
}

// usable returns the error that ended writing, if any.
func (l *Lease) usable() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("lease %s: %w", filepath.Base(l.dir), iofs.ErrClosed)
	}
	return l.err
}

// Copy stores what r yields and returns its digest and its size in bytes. The bytes are hashed on the way.
func (l *Lease) Copy(r io.Reader) (Digest, int64, error) {
	d, n, err := l.copy(r)
	if err != nil {
		return Digest{}, 0, fmt.Errorf("put blob: %w", err)
	}
	return d, n, nil
}

func (l *Lease) copy(r io.Reader) (Digest, int64, error) {
	f, err := l.create()
	if err != nil {
		return Digest{}, 0, err
	}
	h := sha256.New()
	n, err := copyBuffered(io.MultiWriter(h, f), r)
	d := Digest(h.Sum(nil))
	if err != nil {
		l.discard(f, f.Name())
		return Digest{}, 0, err
	}
	if l.has(d, n) {
		l.discard(f, f.Name())
		return d, n, nil
	}
	return d, n, l.arrive(d, f.Name(), f, nil)
}

// Write stores b, which stays the caller's. A blob that is already there costs no writing.
func (l *Lease) Write(b []byte) (Digest, error) {
	d := Sum(b)
	if err := l.usable(); err != nil {
		return Digest{}, fmt.Errorf("put blob %s: %w", d, err)
	}
	if l.has(d, int64(len(b))) {
		return d, nil
	}
	f, err := l.create()
	if err == nil {
		if _, err = f.Write(b); err != nil {
			l.discard(f, f.Name())
		} else {
			err = l.arrive(d, f.Name(), f, nil)
		}
	}
	if err != nil {
		return Digest{}, fmt.Errorf("put blob %s: %w", d, err)
	}
	return d, nil
}

// Open opens a blob that was put through the lease, flushed or not, or that the store has. The bytes are not checked in any
// way: it is for reading back what the caller has just written.
func (l *Lease) Open(d Digest) (*os.File, error) {
	l.mu.Lock()
	a := l.pending[d]
	l.mu.Unlock()
	if a != nil {
		if f, err := os.Open(a.temp); !errors.Is(err, iofs.ErrNotExist) {
			return f, err
		} // else a Flush has just renamed it
	}
	return os.Open(l.s.Path(d))
}

// Append appends the bytes of a blob of size bytes, which Open would open, to dst. ErrCorrupt when it has another size; nothing else is
// checked.
func (l *Lease) Append(dst []byte, d Digest, size int64) ([]byte, error) {
	dst, err := l.appendBlob(dst, d, size)
	if err != nil {
		return dst, fmt.Errorf("read blob %s: %w", d.Short(), err)
	}
	return dst, nil
}

// appendBlob is Append. It reads without an os.File, which would cost as much again.
func (l *Lease) appendBlob(dst []byte, d Digest, size int64) ([]byte, error) {
	f := -1
	l.mu.Lock()
	a := l.pending[d]
	l.mu.Unlock()
	open := func(name string) error {
		for {
			var err error
			if f, err = unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != unix.EINTR {
				return err
			}
		}
	}
	err := error(unix.ENOENT)
	if a != nil {
		err = open(a.temp)
	}
	if err == unix.ENOENT { // or a Flush has just renamed it
		err = open(l.s.Path(d))
	}
	if err != nil {
		return dst, err
	}
	defer unix.Close(f)
	start := len(dst)
	for {
		// One byte more is asked for, so that a blob that is too long is found out without another call.
		dst = slices.Grow(dst, int(min(max(size-int64(len(dst)-start), 0), 1<<20))+1)
		n, err := unix.Read(f, dst[len(dst):cap(dst)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return dst, err
		}
		dst = dst[:len(dst)+n]
		switch got := int64(len(dst) - start); {
		case n == 0 && got == size:
			return dst, nil
		case n == 0 || got > size:
			return dst, fmt.Errorf("%d bytes, want %d: %w", got, size, ErrCorrupt)
		}
	}
}

// create makes an empty file in the lease's directory.
func (l *Lease) create() (disk.File, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	if err := disk.CheckRoom(l.dir, 1); err != nil {
		return nil, err
	}
	f, err := l.s.fs.OpenFile("blob.put.create", l.tempName(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod("blob.put.chmod", 0o444); err != nil { // whatever the umask
		l.discard(f, f.Name())
		return nil, err
	}
	return f, nil
}

func (l *Lease) tempName() string {
	return l.dir + "/" + strconv.FormatUint(l.temps.Add(1), 10)
}

// discard removes a file of the lease's directory; f may be nil.
func (l *Lease) discard(f disk.File, name string) {
	if f != nil {
		f.Close()
	}
	l.s.fs.Remove("blob.put.remove", name) // what stays is dropped by Close or Recover
}

// inBulk reports whether files that arrive now are closed at once.
func (l *Lease) inBulk() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bulk
}

// arrive makes the whole file temp the one that will be blob d. It takes over f, which is temp open, also when it fails. A nil f
// leaves the sync to syncfs.
func (l *Lease) arrive(d Digest, temp string, f disk.File, linked *adoption) error {
	a := &arrival{temp: temp, file: f, linked: linked}
	var done []disk.File
	l.mu.Lock()
	if _, ok := l.pending[d]; ok { // another goroutine was faster
		l.mu.Unlock()
		l.discard(f, a.temp)
		return nil
	}
	l.pending[d] = a
	if f == nil {
		l.mu.Unlock()
		return nil
	}
	l.open++
	if l.open > syncEach && !l.bulk {
		l.bulk = true
		for _, p := range l.pending {
			if p != a && p.file != nil {
				done = append(done, p.file)
				p.file = nil
			}
		}
		l.open = 1
	}
	if l.bulk {
		done = append(done, f)
		a.file = nil
		l.open--
	}
	l.mu.Unlock()
	var err error
	for _, f := range done {
		err = errors.Join(err, f.Close())
	}
	return err
}

// Close drops what was not flushed and ends the lease. Calling it again does nothing.
func (l *Lease) Close() error {
	l.flush.Lock()
	defer l.flush.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	for _, a := range l.pending {
		if a.file != nil {
			a.file.Close()
		}
	}
	l.pending = nil
	// By listing, not by what is pending: a failed removal may have left more.
	names, err := os.ReadDir(l.dir)
	for _, e := range names {
		err = errors.Join(err, l.s.fs.Remove("blob.lease.remove", filepath.Join(l.dir, e.Name())))
	}
	err = errors.Join(err, l.s.fs.Remove("blob.lease.rmdir", l.dir), l.lock.Close())
	if err != nil {
		return fmt.Errorf("close lease %s: %w", filepath.Base(l.dir), err)
	}
	return nil
}
