package tree_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"math"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/tree"

	"pgregory.net/rapid"
)

var someDigest = blob.Sum([]byte("some"))

func entryGen() *rapid.Generator[tree.Entry] {
	return rapid.Custom(func(t *rapid.T) tree.Entry {
		number := func(name string) int64 {
			return rapid.OneOf(rapid.Int64Range(0, math.MaxInt64), rapid.Int64Range(0, 1<<20), rapid.SampledFrom([]int64{1<<32 - 1, 1 << 32, 1<<48 - 1, 1 << 48})).Draw(t, name)
		}
		e := tree.Entry{
			Kind:  rapid.SampledFrom([]tree.Kind{tree.KindFile, tree.KindFile, tree.KindFile, tree.KindDir, tree.KindRope, tree.KindSymlink, tree.KindText}).Draw(t, "kind"),
			Mtime: rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 1<<32)).Draw(t, "mtime"),
		}
		switch e.Kind {
		case tree.KindDir:
			e.Nodes = uint32(rapid.IntRange(1, 50).Draw(t, "nodes"))
			if e.Nodes > 1 {
				e.Digest = someDigest
			}
			if rapid.Bool().Draw(t, "restricted") {
				e = e.Restrict(rapid.Uint32Range(0, 0o777).Draw(t, "perm")|0o500, rapid.OneOf(rapid.Uint32Range(0, 2), rapid.Uint32Range(0, math.MaxUint32-1)).Draw(t, "gid"))
			}
		case tree.KindSymlink:
			e.Target = rapid.StringMatching(`[^\x00]{1,20}`).Draw(t, "target")
			e.Size = int64(len(e.Target))
		case tree.KindText:
			e.Target = rapid.StringN(1, 300, -1).Draw(t, "text")
			e.Size = int64(len(e.Target))
		default:
			e.Size, e.Digest = number("size"), blob.Sum(binary.AppendVarint(nil, number("content")))
			if e.Kind == tree.KindFile && rapid.Bool().Draw(t, "rpm") {
				e.RPM, e.Serial = true, uint64(max(1, number("serial")))
			}
		}
		return e
	})
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := entryGen().Draw(t, "entry")
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		enc := e.Append([]byte("before"))
		got, err := tree.DecodeEntry(enc[len("before"):])
		if err != nil || got != e {
			t.Fatalf("decoded %+v, error %v; was %+v", got, err, e)
		}
	})
}

func TestEntryCheck(t *testing.T) {
	file := tree.Entry{Kind: tree.KindFile, Size: 1, Digest: someDigest}
	link := tree.Entry{Kind: tree.KindSymlink, Size: 1, Target: "x"}
	dir := tree.Entry{Kind: tree.KindDir, Nodes: 2, Digest: someDigest}
	for _, c := range []struct {
		from   tree.Entry
		change func(*tree.Entry)
		want   string
	}{
		{tree.Entry{}, func(*tree.Entry) {}, "unknown kind"},
		{file, func(e *tree.Entry) { e.Kind = 6 }, "unknown kind"},
		{file, func(e *tree.Entry) { e.Size = -1 }, "negative size"},
		{file, func(e *tree.Entry) { e.Serial = 1 }, "serial"},
		{file, func(e *tree.Entry) { e.RPM = true }, "serial"},
		{file, func(e *tree.Entry) { e.RPM, e.Serial = true, math.MaxUint64 }, "serial out of range"},
		{file, func(e *tree.Entry) { e.Nodes = 1 }, "number of nodes"},
		{file, func(e *tree.Entry) { e.Digest = blob.Digest{} }, "no digest"},
		{file, func(e *tree.Entry) { e.Target = "x" }, "target"},
		{dir, func(e *tree.Entry) { e.Nodes = 0 }, "number of nodes"},
		{dir, func(e *tree.Entry) { e.Nodes = 1 }, "zero digest"},
		{dir, func(e *tree.Entry) { e.Digest = blob.Digest{} }, "zero digest"},
		{dir, func(e *tree.Entry) { e.Size = 4096 }, "no size"},
		{dir, func(e *tree.Entry) { e.RPM, e.Serial = true, 1 }, "marked as an RPM"},
		{file, func(e *tree.Entry) { e.Perm = 0o550 }, "only directories"},
		{file, func(e *tree.Entry) { e.Gid = 1 }, "only directories"},
		{dir, func(e *tree.Entry) { e.Gid = 1 }, "everybody's"},
		{dir, func(e *tree.Entry) { e.Perm = 0o555 }, "everybody's"},
		{dir, func(e *tree.Entry) { e.Perm = 0o750 }, "0500 to 0555"},
		{dir, func(e *tree.Entry) { e.Perm = 0o055 }, "0500 to 0555"},
		{dir, func(e *tree.Entry) { e.Perm, e.Gid = 0o550, math.MaxUint32 }, "group out of range"},
		{link, func(e *tree.Entry) { e.Target = "" }, "target"},
		{link, func(e *tree.Entry) { e.Target = "\x00" }, "NUL"},
		{link, func(e *tree.Entry) { e.Target = "xy" }, "length"},
		{link, func(e *tree.Entry) { e.Target = strings.Repeat("x", 4096) }, "too long"},
		{link, func(e *tree.Entry) { e.Digest = someDigest }, "no digest"},
	} {
		e := c.from
		c.change(&e)
		if err := e.Check(); !errors.Is(err, iofs.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want fs.ErrInvalid with %q", e, err, c.want)
		}
	}
}

