package index

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"math"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/tree"
)

func TestPackages(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{})
	want := map[blob.Digest]string{}
	var rows []PackageRow
	for i := range 300 {
		v := strings.Repeat(fmt.Sprint("value ", i, " "), i)
		want[sum(v)] = v
		rows = append(rows, PackageRow{sum(v), []byte(v)})
	}
	if err := x.PutPackages(rows); err != nil {
		t.Fatal(err)
	}
	x = reopen(t, x)
	var last blob.Digest
	n := 0
	for p, err := range x.Packages(blob.Digest{}) {
		if err != nil || want[p.Digest] != string(p.Value) {
			t.Fatalf("%v: %q, %v", p.Digest, p.Value, err)
		}
		if n > 0 && bytes.Compare(last[:], p.Digest[:]) >= 0 {
			t.Fatalf("%v after %v", p.Digest, last)
		}
		last = p.Digest
		n++
	}
	if n != 300 {
		t.Errorf("%d packages", n)
	}
	n = 0
	for p := range x.Packages(last) {
		if n++; p.Digest != last {
			t.Errorf("from the last on: %v", p.Digest)
		}
	}
	if ok, err := x.HasPackage(last); n != 1 || !ok || err != nil {
		t.Errorf("%d packages from the last on; has is %v, %v", n, ok, err)
	}
	if err := x.Compact(); err != nil {
		t.Error(err)
	}
	if _, err := x.Package(sum("none")); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A value that Badger holds wrong is made again.
func TestPackageThatDoesNotDecompress(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{Reparse: func(blob.Digest) ([]byte, error) { return []byte("again"), nil }})
	if err := x.putRow(keyD(keyPackage, sum("p")), []byte("rubbish")); err != nil {
		t.Fatal(err)
	}
	for range x.Packages(blob.Digest{}) {
		t.Error("it is listed")
	}
	for range 2 {
		if v, err := x.Package(sum("p")); err != nil || string(v) != "again" {
			t.Errorf("got %q, %v", v, err)
		}
	}
}

func (x *Index) putRow(key, value []byte) error {
	wb := x.db.NewWriteBatch()
	defer wb.Cancel()
	if err := wb.Set(key, value); err != nil {
		return err
	}
	return wb.Flush()
}

// Rows that were never put there are errors, not panics and not other answers.
func TestCorruptRows(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{NodeCache: 1})
	h := put(t, x, "a", "1")
	put(t, x, "b", "1")
	f := addFile(t, x, FileRow{Digest: sum("f"), Name: "f.rpm"})
	mustCommit(t, x, Op{Row: Row{Label: "L"}})
	if _, err := x.PlaceSerial("p"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key []byte
		get func() error
	}{
		{key64(keyCommit, 1), func() error { _, err := x.At(1); return err }},
		{key64(keyStamp, uint64(h.Stamp)), func() error { _, err := x.AtStamp(h.Stamp); return err }},
		{keyS(keyLabel, "L"), func() error { _, err := x.AtLabel("L"); return err }},
		{rowKey(2, 0), func() error {
			for _, err := range x.Log(2, 2) {
				return err
			}
			return nil
		}},
		{key64(keyFile, f.Serial), func() error { _, err := x.File(f.Serial); return err }},
		{keyD(keyDigest, f.Digest), func() error { _, err := x.FileByDigest(f.Digest); return err }},
		{keyS(keyName, "f.rpm"), func() error { _, _, err := x.greatestMtime("f.rpm"); return err }},
		{keyS(keyPlaceKey, "p"), func() error { _, err := x.PlaceSerial("p"); return err }},
		{keyD(keyNode, h.Root), func() error { _, err := x.Node(h.Root); return err }},
		{keyD(keyNode, h.Root), func() error { _, err := x.View(h).Get("t", "a"); return err }},
	} {
		old, err := x.get(c.key)
		if err != nil {
			t.Fatalf("%q: %v", c.key, err)
		}
		for n := range 20 {
			if err := x.putRow(c.key, bytes.Repeat([]byte{0xff}, n)); err != nil {
				t.Fatal(err)
			}
			x.nodes = newCache(1)
			if n == 8 && len(old) == 8 || n == 4 && len(old) == 4 {
				continue // a value of the right length
			}
			if err := c.get(); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%q with %d bytes: %v", c.key, n, err)
			}
		}
		if err := x.putRow(c.key, old); err != nil {
			t.Fatal(err)
		}
		if err := c.get(); err != nil {
			t.Errorf("%q put back: %v", c.key, err)
		}
	}
}

