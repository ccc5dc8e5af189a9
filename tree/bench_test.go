package tree_test

import (
	"testing"

	"vrepofs/blob"
	"vrepofs/tree"
)

const many = 60_000

// stored returns a tree of 60,000 directory entries.
func stored(b *testing.B) (*tree.Mem, blob.Digest) {
	m := tree.MemStore()
	return m, build(b, m, rpmValues(many))
}

func BenchmarkBuild60k(b *testing.B) {
	var items []tree.Item
	for name, v := range sorted(rpmValues(many)) {
		items = append(items, tree.Item{Name: name, Value: v})
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := tree.Build(tree.MemStore(), func(yield func(string, []byte) bool) {
			for _, it := range items {
				if !yield(it.Name, it.Value) {
					return
				}
			}
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	m, root := stored(b)
	var names []string
	for i := range 1024 {
		names = append(names, rpmName(i*7919%many))
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tree.Get(m, root, names[i%len(names)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkApply1of60k(b *testing.B) {
	m, root := stored(b)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		if _, err := tree.Apply(m, root, []tree.Change{{Name: rpmName(i % many), Value: rpmEntry(i).Append(nil)}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadDir60k(b *testing.B) {
	m := tree.MemStore()
	dir := largeDir(b, m, many)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tree.LoadDir(m, dir); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDirFind(b *testing.B) {
	m := tree.MemStore()
	d, err := tree.LoadDir(m, largeDir(b, m, many))
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	names := []string{rpmName(5), rpmName(50_000), rpmName(31_111), "absent"}
	b.ReportAllocs()
	for b.Loop() {
		d.Find(names[i%len(names)])
		i++
	}
}

func BenchmarkDiff1of60k(b *testing.B) {
	m, root := stored(b)
	other := apply(b, m, root, tree.Change{Name: rpmName(3), Delete: true})
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range tree.Diff(m, root, other) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
