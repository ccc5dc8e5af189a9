package blob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	iofs "io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"vrepofs/disk"
)

// adoption is what is remembered of a file that was hard-linked into the store: while all of it is unchanged, so are the
// bytes. (Since Linux 6.13 ctime and mtime have fine grain once somebody has looked at them, fs/inode.c: inode_set_ctime_current;
// before, two changes within one clock tick of 1 to 10 ms could look like one.) The zero adoption takes an adoption back.
type adoption struct {
	size  int64  // bytes
	mtime int64  // nanoseconds since 1970 UTC
	ctime int64  // nanoseconds since 1970 UTC, after the link was made (which changes it)
	ino   uint64 // st_ino
}

func adoptionOf(st unix.Stat_t) adoption {
	return adoption{size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(), ino: st.Ino}
}

// A row of adopted/table, little endian; rows are only ever appended and the last one of a digest counts:
//
//	 0  "vra1"   magic and version
//	 4  [32]     digest
//	36  int64    size, bytes
//	44  int64    mtime, ns
//	52  int64    ctime, ns
//	60  uint64   inode
//	68  uint32   CRC-32C of bytes 0 to 67
//
// A row whose checksum fails was never acknowledged (a torn append) and is skipped.
const (
	rowSize  = 72
	rowMagic = "vra1"
)

type adoptionRow struct {
	Digest
	adoption
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (r adoptionRow) append(b []byte) []byte {
	at := len(b)
	b = append(b, rowMagic...)
	b = append(b, r.Digest[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.size))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.mtime))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.ctime))
	b = binary.LittleEndian.AppendUint64(b, r.ino)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli))
}

// parseRow reads a row of exactly rowSize bytes; ok is false for anything but a whole row.
func parseRow(b []byte) (r adoptionRow, ok bool) {
	if len(b) != rowSize || string(b[:4]) != rowMagic || crc32.Checksum(b[:68], castagnoli) != binary.LittleEndian.Uint32(b[68:]) {
		return adoptionRow{}, false
	}
	copy(r.Digest[:], b[4:])
	r.size = int64(binary.LittleEndian.Uint64(b[36:]))
	r.mtime = int64(binary.LittleEndian.Uint64(b[44:]))
	r.ctime = int64(binary.LittleEndian.Uint64(b[52:]))
	r.ino = binary.LittleEndian.Uint64(b[60:])
	return r, true
}

// adoptions is the table in the file, with an index of about 20 bytes per digest in memory: the row itself is read from
// the file when it is asked for. Rows that other processes append are noticed at every look.
type adoptions struct {
	dir string
	fs  disk.FS

	mu sync.RWMutex
	// mu guards everything below.
	f     *os.File          // for reading; nil while there is no table
	rows  uint32            // how many rows of the file are indexed
	first map[uint64]uint32 // first 8 bytes of a digest → its last row
	other map[Digest]uint32 // digests whose first 8 bytes are another's in first
	named bool              // the names adopted/ and adopted/table are durable
}

func newAdoptions(dir string, fs disk.FS) *adoptions {
	return &adoptions{dir: dir, fs: fs, first: map[uint64]uint32{}, other: map[Digest]uint32{}}
}

func (a *adoptions) path() string { return filepath.Join(a.dir, "table") }

// get returns what was last recorded of d, by whichever process.
func (a *adoptions) get(d Digest) (adoption, bool, error) {
	if err := a.refresh(); err != nil {
		return adoption{}, false, err
	}
	return a.known(d)
}

