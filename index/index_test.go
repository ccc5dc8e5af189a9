package index

import (
	"context"
	"testing"

	"vrepofs/blob"
)

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
		x = reopen(t, x)
	}
}
