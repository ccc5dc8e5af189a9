package tree_test

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/tree"
	"vrepofs/tree/treetest"
)

func TestMem(t *testing.T) {
	treetest.Writer(t, func(*testing.T) tree.Writer { return tree.MemStore() })
}

// TestFormat pins roots: a change of any of them makes every store unreadable or its roots differ.
func TestFormat(t *testing.T) {
	m := tree.MemStore()
	root := build(t, m, map[string][]byte{"bar": []byte("1"), "baz": nil})
	enc, err := m.Node(root)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("% x", enc), "54 01 00 02 00 03 01 62 61 72 31 02 01 00 7a"; got != want { // the example of doc.go
		t.Errorf("encoded leaf\n%s, want\n%s", got, want)
	}
	for n, want := range map[int]string{
		1:      "33132d035050959f797194f2626496443de726af241b3dba1b9dce606fe6d1d2",
		1000:   "3f7e38ea724ff28b2a4e3c3298259d8883988cf8c5d308aca254b2f536e58d97",
		60_000: "8d7b4f88b4c07babb386800f7aa6495f11b3e00bb6a35ac41912e41041183b71",
	} {
		if root := build(t, m, rpmValues(n)); root.String() != want {
			t.Errorf("root of %d entries %s, want %s", n, root, want)
		}
	}
}

// TestOneChangeIsCheap: a change of one among 60,000 directory entries rewrites a handful of small nodes.
func TestOneChangeIsCheap(t *testing.T) {
	const n = 60_000
	m := tree.MemStore()
	root := build(t, m, rpmValues(n))
	nodes, total, biggest, items := sizes(t, m, root)
	t.Logf("%d entries: nodes per level %v, %d bytes, %d bytes and %.1f entries per leaf; the largest node has %d bytes, most items %d",
		n, nodes, total, total/(nodes[0]+nodes[1]), float64(n)/float64(nodes[0]), biggest, items)
	rnd := rand.New(rand.NewSource(1))
	for _, kind := range []string{"change", "insert", "delete"} {
		count, size, most, mostSize := 0, 0, 0, 0
		const rounds = 200
		for range rounds {
			i := rnd.Intn(n)
			c := tree.Change{Name: rpmName(i), Value: rpmEntry(i + n).Append(nil)}
			switch kind {
			case "insert":
				c.Name = strings.TrimSuffix(c.Name, ".rpm") + "+1.rpm"
			case "delete":
				c.Delete = true
			}
			m.Stats()
			if apply(t, m, root, c) == root {
				t.Fatal("nothing changed")
			}
			s := m.Stats()
			count, size, most, mostSize = count+s.Puts, size+s.Bytes, max(most, s.Puts), max(mostSize, s.Bytes)
			if kind == "change" && s.Puts != len(nodes) {
				t.Errorf("%s of %q put %d nodes, want one on each of %d levels", kind, c.Name, s.Puts, len(nodes))
			}
		}
		t.Logf("%s of one: %.1f nodes and %d bytes on average, at most %d nodes, %d bytes", kind, float64(count)/rounds, size/rounds, most, mostSize)
		if size/rounds > 8<<10 || mostSize >= 16<<10 || most > 16 {
			t.Errorf("%s of one is too dear", kind)
		}
	}
}

// TestAppendOnly: names that only grow, as in a log, give the same tree and rewrite the right edge alone.
func TestAppendOnly(t *testing.T) {
	m := tree.MemStore()
	root, all := blob.Digest{}, map[string][]byte{}
	most := 0
	for i := range 5000 {
		name := fmt.Sprintf("%012d", i)
		all[name] = []byte("x")
		m.Stats()
		root = apply(t, m, root, tree.Change{Name: name, Value: []byte("x")})
		most = max(most, m.Stats().Puts)
	}
	if want := build(t, m, all); root != want {
		t.Errorf("root %s, want %s", root.Short(), want.Short())
	}
	if nodes, _, _, _ := sizes(t, m, root); most > 2*len(nodes) {
		t.Errorf("an append put %d nodes, the tree has %v", most, nodes)
	}
}

