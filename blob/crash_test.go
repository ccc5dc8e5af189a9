package blob

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/disk"
	"vrepofs/disk/disktest"
)

// crashStates is how many trees each power-loss test reopens by default.
func crashStates() int {
	if os.Getenv("VREPOFS_LONG") != "" {
		return 10_000
	}
	return 600
}

// checkRecovered opens a store after a crash and fails unless every final name has right bytes, everything in acked is there,
// nothing is left of dead leases, and it can be written.
func checkRecovered(dir string, acked []Digest) error {
	s, err := Open(dir, disk.OS{})
	if err != nil {
		return err
	}
	if err := s.Recover(); err != nil {
		return err
	}
	if left, err := os.ReadDir(s.incoming()); err != nil || len(left) > 0 {
		return fmt.Errorf("left under incoming: %v, %v", left, err)
	}
	for d, err := range s.All() {
		if err != nil {
			return err
		}
		if err := s.Verify(context.Background(), d); err != nil {
			return fmt.Errorf("a final name with wrong bytes: %w", err)
		}
	}
	for _, d := range acked {
		in, err := s.Stat(d)
		if err != nil {
			return fmt.Errorf("acknowledged and lost: %w", err)
		}
		f, err := s.OpenSized(d, in.Size)
		if err != nil {
			return fmt.Errorf("acknowledged and lost: %w", err)
		}
		f.Close()
	}
	l, err := s.NewLease()
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := l.Write([]byte("after")); err != nil {
		return err
	}
	return l.Flush(context.Background())
}

func marked(t *testing.T, s disktest.State, prefix string) []Digest {
	t.Helper()
	var ds []Digest
	for _, m := range s.Marks {
		if h, ok := strings.CutPrefix(m, prefix); ok {
			d, err := Parse(h)
			if err != nil {
				t.Fatal(err)
			}
			ds = append(ds, d)
		}
	}
	return ds
}

// TestPowerLoss puts blobs in every way, in small flushes and in big ones, and loses power everywhere.
func TestPowerLoss(t *testing.T) {
	for _, tt := range []struct {
		name    string
		flushes []int // blobs of each flush
		how     How
	}{
		{"creation", []int{1}, Copy},
		{"fdatasync", []int{1, 3, syncEach}, Copy},
		{"syncfs", []int{syncEach + 1, 40}, Copy},
		{"adopted", []int{2, syncEach + 1}, Hardlink},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := t.TempDir()
			root := filepath.Join(base, "store")
			if err := os.Mkdir(root, 0o700); err != nil {
				t.Fatal(err)
			}
			states := crashStates()
			if tt.name == "creation" {
				states /= 6
			} else if _, err := Open(root, disk.OS{}); err != nil {
				t.Fatal(err)
			}
			rec, err := disktest.NewRecorder(disk.OS{}, root)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(root, rec)
			if err != nil {
				t.Fatal(err)
			}
			l, err := s.NewLease()
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, blobs := range tt.flushes {
				var ds []Digest
				for range blobs {
					n++
					c := fmt.Sprintf("blob %d of %s %s", n, tt.name, strings.Repeat("x", n*37%500))
					d := Sum([]byte(c))
					switch {
					case tt.how == Hardlink && n%4 != 0:
						err = l.Place(userFile(t, base, c), d, int64(len(c)), Hardlink)
					case n%2 == 0:
						_, err = l.Write([]byte(c))
					default:
						_, _, err = l.Copy(strings.NewReader(c))
					}
					if err != nil {
						t.Fatal(err)
					}
					ds = append(ds, d)
				}
				if err := l.Flush(context.Background()); err != nil {
					t.Fatal(err)
				}
				for _, d := range ds {
					rec.Mark("put " + d.String())
				}
			}
			if _, err := l.Write([]byte("never flushed")); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(7, uint64(len(tt.name))))
			err = rec.States(disktest.Scratch(t), rng, states, func(st disktest.State) error {
				return checkRecovered(st.Dir, marked(t, st, "put "))
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d operations, %d states", rec.Len(), states)
		})
	}
}

