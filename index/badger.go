package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// badgerOptions are the settings that LIMITS §4 measured as "smallvlogz": values above 1 KiB in the value log, so that
// compaction does not rewrite them, and small caches. Memtables and tables are smaller than there: all levels have tables of
// 2 MiB. A builder allocates twice the table's size ahead (table/builder.go, NewTableBuilder) and many build at once; with 8 MiB
// doubling per level the builders alone had 271 MiB at 150,000 packages with their rows (heap profile of TestMillionPackages).
//
// SyncWrites is off: Badger holds nothing that the journal does not, see the package comment about power loss.
func badgerOptions(dir string, inMemory bool) badger.Options {
	o := badger.DefaultOptions(dir).
		WithMemTableSize(8 << 20).
		WithNumMemtables(2).
		WithBlockCacheSize(16 << 20).
		WithIndexCacheSize(16 << 20).
		WithNumCompactors(2).
		WithBaseTableSize(2 << 20).
		WithValueThreshold(1024).
		WithValueLogFileSize(256 << 20).
		WithMetricsEnabled(false).
		WithDetectConflicts(false). // one goroutine writes what must not conflict
		WithNumVersionsToKeep(1).
		WithSyncWrites(false).
		WithLogger(nil)
	o.TableSizeMultiplier = 1
	if inMemory {
		o = o.WithDir("").WithValueDir("").WithInMemory(true).WithValueThreshold(1 << 20) // longest value then
	}
	return o
}

// openBadger opens the database. Badger panics on some kinds of damage; that is an error like others here.
func openBadger(dir string, inMemory bool) (db *badger.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("open index: %v", p)
		}
	}()
	return badger.Open(badgerOptions(dir, inMemory))
}

// stateFile says whether the files beside it can be trusted: three lines, "vrepofs index 1", "boot ID", "open" or "clean".
const stateFile = "state"

func stateText(boot, word string) string {
	return fmt.Sprintf("vrepofs index %d\nboot %s\n%s\n", schemaVersion, boot, word)
}

// bootID names this run of the machine; empty where the kernel does not tell (proc(5), /proc/sys/kernel/random/boot_id).
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// trusted reports whether Badger's files are as a process left them: closed in order, or left by a killed process under this
// same boot, whose writes the page cache still has. The reason is for people.
func (x *Index) trusted() (bool, string) {
	b, err := os.ReadFile(filepath.Join(x.indexDir(), stateFile))
	tries, _ := os.ReadFile(filepath.Join(x.indexDir(), tryFile))
	switch s := string(b); {
	case len(tries) >= maxTries:
		return false, "opening it has ended the process before"
	case errors.Is(err, iofs.ErrNotExist):
		return false, "there is none"
	case err != nil:
		return false, err.Error()
	case strings.HasPrefix(s, fmt.Sprintf("vrepofs index %d\n", schemaVersion)) && strings.HasSuffix(s, "\nclean\n"):
		return true, ""
	case s == stateText(x.boot, "open") && x.boot != "":
		return true, ""
	case !strings.HasPrefix(s, fmt.Sprintf("vrepofs index %d\n", schemaVersion)):
		return false, "it is of another version"
	}
	return false, "the machine stopped while it was open"
}

// tryFile counts the attempts at opening Badger that did not come to an end. On some kinds of damage Badger 4.9.6 panics in a
// goroutine of its own (table/table.go, initBiggestAndSmallest), which nobody can catch: the process dies. After maxTries such
// deaths in a row the index is not trusted. One may be a user's Ctrl-C.
const (
	tryFile  = "try"
	maxTries = 2
)

