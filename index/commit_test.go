package index

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/disk/disktest"
	"vrepofs/tree"
)

func TestEmptyStore(t *testing.T) {
	root := newStore(t)
	if err := Create(root, disk.OS{}); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("create over it: %v", err)
	}
	if _, err := Open(t.TempDir(), Options{}); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("open what is no store: %v", err)
	}
	x := mustOpen(t, root, Options{})
	if h := x.Head(); h != (Head{}) {
		t.Errorf("head is %v", h)
	}
	if h, err := x.At(0); err != nil || h != (Head{}) {
		t.Errorf("event 0 is %v, %v", h, err)
	}
	if _, err := x.View(x.Head()).Get("t", "a"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("get: %v", err)
	}
	for _, f := range []func() error{
		func() error { _, err := x.At(1); return err },
		func() error { _, err := x.AtStamp(1 << 40); return err },
		func() error { _, err := x.AtStamp(-5); return err },
		func() error { _, err := x.AtLabel("none"); return err },
		func() error { _, err := x.File(1); return err },
		func() error { _, err := x.FileByDigest(sum("x")); return err },
		func() error { _, err := x.PlaceKey(1); return err },
		func() error { _, err := x.Package(sum("x")); return err },
		func() error { _, err := x.Node(sum("x")); return err },
	} {
		if err := f(); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("got %v, want ErrNotExist", err)
		}
	}
	for range x.Log(0, 1<<63) {
		t.Error("the log has a row")
	}
	if _, err := x.Commit(context.Background()); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("commit of nothing: %v", err)
	}
	x = reopen(t, x)
	x.Close()
	if _, err := x.Commit(context.Background(), putOp("a", "1")); !errors.Is(err, ErrClosed) {
		t.Errorf("commit after close: %v", err)
	}
	if _, err := x.File(1); !errors.Is(err, ErrClosed) {
		t.Errorf("file after close: %v", err)
	}
	if err := x.PutPackages(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("put after close: %v", err)
	}
}

func TestTxSeesItsWrites(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{})
	for i := range 20 {
		put(t, x, fmt.Sprintf("n%02d", i), "old")
	}
	list := func(tx *Tx, from string) (s string) {
		for it, err := range tx.List("t", from) {
			if err != nil {
				t.Error(err)
			}
			s += it.Name + "=" + string(it.Value) + " "
		}
		return s
	}
	mustCommit(t, x, Op{Apply: func(tx *Tx) error {
		for i := range 18 {
			tx.Delete("t", fmt.Sprintf("n%02d", i))
		}
		tx.Put("t", "a", []byte("new"))
		tx.Put("t", "n18", []byte("changed"))
		tx.Put("t", "n18x", []byte("between"))
		tx.Put("t", "z", []byte("last"))
		return nil
	}}, Op{Apply: func(tx *Tx) error {
		if got, want := list(tx, ""), "a=new n18=changed n18x=between n19=old z=last "; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got, want := list(tx, "n18a"), "n18x=between n19=old z=last "; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if v, err := tx.Get("t", "n18"); err != nil || string(v) != "changed" {
			t.Errorf("n18 is %q, %v", v, err)
		}
		if _, err := tx.Get("t", "n00"); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("n00: %v", err)
		}
		for it := range tx.List("t", "") { // breaking off is fine
			if it.Name == "a" {
				break
			}
		}
		if tx.Seq() != 21 || tx.Stamp() <= x.Head().Stamp {
			t.Errorf("seq is %d, stamp %d", tx.Seq(), tx.Stamp())
		}
		return nil
	}})
	var names []string
	for it, err := range x.View(x.Head()).List("t", "n") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, it.Name)
	}
	if want := []string{"n18", "n18x", "n19", "z"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

// TestTxReadsHead tells an operation that reads just the head from one that reads more or another state.
func TestTxReadsHead(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{InMemoryIndex: true})
	first := put(t, x, "a", "1")
	second := put(t, x, "b", "2")
	ask := func(want bool, h Head) Op {
		return Op{Row: Row{Command: "ask"}, Apply: func(tx *Tx) error {
			if got := tx.Reads(h); got != want {
				t.Errorf("reads %v: %v, want %v", h, got, want)
			}
			return nil
		}}
	}
	mustCommit(t, x, ask(true, second), ask(false, first), putOp("c", "3"), ask(false, second))
	mustCommit(t, x, ask(false, second), ask(true, x.Head()))
}

