package index

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vrepofs/blob"
	"vrepofs/index/journal"
)

// fill makes one of everything and returns the heads of its commits.
func fill(t testing.TB, x *Index) (heads []Head) {
	t.Helper()
	for i := range 5 {
		heads = append(heads, put(t, x, fmt.Sprint("n", i), fmt.Sprint(i)))
		addFile(t, x, FileRow{Digest: sum(fmt.Sprint("file", i)), Size: int64(i), Name: "f.rpm"})
		heads = append(heads, x.Head())
		heads = append(heads, mustCommit(t, x, Op{Row: Row{UID: 7, Command: "label", Note: "a note", Label: fmt.Sprint("L", i)}}))
		if _, err := x.PlaceSerial(fmt.Sprint("place/", i)); err != nil {
			t.Fatal(err)
		}
		node := fmt.Appendf(nil, "node %d", i)
		err := x.Record(Recording{
			Memos: []MemoRow{{sum(fmt.Sprint("recipe", i)), fmt.Append(nil, i)}},
			Nodes: []NodeRow{{blob.Sum(node), node}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := x.PutPackages([]PackageRow{{sum("file0"), []byte("package 0")}}); err != nil {
		t.Fatal(err)
	}
	if err := x.PutMemo(1, sum("m"), []byte("memo")); err != nil {
		t.Fatal(err)
	}
	return heads
}

// mayReparse makes package values that say so.
func mayReparse(d blob.Digest) ([]byte, error) {
	if d == sum("file4") {
		return nil, fmt.Errorf("blob %s: %w", d.Short(), iofs.ErrNotExist)
	}
	return append([]byte("again "), d[:4]...), nil
}

// TestRebuildReasons opens a store whose index cannot be used, for each reason: everything from the journal is as before.
func TestRebuildReasons(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(t *testing.T, index string)
		says string // in what is reported; "" if nothing is rebuilt
	}{
		{"nothing", func(*testing.T, string) {}, ""},
		{"no index", func(t *testing.T, dir string) { remove(t, dir) }, "-"},
		{"no state file", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, stateFile)) }, "there is none"},
		{"another boot while open", func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, stateFile), stateText("another", "open"))
		}, "the machine stopped"},
		{"another boot after closing", func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, stateFile), stateText("another", "clean"))
		}, ""},
		{"killed under this boot", func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, stateFile), stateText(bootID(), "open"))
		}, ""},
		{"another version", func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, stateFile), "vrepofs index 99\nboot x\nclean\n")
		}, "another version"},
		{"empty state file", func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, stateFile), "") }, "another version"},
		{"bad manifest", func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, "MANIFEST"), "rubbish") }, "anifest"},
		{"no tables", func(t *testing.T, dir string) {
			tables, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
			if len(tables) == 0 {
				t.Fatal("there are none anyway")
			}
			for _, f := range tables {
				remove(t, f)
			}
		}, "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := newStore(t)
			x := mustOpen(t, root, Options{})
			fill(t, x)
			head, want := x.Head(), dump(t, x)
			x.Close()
			c.harm(t, filepath.Join(root, "index"))
			var said string
			x = mustOpen(t, root, Options{Reparse: mayReparse, Report: func(f string, args ...any) { said += fmt.Sprintf(f, args...) + "\n" }})
			rebuilt := c.says != ""
			if got := said != ""; got != (rebuilt && c.says != "-") || c.says != "-" && !strings.Contains(said, c.says) {
				t.Errorf("reported %q, want %q", said, c.says)
			}
			if x.Head() != head || x.Err() != nil {
				t.Errorf("head is %v, was %v; %v", x.Head(), head, x.Err())
			}
			if diff := cmp.Diff(want, dump(t, x)); diff != "" {
				t.Errorf("rows (-before +after):\n%s", diff)
			}
			if _, ok := x.Memo(1, sum("m")); ok == rebuilt {
				t.Errorf("volatile memo is there: %v", ok)
			}
			wantP := "package 0"
			if rebuilt {
				d := sum("file0")
				wantP = "again " + string(d[:4])
			}
			for range 2 {
				if p, err := x.Package(sum("file0")); err != nil || string(p) != wantP {
					t.Errorf("package is %q, %v, want %q", p, err, wantP)
				}
			}
			put(t, x, "more", "x")
			sameAsRebuilt(t, x)
		})
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRebuild(t *testing.T) {
	root := newStore(t)
	x := mustOpen(t, root, Options{})
	fill(t, x)
	if err := Rebuild(root, Options{}, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("rebuild of a store in use: %v", err)
	}
	head, want := x.Head(), dump(t, x)
	x.Close()
	if err := Rebuild(root, Options{}, mayReparse); err != nil {
		t.Fatal(err)
	}
	x = mustOpen(t, root, Options{})
	if x.Head() != head {
		t.Errorf("head is %v, was %v", x.Head(), head)
	}
	if diff := cmp.Diff(want, dump(t, x)); diff != "" {
		t.Errorf("rows (-before +after):\n%s", diff)
	}
	n := 0
	for p, err := range x.Packages(blob.Digest{}) {
		if err != nil || !strings.HasPrefix(string(p.Value), "again ") {
			t.Errorf("package %v: %q, %v", p.Digest, p.Value, err)
		}
		n++
	}
	if n != 4 {
		t.Errorf("%d packages, want those of 4 blobs", n)
	}
	x.Close()
	own := errors.New("own")
	if err := Rebuild(root, Options{}, func(blob.Digest) ([]byte, error) { return nil, own }); !errors.Is(err, own) {
		t.Errorf("got %v", err)
	}
	x = mustOpen(t, root, Options{})
	if x.Head() != head {
		t.Errorf("head is %v, was %v", x.Head(), head)
	}
}

