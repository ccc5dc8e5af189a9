package index

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/disk/disktest"
)

// newStore makes an empty store and returns its directory.
func newStore(t testing.TB) string {
	t.Helper()
	root := filepath.Join(disktest.Scratch(t), "store")
	if err := Create(root, disk.OS{}); err != nil {
		t.Fatal(err)
	}
	return root
}

// mustOpen opens a store and closes it when the test ends.
func mustOpen(t testing.TB, root string, o Options) *Index {
	t.Helper()
	x, err := Open(root, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// reopen closes an index and opens its store again.
func reopen(t testing.TB, x *Index) *Index {
	t.Helper()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, x.root, x.o)
}

// mustCommit commits operations that must not fail.
func mustCommit(t testing.TB, x *Index, ops ...Op) Head {
	t.Helper()
	h, err := x.Commit(context.Background(), ops...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// put commits one name of table "t".
func put(t testing.TB, x *Index, name, value string) Head {
	t.Helper()
	return mustCommit(t, x, putOp(name, value))
}

func putOp(name, value string) Op {
	return Op{Row: Row{Command: "put " + name}, Apply: func(tx *Tx) error {
		tx.Put("t", name, []byte(value))
		return nil
	}}
}

// addFile commits one RPM blob and returns its row.
func addFile(t testing.TB, x *Index, f FileRow) (got FileRow) {
	t.Helper()
	mustCommit(t, x, Op{Row: Row{Command: "add " + f.Name}, Apply: func(tx *Tx) (err error) {
		got, err = tx.AddFile(f)
		return err
	}})
	return got
}

func sum(s string) blob.Digest { return blob.Sum([]byte(s)) }

// dump returns every row of the index that comes from the journal. It fails if a key is in no row of the schema.
func dump(t testing.TB, x *Index) map[string]string {
	t.Helper()
	rows, err := tryDump(x)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func tryDump(x *Index) (map[string]string, error) {
	rows := map[string]string{}
	known := map[byte]keyType{}
	for _, k := range schema() {
		known[k.prefix] = k
	}
	for kv, err := range x.scan(nil, nil, false) {
		if err != nil {
			return nil, err
		}
		k, ok := known[kv.key[0]]
		if !ok {
			return nil, fmt.Errorf("key %q is not in the schema", kv.key)
		}
		if !k.derived {
			rows[fmt.Sprintf("%s %q", k.name, kv.key[1:])] = fmt.Sprintf("%.200q, %d bytes", kv.value, len(kv.value))
		}
	}
	return rows, nil
}

// sameAsRebuilt compares an open index with one that is made in memory from a copy of its journal.
func sameAsRebuilt(t testing.TB, x *Index) {
	t.Helper()
	want := dump(t, x)
	root := x.root
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	y := mustOpen(t, root, Options{InMemoryIndex: true})
	defer y.Close()
	if diff := cmp.Diff(want, dump(t, y)); diff != "" {
		t.Fatalf("rows after a rebuild (-before +after):\n%s", diff)
	}
}

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now int64
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Unix(c.now, 0)
}

func (c *clock) set(sec int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = sec
}

// together holds the committer, queues one Commit per call behind it and lets go. It returns their answers in order. Ops are
// queued in the order of calls.
func together(t testing.TB, x *Index, calls ...[]Op) ([]Head, []error) {
	t.Helper()
	var wg sync.WaitGroup
	free, held := make(chan struct{}), make(chan struct{})
	wg.Go(func() {
		x.Commit(context.Background(), Op{Apply: func(*Tx) error {
			close(held)
			<-free
			return errors.New("only holding")
		}})
	})
	<-held
	heads, errs := make([]Head, len(calls)), make([]error, len(calls))
	for i, ops := range calls {
		wg.Go(func() { heads[i], errs[i] = x.Commit(context.Background(), ops...) })
		for len(x.calls) <= i {
			time.Sleep(10 * time.Microsecond) // no event tells that a call waits
		}
	}
	close(free)
	wg.Wait()
	return heads, errs
}
