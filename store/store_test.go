package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/tree"
)

// paths lists every file below a directory, sorted.
func paths(t *testing.T, s *store.Store, dir tree.Entry) []string {
	t.Helper()
	var out []string
	for path, e := range entries(t, s, dir) {
		if e.Kind != tree.KindDir {
			out = append(out, path)
		}
	}
	slices.Sort(out)
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

// TestMetadataOptions holds that compression and change log limit reach the files and change a view's recipe.
func TestMetadataOptions(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	var log []testrpm.Change
	for i := range 12 {
		log = append(log, testrpm.Change{Time: int64(1700000000 - 86400*i), Author: fmt.Sprintf("A <a@b> - 1-%d", i), Text: "- change"})
	}
	spec := testrpm.Spec{Name: "a", Changelog: log}
	metadata := func(root tree.Entry) (ext string, changes int) {
		t.Helper()
		for _, p := range paths(t, s, root) {
			if !strings.Contains(p, "-other.xml.") {
				continue
			}
			e, err := compose.Lookup(s.Index, root, p)
			if err != nil {
				t.Fatal(err)
			}
			rope, err := s.OpenRope(e.Digest, e.Size)
			if err != nil {
				t.Fatal(err)
			}
			defer rope.Close()
			z, err := repodata.Decompress(io.NewSectionReader(rope, 0, e.Size))
			if err != nil {
				t.Fatal(err)
			}
			defer z.Close()
			if err := repodata.ReadOther(z, func(o *repodata.OtherPackage) error { changes += len(o.Changelogs); return nil }); err != nil {
				t.Fatal(err)
			}
			ext = filepath.Ext(p)
		}
		return ext, changes
	}
	for _, c := range []struct {
		m       state.Metadata
		ext     string
		changes int
	}{
		{state.Metadata{}, ".gz", 10},
		{state.Metadata{Compress: "zstd", Changelogs: 3}, ".zst", 3},
		{state.Metadata{Compress: "gzip", Changelogs: -1}, ".gz", 12},
	} {
		snap, err := storetest.Read(t, s, spec).Snapshot(ctx, who, "r", store.SnapshotOptions{Metadata: c.m})
		if err != nil {
			t.Fatal(err)
		}
		if ext, n := metadata(snap.Root); ext != c.ext || n != c.changes {
			t.Errorf("snapshot with %+v: %s with %d changes, want %s with %d", c.m, ext, n, c.ext, c.changes)
		}
	}
	nvrs := storetest.Builds(t, s, spec)
	if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.TagBuilds(ctx, who, "t", nvrs); err != nil {
		t.Fatal(err)
	}
	set := func(compress string) store.TagSettings {
		return store.TagSettings{Metadata: &state.Metadata{Compress: compress}}
	}
	if _, err := s.SetTag(ctx, who, "t", set("lzma")); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("an unknown compression: %v", err)
	}
	if _, err := s.SetTag(ctx, who, "t", set("zstd")); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Composer.View(ctx, r, "t", "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	if ext, n := metadata(v.Root); ext != ".zst" || n != 10 {
		t.Errorf("view: %s with %d changes, want .zst with 10", ext, n)
	}
}

// TestViewOfADamagedStore holds that a view can be composed though nothing can be committed or recorded any more.
func TestViewOfADamagedStore(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a"})
	if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.TagBuilds(ctx, who, "t", nvrs); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(s.Root, "journal", "000001")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Index.VerifyJournal(); !errors.Is(err, index.ErrDamaged) {
		t.Fatalf("VerifyJournal: %v, want ErrDamaged", err)
	}
	if _, err := s.CreateTag(ctx, who, "u", []string{"x86_64"}); !errors.Is(err, index.ErrDamaged) {
		t.Errorf("a commit: %v, want ErrDamaged", err)
	}
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Composer.View(ctx, r, "t", "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	if got := rpmNames(t, s, v.Root); got != "a/a-1.0-1.x86_64.rpm" {
		t.Errorf("the view holds %q", got)
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
	do(s.AddParent(ctx, who, "dev", state.Link{Parent: "base", Priority: 10}))
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
