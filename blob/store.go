package blob

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/singleflight"
	"golang.org/x/sys/unix"

	"vrepofs/disk"
)

// ErrCorrupt is the kind of error for a blob whose bytes are not those its digest promises, or whose size is not the
// expected one.
var ErrCorrupt = errors.New("blob is corrupt")

// CorruptError says what is wrong with a blob. errors.Is finds ErrCorrupt in it.
type CorruptError struct {
	Digest Digest // what the blob should hash to
	Got    Digest // what it hashes to; zero when it was not hashed now
	Reason string // "is 5 bytes long, want 7"; used when Got is zero
}

func (e *CorruptError) Error() string {
	if e.Got.IsZero() {
		return fmt.Sprintf("blob %s is corrupt: %s", e.Digest, e.Reason)
	}
	return fmt.Sprintf("blob %s is corrupt: its bytes have the digest %s", e.Digest, e.Got)
}

// Is makes errors.Is(e, ErrCorrupt) true.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// Store is the blobs of one store directory. It holds no open files but, once something was adopted, the table of adoptions.
// It needs no closing.
type Store struct {
	root    string
	fs      disk.FS
	adopted *adoptions
	rehash  singleflight.Group // by digest: one hashing of a changed adopted file at a time

	mu sync.Mutex
	// mu guards bad: blobs found bad that could not be moved away (a read-only disk), so that they are not served again.
	bad map[Digest]bool
}

// Info is what Stat knows of a blob.
type Info struct {
	Digest  Digest
	Size    int64 // bytes
	Adopted bool  // a hard link to a file of the user's
}

// Open opens the blobs under root, which must exist, and makes what is missing of blobs/ and incoming/. It does not touch
// leftovers of dead leases; Recover does.
func Open(root string, d disk.FS) (*Store, error) {
	s := &Store{root: root, fs: d, adopted: newAdoptions(filepath.Join(root, "adopted"), d), bad: map[Digest]bool{}}
	if err := s.create(); err != nil {
		return nil, fmt.Errorf("open blobs of %s: %w", root, err)
	}
	return s, nil
}

// create makes the directories. incoming/ comes last, after all others are durable: where it exists nothing is left to do.
// Only blobs/bad, which nobody relies on, is made where it is needed.
func (s *Store) create() error {
	if _, err := os.Stat(s.incoming()); !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	mkdir := func(name string) error {
		if err := s.fs.Mkdir("blob.create.mkdir", name, 0o755); err != nil && !errors.Is(err, iofs.ErrExist) {
			return err
		}
		return nil
	}
	if err := mkdir(s.blobs()); err != nil {
		return err
	}
	for i := range 256 {
		if err := mkdir(s.shard(byte(i))); err != nil {
			return err
		}
	}
	for _, dir := range []string{s.blobs(), s.root} {
		if err := s.fs.SyncDir("blob.create.syncdir", dir); err != nil {
			return err
		}
	}
	return mkdir(s.incoming())
}

func (s *Store) blobs() string           { return filepath.Join(s.root, "blobs") }
func (s *Store) incoming() string        { return filepath.Join(s.root, "incoming") }
func (s *Store) badDir() string          { return filepath.Join(s.root, "blobs", "bad") }
func (s *Store) badPath(d Digest) string { return filepath.Join(s.badDir(), d.String()) }
func (s *Store) shard(b byte) string     { return filepath.Join(s.blobs(), fmt.Sprintf("%02x", b)) }

// Path returns the name of the file that holds d, whether it exists or not. It does no I/O. Reading it without Open skips
// the checks.
func (s *Store) Path(d Digest) string {
	h := d.String()
	return s.root + "/blobs/" + h[:2] + "/" + h[2:]
}

// Open opens a blob for reading. The error is iofs.ErrNotExist for an unknown blob and ErrCorrupt for one that was set
// aside. Opening an adopted blob whose file has changed in any way hashes it all, which takes time, and sets it aside if its
// bytes are others now.
func (s *Store) Open(d Digest) (*os.File, error) {
	return s.OpenSized(d, -1)
}

