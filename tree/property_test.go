package tree_test

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
	"testing"

	"vrepofs/blob"
	"vrepofs/tree"

	"pgregory.net/rapid"
)

// nameGen draws names from a small space, so that changes meet what is there, with prefixes of each other and odd bytes.
func nameGen() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.Map(rapid.IntRange(0, 3000), func(i int) string { return fmt.Sprint(i) }),
		rapid.Map(rapid.IntRange(0, 500), rpmName),
		rapid.StringMatching(`[ab]{1,6}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 3), func(b []byte) string { return string(b) }),
	)
}

// changesGen draws a batch of changes: a few, many, or a run of neighbours.
func changesGen() *rapid.Generator[[]tree.Change] {
	one := rapid.Custom(func(t *rapid.T) tree.Change {
		c := tree.Change{Name: nameGen().Draw(t, "name")}
		if rapid.IntRange(0, 2).Draw(t, "op") == 0 {
			c.Delete = true
		} else {
			c.Value = rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "value")
		}
		return c
	})
	run := rapid.Custom(func(t *rapid.T) []tree.Change {
		from, n := rapid.IntRange(0, 3000).Draw(t, "from"), rapid.IntRange(1, 1500).Draw(t, "n")
		del := rapid.Bool().Draw(t, "delete")
		var out []tree.Change
		for i := from; i < from+n; i++ {
			out = append(out, tree.Change{Name: fmt.Sprint(i), Value: []byte{byte(n)}, Delete: del})
		}
		return out
	})
	return rapid.OneOf(rapid.SliceOfN(one, 0, 5), rapid.SliceOfN(one, 0, 60), run)
}

// TestModel holds a tree against a Go map through random batches of changes. After each: the root is that of a build from
// scratch (so it does not depend on history), the differences to the root before are what the model says, applying them
// leads there and back, and only nodes that the result has are put.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, model := tree.MemStore(), map[string][]byte{}
		root := blob.Digest{}
		for range rapid.IntRange(1, 8).Draw(t, "batches") {
			changes := changesGen().Draw(t, "changes")
			was, before := root, maps.Clone(model)
			for _, c := range changes {
				if c.Delete {
					delete(model, c.Name)
				} else {
					model[c.Name] = c.Value
				}
			}
			w := &recorder{Mem: m}
			var err error
			if root, err = tree.Apply(w, was, changes); err != nil {
				t.Fatal(err)
			}
			if want, err := tree.Build(tree.MemStore(), sorted(model)); err != nil || root != want {
				t.Fatalf("root %s, built from scratch %s (error %v)", root.Short(), want.Short(), err)
			}
			w.checkUsed(t, root)
			checkModel(t, m, root, model)

			var there, back []tree.Change
			seen := ""
			for d, err := range tree.Diff(m, was, root) {
				if err != nil {
					t.Fatal(err)
				}
				old, hadOld := before[d.Name]
				now, hasNow := model[d.Name]
				if d.Name <= seen || hadOld != (d.Old != nil) || hasNow != (d.New != nil) || !bytes.Equal(old, d.Old) || !bytes.Equal(now, d.New) ||
					hadOld == hasNow && bytes.Equal(old, now) {
					t.Fatalf("delta %q: old %q, new %q after %q; the model had %q, has %q", d.Name, d.Old, d.New, seen, old, now)
				}
				seen = d.Name
				there = append(there, tree.Change{Name: d.Name, Value: d.New, Delete: d.New == nil})
				back = append(back, tree.Change{Name: d.Name, Value: d.Old, Delete: d.Old == nil})
			}
			if got, err := tree.Apply(m, was, there); err != nil || got != root {
				t.Fatalf("diff applied: %s, want %s (error %v)", got.Short(), root.Short(), err)
			}
			if got, err := tree.Apply(m, root, back); err != nil || got != was {
				t.Fatalf("diff applied backwards: %s, want %s (error %v)", got.Short(), was.Short(), err)
			}
		}
	})
}

// recorder notes what is put.
type recorder struct {
	*tree.Mem
	put []blob.Digest
}

func (r *recorder) PutNode(d blob.Digest, enc []byte) error {
	if blob.Sum(enc) != d {
		return errors.New("put under a wrong digest")
	}
	r.put = append(r.put, d)
	return r.Mem.PutNode(d, enc)
}

// checkUsed fails if a node was put that root does not need, or before its children.
func (r *recorder) checkUsed(t *rapid.T, root blob.Digest) {
	reachable := map[blob.Digest]int{}
	if err := tree.Walk(r, root, func(d blob.Digest, level int) bool { reachable[d] = level; return true }); err != nil {
		t.Fatal(err)
	}
	level := 0
	for _, d := range r.put {
		l, ok := reachable[d]
		if !ok {
			t.Fatalf("node %s was put and is not below the root", d.Short())
		}
		level = max(level, l)
	}
	if len(r.put) > 0 && r.put[len(r.put)-1] != root {
		t.Fatalf("the root is not the last node put")
	}
}

func checkModel(t *rapid.T, r tree.Reader, root blob.Digest, model map[string][]byte) {
	if n, err := tree.Len(r, root); err != nil || n != len(model) {
		t.Fatalf("Len %d, want %d (error %v)", n, len(model), err)
	}
	names := slices.Sorted(maps.Keys(model))
	from := nameGen().Draw(t, "from")
	i, _ := slices.BinarySearch(names, from)
	for it, err := range tree.List(r, root, from) {
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(names) || it.Name != names[i] || !bytes.Equal(it.Value, model[it.Name]) {
			t.Fatalf("List from %q: item %q = %q is not number %d of %d", from, it.Name, it.Value, i, len(names))
		}
		i++
	}
	if i != len(names) {
		t.Fatalf("List from %q ended before %q", from, names[i])
	}
	for range 20 {
		name := nameGen().Draw(t, "get")
		v, err := tree.Get(r, root, name)
		want, ok := model[name]
		if ok && (err != nil || !bytes.Equal(v, want)) || !ok && !errors.Is(err, iofs.ErrNotExist) {
			t.Fatalf("Get %q: %q, error %v; want %q, %v", name, v, err, want, ok)
		}
	}
	for name, want := range model {
		if v, err := tree.Get(r, root, name); err != nil || !bytes.Equal(v, want) {
			t.Fatalf("Get %q: %q, error %v; want %q", name, v, err, want)
		}
	}
}
