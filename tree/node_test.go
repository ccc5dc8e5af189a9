package tree

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"vrepofs/blob"
)

// encode encodes a node by the rules but without judgement: shared may be wrong, names out of order.
type testItem struct {
	shared int
	suffix string
	value  string
}

func encode(level int, items ...testItem) []byte {
	b := []byte{nodeMagic, nodeVersion, byte(level), byte(len(items))}
	for _, it := range items {
		b = binary.AppendUvarint(b, uint64(it.shared))
		b = binary.AppendUvarint(b, uint64(len(it.suffix)))
		b = binary.AppendUvarint(b, uint64(len(it.value)))
		b = append(append(b, it.suffix...), it.value...)
	}
	return b
}

func ref(enc []byte, count uint64) string {
	return string(child{blob.Sum(enc), count}.append(nil))
}

func TestDecodeNodeRefuses(t *testing.T) {
	good := encode(0, testItem{0, "bar", "1"}, testItem{2, "z", ""})
	if n, err := DecodeNode(good); err != nil || n.Level != 0 || len(n.Items) != 2 || n.Items[1].Name != "baz" || string(n.Items[0].Value) != "1" {
		t.Fatalf("good node: %+v, error %v", n, err)
	}
	set := func(i int, v byte) []byte { b := bytes.Clone(good); b[i] = v; return b }
	many := make([]testItem, maxRun+1)
	for i := range many {
		many[i] = testItem{0, fmt.Sprintf("%c%03d", 'A'+i, i), ""}
	}
	leaf := string(ref(good, 2))
	for _, c := range []struct {
		enc  []byte
		want string
	}{
		{nil, "too short"},
		{good[:3], "too short"},
		{make([]byte, maxNode+1), "too long"},
		{set(0, 'X'), "magic byte 0x58"},
		{set(1, 2), "node version 2"},
		{set(2, 16), "level 16"},
		{set(3, 0), "0 items"},
		{encode(0, many...), "65 items"},
		{set(3, 1), "bytes after the last item"},
		{set(3, 3), "item 2: bad length"},
		{append(bytes.Clone(good), 0), "1 bytes after the last item"},
		{good[:len(good)-1], "bytes, only"},
		{good[:6], "item 0: bad length"},
		{encode(0, testItem{1, "ar", ""}), "shares 1 bytes with a name of 0"},
		{encode(0, testItem{0, "", "v"}), "item 0: empty name"},
		{encode(0, testItem{0, "a", ""}, testItem{2, "b", ""}), "shares 2 bytes with a name of 1"},
		{encode(0, testItem{0, "a", ""}, testItem{1, "", ""}), "not above"},
		{encode(0, testItem{0, "b", ""}, testItem{0, "a", ""}), "not above"},
		{encode(0, testItem{0, "ab", ""}, testItem{1, "a", ""}), "not above"},
		{encode(0, testItem{0, "ab", ""}, testItem{1, "", ""}), "not above"},
		{encode(0, testItem{0, "ab", ""}, testItem{0, "ac", ""}), "shares more"},
		{encode(0, testItem{0, strings.Repeat("n", MaxName+1), ""}), "name of 4097 bytes"},
		{encode(0, testItem{0, "n", strings.Repeat("v", MaxValue+1)}), "value of 65537 bytes"},
		{append([]byte{nodeMagic, nodeVersion, 0, 1, 0, 0x81, 0x00, 0}, 'a'), "bad length"}, // 1 in two bytes
		{[]byte{nodeMagic, nodeVersion, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0}, "bad length"},
		{encode(1, testItem{0, "a", ""}), "child reference of 0 bytes"},
		{encode(1, testItem{0, "a", leaf + "x"}), "child reference of 34 bytes"},
		{encode(1, testItem{0, "a", leaf[:32]}), "child reference of 32 bytes"},
		{encode(1, testItem{0, "a", leaf[:32] + "\x00"}), "child with 0 entries"},
		{encode(1, testItem{0, "a", ref(nil, maxCount+1)}), "child with"},
		{encode(1, testItem{0, "a", string(make([]byte, 32)) + "\x01"}), "without a digest"},
		{encode(1, testItem{0, "a", ref(nil, maxCount)}, testItem{0, "b", ref(nil, 1)}), "counts add up"},
	} {
		n, err := DecodeNode(c.enc)
		if err == nil || !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40x: %+v, error %v; want ErrCorrupt with %q", c.enc, n, err, c.want)
		}
	}
}

// liar is a Reader that gives what it was told to, whatever the digest.
type liar map[blob.Digest][]byte

func (l liar) Node(d blob.Digest) ([]byte, error) { return l[d], nil }

func (l liar) put(enc []byte) blob.Digest { d := blob.Sum(enc); l[d] = enc; return d }