// TestPowerLossOfAnother: what a lease was told is there (Has) is as durable after its Flush as what it put.
func TestPowerLossOfAnother(t *testing.T) {
	root := t.TempDir()
	s, err := Open(root, disk.OS{})
	if err != nil {
		t.Fatal(err)
	}
	other := newLease(t, s)
	for _, n := range []int{1, syncEach + 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			// The names are there but were not synced by anybody: the recorder sees the renames only.
			rec, err := disktest.NewRecorder(disk.OS{}, root)
			if err != nil {
				t.Fatal(err)
			}
			rs, err := Open(root, rec)
			if err != nil {
				t.Fatal(err)
			}
			l := newLease(t, rs)
			var ds []Digest
			for i := range n {
				d, err := other.Write([]byte(fmt.Sprint(n, i)))
				if err != nil {
					t.Fatal(err)
				}
				ds = append(ds, d)
			}
			rec2, err := disktest.NewRecorder(disk.OS{}, root)
			if err != nil {
				t.Fatal(err)
			}
			_, order := other.batch()
			for _, d := range order {
				if err := rec2.Rename("other", other.pending[d].temp, rs.Path(d)); err != nil {
					t.Fatal(err)
				}
				delete(other.pending, d)
			}
			other.open = 0
			rs.fs, l.lock = rec2, syncThrough{l.lock, rec2, l.dir}
			for _, d := range ds {
				if !l.Has(d) {
					t.Fatal("not there")
				}
			}
			if err := l.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
			for _, d := range ds {
				rec2.Mark("has " + d.String())
			}
			rng := rand.New(rand.NewPCG(8, 8))
			if err := rec2.States(disktest.Scratch(t), rng, 100, func(st disktest.State) error {
				return checkRecovered(st.Dir, marked(t, st, "has "))
			}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// syncThrough is a lease's lock whose syncfs another recorder sees.
type syncThrough struct {
	disk.File
	fs  disk.FS
	dir string
}

func (f syncThrough) SyncFS(label string) error { return f.fs.SyncFS(label, f.dir) }

// TestFaults fails every labelled operation in turn, early and late, with a full disk and with an I/O error. Whatever
// was acknowledged stays, the error arrives, and once the disk is whole again a new lease works.
func TestFaults(t *testing.T) {
	type step struct{ ds []Digest }
	run := func(base string, d disk.FS, acked *[]Digest) error {
		root := filepath.Join(base, "store")
		os.Mkdir(root, 0o700)
		s, err := Open(root, d)
		if err != nil {
			return err
		}
		l, err := s.NewLease()
		if err != nil {
			return err
		}
		defer l.Close()
		put := func(names ...string) error {
			var st step
			for i, c := range names {
				d := Sum([]byte(c))
				switch i % 4 {
				case 0:
					_, err = l.Write([]byte(c))
				case 1:
					_, _, err = l.Copy(strings.NewReader(c))
				case 2:
					err = l.Place(userFile(t, base, c), d, int64(len(c)), Hardlink)
				case 3:
					err = l.Place(userFile(t, base, c), d, int64(len(c)), Reflink)
				}
				if err != nil {
					return err
				}
				st.ds = append(st.ds, d)
			}
			if err := l.Flush(context.Background()); err != nil {
				return err
			}
			*acked = append(*acked, st.ds...)
			return nil
		}
		if err := put("a0", "a1", "a2", "a3"); err != nil {
			return err
		}
		// A bad blob comes back, by a hard link, and an adopted one is put again as a copy.
		bad, gone := Sum([]byte("a0")), Sum([]byte("a2"))
		if err := os.Remove(s.Path(bad)); err != nil {
			return err
		}
		*acked = (*acked)[1:]
		if err := os.WriteFile(s.Path(bad), []byte("xx"), 0o444); err != nil {
			return err
		}
		if err := s.Verify(context.Background(), bad); !errors.Is(err, ErrCorrupt) {
			return fmt.Errorf("verify of a bad blob: %w", err)
		}
		if f, err := s.Open(bad); !errors.Is(err, ErrCorrupt) {
			f.Close()
			return fmt.Errorf("open of a bad blob: %w", err)
		}
		os.Remove(s.Path(bad)) // if it could not be set aside
		if err := os.Remove(s.Path(gone)); err != nil {
			return err
		}
		*acked = []Digest{(*acked)[0], (*acked)[2]}
		if err := put("a2", "x", "a0"); err != nil {
			return err
		}
		var many []string
		for i := range 2 * syncEach {
			many = append(many, fmt.Sprintf("many %d", i))
		}
		return put(many...)
	}
	ff := disktest.NewFail(disk.OS{})
	var acked []Digest
	scratch := disktest.Scratch(t)
	base := t.TempDir()
	if err := run(base, ff, &acked); err != nil {
		t.Fatal(err)
	}
	if err := checkRecovered(filepath.Join(base, "store"), acked); err != nil {
		t.Fatal(err)
	}
	counts := ff.Counts()
	t.Logf("%d labels: %v", len(counts), ff.Labels())
	// An error here is told to nobody, for nothing is lost by it.
	silent := map[string]bool{
		"blob.lease.rmdir": true, "blob.lease.remove": true, "blob.put.remove": true, "blob.lease.open.close": true,
		"blob.put.create.close": true, "blob.put.reopen.close": true, "blob.adopted.open.close": true,
		"blob.bad.mkdir": true, "blob.bad.rename": true, // joined to ErrCorrupt, which run expects
	}
	for label, count := range counts {
		for i, nth := range slices.Compact([]int{1, (count + 1) / 2, count}) {
			for _, no := range []error{errNoSpace, errIO}[i%2:] {
				t.Run(fmt.Sprintf("%s/%d/%v", label, nth, no), func(t *testing.T) {
					base, err := os.MkdirTemp(scratch, "")
					if err != nil {
						t.Fatal(err)
					}
					var acked []Digest
					ff := disktest.NewFail(disk.OS{})
					ff.Break(label, nth, no)
					err = run(base, ff, &acked)
					if ff.Hits() != 1 {
						t.Fatalf("hit %d times", ff.Hits())
					}
					if !errors.Is(err, no) && !silent[label] {
						t.Errorf("the error was lost: got %v", err)
					}
					if err := checkRecovered(filepath.Join(base, "store"), acked); err != nil {
						t.Error(err)
					}
					if err := os.RemoveAll(base); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// TestSyncErrorEndsLease: after a failed sync the lease writes no more, and says why, though the disk is whole again.
func TestSyncErrorEndsLease(t *testing.T) {
	for label, blobs := range map[string]int{
		"blob.flush.sync": 1, "blob.flush.syncfs": syncEach + 1, "blob.flush.syncdir": 1, "blob.flush.syncfs.names": 4 * syncEach,
	} {
		t.Run(label, func(t *testing.T) {
			ff := disktest.NewFail(disk.OS{})
			s, err := Open(t.TempDir(), ff)
			if err != nil {
				t.Fatal(err)
			}
			l := newLease(t, s)
			for i := range blobs {
				if _, err := l.Write([]byte(fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			ff.Break(label, 1, errIO)
			for range 2 {
				if err := l.Flush(context.Background()); !errors.Is(err, errIO) {
					t.Fatalf("flush: %v", err)
				}
			}
			if _, err := l.Write([]byte("more")); !errors.Is(err, errIO) {
				t.Errorf("write: %v", err)
			}
			if _, _, err := l.Copy(strings.NewReader("more")); !errors.Is(err, errIO) {
				t.Errorf("copy: %v", err)
			}
			if n := ff.Counts()[label]; n != 1 {
				t.Errorf("%d syncs, want 1: none is tried again", n)
			}
			put(t, s, "0", "1") // by another lease
		})
	}
}

// TestFullDiskThenSpace: a full disk does not end the lease.
func TestFullDiskThenSpace(t *testing.T) {
	ff := disktest.NewFail(disk.OS{})
	s, err := Open(t.TempDir(), ff)
	if err != nil {
		t.Fatal(err)
	}
	l := newLease(t, s)
	ff.Break("blob.put.create.write", 1, errNoSpace)
	if _, err := l.Write([]byte("hello")); !errors.Is(err, errNoSpace) {
		t.Fatal(err)
	}
	d, err := l.Write([]byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	ff.Break("blob.flush.rename", 1, errNoSpace)
	if err := l.Flush(context.Background()); !errors.Is(err, errNoSpace) {
		t.Fatal(err)
	}
	if err := l.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, d); got != "hello" {
		t.Errorf("got %q", got)
	}
}
