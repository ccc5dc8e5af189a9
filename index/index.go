package index

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/klauspost/compress/zstd"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/index/journal"
)

var (
	// ErrLocked says that another process has the store open. The message names its pid and command line.
	ErrLocked = errors.New("store is in use")
	// ErrClock says that the clock is far behind an earlier commit's and writing is refused.
	ErrClock = errors.New("the clock is behind")
	// ErrConflict says that a label is taken.
	ErrConflict = errors.New("conflict")
	// ErrMissing says that a commit refers to a blob that is not in the store.
	ErrMissing = errors.New("blob is missing")
	// ErrCorrupt says that Badger returned something that was never put there; `index rebuild` mends it.
	ErrCorrupt = errors.New("index is corrupt")
	// ErrClosed says that the Index was closed.
	ErrClosed = errors.New("index is closed")
	// ErrDamaged says that a record of the journal is bad: the store can be read, not written. It is a *journal.DamageError.
	ErrDamaged = journal.ErrDamaged
)

// Head is a state of the store: a commit. The zero Head is the empty store before its first commit.
type Head struct {
	Seq   uint64      // event number, from 1
	Stamp int64       // seconds since 1970 UTC; strictly increasing from commit to commit
	Root  blob.Digest // root tree; zero: empty
}

// Row is one row of the log: one operation. Rows that were committed together have the same Seq and Stamp.
type Row struct {
	Seq     uint64 // set by the index
	Stamp   int64  // set by the index; seconds since 1970 UTC
	UID     uint32 // who asked, as the kernel says
	Command string // "tag add el9 zlib-1.3.1-4.el9"
	Note    string // "for the 9.5 release", may be empty
	Label   string // a name for the event, unique in the store, may be empty
}

// FileRow is an RPM blob as the mount shows it. It never changes.
type FileRow struct {
	Serial uint64      // from 1; its st_ino comes from it
	Digest blob.Digest // SHA-256 of the file
	Size   int64       // bytes
	Mtime  int64       // seconds since 1970 UTC
	Name   string      // file name under which it was first met, "zlib-1.3.1-4.fc42.x86_64.rpm"
}

// Options are how an Index is opened. The zero value of a field means its default.
type Options struct {
	FS          disk.FS                           // default disk.OS{}
	Now         func() time.Time                  // default time.Now
	AcceptClock bool                              // take the clock as it is, even behind an earlier commit's
	Command     string                            // command line that the lock shows; default os.Args
	HasBlob     func(blob.Digest) bool            // is this blob in the store? default: not asked
	Reparse     func(blob.Digest) ([]byte, error) // makes a package value that the index lost; default: iofs.ErrNotExist
	Report      func(format string, a ...any)     // told what opening had to repair, one line each; default: nobody

	NodeCache     int64         // bytes of tree nodes kept in memory; default 16 MiB
	JournalLimit  int64         // bytes at which a journal file is full; default 64 MiB
	closeWait     time.Duration // how long Close waits for Badger; default 1 min
	InMemoryIndex bool          // keep Badger in memory and touch nothing below index/: slow to open, values of 1 MiB at most; for tests and inspection

	boot string // tests: in place of the kernel's boot id
}

// Index is an open store's journal and index. All methods may be called from several goroutines.
type Index struct {
	root string
	o    Options
	lock *lock
	db   *badger.DB
	log  *journal.Journal
	boot string

	nodes *cache
	enc   *zstd.Encoder
	dec   *zstd.Decoder
	gate  gate

	calls chan *call
	quit  chan struct{}
	done  chan struct{}

	mu sync.RWMutex
	// mu guards what follows.
	pos    position // head and counters after the last acknowledged record
	late   *stage   // records that are durable but that Badger refused
	broken error    // why writing has ended though the journal is whole

	closing sync.Once
	closed  error // what Close returns

	applied func() error // tests: an error in place of Badger's
}