func TestRecord(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{})
	head := put(t, x, "a", "1")
	b := x.NewBuffer()
	root, err := tree.Apply(b, blob.Digest{}, []tree.Change{{Name: "n", Value: []byte("v")}})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := tree.Get(b, root, "n"); err != nil || string(v) != "v" {
		t.Errorf("from the buffer: %q, %v", v, err)
	}
	// Loose nodes can be read, and do not count as kept.
	if err := x.PutNodes(b.Nodes()); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Node(root); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := x.Record(Recording{Memos: []MemoRow{{sum("r"), root[:]}}, Nodes: b.Nodes()}); err != nil {
			t.Fatal(err)
		}
	}
	end := x.log.End()
	if err := x.Record(Recording{Memos: []MemoRow{{sum("r"), root[:]}}, Nodes: b.Nodes()}); err != nil || x.log.End() != end {
		t.Errorf("recording again: %v, end %v, was %v", err, x.log.End(), end)
	}
	if err := x.Record(Recording{Memos: []MemoRow{{sum("s"), []byte("old")}, {sum("s"), []byte("new")}}}); err != nil {
		t.Fatal(err)
	}
	if err := x.Record(Recording{Nodes: []NodeRow{{sum("x"), []byte("y")}}}); err == nil {
		t.Error("a node with another's digest was recorded")
	}
	if x.Head() != head {
		t.Errorf("head is %v, was %v", x.Head(), head)
	}
	x.Close()
	if err := Rebuild(x.root, Options{}, nil); err != nil {
		t.Fatal(err)
	}
	x = mustOpen(t, x.root, Options{})
	v, ok := x.Recorded(sum("r"))
	if !ok || blob.Digest(v) != root {
		t.Errorf("recorded is %x, %v", v, ok)
	}
	if v, ok := x.Recorded(sum("s")); !ok || string(v) != "new" {
		t.Errorf("recorded is %q, %v", v, ok)
	}
	if _, ok := x.Recorded(sum("none")); ok {
		t.Error("there is a memo that nobody recorded")
	}
	if v, err := tree.Get(x, root, "n"); err != nil || string(v) != "v" {
		t.Errorf("after a rebuild: %q, %v", v, err)
	}
	sameAsRebuilt(t, x)
}

func TestPlaces(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{})
	for i := range 10 {
		key := fmt.Sprint("tags/t", i)
		for range 2 {
			if n, err := x.PlaceSerial(key); err != nil || n != uint32(i+1) {
				t.Errorf("%s is %d, %v", key, n, err)
			}
		}
		x = reopen(t, x)
		if k, err := x.PlaceKey(uint32(i + 1)); err != nil || k != key {
			t.Errorf("place %d is %q, %v", i+1, k, err)
		}
	}
	for _, key := range []string{"", strings.Repeat("x", maxName+1)} {
		if _, err := x.PlaceSerial(key); !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("key of %d bytes: %v", len(key), err)
		}
	}
	sameAsRebuilt(t, x)
}

func TestLog(t *testing.T) {
	x := mustOpen(t, newStore(t), Options{})
	for i := range 300 {
		mustCommit(t, x, Op{Row: Row{UID: uint32(i), Command: fmt.Sprint("c", i+1), Note: "n"}}, Op{Row: Row{Command: "second"}})
	}
	for _, c := range []struct {
		from, to    uint64
		first, last uint64
		n           int
	}{
		{1, 300, 1, 300, 600}, {0, math.MaxUint64, 1, 300, 600}, {5, 7, 5, 7, 6}, {300, 300, 300, 300, 2}, {301, 400, 0, 0, 0},
		{math.MaxUint64, 0, 300, 1, 600}, {7, 5, 7, 5, 6}, {256, 255, 256, 255, 4}, {400, 300, 300, 300, 2},
	} {
		var first, last uint64
		n := 0
		for w, err := range x.Log(c.from, c.to) {
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				first = w.Seq
			}
			last = w.Seq
			second := n%2 == 1
			if c.from > c.to {
				second = !second
			}
			if want := (Row{Seq: w.Seq, Stamp: w.Stamp, UID: uint32(w.Seq - 1), Command: fmt.Sprint("c", w.Seq), Note: "n"}); !second && w != want {
				t.Errorf("row %+v, want %+v", w, want)
			}
			if h, _ := x.At(w.Seq); h.Stamp != w.Stamp || second && w.Command != "second" {
				t.Errorf("row %+v of %+v", w, h)
			}
			n++
		}
		if first != c.first || last != c.last || n != c.n {
			t.Errorf("log %d … %d: %d rows of %d … %d, want %d of %d … %d", c.from, c.to, n, first, last, c.n, c.first, c.last)
		}
	}
	for range x.Log(1, 300) {
		break
	}
}

func TestNodeCache(t *testing.T) {
	c := newCache(10_000)
	for i := range 1000 {
		k := fmt.Sprint(i)
		c.put(sum(k), []byte(k))
		if v, ok := c.get(sum("0")); !ok || string(v) != "0" {
			t.Fatalf("what is used all the time was dropped at %d", i)
		}
		if n := len(c.young) + len(c.old); n*(cacheRow+1) > 10_000 {
			t.Fatalf("%d nodes are kept", n)
		}
	}
	if _, ok := c.get(sum("1")); ok {
		t.Error("what was not used for long is there")
	}
	if v, ok := c.get(sum("999")); !ok || string(v) != "999" {
		t.Error("the newest is not there")
	}
}
