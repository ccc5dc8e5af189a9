package compose_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/tree"
)

// file is an entry that differs from those of other contents.
func file(content string) tree.Entry {
	return tree.Entry{Kind: tree.KindFile, Size: int64(len(content)), Mtime: 1, Digest: blob.Sum([]byte(content))}
}

// filesBelow lists every file of a tree by path, and the time of every directory.
func filesBelow(t interface{ Fatal(...any) }, r tree.Reader, root tree.Entry) (files map[string]tree.Entry, dirs map[string]int64) {
	files, dirs = map[string]tree.Entry{}, map[string]int64{}
	var walk func(prefix string, dir tree.Entry)
	walk = func(prefix string, dir tree.Entry) {
		dirs[prefix] = dir.Mtime
		for item, err := range tree.List(r, dir.Digest, "") {
			if err != nil {
				t.Fatal(err)
			}
			e, err := tree.DecodeEntry(item.Value)
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == tree.KindDir {
				walk(prefix+item.Name+"/", e)
			} else {
				files[prefix+item.Name] = e
			}
		}
	}
	if root.Kind != 0 {
		walk("", root)
	}
	return files, dirs
}

// TestGraft makes random changes beside a map of paths, and holds that the tree has what the map has and no empty directory, that
// just the directories above changes have new times, and that its digest does not depend on history.
func TestGraft(t *testing.T) {
	paths := []string{"a", "a/b", "a/b/c", "a/b/d", "a/e", "f", "f/g/h/i", "f/g/h/j", "k/l"}
	rapid.Check(t, func(t *rapid.T) {
		mem := tree.MemStore()
		var root tree.Entry
		model := map[string]tree.Entry{}
		for stamp := int64(2); stamp < 2+int64(rapid.IntRange(1, 8).Draw(t, "rounds")); stamp++ {
			var put []compose.Grafted
			for _, p := range rapid.SliceOfNDistinct(rapid.SampledFrom(paths), 1, 4, rapid.ID[string]).Draw(t, "paths") {
				g := compose.Grafted{Path: p}
				if rapid.IntRange(0, 2).Draw(t, "what") > 0 {
					g.Entry = file(fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "content")))
				}
				put = append(put, g)
			}
			next, possible := apply(model, put)
			// A path removed with another put below it makes new directories, whatever is in them.
			replaced := func(g compose.Grafted) bool {
				return slices.ContainsFunc(put, func(o compose.Grafted) bool { return strings.HasPrefix(o.Path, g.Path+"/") })
			}
			was, times := filesBelow(t, mem, root)
			got, err := compose.Graft(mem, root, stamp, put)
			if (err == nil) != possible {
				t.Fatalf("put %v into %v: possible: %v, error: %v", put, slices.Sorted(maps.Keys(model)), possible, err)
			}
			if err != nil {
				continue
			}
			root, model = got, next
			files, dirs := filesBelow(t, mem, root)
			if !maps.Equal(files, model) {
				t.Fatalf("has %v, want %v", files, model)
			}
			for dir, mtime := range dirs {
				in := func(m map[string]tree.Entry) map[string]tree.Entry {
					out := maps.Clone(m)
					maps.DeleteFunc(out, func(p string, _ tree.Entry) bool { return !strings.HasPrefix(p, dir) })
					return out
				}
				want := stamp
				if before, there := times[dir]; there && maps.Equal(in(was), in(files)) {
					if mtime != before && slices.ContainsFunc(put, replaced) {
						continue
					}
					want = before
				}
				if mtime != want {
					t.Fatalf("directory %q: time %d, want %d", dir, mtime, want)
				}
				if len(in(files)) == 0 {
					t.Fatalf("directory %q is empty", dir)
				}
			}
			if root.Kind != 0 {
				fresh, err := compose.MakeTree(tree.MemStore(), stamp, model)
				if err != nil || fresh.Nodes != root.Nodes {
					t.Fatalf("made anew: %d nodes, %v; grafted: %d", fresh.Nodes, err, root.Nodes)
				}
			}
		}
	})
}

// apply is Graft on a map.
func apply(model map[string]tree.Entry, put []compose.Grafted) (map[string]tree.Entry, bool) {
	out := maps.Clone(model)
	below := func(p, dir string) bool { return strings.HasPrefix(p, dir+"/") }
	for _, g := range put {
		maps.DeleteFunc(out, func(p string, _ tree.Entry) bool { return p == g.Path || below(p, g.Path) })
	}
	for _, g := range put {
		if g.Entry.Kind != 0 {
			out[g.Path] = g.Entry
		}
	}
	for a := range out {
		for b := range out {
			if below(b, a) {
				return nil, false
			}
		}
	}
	return out, true
}
