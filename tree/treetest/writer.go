package treetest

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"testing"

	"vrepofs/blob"
	"vrepofs/tree"
)

// Writer tests that a tree.Writer keeps its contract. open returns an empty one; it is called once per subtest.
func Writer(t *testing.T, open func(t *testing.T) tree.Writer) {
	items := func(n int) func(yield func(string, []byte) bool) {
		return func(yield func(string, []byte) bool) {
			for i := range n {
				if !yield(fmt.Sprintf("name-%06d", i), fmt.Appendf(nil, "value %d", i)) {
					return
				}
			}
		}
	}
	t.Run("absent node", func(t *testing.T) {
		if enc, err := open(t).Node(blob.Sum([]byte("nothing"))); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("Node of an absent digest: %d bytes, error %v, want fs.ErrNotExist", len(enc), err)
		}
	})
	t.Run("put twice", func(t *testing.T) {
		w := open(t)
		a, err := tree.Build(w, items(100))
		if err != nil {
			t.Fatal(err)
		}
		b, err := tree.Build(w, items(100))
		if err != nil || a != b {
			t.Fatalf("second Build: %v, error %v, want %v", b, err, a)
		}
	})
	t.Run("bytes stay", func(t *testing.T) {
		w, mem := open(t), tree.MemStore()
		root, err := tree.Build(w, items(3000))
		if err != nil {
			t.Fatal(err)
		}
		if want, err := tree.Build(mem, items(3000)); err != nil || want != root {
			t.Fatalf("root %v, in memory %v, error %v", root, want, err)
		}
		if root, err = tree.Apply(w, root, []tree.Change{{Name: "name-001500", Delete: true}, {Name: "x", Value: []byte("y")}}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			err := tree.Walk(w, root, func(d blob.Digest, level int) bool {
				enc, err := w.Node(d)
				if err != nil || blob.Sum(enc) != d {
					t.Errorf("node %s of level %d: %d bytes of digest %s, error %v", d.Short(), level, len(enc), blob.Sum(enc).Short(), err)
				}
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		for it, err := range tree.List(w, root, "name-001499") {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 2 && (it.Name != "name-001501" || !bytes.Equal(it.Value, []byte("value 1501"))) {
				t.Errorf("second item %q = %q, want name-001501", it.Name, it.Value)
			}
		}
		if n != 1501 {
			t.Errorf("listed %d items, want 1501", n)
		}
	})
}
