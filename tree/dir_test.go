package tree_test

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/tree"
	"vrepofs/tree/treetest"

	"pgregory.net/rapid"
)

func makeDir(t testing.TB, w tree.Writer, m map[string]tree.Entry) tree.Entry {
	t.Helper()
	e, err := tree.MakeDir(w, 77, sorted(m))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestDirModel: a loaded directory says what a sorted slice says, its ordinals number the whole tree below it without gaps,
// and ChangeDir gives what MakeDir gives.
func TestDirModel(t *testing.T) {
	name := rapid.Map(rapid.IntRange(0, 300), func(i int) string { return fmt.Sprint(i) })
	rapid.Check(t, func(t *rapid.T) {
		m := tree.MemStore()
		model := rapid.MapOfN(name, entryGen(), 0, 120).Draw(t, "entries")
		dir, err := tree.MakeDir(m, 77, sorted(model))
		if err != nil {
			t.Fatal(err)
		}
		checkDir(t, m, dir, model)

		var changes []tree.DirChange
		for n, e := range rapid.MapOfN(name, entryGen(), 0, 20).Draw(t, "changed") {
			c := tree.DirChange{Name: n, Entry: e, Delete: rapid.Bool().Draw(t, "delete")}
			if c.Delete {
				delete(model, n)
			} else {
				model[n] = e
			}
			changes = append(changes, tree.DirChange{Name: n, Entry: rpmEntry(1)}, c) // the last counts
		}
		got, err := tree.ChangeDir(m, dir, 78, changes)
		if err != nil {
			t.Fatal(err)
		}
		want, err := tree.MakeDir(m, 78, sorted(model))
		if err != nil || got != want {
			t.Fatalf("changed: %+v, made: %+v, error %v", got, want, err)
		}
		checkDir(t, m, got, model)
	})
}

func checkDir(t *rapid.T, r tree.Reader, e tree.Entry, model map[string]tree.Entry) {
	d, err := tree.LoadDir(r, e)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(model))
	if d.Len() != len(names) || d.Nodes() != e.Nodes {
		t.Fatalf("%d entries, %d nodes; want %d, %d", d.Len(), d.Nodes(), len(names), e.Nodes)
	}
	o := uint32(1)
	for i, n := range names {
		if d.Name(i) != n || d.Entry(i) != model[n] {
			t.Fatalf("entry %d: %q %+v, want %q %+v", i, d.Name(i), d.Entry(i), n, model[n])
		}
		if j, ok := d.Find(n); !ok || j != i {
			t.Fatalf("Find %q: %d, %v; want %d", n, j, ok, i)
		}
		if j, ok := d.Find(n + "\x01"); ok || j != i+1 {
			t.Fatalf("Find behind %q: %d, %v; want %d, false", n, j, ok, i+1)
		}
		if got := d.Ordinal(i); got != o {
			t.Fatalf("Ordinal %d: %d, want %d", i, got, o)
		}
		for rest := range max(1, model[n].Nodes) {
			if j, r, ok := d.ByOrdinal(o); j != i || r != rest || !ok {
				t.Fatalf("ByOrdinal %d: %d, %d, %v; want %d, %d", o, j, r, ok, i, rest)
			}
			o++
		}
	}
	if o != e.Nodes {
		t.Fatalf("the entry says %d nodes, there are %d", e.Nodes, o)
	}
	for _, bad := range []uint32{0, o, o + 1, math.MaxUint32} {
		if _, _, ok := d.ByOrdinal(bad); ok {
			t.Fatalf("ByOrdinal %d of %d is ok", bad, o)
		}
	}
}

// TestDirMemory: at most 100 bytes for a file with a name of 45, and Find, Name and Entry allocate nothing.
func TestDirMemory(t *testing.T) {
	m := tree.MemStore()
	const n = 60_000
	d, err := tree.LoadDir(m, largeDir(t, m, n))
	if err != nil {
		t.Fatal(err)
	}
	length := 0
	for i := range d.Len() {
		length += len(d.Name(i))
	}
	t.Logf("%.1f bytes per entry, names of %.1f", float64(d.Size())/n, float64(length)/n)
	if d.Size() > 100*n {
		t.Errorf("%d bytes per entry, want at most 100", d.Size()/n)
	}
	name := rpmName(n / 3)
	if a := testing.AllocsPerRun(100, func() {
		i, ok := d.Find(name)
		if !ok || d.Name(i) != name || d.Entry(i).Serial == 0 || d.Ordinal(i) == 0 {
			t.Fatal("not found")
		}
	}); a != 0 {
		t.Errorf("Find allocates %v times", a)
	}
}