// OpenSized is Open for a caller that knows the blob's size in bytes: another size is ErrCorrupt. The blob is not set aside
// for it, since it may be the caller who is wrong. A negative size is not checked.
func (s *Store) OpenSized(d Digest, size int64) (*os.File, error) {
	var verified adoption
	for range 4 {
		f, st, err := s.open(d)
		if err != nil {
			return nil, err
		}
		if size >= 0 && st.Size != size {
			f.Close()
			return nil, &CorruptError{Digest: d, Reason: fmt.Sprintf("is %d bytes long, want %d", st.Size, size)}
		}
		ok, err := s.unchanged(d, st)
		if err == nil && (ok || verified == adoptionOf(st)) {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("open blob %s: %w", d, err)
		}
		if verified, err = s.recheck(d); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("open blob %s: its adopted file keeps changing: %w", d, unix.EBUSY)
}

// open opens the file of d without looking at its content.
func (s *Store) open(d Digest) (*os.File, unix.Stat_t, error) {
	var st unix.Stat_t
	if s.isBad(d) {
		return nil, st, &CorruptError{Digest: d, Reason: "it was set aside"}
	}
	f, err := openRegular(s.Path(d))
	if err != nil {
		return nil, st, s.missing(d, err)
	}
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, st, fmt.Errorf("open blob %s: fstat: %w", d, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.Close()
		return nil, st, &CorruptError{Digest: d, Reason: "is not a regular file"}
	}
	return f, st, nil
}

// openRegular is os.Open for a name that no symbolic link is followed from. os.Open would try to wait for the file's readiness, which a
// regular file does not have, and File.Fd take that back: five system calls more for each.
func openRegular(name string) (*os.File, error) {
	for {
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case !errors.Is(err, unix.EINTR):
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// missing turns the error of a look at d's file into what Open and Stat say.
func (s *Store) missing(d Digest, err error) error {
	if errors.Is(err, iofs.ErrNotExist) {
		if _, bad := os.Lstat(s.badPath(d)); bad == nil {
			return &CorruptError{Digest: d, Reason: "it was set aside as " + s.badPath(d)}
		}
	}
	return fmt.Errorf("open blob %s: %w", d, err)
}

// unchanged reports whether a file that the store did not write is as it was recorded. True for all others.
func (s *Store) unchanged(d Digest, st unix.Stat_t) (bool, error) {
	row, known, err := s.adopted.get(d)
	if err != nil {
		return false, err
	}
	if known {
		return row == adoptionOf(st), nil
	}
	return st.Nlink <= 1, nil
}

// Stat looks at a blob without reading it. Errors are those of Open, except that a change of an adopted file is not looked for.
func (s *Store) Stat(d Digest) (Info, error) {
	if s.isBad(d) {
		return Info{}, &CorruptError{Digest: d, Reason: "it was set aside"}
	}
	var st unix.Stat_t
	if err := unix.Lstat(s.Path(d), &st); err != nil {
		return Info{}, s.missing(d, &os.PathError{Op: "lstat", Path: s.Path(d), Err: err})
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return Info{}, &CorruptError{Digest: d, Reason: "is not a regular file"}
	}
	_, known, err := s.adopted.get(d)
	if err != nil {
		return Info{}, fmt.Errorf("stat blob %s: %w", d, err)
	}
	return Info{Digest: d, Size: st.Size, Adopted: known || st.Nlink > 1}, nil
}

// Has reports whether d is in the store. It looks at the disk, not at the content, except that an adopted file which has
// changed is hashed. It says nothing of durability: a lease's Has does.
func (s *Store) Has(d Digest) bool { return s.has(d, -1) }

// has is Has for a blob that must be size bytes long, if size is not negative.
func (s *Store) has(d Digest, size int64) bool {
	var st unix.Stat_t
	if s.isBad(d) || unix.Lstat(s.Path(d), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || size >= 0 && st.Size != size {
		return false
	}
	ok, err := s.unchanged(d, st)
	if err == nil && !ok {
		var now adoption
		now, err = s.recheck(d)
		ok = now == adoptionOf(st)
	}
	return ok && err == nil
}

// All lists the digests of all blobs in ascending order. A name that is no blob's, or a directory that cannot be read, is
// yielded as an error with the zero Digest; the listing goes on. Blobs that were set aside are not listed.
func (s *Store) All() iter.Seq2[Digest, error] {
	return func(yield func(Digest, error) bool) {
		for i := range 256 {
			dir := s.shard(byte(i))
			names, err := os.ReadDir(dir) // sorted
			if err != nil && !yield(Digest{}, fmt.Errorf("list blobs: %w", err)) {
				return
			}
			for _, e := range names {
				d, err := Parse(fmt.Sprintf("%02x", i) + e.Name())
				if err != nil || !e.Type().IsRegular() {
					d, err = Digest{}, fmt.Errorf("list blobs: %s is not a blob: %w", filepath.Join(dir, e.Name()), iofs.ErrInvalid)
				}
				if !yield(d, err) {
					return
				}
			}
		}
	}
}

func (s *Store) isBad(d Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad[d]
}

func (s *Store) setBad(d Digest, bad bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if bad {
		s.bad[d] = true
	} else {
		delete(s.bad, d)
	}
}