// refresh indexes the rows that the file has gained.
func (a *adoptions) refresh() error {
	a.mu.RLock()
	stale, err := a.staleLocked()
	a.mu.RUnlock()
	if err != nil || !stale {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.loadLocked()
}

// known is get as of the last refresh: it does not look at the file.
func (a *adoptions) known(d Digest) (adoption, bool, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	row, ok, err := a.findLocked(d)
	return row.adoption, ok && row.adoption != adoption{}, err
}

// staleLocked reports whether the file has rows that are not indexed: one stat.
func (a *adoptions) staleLocked() (bool, error) {
	if a.f == nil {
		_, err := os.Lstat(a.path())
		if errors.Is(err, iofs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(a.f.Fd()), &st); err != nil {
		return false, fmt.Errorf("stat %s: %w", a.path(), err)
	}
	return st.Size/rowSize > int64(a.rows), nil
}

func (a *adoptions) findLocked(d Digest) (adoptionRow, bool, error) {
	n, ok := a.other[d]
	if !ok {
		n, ok = a.first[binary.LittleEndian.Uint64(d[:])]
	}
	if !ok {
		return adoptionRow{}, false, nil
	}
	row, err := a.rowLocked(n)
	if errors.Is(err, ErrCorrupt) {
		return adoptionRow{d, adoption{size: -1}}, true, nil // agrees with no file: hash it again
	}
	return row, err == nil && row.Digest == d, err
}

func (a *adoptions) rowLocked(n uint32) (adoptionRow, error) {
	var b [rowSize]byte
	if _, err := a.f.ReadAt(b[:], int64(n)*rowSize); err != nil {
		return adoptionRow{}, fmt.Errorf("read adoption: %w", err)
	}
	row, ok := parseRow(b[:])
	if !ok {
		return adoptionRow{}, fmt.Errorf("read adoption: %s: row %d has gone bad: %w", a.path(), n, ErrCorrupt)
	}
	return row, nil
}

// loadLocked indexes the rows that the file has gained; it needs mu for writing.
func (a *adoptions) loadLocked() error {
	if a.f == nil {
		f, err := os.Open(a.path())
		if err != nil {
			return fmt.Errorf("read adoptions: %w", err)
		}
		a.f = f // closed with the Store by the garbage collector, as every os.File
	}
	buf := make([]byte, rowSize*512)
	for {
		n, err := a.f.ReadAt(buf, int64(a.rows)*rowSize)
		whole := n / rowSize
		for i := range whole {
			if row, ok := parseRow(buf[i*rowSize : (i+1)*rowSize]); ok {
				if err := a.indexLocked(row.Digest, a.rows); err != nil {
					return err
				}
			}
			a.rows++
		}
		if whole == 0 || err != nil {
			return nil // the end, perhaps with a part of a row
		}
	}
}

func (a *adoptions) indexLocked(d Digest, n uint32) error {
	if _, ok := a.other[d]; ok {
		a.other[d] = n
		return nil
	}
	key := binary.LittleEndian.Uint64(d[:])
	if old, ok := a.first[key]; ok {
		row, err := a.rowLocked(old)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			return err
		}
		if err == nil && row.Digest != d { // such a pair takes work to make, but only 2^32 hashes
			a.other[d] = n
			return nil
		}
	}
	a.first[key] = n
	return nil
}

// add appends rows and makes them durable. The writers of all processes take turns by a lock on the file.
func (a *adoptions) add(rows []adoptionRow) (err error) {
	if len(rows) == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.fs.Mkdir("blob.adopted.mkdir", a.dir, 0o755); err != nil && !errors.Is(err, iofs.ErrExist) {
		return fmt.Errorf("record adoptions: %w", err)
	}
	f, err := a.fs.OpenFile("blob.adopted.open", a.path(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("record adoptions: %w", err)
	}
	defer f.Close() // unlocks
	if err := flock(f.Fd(), unix.LOCK_EX); err != nil {
		return fmt.Errorf("record adoptions: lock %s: %w", a.path(), err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("record adoptions: stat %s: %w", a.path(), err)
	}
	b := make([]byte, 0, (len(rows)+1)*rowSize)
	if torn := st.Size % rowSize; torn != 0 { // a writer died in the middle: fill its row up with zeros
		b = append(b, make([]byte, rowSize-torn)...)
	}
	for _, r := range rows {
		b = r.append(b)
	}
	if _, err := f.Write(b); err != nil {
		return fmt.Errorf("record adoptions: %w", err)
	}
	if err := f.Sync("blob.adopted.sync"); err != nil {
		return fmt.Errorf("record adoptions: %w", errSync{err})
	}
	if !a.named {
		for _, dir := range []string{a.dir, filepath.Dir(a.dir)} {
			if err := a.fs.SyncDir("blob.adopted.syncdir", dir); err != nil {
				return fmt.Errorf("record adoptions: %w", errSync{err})
			}
		}
		a.named = true
	}
	return a.loadLocked()
}

// errSync marks an error of a sync, after which a lease writes no more.
type errSync struct{ error }

func (e errSync) Unwrap() error { return e.error }

// flock locks an open file, whatever signals arrive.
func flock(fd uintptr, how int) error {
	for {
		err := unix.Flock(int(fd), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
