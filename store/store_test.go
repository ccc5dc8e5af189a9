package store_test

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/ingest"
	"vrepofs/rpm"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/testrpm"
	"vrepofs/tree"
)

// open makes a store in a new directory, or opens the one in dir.
func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "vrepofs")); err != nil {
		if err := store.Create(dir); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// read brings specs into the blob store and returns the import that has them.
func read(t *testing.T, s *store.Store, specs ...testrpm.Spec) *store.Import {
	t.Helper()
	dir := t.TempDir()
	if _, err := testrpm.Write(dir, specs...); err != nil {
		t.Fatal(err)
	}
	plan, err := ingest.Scan([]string{dir}, false)
	if err != nil {
		t.Fatal(err)
	}
	lease, err := s.Blobs.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lease.Close() })
	im := s.NewImport()
	bad, err := ingest.Read(t.Context(), lease, plan.RPMs, ingest.Options{How: blob.Copy}, func(r ingest.RPM) error {
		return im.AddRPM(r.Name, 0, rpm.AppendPackage(nil, r.Package))
	})
	if err != nil || len(bad) > 0 {
		t.Fatalf("read: %v, bad: %v", err, bad)
	}
	if err := lease.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return im
}

func snapshot(t *testing.T, s *store.Store, repo string, specs ...testrpm.Spec) state.Snapshot {
	t.Helper()
	snap, err := read(t, s, specs...).Snapshot(t.Context(), store.Who{Command: "repo import"}, repo, store.SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func builds(t *testing.T, s *store.Store, specs ...testrpm.Spec) {
	t.Helper()
	if _, err := read(t, s, specs...).Builds(t.Context(), store.Who{Command: "build import"}); err != nil {
		t.Fatal(err)
	}
}

// paths lists every file below a directory.
func paths(t *testing.T, s *store.Store, dir tree.Entry) []string {
	t.Helper()
	var out []string
	var walk func(prefix string, dir tree.Entry)
	walk = func(prefix string, dir tree.Entry) {
		for item, err := range tree.List(s.Index, dir.Digest, "") {
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
				out = append(out, prefix+item.Name)
			}
		}
	}
	walk("", dir)
	return out
}

// rpmNames is paths without directories, RPMs only.
func rpmNames(t *testing.T, s *store.Store, dir tree.Entry) string {
	t.Helper()
	var out []string
	for _, p := range paths(t, s, dir) {
		if strings.HasSuffix(p, ".rpm") {
			out = append(out, strings.TrimPrefix(p, "Packages/"))
		}
	}
	return strings.Join(out, " ")
}

func TestSnapshotOfFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	snap := snapshot(t, s, "fedora", testrpm.Spec{Name: "Zlib"}, testrpm.Spec{Name: "bash", Arch: "noarch"})
	if got, want := rpmNames(t, s, snap.Root), "b/bash-1.0-1.noarch.rpm z/Zlib-1.0-1.x86_64.rpm"; got != want {
		t.Errorf("RPMs are %q, want %q", got, want)
	}
	md, err := compose.Lookup(s.Index, snap.Root, "repodata/repomd.xml")
	if err != nil || md.Mtime != snap.Made.Stamp {
		t.Errorf("repomd.xml: %+v, %v; want mtime %d", md, err, snap.Made.Stamp)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	again, err := state.GetSnapshot(r, "fedora")
	if err != nil || again.Root != snap.Root || again.Count != 2 {
		t.Errorf("after reopening: %+v, %v; want %+v", again, err, snap)
	}
}

func TestAddKeepsWhatTheNewestHas(t *testing.T) {
	s := open(t, t.TempDir())
	snapshot(t, s, "r", testrpm.Spec{Name: "a"})
	im := read(t, s, testrpm.Spec{Name: "b"})
	snap, err := im.Snapshot(t.Context(), store.Who{}, "r", store.SnapshotOptions{Add: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rpmNames(t, s, snap.Root), "a/a-1.0-1.x86_64.rpm b/b-1.0-1.x86_64.rpm"; got != want {
		t.Errorf("RPMs are %q, want %q", got, want)
	}
}

func TestView(t *testing.T) {
	s, ctx := open(t, t.TempDir()), context.Background()
	builds(t, s,
		testrpm.Spec{Name: "zlib", Version: "1"}, testrpm.Spec{Name: "zlib-devel", Version: "1", SourceRPM: "zlib-1-1.src.rpm"},
		testrpm.Spec{Name: "zlib", Version: "2"}, testrpm.Spec{Name: "doc", Arch: "noarch"}, testrpm.Spec{Name: "doc", Arch: "src"},
		testrpm.Spec{Name: "arm", Arch: "aarch64"})
	who := store.Who{Command: "test"}
	do := func(_ state.Change, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(s.CreateTag(ctx, who, "base", []string{"x86_64", "src"}))
	do(s.CreateTag(ctx, who, "dev", []string{"x86_64", "src"}))
	do(s.AddParent(ctx, who, "dev", "base", 10))
	do(s.TagBuilds(ctx, who, "base", []string{"zlib-1-1", "doc-1.0-1", "arm-1.0-1"}))
	view := func(tag, arch, want string) compose.View {
		t.Helper()
		r, _, err := s.State("")
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Composer.View(ctx, r, tag, arch)
		if err != nil {
			t.Fatal(err)
		}
		if got := rpmNames(t, s, v.Root); got != want {
			t.Errorf("%s/%s holds %q, want %q", tag, arch, got, want)
		}
		return v
	}
	first := view("dev", "x86_64", "d/doc-1.0-1.noarch.rpm z/zlib-1-1.x86_64.rpm z/zlib-devel-1-1.x86_64.rpm")
	view("dev", "src", "d/doc-1.0-1.src.rpm")
	do(s.TagBuilds(ctx, who, "dev", []string{"zlib-2-1"}))
	view("dev", "x86_64", "d/doc-1.0-1.noarch.rpm z/zlib-2-1.x86_64.rpm")
	view("base", "x86_64", "d/doc-1.0-1.noarch.rpm z/zlib-1-1.x86_64.rpm z/zlib-devel-1-1.x86_64.rpm")
	do(s.Block(ctx, who, "dev", true, []string{"doc"}))
	view("dev", "x86_64", "z/zlib-2-1.x86_64.rpm")
	do(s.UntagBuilds(ctx, who, "dev", []string{"zlib-2-1"}))
	do(s.Block(ctx, who, "dev", false, []string{"doc"}))
	last := view("dev", "x86_64", "d/doc-1.0-1.noarch.rpm z/zlib-1-1.x86_64.rpm z/zlib-devel-1-1.x86_64.rpm")
	if last.Root.Mtime <= first.Root.Mtime {
		t.Errorf("mtime went from %d to %d though the tag changed", first.Root.Mtime, last.Root.Mtime)
	}
	r, _, _ := s.State("")
	if _, err := s.Composer.View(ctx, r, "dev", "s390x"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("view of an arch that the tag lacks: %v, want iofs.ErrNotExist", err)
	}
}