// boundary is the rule of doc.go, written anew.
func boundary(name string) bool {
	h := uint64(14695981039346656037)
	for _, b := range []byte(name) {
		h ^= uint64(b)
		h *= 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h>>61 == 0
}

// TestAdversarialNames: names chosen so that all or none of them end a leaf give leaves of the shortest or the longest run,
// and Apply still gives the root of a build.
func TestAdversarialNames(t *testing.T) {
	for _, all := range []bool{true, false} {
		m, model := tree.MemStore(), map[string][]byte{}
		var spare []string
		for i := 0; len(model) < 3840; i++ { // a multiple of 12 and of 64
			if name := fmt.Sprintf("%08d", i); boundary(name) == all {
				if i%10 == 0 {
					spare = append(spare, name)
				} else {
					model[name] = []byte{1}
				}
			}
		}
		root := build(t, m, model)
		nodes, _, _, _ := sizes(t, m, root)
		if want := map[bool]int{true: 3840 / 12, false: 3840 / 64}[all]; nodes[0] != want {
			t.Errorf("all %v: nodes per level %v, want %d leaves", all, nodes, want)
		}
		for _, name := range spare[:10] {
			model[name] = []byte{2}
			root = apply(t, m, root, tree.Change{Name: name, Value: []byte{2}})
			if want := build(t, m, model); root != want {
				t.Fatalf("all %v: root %s after %q, want %s", all, root.Short(), name, want.Short())
			}
		}
	}
}

// TestDiffCost: the nodes that a diff reads are about those that differ, on both sides.
func TestDiffCost(t *testing.T) {
	m := tree.MemStore()
	root := build(t, m, rpmValues(60_000))
	rnd := rand.New(rand.NewSource(2))
	for _, n := range []int{0, 1, 10, 100} {
		var changes []tree.Change
		for range n {
			c := tree.Change{Name: rpmName(rnd.Intn(60_000))}
			switch rnd.Intn(3) {
			case 0:
				c.Delete = true
			case 1:
				c.Name += "+"
			}
			changes = append(changes, c)
		}
		other := apply(t, m, root, changes...)
		m.Stats()
		deltas := 0
		for _, err := range tree.Diff(m, root, other) {
			if err != nil {
				t.Fatal(err)
			}
			deltas++
		}
		reads := m.Stats().Reads
		t.Logf("%d differences: %d nodes read", deltas, reads)
		if reads > 24*n {
			t.Errorf("a diff with %d changes read %d nodes", n, reads)
		}
	}
}

// TestWalk: every node once, and none below a node that visit refuses.
func TestWalk(t *testing.T) {
	m := tree.MemStore()
	root := build(t, m, rpmValues(5000))
	total := m.Stats().New
	seen := map[blob.Digest]bool{}
	visit := func(d blob.Digest, _ int) bool {
		if seen[d] {
			return false
		}
		seen[d] = true
		return true
	}
	if err := tree.Walk(m, root, visit); err != nil || len(seen) != total {
		t.Errorf("walk: %d nodes of %d, error %v", len(seen), total, err)
	}
	other := apply(t, m, root, tree.Change{Name: "zz", Value: nil})
	puts := m.Stats().Puts
	if err := tree.Walk(m, other, visit); err != nil || len(seen) != total+puts {
		t.Errorf("walk of the next root: %d nodes, want %d, error %v", len(seen), total+puts, err)
	}
	if reads := m.Stats().Reads; reads > puts {
		t.Errorf("walk of the next root read %d nodes, %d are new", reads, puts)
	}
	if err := tree.Walk(m, blob.Digest{}, func(blob.Digest, int) bool { t.Error("visited"); return true }); err != nil {
		t.Error(err)
	}
}

func TestEmpty(t *testing.T) {
	m := tree.MemStore()
	var zero blob.Digest
	if root := build(t, m, nil); root != zero {
		t.Errorf("tree of nothing %s", root)
	}
	if root := apply(t, m, zero, tree.Change{Name: "x", Delete: true}); root != zero {
		t.Errorf("deleted from nothing: %s", root)
	}
	root := build(t, m, rpmValues(1000))
	var all []tree.Change
	for name := range rpmValues(1000) {
		all = append(all, tree.Change{Name: name, Delete: true})
	}
	if root := apply(t, m, root, all...); root != zero {
		t.Errorf("everything deleted: %s", root)
	}
	if n, err := tree.Len(m, zero); n != 0 || err != nil {
		t.Errorf("Len %d, error %v", n, err)
	}
	if _, err := tree.Get(m, zero, "x"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("Get: %v", err)
	}
	for range tree.List(m, zero, "") {
		t.Error("listed something")
	}
	if s := m.Stats(); s.Puts == 0 {
		t.Error("the counters count nothing")
	}
	if apply(t, m, root, tree.Change{Name: rpmName(1), Value: rpmEntry(1).Append(nil)}) != root || m.Stats().Puts != 0 {
		t.Error("a change that changes nothing makes nodes")
	}
}

func TestLimits(t *testing.T) {
	long, big := strings.Repeat("n", tree.MaxName), bytes.Repeat([]byte("v"), tree.MaxValue)
	m := tree.MemStore()
	root := apply(t, m, blob.Digest{}, tree.Change{Name: long, Value: big})
	if v, err := tree.Get(m, root, long); err != nil || !bytes.Equal(v, big) {
		t.Errorf("longest name and value: %d bytes, error %v", len(v), err)
	}
	// The largest node: no name of 64 ends a node, all have the greatest lengths and share nothing.
	model := map[string][]byte{}
	for i := 0; len(model) < 200; i++ {
		if name := fmt.Sprintf("%04d%s", i, long[4:]); !boundary(name) {
			model[name] = big
		}
	}
	root = build(t, m, model)
	n := 0
	for _, err := range tree.List(m, root, "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 200 {
		t.Errorf("%d items of 200", n)
	}
	for _, c := range []tree.Change{{Name: ""}, {Name: "", Delete: true}, {Name: long + "n"}, {Name: "x", Value: append(big, 'v')}} {
		if _, err := tree.Apply(m, root, []tree.Change{c}); !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("Apply name of %d bytes, value of %d: %v, want fs.ErrInvalid", len(c.Name), len(c.Value), err)
		}
		if _, err := tree.Build(m, func(yield func(string, []byte) bool) { yield(c.Name, c.Value) }); !c.Delete && !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("Build name of %d bytes, value of %d: %v, want fs.ErrInvalid", len(c.Name), len(c.Value), err)
		}
	}
	for _, names := range [][]string{{"b", "a"}, {"a", "a"}} {
		_, err := tree.Build(m, func(yield func(string, []byte) bool) {
			for _, n := range names {
				if !yield(n, nil) {
					return
				}
			}
		})
		if !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("Build of %q: %v, want fs.ErrInvalid", names, err)
		}
	}
	root = apply(t, m, root, tree.Change{Name: "q", Value: []byte("1")}, tree.Change{Name: "q", Delete: true}, tree.Change{Name: "q", Value: []byte("3")})
	if v, err := tree.Get(m, root, "q"); err != nil || string(v) != "3" {
		t.Errorf("of several changes of a name the last counts: %q, error %v", v, err)
	}
}