// A table whose last name goes is gone: the root is what it was before the table came.
func TestRootIsCanonical(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{})
	h1 := put(t, x, "a", "1")
	mustCommit(t, x, Op{Apply: func(tx *Tx) error { tx.Put("other", "b", nil); return nil }})
	h3 := mustCommit(t, x, Op{Apply: func(tx *Tx) error { tx.Delete("other", "b"); tx.Delete("none", "c"); return nil }})
	if h1.Root != h3.Root || h3.Seq != 3 {
		t.Errorf("root is %v, was %v", h3.Root, h1.Root)
	}
	h4 := mustCommit(t, x, Op{Row: Row{Command: "nothing"}})
	if h4.Root != h1.Root || h4.Seq != 4 || h4.Stamp <= h3.Stamp {
		t.Errorf("a commit without a change is %+v", h4)
	}
	h5 := mustCommit(t, x, Op{Apply: func(tx *Tx) error { tx.Delete("t", "a"); return nil }})
	if !h5.Root.IsZero() {
		t.Errorf("root of the empty store is %v", h5.Root)
	}
}

func TestFailingCallChangesNothing(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{HasBlob: func(d blob.Digest) bool { return d == sum("there") }})
	put(t, x, "a", "1")
	before := dump(t, x)
	own := errors.New("own")
	bad := func(f func(*Tx) error) []Op {
		return []Op{putOp("a", "2"), {Row: Row{Label: "L"}, Apply: func(tx *Tx) error {
			if _, err := tx.AddFile(FileRow{Digest: sum("f"), Name: "f.rpm"}); err != nil {
				return err
			}
			return f(tx)
		}}}
	}
	for _, c := range []struct {
		name string
		ops  []Op
		want error
	}{
		{"own error", bad(func(*Tx) error { return own }), own},
		{"label twice", append(bad(func(*Tx) error { return nil }), Op{Row: Row{Label: "L"}}), ErrConflict},
		{"long label", []Op{putOp("a", "2"), {Row: Row{Label: strings.Repeat("x", 256)}}}, iofs.ErrInvalid},
		{"missing blob", bad(func(tx *Tx) error { tx.Requires(sum("there"), sum("gone")); return nil }), ErrMissing},
		{"empty name", bad(func(tx *Tx) error { tx.Put("t", "", nil); return nil }), iofs.ErrInvalid},
		{"empty table", bad(func(tx *Tx) error { tx.Put("", "a", nil); return nil }), iofs.ErrInvalid},
		{"long value", bad(func(tx *Tx) error { tx.Put("t", "b", make([]byte, tree.MaxValue+1)); return nil }), iofs.ErrInvalid},
		{"no digest", bad(func(tx *Tx) error { _, err := tx.AddFile(FileRow{Name: "f"}); return err }), iofs.ErrInvalid},
		{"no name", bad(func(tx *Tx) error { _, err := tx.AddFile(FileRow{Digest: sum("g")}); return err }), iofs.ErrInvalid},
		{"other size", bad(func(tx *Tx) error { _, err := tx.AddFile(FileRow{Digest: sum("f"), Size: 9, Name: "f"}); return err }), iofs.ErrInvalid},
		{"wrong node", bad(func(tx *Tx) error { return tx.PutNode(sum("x"), []byte("y")) }), nil},
	} {
		h, err := x.Commit(context.Background(), c.ops...)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, %v, want %v", c.name, h, err, c.want)
		}
	}
	if after := dump(t, x); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("rows were\n%v\nand are\n%v", before, after)
	}
	// Nothing was used up, neither the label nor the serial, and failing beside others in one batch takes nothing from them.
	heads, errs := together(t, x,
		bad(func(*Tx) error { return own }),
		bad(func(tx *Tx) error { tx.Requires(sum("there")); return nil }),
		[]Op{{Row: Row{Label: "L"}}},
		[]Op{putOp("c", "3")})
	if !errors.Is(errs[0], own) || errs[1] != nil || !errors.Is(errs[2], ErrConflict) || errs[3] != nil {
		t.Fatalf("errors are %v", errs)
	}
	if heads[1].Seq != 2 || heads[3].Seq != 3 {
		t.Errorf("heads are %v", heads)
	}
	if f, err := x.FileByDigest(sum("f")); err != nil || f.Serial != 1 {
		t.Errorf("file is %v, %v", f, err)
	}
	if _, err := x.Commit(context.Background(), Op{Row: Row{Label: "L"}}); !errors.Is(err, ErrConflict) {
		t.Errorf("label again: %v", err)
	}
	sameAsRebuilt(t, x)
}

