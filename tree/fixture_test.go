package tree_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"vrepofs/blob"
	"vrepofs/tree"
)

// sorted yields a map in the order of its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// rpmName returns a name of 45 bytes, the average of Fedora's package files.
func rpmName(i int) string {
	return fmt.Sprintf("python3-%c%c%06d-libs-1.%d.3-%d.fc42.x86_64.rpm", 'a'+i*7%26, 'a'+i*11%26, i, i%10, i%10)
}

// rpmEntry returns the entry of an RPM, which takes 46 to 50 bytes.
func rpmEntry(i int) tree.Entry {
	return tree.Entry{Kind: tree.KindFile, RPM: true, Size: int64(20_000 + i*37), Mtime: 1_795_000_000 + int64(i), Serial: uint64(i + 1),
		Digest: blob.Sum(fmt.Appendf(nil, "rpm %d", i))}
}

// rpmValues returns n names and encoded entries.
func rpmValues(n int) map[string][]byte {
	m := make(map[string][]byte, n)
	for i := range n {
		m[rpmName(i)] = rpmEntry(i).Append(nil)
	}
	return m
}

func build(t testing.TB, w tree.Writer, m map[string][]byte) blob.Digest {
	t.Helper()
	root, err := tree.Build(w, sorted(m))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func apply(t testing.TB, w tree.Writer, root blob.Digest, changes ...tree.Change) blob.Digest {
	t.Helper()
	root, err := tree.Apply(w, root, changes)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// sizes returns the number of nodes of each level, and how many bytes they have and items the leaves have at most.
func sizes(t testing.TB, r tree.Reader, root blob.Digest) (nodes []int, bytes, biggest, mostItems int) {
	t.Helper()
	err := tree.Walk(r, root, func(d blob.Digest, level int) bool {
		enc, err := r.Node(d)
		if err != nil {
			t.Fatal(err)
		}
		n, err := tree.DecodeNode(enc)
		if err != nil {
			t.Fatal(err)
		}
		if n.Level != level {
			t.Fatalf("node of level %d where Walk says %d", n.Level, level)
		}
		for len(nodes) <= level {
			nodes = append(nodes, 0)
		}
		nodes[level]++
		bytes += len(enc)
		biggest, mostItems = max(biggest, len(enc)), max(mostItems, len(n.Items))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return nodes, bytes, biggest, mostItems
}
