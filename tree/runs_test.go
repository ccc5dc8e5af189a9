package tree_test

import (
	"errors"
	"testing"

	"vrepofs/blob"
	"vrepofs/tree"
)

// TestRuns: the runs of a tree hold what List yields, without the nodes of runs being read to pass over them; and one changed
// value leaves all runs but one as they are.
func TestRuns(t *testing.T) {
	for _, n := range []int{0, 1, 11, 64, 300, 5_000, 60_000} {
		m := tree.MemStore()
		values := rpmValues(n)
		root := build(t, m, values)
		m.Stats()
		known := map[blob.Digest]bool{}
		for run, err := range tree.Runs(m, root) {
			if err != nil {
				t.Fatal(err)
			}
			known[run.Node] = true
		}
		if reads := m.Stats().Reads; reads > 2+n/2000 {
			t.Errorf("%d entries: %d nodes read for %d runs", n, reads, len(known))
		}
		left := values
		values[rpmName(n/2)] = []byte("changed")
		root = apply(t, m, root, tree.Change{Name: rpmName(n / 2), Value: []byte("changed")})
		fresh, last := 0, ""
		for run, err := range tree.Runs(m, root) {
			if err != nil {
				t.Fatal(err)
			}
			if !known[run.Node] {
				fresh++
			}
			for it, err := range run.Items(m) {
				if err != nil {
					t.Fatal(err)
				}
				if string(left[it.Name]) != string(it.Value) || it.Name <= last {
					t.Errorf("%q behind %q: %x, want %x", it.Name, last, it.Value, left[it.Name])
				}
				delete(left, it.Name)
				last = it.Name
			}
		}
		if len(left) != 0 || fresh != 1 {
			t.Errorf("%d entries: %d were in no run, %d runs are new", n, len(left), fresh)
		}
	}
}

// TestRunsMissing: nodes that are not there are errors, of the tree and of a run.
func TestRunsMissing(t *testing.T) {
	for _, err := range tree.Runs(tree.MemStore(), blob.Sum(nil)) {
		if !errors.Is(err, tree.ErrCorrupt) {
			t.Errorf("missing root: %v", err)
		}
	}
	m := tree.MemStore()
	for run, err := range tree.Runs(m, build(t, m, rpmValues(5_000))) {
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range run.Items(tree.MemStore()) {
			if !errors.Is(err, tree.ErrCorrupt) {
				t.Errorf("missing run: %v", err)
			}
		}
	}
}
