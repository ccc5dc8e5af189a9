package store_test

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/filelist/filelisttest"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/tree"

	"pgregory.net/rapid"
)

// lists says that the lists of module are to lie at a path; "" is none.
func lists(t testing.TB, s *store.Store, path, module string) error {
	t.Helper()
	_, err := s.Configure(t.Context(), storetest.Who(), path, state.Patch{"lists": fmt.Appendf(nil, "%q", module)})
	return err
}

// published returns what readers see in a directory of the channels, by name.
func published(t testing.TB, s *store.Store, path string) map[string]tree.Entry {
	t.Helper()
	r := s.Index.View(s.Index.Head())
	dir, err := state.Published(r)
	if err == nil && path != "" {
		dir, err = compose.Lookup(r, dir, path)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]tree.Entry{}
	for it, err := range tree.List(r, dir.Digest, "") {
		if err != nil {
			t.Fatal(err)
		}
		if out[it.Name], err = tree.DecodeEntry(it.Value); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestListsPlaces: lists come and go with their setting, lie above repositories only, and take no name that is in use; what is
// refused changes nothing.
func TestListsPlaces(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"})
	if err := lists(t, s, "p", "m"); err != nil {
		t.Fatal(err)
	}
	set := func(path string) error {
		_, err := s.SetChannel(ctx, who, path, "r", false)
		return err
	}
	if err := set("p/os"); err != nil {
		t.Fatal(err)
	}
	if got := published(t, s, "p"); len(got) != 10 || got["fullfiletimelist-m"].Size == 0 || got["imagelist-m"].Size != 0 {
		t.Errorf("lists of a first repository: %v", got)
	}
	latest := func(want string) {
		t.Helper()
		f, err := content(s, published(t, s, "p")["all_latest.txt"])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if b, err := io.ReadAll(f); err != nil || string(b) != want {
			t.Errorf("all_latest.txt: %q, %v, want %q", b, err, want)
		}
	}
	c, err := state.GetChannel(s.Index.View(s.Index.Head()), "p/os")
	if err != nil {
		t.Fatal(err)
	}
	fixed := fmt.Sprintf("at/%d/channels/p/os\n", c.Changed.Event)
	latest("os ../../" + fixed)
	if _, err := s.SetSite(ctx, who, []string{"https://h/r/"}); err != nil {
		t.Fatal(err)
	}
	latest("os https://h/r/" + fixed)
	if _, err := s.SetSite(ctx, who, nil); err != nil {
		t.Fatal(err)
	}
	before := s.Index.Head()
	for what, err := range map[string]error{
		"lists in a repository":                 lists(t, s, "p/os/x", "m"),
		"lists at a repository":                 lists(t, s, "p/os", "m"),
		"a repository where lists lie":          set("p"),
		"a repository with the name of a list":  set("p/COMPOSE_ID"),
		"a repository below the name of a list": set("p/imagelist-m/os"),
	} {
		if !errors.Is(err, state.ErrConflict) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, path := range []string{"p", "p/COMPOSE_ID", "p/imagelist-m/os"} {
		if _, err := s.SetChannel(ctx, who, path, "r", true); !errors.Is(err, state.ErrConflict) {
			t.Errorf("dry run of %s: %v", path, err)
		}
	}
	if lists(t, s, "p", "../m") == nil || lists(t, s, "p", "a b") == nil {
		t.Error("a bad name of a module was taken")
	}
	if _, err := s.FreezeChannel(ctx, who, "p", true); err != nil {
		t.Fatal(err)
	}
	if err := lists(t, s, "p", ""); !errors.Is(err, state.ErrConflict) {
		t.Errorf("lists of a frozen channel: %v", err)
	}
	if _, err := s.FreezeChannel(ctx, who, "p", false); err != nil {
		t.Fatal(err)
	}
	if s.Index.Head().Seq != before.Seq+2 {
		t.Error("what was refused made an event")
	}
	if err := lists(t, s, "p", ""); err != nil {
		t.Fatal(err)
	}
	if got := published(t, s, "p"); len(got) != 1 {
		t.Errorf("without lists: %v", got)
	}
	if c, err := state.GetChannel(s.Index.View(s.Index.Head()), "p/os"); err != nil || published(t, s, "p")["os"] != c.Root {
		t.Errorf("the repository: %+v, %v", c, err)
	}
	// A rollback undoes the last move, not the setting.
	if err := lists(t, s, "", "all"); err != nil {
		t.Fatal(err)
	}
	if got := published(t, s, ""); len(got) != 10 {
		t.Errorf("lists of all channels: %v", got)
	}
	if _, err := s.UnsetChannel(ctx, who, "p", false); err != nil {
		t.Fatal(err)
	}
	if root, err := state.Published(s.Index.View(s.Index.Head())); err != nil || root.Kind != 0 {
		t.Errorf("with nothing published readers see %+v, %v", root, err)
	}
	if _, err := s.Rollback(ctx, who, "p", "", false); err != nil {
		t.Fatal(err)
	}
	if got := published(t, s, ""); len(got) != 10 || got["p"].Kind != tree.KindDir {
		t.Errorf("after the rollback: %v", got)
	}
	if v, err := s.Verify(ctx, 2, nil); err != nil || len(v.Findings) > 0 {
		t.Errorf("verify: %v, %v", v, err)
	}
}

// TestListsProperty makes random moves under random lists, and holds after each: the lists are those of an independent walker of what is
// published, and each file's time changes with its content, upwards, and only with it.
func TestListsProperty(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	var refs []string
	for i := range 3 {
		snap := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"}, testrpm.Spec{Name: fmt.Sprint("b", i)})
		refs = append(refs, snap.Ref())
	}
	listed := map[string]string{} // path → module
	at, ever := map[string]tree.Entry{}, map[string]int64{}
	look := func(t *rapid.T) {
		r := s.Index.View(s.Index.Head())
		root, err := state.Published(r)
		if err != nil {
			t.Fatal(err)
		}
		text := func(e tree.Entry) string {
			f, err := content(s, e)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			b, err := io.ReadAll(f)
			if err != nil || int64(len(b)) != e.Size {
				t.Fatalf("%d bytes, want %d: %v", len(b), e.Size, err)
			}
			return string(b)
		}
		fresh := map[string]tree.Entry{}
		for path, module := range listed {
			dir := root
			if path != "" && root.Kind != 0 {
				if dir, err = compose.Lookup(r, root, path); errors.Is(err, iofs.ErrNotExist) {
					continue
				}
			}
			if dir.Kind == 0 {
				continue
			}
			want, err := filelisttest.Walk(filelisttest.Tree{Nodes: r, Root: dir, Content: func(e tree.Entry) (io.ReadCloser, error) { return content(s, e) }}, module)
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range [][]byte{want.Files, want.Times, want.Images} {
				name := filelisttest.Names(module)[i]
				e, err := compose.Lookup(r, dir, name)
				if err != nil {
					t.Fatalf("%s of %q: %v", name, path, err)
				}
				if got := text(e); got != string(b) {
					t.Fatalf("%s of %q: got\n%s\nwant\n%s", name, path, got, b)
				}
				key := path + "//" + name
				fresh[key] = e
				if was, ok := at[key]; ok && was.Digest == e.Digest && was != e || (!ok || was.Digest != e.Digest) && e.Mtime <= ever[key] {
					t.Fatalf("%s: was %+v, is %+v; its time was %d once", key, was, e, ever[key])
				}
				ever[key] = max(ever[key], e.Mtime)
			}
		}
		at = fresh
	}
	rapid.Check(t, func(t *rapid.T) {
		t.Repeat(map[string]func(*rapid.T){
			"": look,
			"set": func(t *rapid.T) {
				path := rapid.SampledFrom([]string{"s/x", "s/y/os", "p/z"}).Draw(t, "path")
				if _, err := s.SetChannel(ctx, who, path, rapid.SampledFrom(refs).Draw(t, "ref"), false); err != nil {
					t.Fatal(err)
				}
			},
			"lists": func(t *rapid.T) {
				path := rapid.SampledFrom([]string{"", "s", "p", "p/y"}).Draw(t, "path")
				module := rapid.SampledFrom([]string{"", "m", "n"}).Draw(t, "module")
				if _, err := s.Configure(ctx, who, path, state.Patch{"lists": fmt.Appendf(nil, "%q", module)}); err != nil {
					t.Fatal(err)
				}
				if listed[path] = module; module == "" {
					delete(listed, path)
				}
			},
			"move": func(t *rapid.T) {
				path := rapid.SampledFrom([]string{"s", "p", "p/y", "p/z"}).Draw(t, "path")
				var err error
				switch rapid.IntRange(0, 2).Draw(t, "kind") {
				case 0:
					_, err = s.Promote(ctx, who, "s", "p", false)
				case 1:
					_, err = s.UnsetChannel(ctx, who, path, false)
				case 2:
					_, err = s.Rollback(ctx, who, path, "", false)
				}
				if err != nil && !errors.Is(err, iofs.ErrNotExist) && !errors.Is(err, state.ErrConflict) {
					t.Fatal(err)
				}
			},
		})
	})
	if v, err := s.Verify(ctx, 1, nil); err != nil || len(v.Findings) > 0 {
		t.Fatalf("verify: %v, %v", v, err)
	}
}

// TestListsSlices: lists are slices of one new blob. A list whose bytes do not change stays as it is although its lines are rendered
// anew, with an index that remembers nothing too; and a missing blob is found by the verification.
func TestListsSlices(t *testing.T) {
	dir := t.TempDir() + "/store"
	if err := store.Create(dir); err != nil {
		t.Fatal(err)
	}
	s, ctx, who := storetest.Open(t, dir), t.Context(), storetest.Who()
	if err := lists(t, s, "p", "m"); err != nil {
		t.Fatal(err)
	}
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"})
	if _, err := put(t, s, "p/images", map[string]string{"boot.iso": "boot"}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetChannel(ctx, who, "p/os", "r", false); err != nil {
		t.Fatal(err)
	}
	before := published(t, s, "p")
	if e := before["imagelist-m"]; e.Kind != tree.KindRope || e.Size != int64(len("./images/boot.iso\n")) {
		t.Fatalf("imagelist: %+v", e)
	}
	if before["fullfilelist"].Kind != tree.KindRope || before["fullfilelist"].Digest == before["imagelist-m"].Digest {
		t.Fatalf("fullfilelist: %+v", before["fullfilelist"])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir + "/index"); err != nil {
		t.Fatal(err)
	}
	s = storetest.Open(t, dir)
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "b"})
	if _, err := s.SetChannel(ctx, who, "p/os", "r", false); err != nil {
		t.Fatal(err)
	}
	after := published(t, s, "p")
	if after["imagelist-m"] != before["imagelist-m"] {
		t.Errorf("imagelist: %+v, was %+v", after["imagelist-m"], before["imagelist-m"])
	}
	was, is := before["fullfilelist"], after["fullfilelist"]
	if is.Size != was.Size || is.Digest == was.Digest || is.Mtime <= was.Mtime {
		t.Errorf("fullfilelist: %+v, was %+v: want another text of that length", is, was)
	}
	b, err := os.ReadFile(s.Blobs.Path(is.Digest))
	if err != nil {
		t.Fatal(err)
	}
	rope, err := blob.DecodeRope(b)
	if err != nil || len(rope.Blobs()) != 1 || rope[0].Whole() {
		t.Fatalf("fullfilelist: %+v, %v", rope, err)
	}
	if v, err := s.Verify(ctx, 1, nil); err != nil || len(v.Findings) > 0 {
		t.Fatalf("verify: %v, %v", v, err)
	}
	if err := os.Remove(s.Blobs.Path(rope[0].Digest)); err != nil {
		t.Fatal(err)
	}
	v, err := s.Verify(ctx, 1, nil)
	if err != nil || len(v.Findings) != 1 || v.Findings[0].Kind != "missing" || v.Findings[0].Name != "a part of channels/p/fullfilelist" {
		t.Errorf("verify without a pack: %v, %v", v, err)
	}
}

// content opens a file, a text or a rope.
func content(s *store.Store, e tree.Entry) (io.ReadCloser, error) {
	if e.Kind == tree.KindText {
		return io.NopCloser(strings.NewReader(e.Target)), nil
	}
	if e.Kind == tree.KindFile {
		return s.Blobs.Open(e.Digest)
	}
	r, err := s.OpenRope(e.Digest, e.Size)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(r, 0, e.Size), r}, nil
}
