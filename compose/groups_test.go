package compose_test

import (
	"bytes"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/comps"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
)

// TestGroupsInViews follows the groups of a view through changes of the tag and of a parent: which records repomd.xml has, what the file says,
// and that a view without groups is what it was before there were any.
func TestGroupsInViews(t *testing.T) {
	s := storetest.New(t)
	ctx, who := t.Context(), storetest.Who()
	did := func(_ state.Change, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	did(s.CreateTag(ctx, who, "base", []string{"x86_64"}))
	did(s.CreateTag(ctx, who, "dev", []string{"x86_64"}))
	did(s.AddParent(ctx, who, "dev", state.Link{Parent: "base", Priority: 10}))
	view := func() (blank bool, text string, recipe string) {
		t.Helper()
		r, _, err := s.State("")
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Composer.View(ctx, r, "dev", "x86_64")
		if err != nil {
			t.Fatal(err)
		}
		if fresh, err := s.Composer.Fresh().View(ctx, r, "dev", "x86_64"); err != nil || fresh != v {
			t.Fatalf("from scratch %+v, recorded %+v, %v", fresh, v, err)
		}
		read := func(path string) string {
			t.Helper()
			e, err := compose.Lookup(s.Index, v.Root, path)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(s.Blobs.Path(e.Digest))
			if err != nil || int64(len(b)) != e.Size {
				t.Fatalf("%s: %d bytes, want %d, %v", path, len(b), e.Size, err)
			}
			return string(b)
		}
		md, err := repodata.ParseRepomd(strings.NewReader(read("repodata/repomd.xml")))
		if err != nil {
			t.Fatal(err)
		}
		if md.Records = md.Records[3:]; len(md.Records) == 0 {
			return true, "", v.Recipe.String()
		}
		if len(md.Records) != 2 || md.Records[0].Type != "group" || md.Records[1].Type != "group_gz" || !strings.HasSuffix(md.Records[1].Href, "-comps.xml.gz") ||
			md.Records[0].OpenChecksum != "" || md.Records[1].OpenChecksum != md.Records[0].Checksum {
			t.Fatalf("records %+v", md.Records)
		}
		z, err := repodata.Decompress(strings.NewReader(read(md.Records[1].Href)))
		if err != nil {
			t.Fatal(err)
		}
		c, left, err := comps.Read(z)
		if err != nil || len(left) > 0 {
			t.Fatal(err, left)
		}
		if text = read(md.Records[0].Href); text != string(c.Marshal()) {
			t.Errorf("comps.xml is\n%s\ncomps.xml.gz\n%s", text, c.Marshal())
		}
		return false, text, v.Recipe.String()
	}
	if blank, _, _ := view(); !blank {
		t.Fatal("groups before there are any")
	}
	name := "Build root"
	did(s.SetGroup(ctx, who, "base", "build", store.GroupSettings{Name: &name}))
	did(s.PutInGroup(ctx, who, "base", "build", []comps.Entry{{Name: "gcc"}}))
	_, text, before := view()
	if !strings.Contains(text, "<name>Build root</name>") || !strings.Contains(text, `<packagereq type="mandatory">gcc</packagereq>`) {
		t.Errorf("the parent's group is\n%s", text)
	}
	// Another view with the same groups, which are not made again.
	did(s.Block(ctx, who, "dev", true, []string{"other"}))
	if _, again, recipe := view(); again != text || recipe == before {
		t.Errorf("after a change of packages the groups are\n%s", again)
	}
	// What the tag says of it keeps what it does not say.
	hidden := true
	did(s.SetGroup(ctx, who, "dev", "build", store.GroupSettings{Hidden: &hidden}))
	did(s.PutInGroup(ctx, who, "dev", "build", []comps.Entry{{Name: "gcc", Requires: "cpp"}}))
	did(s.PutInGroup(ctx, who, "dev", "build", []comps.Entry{{Name: "gcc"}, {Name: "make", Type: "optional"}}))
	_, text, after := view()
	for _, want := range []string{
		"<name>Build root</name>", "<uservisible>false</uservisible>", `<packagereq type="optional">make</packagereq>`,
		`<packagereq type="conditional" requires="cpp">gcc</packagereq>`, // without a type it keeps that which it has
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if before == after {
		t.Error("another file has the same recipe")
	}
	did(s.BlockGroups(ctx, who, "dev", true, []string{"build"}))
	if blank, text, _ := view(); !blank {
		t.Errorf("all is blocked, and there is\n%s", text)
	}
	did(s.RemoveGroups(ctx, who, "dev", []string{"build"}))
	did(s.RemoveGroups(ctx, who, "base", []string{"build"}))
	if blank, _, _ := view(); !blank {
		t.Error("groups after all were removed")
	}
}

// TestRealGroups puts every comps.xml of the shared data into a tag: its view has what the file says, but for groups that the file only speaks of.
func TestRealGroups(t *testing.T) {
	root := filepath.Join("..", "..", "shared", "data")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no shared data beside the checkout:", err)
	}
	s := storetest.New(t)
	ctx, who := t.Context(), storetest.Who()
	if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64"}); err != nil {
		t.Fatal(err)
	}
	seen := map[blob.Digest]bool{}
	err := filepath.WalkDir(root, func(name string, d iofs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), "comps") || !strings.Contains(d.Name(), ".xml") || strings.HasSuffix(name, ".zck") {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil || seen[blob.Sum(b)] {
			return err
		}
		seen[blob.Sum(b)] = true
		z, err := repodata.Decompress(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return nil
		}
		defer z.Close()
		c, _, err := comps.Read(z)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return nil
		}
		if _, err := s.ImportGroups(ctx, who, "t", c, true); err != nil {
			t.Errorf("%s: %v", name, err)
			return nil
		}
		r, _, err := s.State("")
		if err != nil {
			return err
		}
		resolved, err := compose.Resolve(r, "t")
		if err != nil {
			return err
		}
		got, err := resolved.Comps(r)
		if err != nil {
			return err
		}
		if d := cmp.Diff(asShown(c), got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-file +view):\n%s", name, d)
		}
		return nil
	})
	if err != nil || len(seen) < 20 {
		t.Fatalf("%d files, %v", len(seen), err)
	}
}

// asShown sorts what a file says by ids and names, and takes out of environments and categories what is no group of the file.
func asShown(c *comps.Comps) *comps.Comps {
	out := *c
	ids := map[string]bool{}
	for i := range out.Groups {
		ids[out.Groups[i].ID] = true
		slices.SortFunc(out.Groups[i].Packages, func(a, b comps.Entry) int { return strings.Compare(a.Name, b.Name) })
	}
	slices.SortFunc(out.Groups, func(a, b comps.Group) int { return strings.Compare(a.ID, b.ID) })
	for _, sets := range [][]comps.Set{out.Environments, out.Categories} {
		slices.SortFunc(sets, func(a, b comps.Set) int { return strings.Compare(a.ID, b.ID) })
		for i := range sets {
			sets[i].Groups = slices.DeleteFunc(sets[i].Groups, func(id string) bool { return !ids[id] })
			sets[i].Options = slices.DeleteFunc(sets[i].Options, func(o comps.Option) bool { return !ids[o.Group] })
		}
	}
	return &out
}