// TestHostileTrees: nodes that are well formed each and do not fit together, loops among them.
func TestHostileTrees(t *testing.T) {
	l := liar{}
	leaf := encode(0, testItem{0, "a", "1"}, testItem{0, "b", "2"})
	l.put(leaf)
	next := encode(0, testItem{0, "c", "3"}, testItem{0, "d", "4"})
	l.put(next)
	inner := encode(1, testItem{0, "b", ref(leaf, 2)}, testItem{0, "d", ref(next, 2)})
	l.put(inner)
	var loop blob.Digest
	loop[0] = 1
	l[loop] = encode(3, testItem{0, "b", string(child{loop, 2}.append(nil))}, testItem{0, "d", string(child{loop, 2}.append(nil))})
	single := encode(1, testItem{0, "b", ref(leaf, 2)})
	for _, c := range []struct {
		name, want string
		root       blob.Digest
		get        bool // Get sees it too
	}{
		{"a node that contains itself", "level 3 below level 3", loop, true},
		{"a leaf where an inner node belongs", "level 0 below level 2", l.put(encode(2, testItem{0, "b", ref(leaf, 2)}, testItem{0, "d", ref(next, 2)})), true},
		{"a child with another last name", `last name "b", its parent says "c"`, l.put(encode(1, testItem{0, "c", ref(leaf, 2)}, testItem{0, "d", ref(next, 2)})), false},
		{"a child with another count", "2 entries, its parent says 3", l.put(encode(1, testItem{0, "b", ref(leaf, 3)}, testItem{0, "d", ref(next, 2)})), false},
		{"children that overlap", `name "a" after "aa"`, l.put(encode(1, testItem{0, "aa", ref(encode(0, testItem{0, "aa", ""}), 1)}, testItem{0, "b", ref(leaf, 2)})), false},
		{"a root with one child", "one child", l.put(single), false},
	} {
		l.put(encode(0, testItem{0, "aa", ""}))
		for op, run := range map[string]func() error{
			"list": func() (last error) {
				for _, err := range List(l, c.root, "") {
					last = err
				}
				return last
			},
			"diff": func() (last error) {
				for _, err := range Diff(l, c.root, blob.Digest{}) {
					last = err
				}
				return last
			},
			"apply": func() error {
				_, err := Apply(struct {
					Reader
					putter
				}{Reader: l}, c.root, []Change{{Name: "b", Value: nil}, {Name: "e"}})
				return err
			},
			"get": func() error { _, err := Get(l, c.root, "a"); return err },
		} {
			if op == "get" && !c.get {
				continue
			}
			if err := run(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s of %s: error %v, want ErrCorrupt with %q", op, c.name, err, c.want)
			}
		}
	}
	// Walk is pruned by its visitor, but ends without one too.
	if err := Walk(l, loop, func(blob.Digest, int) bool { return true }); !errors.Is(err, ErrCorrupt) {
		t.Errorf("walk of a loop: %v", err)
	}
}

// TestTooHigh: a tree as high as can be, with nodes of one child, whose root is split by a change.
func TestTooHigh(t *testing.T) {
	l := liar{}
	var items []testItem
	for i := range maxRun {
		name := string(rune('0' + i))
		enc := encode(0, testItem{0, name, ""})
		l.put(enc)
		for level := 1; level < maxLevel; level++ {
			enc = encode(level, testItem{0, name, ref(enc, 1)})
			l.put(enc)
		}
		items = append(items, testItem{0, name, ref(enc, 1)})
	}
	root := l.put(encode(maxLevel, items...))
	if n, err := Len(l, root); n != maxRun || err != nil {
		t.Fatalf("Len %d, error %v", n, err)
	}
	_, err := Apply(struct {
		Reader
		putter
	}{Reader: l}, root, []Change{{Name: items[maxRun-1].suffix, Value: []byte("x")}})
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "more than 16 levels") {
		t.Errorf("Apply: %v, want ErrCorrupt with the number of levels", err)
	}
}

type putter struct{}

func (putter) PutNode(blob.Digest, []byte) error { return nil }

// FuzzDecodeNode: no bytes make it panic, and what is accepted is encoded to the same bytes, is found by Get and is sorted.
func FuzzDecodeNode(f *testing.F) {
	leaf := encode(0, testItem{0, "bar", "1"}, testItem{2, "z", ""})
	f.Add(leaf)
	f.Add(encode(1, testItem{0, "bar", ref(leaf, 2)}, testItem{0, "c", ref(leaf, 300)}))
	f.Add(encode(0, testItem{0, "a", strings.Repeat("v", 300)}, testItem{1, "b", ""}, testItem{2, "c", "x"}))
	f.Add(leaf[:9])
	f.Add([]byte{nodeMagic, nodeVersion, 0, 1, 0, 0x81, 0x00, 0, 'a'})
	f.Fuzz(func(t *testing.T, enc []byte) {
		for _, name := range []string{"", "a", "baz", "zzz"} {
			if _, _, _, err := seek(enc, name); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("seek: %v", err)
			}
		}
		if _, err := entries(enc); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("entries: %v", err)
		}
		n, err := DecodeNode(enc)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("decode: %v", err)
			}
			return
		}
		if k, err := entries(enc); (n.Level == 0 || len(n.Items) > 1) && (err != nil || k != n.count) {
			t.Fatalf("%d entries, %v, want %d", k, err, n.count)
		}
		for i, it := range n.Items {
			if i > 0 && it.Name <= n.Items[i-1].Name {
				t.Fatalf("name %q after %q", it.Name, n.Items[i-1].Name)
			}
			_, v, exact, err := seek(enc, it.Name)
			if err != nil || !exact || !bytes.Equal(v, it.Value) {
				t.Fatalf("seek %q: %q, %v, error %v", it.Name, v, exact, err)
			}
		}
		if again := reencode(n); !bytes.Equal(again, enc) {
			t.Fatalf("decoded and encoded again\n%x, was\n%x", again, enc)
		}
	})
}

func reencode(n *Node) []byte {
	var items []testItem
	prev := ""
	for _, it := range n.Items {
		k := sharedLen(prev, it.Name)
		items = append(items, testItem{k, it.Name[k:], string(it.Value)})
		prev = it.Name
	}
	return encode(n.Level, items...)
}