// Somebody put an older copy of the journal back: the index follows it.
func TestJournalReplacedByAnOlderOne(t *testing.T) {
	root := newStore(t)
	x := mustOpen(t, root, Options{})
	h := put(t, x, "a", "1")
	name := filepath.Join(root, "journal", "000001")
	older, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	put(t, x, "a", "2")
	x.Close()
	overwrite(t, name, string(older))
	x = mustOpen(t, root, Options{})
	if x.Head() != h || x.Err() != nil {
		t.Errorf("head is %v, want %v; %v", x.Head(), h, x.Err())
	}
	if _, err := x.At(2); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("event 2: %v", err)
	}
	put(t, x, "b", "3")
	sameAsRebuilt(t, x)
}

// A journal that lost or changed bytes that the index has seen is damaged: everything can be read, nothing written.
func TestDamagedJournal(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(b []byte) []byte
		late bool // Open does not see it, VerifyJournal does
	}{
		{"last record torn", func(b []byte) []byte { return b[:len(b)-3] }, false},
		{"last record flipped", func(b []byte) []byte { b[len(b)-40] ^= 1; return b }, false},
		{"zeros at the end", func(b []byte) []byte { clear(b[len(b)-300:]); return b }, false},
		{"early record flipped", func(b []byte) []byte { b[200] ^= 1; return b }, true},
		{"header flipped", func(b []byte) []byte { b[9] ^= 1; return b }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := newStore(t)
			x := mustOpen(t, root, Options{})
			fill(t, x)
			head := put(t, x, "a", "1")
			x.Close()
			name := filepath.Join(root, "journal", "000001")
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			b = c.harm(b)
			overwrite(t, name, string(b))

			x = mustOpen(t, root, Options{})
			if c.late {
				if x.Err() != nil {
					t.Fatalf("open: %v", x.Err())
				}
			}
			if err := x.VerifyJournal(); !errors.Is(err, ErrDamaged) {
				t.Errorf("verify: %v", err)
			}
			var de *journal.DamageError
			if _, err := x.Commit(context.Background(), putOp("a", "2")); !errors.As(err, &de) || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "000001 at offset") {
				t.Errorf("commit: %v", err)
			}
			if _, err := x.PlaceSerial("new"); !errors.Is(err, ErrDamaged) {
				t.Errorf("place: %v", err)
			}
			if err := x.Record(Recording{Memos: []MemoRow{{}}}); !errors.Is(err, ErrDamaged) {
				t.Errorf("record: %v", err)
			}
			if x.Head() != head {
				t.Errorf("head is %v, want %v", x.Head(), head)
			}
			if v, err := x.View(x.Head()).Get("t", "a"); err != nil || string(v) != "1" {
				t.Errorf("a is %q, %v", v, err)
			}
			if n, err := x.PlaceSerial("place/0"); err != nil || n != 1 {
				t.Errorf("known place is %d, %v", n, err)
			}
			x.Close()
			if got, _ := os.ReadFile(name); string(got) != string(b) {
				t.Error("the journal was changed")
			}
			// Without the index what comes before the bad record can be read.
			x = mustOpen(t, root, Options{InMemoryIndex: true})
			if c.late && !errors.Is(x.Err(), ErrDamaged) {
				t.Errorf("rebuilt: %v", x.Err())
			}
			if x.Head().Seq >= head.Seq {
				t.Errorf("rebuilt: head is %v", x.Head())
			}
			x.Close()
		})
	}
}

func TestVerifyJournalOfAWholeOne(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{JournalLimit: 1000})
	fill(t, x)
	done := make(chan error)
	go func() { done <- x.VerifyJournal() }()
	for i := range 20 {
		put(t, x, "a", fmt.Sprint(i))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := x.VerifyJournal(); err != nil {
		t.Error(err)
	}
}

// Once the record is durable the operation is done, whatever Badger says.
func TestBadgerRefuses(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{})
	put(t, x, "a", "1")
	x.applied = func() error { return errors.New("no space left on device") }
	var f FileRow
	h := mustCommit(t, x, Op{Row: Row{Command: "put", Label: "L"}, Apply: func(tx *Tx) (err error) {
		tx.Put("t", "a", []byte("2"))
		f, err = tx.AddFile(FileRow{Digest: sum("f"), Name: "f.rpm"})
		return err
	}})
	check := func() {
		t.Helper()
		if x.Head() != h {
			t.Errorf("head is %v, want %v", x.Head(), h)
		}
		if v, err := x.View(h).Get("t", "a"); err != nil || string(v) != "2" {
			t.Errorf("a is %q, %v", v, err)
		}
		if g, err := x.File(f.Serial); err != nil || g != f {
			t.Errorf("file is %v, %v", g, err)
		}
		if g, err := x.FileByDigest(f.Digest); err != nil || g != f {
			t.Errorf("file is %v, %v", g, err)
		}
		if g, err := x.AtLabel("L"); err != nil || g != h {
			t.Errorf("label is %v, %v", g, err)
		}
		if g, err := x.AtStamp(h.Stamp); err != nil || g != h {
			t.Errorf("at its stamp is %v, %v", g, err)
		}
	}
	check()
	if _, err := x.Commit(context.Background(), putOp("a", "3")); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("next commit: %v", err)
	}
	x = reopen(t, x)
	check()
	put(t, x, "a", "3")
	sameAsRebuilt(t, x)
}