func TestCancelledBeforeItsTurn(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 20 {
		if _, err := x.Commit(ctx, putOp("a", "1")); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	}
	if x.Head().Seq != 0 {
		t.Errorf("head is %v", x.Head())
	}
}

// Nested trees: nodes that Apply puts are in the journal, once.
func TestNestedTree(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{})
	var root blob.Digest
	build := func(tx *Tx) error {
		var changes []tree.Change
		for i := range 500 {
			changes = append(changes, tree.Change{Name: fmt.Sprint("file", i), Value: []byte("some value of a directory entry")})
		}
		var err error
		root, err = tree.Apply(tx, blob.Digest{}, changes)
		tx.Put("t", "dir", root[:])
		return err
	}
	mustCommit(t, x, Op{Apply: build})
	size := x.log.End().Offset
	mustCommit(t, x, Op{Apply: build})
	if more := x.log.End().Offset - size; more > 400 {
		t.Errorf("committing the same tree again took %d bytes of journal", more)
	}
	root1 := x.root
	x.Close()
	if err := Rebuild(root1, Options{}, nil); err != nil {
		t.Fatal(err)
	}
	x = mustOpen(t, root1, Options{})
	if n, err := tree.Len(x, root); err != nil || n != 500 {
		t.Errorf("the tree has %d names, %v", n, err)
	}
	if v, err := tree.Get(x.View(x.Head()), root, "file7"); err != nil || len(v) == 0 {
		t.Errorf("file7 is %q, %v", v, err)
	}
}

// Calls that wait together have their own commits and share an fdatasync.
func TestBatchSharesOneSync(t *testing.T) {
	ff := disktest.NewFail(disk.OS{})
	x := mustOpen(t, newStore(t), Options{FS: ff})
	put(t, x, "a", "0")
	before := ff.Counts()["journal.append.sync"]
	var calls [][]Op
	for i := range 50 {
		calls = append(calls, []Op{putOp(fmt.Sprint("n", i), "1")})
	}
	heads, errs := together(t, x, calls...)
	for i, h := range heads {
		if errs[i] != nil || h.Seq != uint64(i+2) {
			t.Fatalf("call %d: %v, %v", i, h, errs[i])
		}
		if _, err := x.View(h).Get("t", fmt.Sprint("n", i)); err != nil {
			t.Fatal(err)
		}
		if _, err := x.View(h).Get("t", fmt.Sprint("n", i+1)); err == nil {
			t.Fatalf("call %d sees the next one", i)
		}
	}
	if n := ff.Counts()["journal.append.sync"] - before; n != 1 {
		t.Errorf("%d syncs for 50 commits", n)
	}
	sameAsRebuilt(t, x)
}
