package filelist_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/filelist"
	"vrepofs/tree"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite golden files")

const t0 = 1_795_235_400

// small is a tree with one of everything.
func small(t *testing.T, f *fixture) tree.Entry {
	root := tree.Entry{Kind: tree.KindDir, Nodes: 1}
	for i, c := range []struct {
		path string
		e    tree.Entry
	}{
		{"9/core-debug/os/repodata/repomd.xml", f.file("<debug/>", t0)},
		{"9/core/os/repodata/repomd.xml", f.file("<core/>", t0+1)},
		{"9/core/os/Packages/a/a-1-1.noarch.rpm", rpm(1)},
		{"9/core/os/fullfilelist", f.file("not at the top", t0)},
		{"9/images/boot.iso", f.file("boot", t0)},
		{"9/images/disk.qcow2", f.file("disk", t0)},
		{"9/images/iso", f.file("no image", t0)},
		{"9/images/box.tar.xz.asc", f.file("no image", t0)},
		{"9/images/dir.wsl/x", f.file("x", t0)},
		{"9/latest", link("core", t0)},
		{"9/gone", link("nowhere", t0)},
		{"9/up", link("../../out", t0)},
		{"9/abs", link("/etc/passwd", t0)},
		{"9/loop", link("loop", t0)},
		{"9/far", link("latest/../latest/os/Packages/a/a-1-1.noarch.rpm", t0)},
		{"9/notdir", link("images/iso/", t0)},
		{"lists", link("fullfilelist", t0)},
		{"fullfilelist", f.file("old", t0)},
		{"fullfiletimelist-m", f.file("old", t0)},
		{"fullfiletimelist-other", f.file("another's", t0)},
		{"imagelist-m", f.file("old", t0)},
		{"ünï code", f.file("x", t0)},
	} {
		root = f.set(t, root, c.path, &c.e, t0+int64(i))
	}
	empty, up := tree.Entry{Kind: tree.KindDir, Nodes: 1}, link("..", t0)
	sub := f.set(t, empty, "x/y", &up, t0)
	secret := sub.Restrict(0o500, 7)
	inner := f.set(t, sub, "inner", &sub, t0).Restrict(0o550, 7)
	staging := f.set(t, f.set(t, sub, "inner", &inner, t0), "secret", &secret, t0).Restrict(0o550, 7)
	root = f.set(t, root, "staging", &staging, t0)
	return f.set(t, root, "empty", &tree.Entry{Kind: tree.KindDir, Nodes: 1, Mtime: t0}, t0)
}