func largeDir(t testing.TB, w tree.Writer, n int) tree.Entry {
	t.Helper()
	m := map[string]tree.Entry{}
	for i := range n {
		m[rpmName(i)] = rpmEntry(i)
	}
	return makeDir(t, w, m)
}

// TestNestedDirs: the ordinals of a small tree of directories, as a mount numbers it.
func TestNestedDirs(t *testing.T) {
	m := tree.MemStore()
	c := makeDir(t, m, map[string]tree.Entry{"x.rpm": rpmEntry(1), "y.rpm": rpmEntry(2)})
	packages := makeDir(t, m, map[string]tree.Entry{"c": c, "d": makeDir(t, m, nil)})
	top := makeDir(t, m, map[string]tree.Entry{"Packages": packages, "file": {Kind: tree.KindFile, Digest: someDigest}})
	if c.Nodes != 3 || packages.Nodes != 5 || top.Nodes != 7 || top.Mtime != 77 {
		t.Fatalf("nodes %d, %d, %d; want 3, 5, 7", c.Nodes, packages.Nodes, top.Nodes)
	}
	// top 0, Packages 1, c 2, x 3, y 4, d 5, file 6
	path := func(o uint32) string {
		var names []string
		e := top
		for o > 0 {
			d, err := tree.LoadDir(m, e)
			if err != nil {
				t.Fatal(err)
			}
			i, rest, ok := d.ByOrdinal(o)
			if !ok {
				t.Fatalf("no ordinal %d", o)
			}
			names, e, o = append(names, d.Name(i)), d.Entry(i), rest
		}
		return strings.Join(names, "/")
	}
	for o, want := range []string{"", "Packages", "Packages/c", "Packages/c/x.rpm", "Packages/c/y.rpm", "Packages/d", "file"} {
		if got := path(uint32(o)); got != want {
			t.Errorf("ordinal %d: %q, want %q", o, got, want)
		}
	}
}

func TestMakeDirRefuses(t *testing.T) {
	m := tree.MemStore()
	for _, n := range treetest.HostileNames() {
		_, err := tree.MakeDir(m, 0, sorted(map[string]tree.Entry{n.Name: rpmEntry(1)}))
		if !errors.Is(err, iofs.ErrInvalid) || !strings.Contains(err.Error(), n.Why) {
			t.Errorf("name %.60q: %v, want fs.ErrInvalid with %q", n.Name, err, n.Why)
		}
		_, err = tree.ChangeDir(m, makeDir(t, m, nil), 0, []tree.DirChange{{Name: n.Name, Entry: rpmEntry(1)}})
		if !errors.Is(err, iofs.ErrInvalid) || !strings.Contains(err.Error(), n.Why) {
			t.Errorf("change of name %.60q: %v, want fs.ErrInvalid with %q", n.Name, err, n.Why)
		}
	}
	for _, n := range treetest.OddNames() {
		makeDir(t, m, map[string]tree.Entry{n.Name: rpmEntry(1)})
	}
	bad := map[string]tree.Entry{"x": {Kind: tree.KindFile}}
	if _, err := tree.MakeDir(m, 0, sorted(bad)); !errors.Is(err, iofs.ErrInvalid) || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("file without a digest: %v", err)
	}
	huge := tree.Entry{Kind: tree.KindDir, Nodes: math.MaxUint32 - 1, Digest: someDigest}
	if _, err := tree.MakeDir(m, 0, sorted(map[string]tree.Entry{"a": huge, "b": huge})); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("more nodes than there are numbers: %v", err)
	}
}

func TestLoadDirRefuses(t *testing.T) {
	m := tree.MemStore()
	values := func(m2 map[string][]byte) blob.Digest { return build(t, m, m2) }
	file := rpmEntry(1).Append(nil)
	for _, c := range []struct {
		name  string
		entry tree.Entry
		want  error
	}{
		{"a file", rpmEntry(1), iofs.ErrInvalid},
		{"a hostile name", tree.Entry{Kind: tree.KindDir, Nodes: 2, Digest: values(map[string][]byte{"..": file})}, tree.ErrCorrupt},
		{"a value that is no entry", tree.Entry{Kind: tree.KindDir, Nodes: 2, Digest: values(map[string][]byte{"a": nil})}, tree.ErrCorrupt},
		{"too many names", tree.Entry{Kind: tree.KindDir, Nodes: 2, Digest: values(map[string][]byte{"a": file, "b": file})}, tree.ErrCorrupt},
		{"too few names", tree.Entry{Kind: tree.KindDir, Nodes: 4, Digest: values(map[string][]byte{"a": file, "b": file})}, tree.ErrCorrupt},
		{"a tree that is not there", tree.Entry{Kind: tree.KindDir, Nodes: 4, Digest: someDigest}, tree.ErrCorrupt},
	} {
		if _, err := tree.LoadDir(m, c.entry); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