// TestStops: who stops reading a sequence is not called again.
func TestStops(t *testing.T) {
	m := tree.MemStore()
	a, b := build(t, m, rpmValues(500)), build(t, m, rpmValues(100))
	for range tree.List(m, a, "") {
		break
	}
	for range tree.Diff(m, a, b) {
		break
	}
}

// failing is a Writer whose operations fail after a number of them.
type failing struct {
	*tree.Mem
	left int
}

var errBroken = errors.New("broken")

func (f *failing) Node(d blob.Digest) ([]byte, error) {
	if f.left--; f.left < 0 {
		return nil, errBroken
	}
	return f.Mem.Node(d)
}

func (f *failing) PutNode(d blob.Digest, enc []byte) error {
	if f.left--; f.left < 0 {
		return errBroken
	}
	return f.Mem.PutNode(d, enc)
}

// TestErrorsComeThrough: whichever read or write fails, the caller gets that error and no result.
func TestErrorsComeThrough(t *testing.T) {
	m := tree.MemStore()
	root, model := build(t, m, rpmValues(2000)), rpmValues(2000)
	other := apply(t, m, root, tree.Change{Name: "a"}, tree.Change{Name: rpmName(1000), Delete: true}, tree.Change{Name: "z"})
	few := []tree.Change{{Name: rpmName(1999), Delete: true}, {Name: "b"}}
	ops := map[string]func(w tree.Writer) error{
		"get":   func(w tree.Writer) error { _, err := tree.Get(w, root, rpmName(5)); return err },
		"len":   func(w tree.Writer) error { _, err := tree.Len(w, root); return err },
		"walk":  func(w tree.Writer) error { return tree.Walk(w, root, func(blob.Digest, int) bool { return true }) },
		"build": func(w tree.Writer) error { _, err := tree.Build(w, sorted(model)); return err },
		"apply": func(w tree.Writer) error { _, err := tree.Apply(w, root, few); return err },
		"list": func(w tree.Writer) (last error) {
			for _, err := range tree.List(w, root, "") {
				last = err
			}
			return last
		},
		"diff": func(w tree.Writer) (last error) {
			for _, err := range tree.Diff(w, root, other) {
				last = err
			}
			return last
		},
	}
	for _, name := range slices.Sorted(maps.Keys(ops)) {
		n := 0
		for ; ; n++ {
			err := ops[name](&failing{m, n})
			if err == nil {
				break
			}
			if !errors.Is(err, errBroken) {
				t.Fatalf("%s, operation %d fails: error %v", name, n, err)
			}
		}
		if n == 0 {
			t.Errorf("%s neither reads nor writes", name)
		}
	}
}