func TestGolden(t *testing.T) {
	f := newFixture()
	lists := f.compare(t, f.renderer(), small(t, f))
	for name, rope := range map[string]blob.Rope{"fullfilelist": lists.Files, "fullfiletimelist-m": lists.Times, "imagelist-m": lists.Images} {
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, []byte(f.text(t, rope)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.text(t, rope); got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestEmpty(t *testing.T) {
	f := newFixture()
	l := f.compare(t, f.renderer(), tree.Entry{Kind: tree.KindDir, Nodes: 1})
	want := "[Version]\n2\n\n[Files]\n\n[Checksums SHA1]\n\n[Checksums MD5]\n\n[Checksums SHA256]\n\n[Checksums SHA512]\n\n[End]\n"
	if got := f.text(t, l.Times); got != want || len(l.Files) != 0 || len(l.Images) != 0 {
		t.Errorf("got %q, %v, %v, want %q and nothing", got, l.Files, l.Images, want)
	}
	e, blobs, err := filelist.Entry(f.put, l.Files, t0)
	if err != nil || e.Check() != nil || e.Kind != tree.KindFile || e.Size != 0 || len(blobs) != 1 || blobs[0] != e.Digest {
		t.Errorf("entry of an empty list: %+v, %v, %v", e, blobs, err)
	}
}

// repo makes a repository of n packages, flat or by letter.
func repo(t rapid.TB, f *fixture, n int, flat bool, repomd string) tree.Entry {
	t.Helper()
	byDir := map[string][]int{}
	for i := range n {
		d := "a"
		if !flat {
			d = string(rune('a' + i*7%26))
		}
		byDir[d] = append(byDir[d], i)
	}
	packages := tree.Entry{Kind: tree.KindDir, Nodes: 1}
	for d, is := range byDir {
		var changes []tree.DirChange
		for _, i := range is {
			changes = append(changes, tree.DirChange{Name: rpmName(i), Entry: rpm(i)})
		}
		e, err := tree.ChangeDir(f, tree.Entry{Kind: tree.KindDir, Nodes: 1}, t0, changes)
		if err != nil {
			t.Fatal(err)
		}
		if flat {
			packages = e
		} else {
			packages = f.set(t, packages, d, &e, t0)
		}
	}
	root := f.set(t, tree.Entry{Kind: tree.KindDir, Nodes: 1}, "Packages", &packages, t0)
	md := f.file(repomd, t0)
	return f.set(t, root, "repodata/repomd.xml", &md, t0)
}

func rpmName(i int) string {
	return fmt.Sprintf("python3-%c%c%06d-libs-1.%d.3-%d.fc42.x86_64.rpm", 'a'+i*7%26, 'a'+i*11%26, i, i%10, i%10)
}

// TestCost: one changed package of one of many repositories costs a bounded number of parts and nodes, and of bytes, however many
// there are; what is unchanged costs none.
func TestCost(t *testing.T) {
	for _, flat := range []bool{true, false} {
		for _, n := range []int{100, 20_000} {
			t.Run(fmt.Sprint(n, flat), func(t *testing.T) {
				f := newFixture()
				root := tree.Entry{Kind: tree.KindDir, Nodes: 1}
				for i := range 20 {
					r := repo(t, f, n/20+i, flat, fmt.Sprint(i))
					root = f.set(t, root, fmt.Sprintf("9/r%d/os", i), &r, t0)
				}
				r := repo(t, f, n, flat, "big")
				root = f.set(t, root, "9/big/os", &r, t0)
				r.Mtime++ // the same once more
				root = f.set(t, root, "9/twin/os", &r, t0)
				first := f.compare(t, f.renderer(), root)
				f.puts, f.bytes, f.opens = 0, 0, 0
				// Only what belongs to no unit, head and checksums, is written again.
				if f.compare(t, f.renderer(), root); f.puts > 1 || f.bytes > 50_000 {
					t.Errorf("the same tree again: %d new blobs of %d bytes", f.puts, f.bytes)
				}
				if n := len(first.Files) + len(first.Times); n > 10 {
					t.Errorf("from nothing: %d parts, want the neighbours in a pack to be one", n)
				}
				// A package is replaced: its name changes, so do the directory's time and repomd.xml.
				where := "9/big/os/Packages/"
				if !flat {
					where += string(rune('a'+30*7%26)) + "/"
				}
				root = f.set(t, root, where+rpmName(30), nil, t0+5)
				e := rpm(31 + n)
				root = f.set(t, root, where+rpmName(30)+"x.rpm", &e, t0+5)
				md := f.file("new", t0+5)
				root = f.set(t, root, "9/big/os/repodata/repomd.xml", &md, t0+5)
				f.puts, f.bytes = 0, 0
				f.Stats()
				files, times, images := filelist.Names("m")
				got, err := f.renderer().Render(t.Context(), root, files, times, images)
				if err != nil {
					t.Fatal(err)
				}
				reads := f.Stats().Reads
				parts := len(got.Files) + len(got.Times)
				t.Logf("%d files: %d blobs, %d bytes, %d parts, %d nodes read", n, f.puts, f.bytes, parts, reads)
				if f.puts > 1 || f.bytes > 200_000 || reads > 1000 || parts > 200 {
					t.Errorf("one changed package of %d: %d new blobs of %d bytes, %d parts, %d nodes read", n, f.puts, f.bytes, parts, reads)
				}
				f.compare(t, f.renderer(), root)
			})
		}
	}
}

// TestSharedParts: two listed channels with the same packages share the parts.
func TestSharedParts(t *testing.T) {
	f := newFixture()
	r := repo(t, f, 10_000, true, "x")
	a := f.set(t, tree.Entry{Kind: tree.KindDir, Nodes: 1}, "9/os", &r, t0)
	f.compare(t, f.renderer(), a)
	md := f.file("y", t0+9)
	b := f.set(t, a, "9/os/repodata/repomd.xml", &md, t0+9)
	f.puts, f.bytes = 0, 0
	if f.compare(t, f.renderer(), b); f.puts > 1 || f.bytes > 10_000 {
		t.Errorf("%d new blobs of %d bytes, want the lines that differ", f.puts, f.bytes)
	}
}

// TestModel: through random changes, rendering with what is remembered gives the texts of the walker, and the same parts each time; so
// it does when blobs and memos get lost.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture()
		root := repo(rt, f, rapid.IntRange(0, 2500).Draw(rt, "packages"), rapid.Bool().Draw(rt, "flat"), "first")
		names := rapid.SampledFrom([]string{
			"Packages/" + rpmName(3), "Packages/b/" + rpmName(4), "repodata/repomd.xml", "repodata", "x/repodata/repomd.xml", "x", "link", "x/link", "x/y/link",
			"x/boot.iso", "fullfilelist", "imagelist-m", "x.wsl", "Packages/b", "x/y/z", "x/y",
		})
		for i := range rapid.IntRange(1, 6).Draw(rt, "steps") {
			for range rapid.IntRange(1, 5).Draw(rt, "changes") {
				name, mtime := names.Draw(rt, "name"), int64(t0+i)
				if !f.isDirBelow(root, name) {
					continue
				}
				var e *tree.Entry
				switch rapid.IntRange(0, 4).Draw(rt, "kind") {
				case 0, 1:
					v := f.file(rapid.StringN(0, 9, 9).Draw(rt, "content"), mtime)
					e = &v
				case 2:
					v := link(rapid.SampledFrom([]string{"x", "../x", "y", "link", "../link/y", "..", "../..", "fullfilelist", "./boot.iso"}).Draw(rt, "target"), mtime)
					e = &v
				case 3:
					v := repo(rt, f, rapid.IntRange(0, 300).Draw(rt, "packages"), true, "sub")
					e = &v
				}
				if e != nil && e.Kind == tree.KindDir && rapid.Bool().Draw(rt, "restricted") {
					v := e.Restrict(rapid.SampledFrom([]uint32{0o550, 0o500}).Draw(rt, "perm"), 7)
					e = &v
				}
				root = f.set(rt, root, name, e, mtime)
			}
			again := newFixture()
			again.Mem, again.blobs, again.memos = f.Mem, maps.Clone(f.blobs), maps.Clone(f.memos)
			got := f.compare(rt, f.renderer(), root)
			if second := again.compare(rt, again.renderer(), root); !reflect.DeepEqual(got, second) {
				rt.Fatalf("got %v, again %v", got, second)
			}
			switch rapid.IntRange(0, 3).Draw(rt, "damage") {
			case 0:
				for _, p := range got.Times {
					delete(f.blobs, p.Digest)
				}
			case 1:
				for k, v := range f.memos {
					f.memos[k] = v[:len(v)/2]
				}
			}
		}
	})
}