func (o *Options) fill() {
	if o.FS == nil {
		o.FS = disk.OS{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Command == "" {
		o.Command = commandLine()
	}
	if o.Report == nil {
		o.Report = func(string, ...any) {}
	}
	if o.Reparse == nil {
		o.Reparse = func(blob.Digest) ([]byte, error) { return nil, iofs.ErrNotExist }
	}
	if o.closeWait == 0 {
		o.closeWait = time.Minute
	}
	if o.NodeCache == 0 {
		o.NodeCache = 16 << 20
	}
}

const (
	markerName    = "vrepofs"
	markerContent = "vrepofs store 1\n"
)

// Create makes an empty store in the directory root, which is made if only its last component is missing. A store that is there
// already is iofs.ErrExist; one whose Create was interrupted is completed. When Create returns the store is durable.
func Create(root string, fs disk.FS) error {
	if err := create(root, fs); err != nil {
		return fmt.Errorf("create store %s: %w", root, err)
	}
	return nil
}

func create(root string, fs disk.FS) error {
	if err := checkMarker(root); err == nil {
		return iofs.ErrExist
	} else if !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if err := fs.Mkdir("index.create.mkdir", root, 0o755); err != nil && !errors.Is(err, iofs.ErrExist) {
		return err
	}
	if err := journal.Create(filepath.Join(root, "journal"), fs); err != nil {
		return err
	}
	tmp := filepath.Join(root, markerName+".new")
	f, err := fs.OpenFile("index.create.open", tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(markerContent))
	if err == nil {
		err = f.Sync("index.create.sync")
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = fs.SyncDir("index.create.syncdir", root) // journal/ must not be missing where the marker is
	}
	if err == nil {
		err = fs.Rename("index.create.rename", tmp, filepath.Join(root, markerName))
	}
	if err == nil {
		err = fs.SyncDir("index.create.syncdir2", root)
	}
	if err == nil {
		err = fs.SyncDir("index.create.syncparent", filepath.Dir(filepath.Clean(root)))
	}
	return err
}

// checkMarker returns nil if root holds a store of a format that this program reads.
func checkMarker(root string) error {
	b, err := os.ReadFile(filepath.Join(root, markerName))
	if errors.Is(err, iofs.ErrNotExist) {
		return fmt.Errorf("no store there (there is no file %q): %w", markerName, iofs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	if string(b) != markerContent {
		return fmt.Errorf("file %q says %.60q, want %q", markerName, b, markerContent)
	}
	return nil
}

// Head returns the last acknowledged commit.
func (x *Index) Head() Head {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.pos.head
}

// NextStamp returns the stamp that a commit would have now: it is above that of every commit so far, and at most that of the next
// one unless the clock is put back.
func (x *Index) NextStamp() int64 { return max(x.o.Now().Unix(), x.Head().Stamp+1) }

// Err returns why the store cannot be written; nil while all is well.
func (x *Index) Err() error {
	if err := x.log.Err(); err != nil {
		return err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.broken
}

// VerifyJournal reads the whole journal and checks every digest and the chain. A bad record ends writing, and the error is a
// *journal.DamageError. It may run beside everything else; it reads as fast as SHA-256 goes.
func (x *Index) VerifyJournal() error {
	if err := x.log.Err(); errors.Is(err, ErrDamaged) {
		return err
	}
	end := x.log.End()
	past := errors.New("past the end")
	got, err := journal.Scan(filepath.Join(x.root, "journal"), journal.Mark{}, func(_ *journal.Record, m journal.Mark) error {
		if end.Position.Before(m.Position) {
			return past
		}
		return nil
	})
	if errors.Is(err, past) {
		return nil
	}
	if err == nil && got.Before(end.Position) {
		err = &journal.DamageError{File: filepath.Join(x.root, "journal", fmt.Sprintf("%06d", got.File)), Offset: got.Offset,
			Reason: fmt.Errorf("no whole record; records up to %s were there before", end.Position)}
	}
	if errors.Is(err, ErrDamaged) {
		x.log.Damage(err)
	}
	return err
}

// Files yields all RPM blobs by serial.
func (x *Index) Files() iter.Seq2[FileRow, error] {
	return func(yield func(FileRow, error) bool) {
		for kv, err := range x.scan([]byte{keyFile}, []byte{keyFile}, false) {
			var f FileRow
			if err == nil {
				f, err = decodeFile(be64(kv.key[1:]), kv.value)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}