// TestEntryFormat pins the encoding; the last is the example of doc.go.
func TestEntryFormat(t *testing.T) {
	d := someDigest[:]
	for _, c := range []struct {
		e    tree.Entry
		want string
	}{
		{tree.Entry{Kind: tree.KindDir, Nodes: 300, Mtime: -1, Digest: someDigest}, fmt.Sprintf("010101ac02%x", d)},
		{tree.Entry{Kind: tree.KindDir, Nodes: 2, Perm: 0o550, Gid: 1005, Digest: someDigest}, fmt.Sprintf("01210002e802ed07%x", d)},
		{tree.Entry{Kind: tree.KindFile, Size: 5, Digest: someDigest}, fmt.Sprintf("01020005%x", d)},
		{tree.Entry{Kind: tree.KindFile, RPM: true, Serial: 7, Size: 5, Digest: someDigest}, fmt.Sprintf("0112000507%x", d)},
		{tree.Entry{Kind: tree.KindRope, Size: 5, Mtime: 1, Digest: someDigest}, fmt.Sprintf("01030205%x", d)},
		{tree.Entry{Kind: tree.KindSymlink, Mtime: 1795235400, Size: 1, Target: "x"}, "010490f988b00d78"},
		{tree.Entry{Kind: tree.KindText, Mtime: 1795235400, Size: 2, Target: "x\n"}, "010590f988b00d780a"},
	} {
		if got := fmt.Sprintf("%x", c.e.Append(nil)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.e, got, c.want)
		}
	}
}

// FuzzDecodeEntry: no bytes make it panic, and what is accepted is encoded to the same bytes and passes Check.
func FuzzDecodeEntry(f *testing.F) {
	for _, e := range []tree.Entry{
		{Kind: tree.KindDir, Nodes: 300, Mtime: -1, Digest: someDigest},
		{Kind: tree.KindDir, Nodes: 1},
		{Kind: tree.KindDir, Nodes: 1, Perm: 0o550, Gid: 1005},
		{Kind: tree.KindDir, Nodes: 2, Digest: someDigest, Perm: 0o555, Gid: 1<<32 - 2},
		rpmEntry(3),
		{Kind: tree.KindRope, Size: 1 << 50, Digest: someDigest},
		{Kind: tree.KindSymlink, Size: 1, Target: "x"},
		{Kind: tree.KindText, Size: 3, Target: "x\x00\n"},
	} {
		f.Add(e.Append(nil))
	}
	f.Add([]byte{1, 2, 0x80, 0x00, 5})
	f.Add([]byte{1, 0x14, 0})
	f.Add([]byte{1, 0x22, 0, 5})
	f.Add(append([]byte{1, 0x21, 0, 1, 0xe8, 0x02, 0x00}, make([]byte, 32)...))
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := tree.DecodeEntry(b)
		if err != nil {
			return
		}
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		if again := e.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("decoded and encoded again %x, was %x", again, b)
		}
	})
}

// TestEntryMode: what is not restricted is everybody's, and Restrict knows one form of that.
func TestEntryMode(t *testing.T) {
	dir := tree.Entry{Kind: tree.KindDir, Nodes: 1}
	for _, c := range []struct {
		e    tree.Entry
		want uint32
	}{
		{dir, 0o555}, {dir.Restrict(0o750, 7), 0o550}, {dir.Restrict(0o755, 7), 0o555}, {dir.Restrict(0o711, 0), 0o511},
		{tree.Entry{Kind: tree.KindFile}, 0o444}, {tree.Entry{Kind: tree.KindSymlink}, 0o777},
	} {
		if got := c.e.Mode(); got != c.want {
			t.Errorf("%+v: mode %#o, want %#o", c.e, got, c.want)
		}
	}
	if got := dir.Restrict(0o750, 7).Restrict(0o777, 0); got != dir {
		t.Errorf("no restriction any more: %+v, want %+v", got, dir)
	}
}