// TestPacks: a rendering of more than a pack holds writes several and remembers all units; where one of the packs is gone, what was in it
// is rendered again and nothing else.
func TestPacks(t *testing.T) {
	f := newFixture()
	r := repo(t, f, 60_000, false, "x")
	root := f.set(t, tree.Entry{Kind: tree.KindDir, Nodes: 1}, "9/os", &r, t0)
	first := f.compare(t, f.renderer(), root)
	packs := first.Times.Blobs()
	if len(packs) < 3 || len(first.Times) > 2*len(packs) {
		t.Fatalf("%d parts in %d packs", len(first.Times), len(packs))
	}
	f.puts, f.bytes = 0, 0
	if f.compare(t, f.renderer(), root); f.bytes > 5000 {
		t.Errorf("again: %d bytes in %d blobs", f.bytes, f.puts)
	}
	lost := len(f.blobs[packs[1]])
	delete(f.blobs, packs[1])
	f.puts, f.bytes = 0, 0
	// The units that are partly in the pack before and the one behind are rendered anew, too: some 50 KB each.
	if f.compare(t, f.renderer(), root); f.bytes < lost || f.bytes > lost+500_000 {
		t.Errorf("without a pack of %d bytes: %d bytes in %d blobs", lost, f.bytes, f.puts)
	}
}

