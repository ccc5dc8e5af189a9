package store_test

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"
	"testing"

	"vrepofs/compose"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/tree"
)

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
	s := storetest.New(t)
	snap := storetest.Snapshot(t, s, "fedora", testrpm.Spec{Name: "Zlib"}, testrpm.Spec{Name: "bash", Arch: "noarch"})
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
	s = storetest.Open(t, s.Root)
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
	s := storetest.New(t)
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"})
	im := storetest.Read(t, s, testrpm.Spec{Name: "b"})
	snap, err := im.Snapshot(t.Context(), store.Who{}, "r", store.SnapshotOptions{Add: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rpmNames(t, s, snap.Root), "a/a-1.0-1.x86_64.rpm b/b-1.0-1.x86_64.rpm"; got != want {
		t.Errorf("RPMs are %q, want %q", got, want)
	}
}

func TestView(t *testing.T) {
	s, ctx := storetest.New(t), context.Background()
	storetest.Builds(t, s,
		testrpm.Spec{Name: "zlib", Version: "1"}, testrpm.Spec{Name: "zlib-devel", Version: "1", SourceRPM: "zlib-1-1.src.rpm"},
		testrpm.Spec{Name: "zlib", Version: "2"}, testrpm.Spec{Name: "doc", Arch: "noarch"}, testrpm.Spec{Name: "doc", Arch: "src"},
		testrpm.Spec{Name: "arm", Arch: "aarch64"})
	who := storetest.Who()
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