// guarded opens Badger between raising and removing the count of attempts. A process that dies leaves its writes in the page cache,
// so nothing is synced here.
func (x *Index) guarded() (*badger.DB, error) {
	name := filepath.Join(x.indexDir(), tryFile)
	f, err := x.o.FS.OpenFile("index.try.open", name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	_, err = f.Write([]byte("x"))
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	db, err := openBadger(x.indexDir(), false)
	if err != nil && !environmental(err) {
		// Another goroutine of Badger's may still panic over what this error is about: until all is dropped it counts.
		return nil, err
	}
	if e := x.o.FS.Remove("index.try.remove", name); err == nil && e != nil {
		_ = db.Close()
		return nil, e
	}
	return db, err
}

// mark writes the state file durably.
func (x *Index) mark(word string) error {
	want := stateText(x.boot, word)
	name := filepath.Join(x.indexDir(), stateFile)
	if b, err := os.ReadFile(name); err == nil && string(b) == want {
		return nil
	}
	f, err := x.o.FS.OpenFile("index.state.open", name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(want))
	if err == nil {
		err = f.Sync("index.state.sync")
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = x.o.FS.Rename("index.state.rename", name+".new", name)
	}
	if err == nil {
		err = x.o.FS.SyncDir("index.state.syncdir", x.indexDir())
	}
	return err
}

func (x *Index) indexDir() string { return filepath.Join(x.root, "index") }

// drop removes everything below index/.
func (x *Index) drop() error {
	entries, err := os.ReadDir(x.indexDir())
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// The state file goes first: what is left without it is trusted by nobody.
	for _, name := range append([]string{stateFile}, names(entries)...) {
		err := x.o.FS.Remove("index.drop.remove", filepath.Join(x.indexDir(), name))
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func names(entries []os.DirEntry) []string {
	var s []string
	for _, e := range entries {
		s = append(s, e.Name())
	}
	return s
}

// openDB opens Badger, anew and empty if what is there cannot be used, and reads the position.
func (x *Index) openDB() (position, error) {
	if x.o.InMemoryIndex {
		db, err := openBadger("", true)
		x.db = db
		return start(), err
	}
	ok, why := x.trusted()
	if ok {
		pos, err := x.tryDB()
		if err == nil || environmental(err) {
			return pos, err
		}
		why = err.Error()
	}
	return x.freshDB(why)
}

// environmental reports whether an error comes from the system (no space, no permission, too many files, a disk that fails) and
// not from what the files hold. Building the index anew would not help then.
func environmental(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && errno != syscall.ENOENT
}

// freshDB drops the index and opens an empty one.
func (x *Index) freshDB(why string) (position, error) {
	if x.db != nil {
		_ = x.db.Close()
		x.db = nil
	}
	if entries, _ := os.ReadDir(x.indexDir()); len(entries) > 0 {
		x.o.Report("index: built anew from the journal: %s", why)
	}
	if err := x.drop(); err != nil {
		return position{}, err
	}
	if err := x.o.FS.Mkdir("index.open.mkdir", x.indexDir(), 0o755); err != nil && !errors.Is(err, iofs.ErrExist) {
		return position{}, err
	}
	return x.tryDB()
}

// tryDB opens Badger with what is there.
func (x *Index) tryDB() (position, error) {
	if err := x.mark("open"); err != nil {
		return position{}, err
	}
	db, err := x.guarded()
	if err != nil {
		return position{}, err
	}
	x.db = db
	b, err := x.get(keyS(keyMeta, "position"))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return start(), nil
	}
	if err == nil {
		var pos position
		if pos, err = decodePosition(b); err == nil {
			return pos, nil
		}
	}
	_ = db.Close()
	x.db = nil
	return position{}, err
}

// closeDB closes Badger and, if all went well, says durably that its files are whole.
func (x *Index) closeDB() error {
	if x.db == nil {
		return nil
	}
	err := closeWithin(x.db, x.o.closeWait)
	x.db = nil
	if err != nil || x.o.InMemoryIndex {
		return err
	}
	entries, err := os.ReadDir(x.indexDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		f, err := x.o.FS.OpenFile("index.close.open", filepath.Join(x.indexDir(), e.Name()), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		err = f.Sync("index.close.sync")
		f.Close()
		if err != nil {
			return err
		}
	}
	return x.mark("clean")
}

// closeWithin closes Badger, which tries again for ever to flush a table that it cannot write (db.go, flushMemtable): a full or a
// vanished disk must not keep the process from ending. What is not flushed is as a killed process leaves it.
func closeWithin(db *badger.DB, wait time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- db.Close() }()
	select {
	case err := <-done:
		return err
	case <-time.After(wait):
		return fmt.Errorf("index: not closed within %v; the next opening repairs it", wait)
	}
}

// get returns a copy of the value of one key, or badger.ErrKeyNotFound.
func (x *Index) get(key []byte) (value []byte, err error) {
	if err := x.gate.enter(); err != nil {
		return nil, err
	}
	defer x.gate.exit()
	err = x.db.View(func(txn *badger.Txn) error {
		it, err := txn.Get(key)
		if err != nil {
			return err
		}
		value, err = it.ValueCopy(nil)
		return err
	})
	return value, err
}

// has reports whether a key is there.
func (x *Index) has(key []byte) (bool, error) {
	if err := x.gate.enter(); err != nil {
		return false, err
	}
	defer x.gate.exit()
	err := x.db.View(func(txn *badger.Txn) error {
		_, err := txn.Get(key)
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	return err == nil, err
}

// kv is a row of Badger.
type kv struct{ key, value []byte }

// scan yields the rows whose keys begin with prefix, from the first that is not below from (backward: not above), as they were
// when it began. from begins with prefix too. The slices hold until the next step.
func (x *Index) scan(prefix, from []byte, backward bool) iter.Seq2[kv, error] {
	return func(yield func(kv, error) bool) {
		if err := x.gate.enter(); err != nil {
			yield(kv{}, err)
			return
		}
		defer x.gate.exit()
		txn := x.db.NewTransaction(false)
		defer txn.Discard()
		o := badger.DefaultIteratorOptions
		o.Prefix, o.Reverse, o.PrefetchSize = prefix, backward, 16
		it := txn.NewIterator(o)
		defer it.Close()
		var value []byte
		for it.Seek(from); it.Valid() && bytes.HasPrefix(it.Item().Key(), prefix); it.Next() {
			var err error
			if value, err = it.Item().ValueCopy(value); err != nil {
				yield(kv{}, fmt.Errorf("index: %w", err))
				return
			}
			if !yield(kv{it.Item().Key(), value}, nil) {
				return
			}
		}
	}
}

func be64(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// gate lets users of the database in until it is closed, and makes closing wait for them.
type gate struct {
	mu     sync.Mutex
	cond   *sync.Cond
	users  int
	closed bool
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	g.users++
	return nil
}

func (g *gate) exit() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users--; g.users == 0 && g.cond != nil {
		g.cond.Broadcast()
	}
}

// close refuses new users and waits for those inside. It reports whether it was open.
func (g *gate) close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.closed = true
	g.cond = sync.NewCond(&g.mu)
	for g.users > 0 {
		g.cond.Wait()
	}
	return true
}