// isDirBelow reports whether all but the last component of a path are directories or not there.
func (f *fixture) isDirBelow(dir tree.Entry, name string) bool {
	first, rest, more := strings.Cut(name, "/")
	v, err := tree.Get(f, dir.Digest, first)
	if !more || err != nil {
		return true
	}
	e, err := tree.DecodeEntry(v)
	return err == nil && e.Kind == tree.KindDir && f.isDirBelow(e, rest)
}

// TestHostile: a tree that is not what it says is an error, at a cost that it does not choose.
func TestHostile(t *testing.T) {
	f := newFixture()
	r := f.renderer()
	if _, err := r.Render(t.Context(), f.file("x", t0)); err == nil {
		t.Error("a file was listed")
	}
	if _, err := r.Render(t.Context(), tree.Entry{Kind: tree.KindDir, Nodes: 2, Digest: blob.Sum(nil)}); !errors.Is(err, tree.ErrCorrupt) {
		t.Errorf("missing node: %v", err)
	}
	// Each directory holds two of the one below: 2^40 names, with counts that deny it.
	e := tree.Entry{Kind: tree.KindDir, Nodes: 1}
	for range 40 {
		dir, err := tree.MakeDir(f, t0, func(yield func(string, tree.Entry) bool) { _ = yield("a", e) && yield("b", e) })
		if err != nil {
			t.Fatal(err)
		}
		e = dir
		e.Nodes = 3
	}
	if _, err := r.Render(t.Context(), e); !errors.Is(err, tree.ErrCorrupt) {
		t.Errorf("a bomb: %v", err)
	}
	deep := tree.Entry{Kind: tree.KindDir, Nodes: 1}
	for range 20 {
		deep = f.set(t, tree.Entry{Kind: tree.KindDir, Nodes: 1}, strings.Repeat("d", 255), &deep, t0)
	}
	if _, err := r.Render(t.Context(), deep); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("too deep: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	big := repo(t, f, 500, true, "x")
	if _, err := r.Render(ctx, big); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// BenchmarkRender lists 100 repositories of 1,000 and of 10,000 packages: anew, and with one package changed in each.
func BenchmarkRender(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkRender(b, n) })
	}
}

func benchmarkRender(b *testing.B, packages int) {
	f := newFixture()
	root := tree.Entry{Kind: tree.KindDir, Nodes: 1}
	r := repo(b, f, packages, false, "x")
	for i := range 100 {
		root = f.set(b, root, fmt.Sprintf("r%d/os", i), &r, t0)
	}
	b.Run("anew", func(b *testing.B) {
		for b.Loop() {
			clear(f.memos)
			if _, err := f.renderer().Render(b.Context(), root); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one in each", func(b *testing.B) {
		n := 0
		if _, err := f.renderer().Render(b.Context(), root); err != nil {
			b.Fatal(err)
		}
		f.puts, f.bytes = 0, 0
		defer func() {
			b.ReportMetric(float64(f.puts)/float64(n), "blobs/op")
			b.ReportMetric(float64(f.bytes)/float64(n), "written-B/op")
		}()
		for b.Loop() {
			n++
			b.StopTimer()
			e := rpm(n)
			for i := range 100 {
				root = f.set(b, root, fmt.Sprintf("r%d/os/Packages/c/%d.rpm", i, n), &e, t0)
			}
			b.StartTimer()
			if _, err := f.renderer().Render(b.Context(), root); err != nil {
				b.Fatal(err)
			}
		}
	})
}
