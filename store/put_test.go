package store_test

import (
	"context"
	"errors"
	iofs "io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/tree"
)

// put puts files, by path and text, or with the one path "" a single file.
func put(t fataler, s *store.Store, at string, files map[string]string, dry bool) (store.Plan, error) {
	t.Helper()
	lease, err := s.Blobs.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Close()
	p := s.NewPut()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		d, err := lease.Write([]byte(files[path]))
		if err == nil {
			err = p.AddFile(path, d, int64(len(files[path])))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := lease.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s.Move(context.Background(), storetest.Who(), p.Op(at), store.How{Dry: dry})
}

// seen finds what readers see at a path.
func seen(t *testing.T, s *store.Store, path string) tree.Entry {
	t.Helper()
	r := s.Index.View(s.Index.Head())
	root, err := state.Published(r)
	if err != nil {
		t.Fatal(err)
	}
	e, err := compose.LookupIn(r, root, path)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestPutIntoARepository: what was put into a repository stays when that moves, as it is, and the repository's own names are exchanged.
func TestPutIntoARepository(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	first := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"})
	second := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "b"})
	must := func(_ store.Plan, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.SetChannel(ctx, who, "p/os", first.Ref(), false))
	bare := seen(t, s, "p/os")
	must(put(t, s, "p/os/.treeinfo", map[string]string{"": "[general]"}, false))
	must(put(t, s, "p/os/images", map[string]string{"boot.iso": "iso", "pxeboot/vmlinuz": "kernel"}, false))
	info, images, packages := seen(t, s, "p/os/.treeinfo"), seen(t, s, "p/os/images"), seen(t, s, "p/os/Packages")
	os := seen(t, s, "p/os")
	if info.Mtime <= bare.Mtime || images.Mtime <= info.Mtime || os.Mtime != images.Mtime {
		t.Errorf("times: repository %d, file %d, directory %d, repository with both %d", bare.Mtime, info.Mtime, images.Mtime, os.Mtime)
	}
	if c := channel(t, s, "p/os"); c.Root != bare {
		t.Errorf("the repository's own record is %+v, was %+v", c.Root, bare)
	}
	must(s.SetChannel(ctx, who, "p/os", second.Ref(), false))
	if seen(t, s, "p/os/.treeinfo") != info || seen(t, s, "p/os/images") != images {
		t.Error("what was put has moved with the repository")
	}
	if seen(t, s, "p/os/Packages") == packages || seen(t, s, "p/os/Packages/b").Kind == 0 || seen(t, s, "p/os/Packages/a").Kind != 0 {
		t.Error("the repository has not moved")
	}
	must(s.UnsetChannel(ctx, who, "p/os/images", false))
	must(s.UnsetChannel(ctx, who, "p/os/.treeinfo", false))
	if got, want := seen(t, s, "p/os"), channel(t, s, "p/os").Root; got.Digest != want.Digest || got.Nodes != want.Nodes {
		t.Errorf("with nothing put into it the repository is %+v, want %+v", got, want)
	}
	_, err := put(t, s, "p/os/repodata", map[string]string{"": "x"}, false)
	if !errors.Is(err, state.ErrConflict) {
		t.Errorf("over the repository's own name: %v", err)
	}
}

// TestPutChecks: names and targets from outside, and blobs that are not there.
func TestPutChecks(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	d := blob.Sum([]byte("x"))
	for _, c := range []struct {
		add func(*store.Put) error
		bad bool
	}{
		{func(p *store.Put) error { return p.AddFile("../x", d, 1) }, true},
		{func(p *store.Put) error { return p.AddFile("a//x", d, 1) }, true},
		{func(p *store.Put) error { return p.AddFile("x", d, -1) }, true},
		{func(p *store.Put) error { return p.AddFile("x", blob.Digest{}, 1) }, true},
		{func(p *store.Put) error { return p.AddDir("") }, true},
		{func(p *store.Put) error { return p.AddLink("l", "x") }, false},
		{func(p *store.Put) error { return p.AddLink("a/b/l", "../../x/./y/") }, false},
		{func(p *store.Put) error { return p.AddLink("l", "") }, true},
		{func(p *store.Put) error { return p.AddLink("l", "/x") }, true},
		{func(p *store.Put) error { return p.AddLink("l", "..") }, true},
		{func(p *store.Put) error { return p.AddLink("a/l", "../../x") }, true},
		{func(p *store.Put) error { return p.AddLink("a/b/l", "m/../..") }, true},
		{func(p *store.Put) error { return p.AddLink("a/l", "..//../x") }, true},
		{func(p *store.Put) error { return p.AddLink("a/l", "x\x00y") }, true},
	} {
		if err := c.add(s.NewPut()); (err != nil) != c.bad || c.bad && !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("%v, bad: %v", err, c.bad)
		}
	}
	for _, paths := range [][]string{{"", "x"}, {"x", "x/y"}} {
		p := s.NewPut()
		for _, path := range paths {
			if err := p.AddFile(path, d, 1); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Move(ctx, who, p.Op("a"), store.How{Dry: true}); err == nil {
			t.Errorf("%q was put", paths)
		}
	}
	p := s.NewPut()
	if err := p.AddFile("", d, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Move(ctx, who, p.Op("a"), store.How{Dry: true}); err != nil {
		t.Errorf("a dry run wants no blobs: %v", err)
	}
	head := s.Index.Head()
	if _, err := s.Move(ctx, who, p.Op("a"), store.How{Dry: false}); err == nil || !strings.Contains(err.Error(), d.Short()) || s.Index.Head() != head {
		t.Errorf("without its blob: %v, head %d", err, s.Index.Head().Seq)
	}
}
