package index

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"vrepofs/blob"
	"vrepofs/disk"
)

// newStore makes an empty store and returns its directory.
func newStore(t testing.TB) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "store")
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

// put commits one name of table "t".
func put(t testing.TB, x *Index, name, value string) Head {
	t.Helper()
	h, err := x.Commit(context.Background(), putOp(name, value))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func putOp(name, value string) Op {
	return Op{Row: Row{Command: "put " + name}, Apply: func(tx *Tx) error {
		tx.Put("t", name, []byte(value))
		return nil
	}}
}

func TestCommitAndReopen(t *testing.T) {
	root := newStore(t)
	x := mustOpen(t, root, Options{})
	h1 := put(t, x, "a", "1")
	h2 := put(t, x, "b", "2")
	if h1.Seq != 1 || h2.Seq != 2 || h2.Stamp <= h1.Stamp {
		t.Fatalf("heads are %+v and %+v", h1, h2)
	}
	var f FileRow
	_, err := x.Commit(context.Background(), Op{Row: Row{Command: "add", Label: "L"}, Apply: func(tx *Tx) (err error) {
		f, err = tx.AddFile(FileRow{Digest: blob.Sum([]byte("x")), Size: 1, Name: "x.rpm"})
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.PutPackages([]PackageRow{{blob.Sum([]byte("x")), []byte("package")}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if v, err := x.View(x.Head()).Get("t", "b"); err != nil || string(v) != "2" {
			t.Fatalf("b is %q, %v", v, err)
		}
		if _, err := x.View(h1).Get("t", "b"); err == nil {
			t.Fatal("b is in the first commit")
		}
		if h, err := x.AtLabel("L"); err != nil || h.Seq != 3 {
			t.Fatalf("label L is %v, %v", h, err)
		}
		if h, err := x.AtStamp(h2.Stamp); err != nil || h != h2 {
			t.Fatalf("at %d is %v, %v", h2.Stamp, h, err)
		}
		if g, err := x.File(f.Serial); err != nil || g != f {
			t.Fatalf("file is %v, %v, want %v", g, err, f)
		}
		if p, err := x.Package(f.Digest); err != nil || string(p) != "package" {
			t.Fatalf("package is %q, %v", p, err)
		}
		start := time.Now()
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		closed := time.Now()
		x = mustOpen(t, root, Options{})
		t.Logf("close %v, open %v", closed.Sub(start), time.Since(closed))
	}
}
