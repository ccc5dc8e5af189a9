package index

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"vrepofs/disk"
	"vrepofs/disk/disktest"
)

var ctx = context.Background()

// TestPowerLoss opens what power losses leave of stores: what was acknowledged is there with all its answers, what was not is
// wholly there or wholly absent, and the store goes on. Package journal's test of the same name has the numbers; here each state
// is held against the model.
func TestPowerLoss(t *testing.T) {
	const rounds, each = 4, 60
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 3))
		dir := disktest.Scratch(t)
		rec, err := disktest.NewRecorder(disk.OS{}, dir)
		if err != nil {
			t.Fatal(err)
		}
		root := filepath.Join(dir, "store")
		if err := Create(root, rec); err != nil {
			t.Fatal(err)
		}
		rec.Mark("created")
		o := Options{FS: rec, InMemoryIndex: true, JournalLimit: 5000}
		x := mustOpen(t, root, o)
		m := newModel()
		models := map[string]*model{}
		for i := range 25 {
			before := len(m.heads)
			if err := m.step(rng, x); err != nil {
				t.Fatal(err)
			}
			if len(m.heads) > before { // recordings before a commit are durable with it
				mark := fmt.Sprint("step", i)
				models[mark] = m.clone()
				rec.Mark(mark)
			}
			if rng.IntN(10) == 0 {
				x = reopen(t, x)
			}
		}
		last := m.clone()
		x.Close()
		err = rec.States(disktest.Scratch(t), rng, each, func(s disktest.State) error {
			root := filepath.Join(s.Dir, "store")
			if len(s.Marks) == 0 {
				// It goes through, completes what is there, or says that it is there.
				if err := Create(root, disk.OS{}); err != nil && !errors.Is(err, iofs.ErrExist) {
					return err
				}
				x, err := Open(root, Options{InMemoryIndex: true})
				if err != nil {
					return err
				}
				return x.Close()
			}
			want := newModel()
			if m, ok := models[s.Marks[len(s.Marks)-1]]; ok {
				want = m
			}
			x, err := Open(root, Options{InMemoryIndex: true})
			if err != nil {
				return err
			}
			defer x.Close()
			if x.Err() != nil {
				return x.Err()
			}
			// One commit at most was under way.
			h := x.Head()
			if n := uint64(len(want.heads)); h.Seq != n-1 && h.Seq != n {
				return fmt.Errorf("head is %d, acknowledged was %d", h.Seq, n-1)
			}
			if h != last.heads[h.Seq] {
				return fmt.Errorf("head is %+v, want %+v", h, last.heads[h.Seq])
			}
			// A memo may have a later value by now; the rest never changes.
			want.memos = nil
			if err := want.check(x); err != nil {
				return err
			}
			_, err = x.Commit(ctx, putOp("a", "1"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFaults fails every labelled operation of a store's life in turn. The error comes up; what was acknowledged is there when
// the store is opened again without the fault, and the store then goes on.
func TestFaults(t *testing.T) {
	// work returns what must be there: recordings after the last commit may go with a sync that fails.
	work := func(root string, fs disk.FS) (safe *model, err error) {
		m := newModel()
		keep := func() { safe = m.clone(); safe.memos = nil }
		keep()
		if err := Create(root, fs); err != nil {
			return safe, err
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for range 3 {
			x, err := Open(root, Options{FS: fs, JournalLimit: 3000})
			if err != nil {
				return safe, err
			}
			for range 5 {
				commits := len(m.heads)
				if err := m.step(rng, x); err != nil {
					if x.Err() == nil {
						err = errors.New("a step failed and the store can be written")
					}
					// What is there can be read.
					if e := m.check(x); e != nil {
						err = e
					}
					x.Close()
					return safe, err
				}
				if len(m.heads) > commits {
					keep()
				}
			}
			if err := x.Close(); err != nil {
				return safe, err
			}
			keep()
		}
		return safe, nil
	}
	learn := disktest.NewFail(disk.OS{})
	if _, err := work(filepath.Join(disktest.Scratch(t), "store"), learn); err != nil {
		t.Fatal(err)
	}
	counts := learn.Counts()
	t.Logf("labels: %v", counts)
	quiet := map[string]bool{"index.lock.truncate": true, "index.lock.open.close": true, "index.close.open.close": true, "journal.create.open.close": true}
	for _, label := range learn.Labels() {
		for i, nth := range []int{1, (counts[label] + 1) / 2, counts[label]} {
			for _, errno := range []error{syscall.ENOSPC, syscall.EIO}[i%2 : i%2+1] {
				root := filepath.Join(disktest.Scratch(t), "store")
				ff := disktest.NewFail(disk.OS{})
				ff.Break(label, nth, errno)
				m, err := work(root, ff)
				if !errors.Is(err, errno) && !(err == nil && quiet[label]) {
					t.Fatalf("%s, number %d: error is %v, want %v", label, nth, err, errno)
				}
				if err := Create(root, disk.OS{}); err != nil && !errors.Is(err, iofs.ErrExist) {
					t.Fatalf("%s, number %d: create again: %v", label, nth, err)
				}
				x, err := Open(root, Options{})
				if err != nil {
					t.Fatalf("%s, number %d: %v", label, nth, err)
				}
				if err := m.check(x); err != nil {
					t.Fatalf("%s, number %d, %v: %v", label, nth, errno, err)
				}
				put(t, x, "a", "1")
				sameAsRebuilt(t, x)
			}
		}
	}
}

// Many goroutines commit, record and read at once.
func TestConcurrent(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{JournalLimit: 50_000, NodeCache: 50_000})
	const workers, each = 12, 25
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				name, value := fmt.Sprintf("w%d-%d", w, i), fmt.Sprint(i)
				h, err := x.Commit(ctx, putOp(name, value), Op{Row: Row{Label: "L" + name}, Apply: func(tx *Tx) error {
					_, err := tx.AddFile(FileRow{Digest: sum(name), Name: "f.rpm"})
					return err
				}})
				if err != nil {
					t.Error(err)
					return
				}
				if v, err := x.View(h).Get("t", name); err != nil || string(v) != value {
					t.Errorf("%s is %q, %v", name, v, err)
				}
				if x.Head().Seq < h.Seq {
					t.Errorf("head is %v after commit %v", x.Head(), h)
				}
				if g, err := x.AtLabel("L" + name); err != nil || g != h {
					t.Errorf("label of %s is %v, %v, want %v", name, g, err, h)
				}
				if _, err := x.PlaceSerial(fmt.Sprint("place", i)); err != nil {
					t.Error(err)
				}
				if err := x.Record(Recording{Memos: []MemoRow{{sum(name), []byte(value)}}}); err != nil {
					t.Error(err)
				}
				if err := x.PutPackages([]PackageRow{{sum(name), []byte(name)}}); err != nil {
					t.Error(err)
				}
				for it, err := range x.View(x.Head()).List("t", name) {
					if err != nil || it.Name != name {
						t.Errorf("from %s is %s, %v", name, it.Name, err)
					}
					break
				}
			}
		})
	}
	wg.Wait()
	if h := x.Head(); h.Seq != workers*each {
		t.Errorf("head is %v", h)
	}
	var last Row
	n := 0
	for w, err := range x.Log(0, 1<<62) {
		if err != nil || w.Seq < last.Seq {
			t.Fatalf("%v after %v, %v", w, last, err)
		}
		last = w
		n++
	}
	if n != 2*workers*each {
		t.Errorf("the log has %d rows", n)
	}
	for i := range each {
		if k, err := x.PlaceKey(uint32(i + 1)); err != nil || k == "" {
			t.Errorf("place %d is %q, %v", i+1, k, err)
		}
	}
	sameAsRebuilt(t, x)
}

// Closing while others work: every call is answered, with ErrClosed or as before.
func TestCloseWhileBusy(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{})
	var wg sync.WaitGroup
	var mu sync.Mutex // guards acked
	var acked []uint64
	busy := make(chan struct{}, 1000)
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				h, err := x.Commit(ctx, putOp(fmt.Sprintf("w%d", w), fmt.Sprint(i)))
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				acked = append(acked, h.Seq)
				mu.Unlock()
				if _, err := x.View(h).Get("t", fmt.Sprintf("w%d", w)); err != nil && !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
				select {
				case busy <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 30 {
		<-busy
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	x = mustOpen(t, x.root, Options{})
	for _, seq := range acked {
		if seq > x.Head().Seq {
			t.Errorf("event %d is gone", seq)
		}
	}
}
