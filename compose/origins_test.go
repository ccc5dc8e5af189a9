package compose_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/compose"
	"vrepofs/merge"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/tree"
)

// TestOriginsAsMergerepo compares the lines of pkgorigins.gz with those that mergerepo_c writes for the same two repositories.
func TestOriginsAsMergerepo(t *testing.T) {
	for _, tool := range []string{"createrepo_c", "mergerepo_c"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed: it is the oracle of this test")
		}
	}
	one := []testrpm.Spec{{Name: "a"}, {Name: "e", Epoch: "3"}, {Name: "c++", Arch: "noarch"}}
	two := []testrpm.Spec{{Name: "a", Version: "2.0"}, {Name: "b"}, {Name: "d", Version: "1.0~rc1", Release: "1^git"}}
	for i := range one {
		one[i].SourceRPM = one[i].Name + "-1.0-1.src.rpm"
	}
	for i := range two {
		two[i].SourceRPM = two[i].Name + "-1.0-1.src.rpm"
	}
	two[0].SourceRPM = "a-2.0-1.src.rpm"

	s := storetest.New(t)
	dir, ctx, who := t.TempDir(), t.Context(), storetest.Who()
	args := []string{"--koji", "-a", "x86_64", "--no-database", "-o", filepath.Join(dir, "out")}
	if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64"}); err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for i, specs := range [][]testrpm.Spec{one, two} {
		name := []string{"one", "two"}[i]
		at := filepath.Join(dir, name)
		if _, err := testrpm.Write(at, specs...); err != nil {
			t.Fatal(err)
		}
		run(t, "createrepo_c", "-q", "--no-database", at)
		args = append(args, "-r", "file://"+at+"/")
		snap := storetest.Snapshot(t, s, name, specs...)
		pairs = append(pairs, "file://"+at+"/", "vrepofs:/repos/"+name+"/"+snap.ID+"/")
		if _, err := s.AddExternal(ctx, who, "t", state.External{Repo: name, Priority: i + 1, Mode: merge.ModeKoji}); err != nil {
			t.Fatal(err)
		}
	}
	urls := strings.NewReplacer(pairs...)
	on := true
	if _, err := s.SetTag(ctx, who, "t", store.TagSettings{PkgOrigins: &on}); err != nil {
		t.Fatal(err)
	}
	run(t, "mergerepo_c", args...)
	files, err := filepath.Glob(filepath.Join(dir, "out/repodata/*-pkgorigins.gz"))
	if err != nil || len(files) != 1 {
		t.Fatalf("mergerepo_c's origins: %v, %v", files, err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := strings.SplitAfter(urls.Replace(unpacked(t, f)), "\n")
	slices.Sort(want)
	_, got := viewOrigins(t, s, "t")
	if got != strings.Join(want, "") || strings.Count(got, "\n") != 5 {
		t.Errorf("origins\n%swant\n%s", got, strings.Join(want, ""))
	}
}

func run(t *testing.T, tool string, args ...string) {
	t.Helper()
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
	}
}

func unpacked(t *testing.T, r io.Reader) string {
	t.Helper()
	z, err := repodata.Decompress(r)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// viewOrigins composes the view of a tag and reads its pkgorigins.gz by what repomd.xml says, and checks that.
func viewOrigins(t *testing.T, s *store.Store, tag string) (compose.View, string) {
	t.Helper()
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Composer.View(t.Context(), r, tag, "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := s.Composer.Fresh().View(t.Context(), r, tag, "x86_64")
	if err != nil || fresh != v {
		t.Fatalf("from scratch %+v, recorded %+v, %v", fresh, v, err)
	}
	return v, originsOf(t, s, v.Root)
}

func originsOf(t *testing.T, s *store.Store, root tree.Entry) string {
	t.Helper()
	read := func(path string) []byte {
		e, err := compose.Lookup(s.Index, root, path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Composer.ReadSmall(e)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	md, err := repodata.ParseRepomd(bytes.NewReader(read("repodata/repomd.xml")))
	if err != nil {
		t.Fatal(err)
	}
	rec := md.Record("origin")
	if rec == nil {
		return ""
	}
	z := read(rec.Href)
	text := unpacked(t, bytes.NewReader(z))
	sum, open := sha256.Sum256(z), sha256.Sum256([]byte(text))
	if rec.Checksum != hex.EncodeToString(sum[:]) || rec.OpenChecksum != hex.EncodeToString(open[:]) ||
		rec.Size != int64(len(z)) || rec.OpenSize != int64(len(text)) || !strings.HasSuffix(rec.Href, rec.Checksum+"-pkgorigins.gz") {
		t.Errorf("record %+v of %d bytes, %d uncompressed", rec, len(z), len(text))
	}
	return text
}

// TestOrigins: the tag that has the build, the site, what changes with them, and what a channel makes of it.
func TestOrigins(t *testing.T) {
	s := storetest.New(t)
	ctx, who := t.Context(), storetest.Who()
	do := func(c state.Change, err error) state.Change {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	nvrs := importMany(t, s, 2)
	do(s.CreateTag(ctx, who, "base+", []string{"x86_64"}))
	do(s.CreateTag(ctx, who, "dev", []string{"x86_64"}))
	do(s.AddParent(ctx, who, "dev", state.Link{Parent: "base+", Priority: 1}))
	do(s.TagBuilds(ctx, who, "base+", nvrs))
	do(s.TagBuilds(ctx, who, "dev", []string{"p1-1.0-1"}))
	plain, text := viewOrigins(t, s, "dev")
	if text != "" {
		t.Errorf("nobody asked for origins\n%s", text)
	}
	on, off := true, false
	do(s.SetTag(ctx, who, "dev", store.TagSettings{PkgOrigins: &on}))
	_, text = viewOrigins(t, s, "dev")
	want := "p0-2.0-1.x86_64\tvrepofs:/tags/base%2B/\n" +
		"p1-1.0-1.x86_64\tvrepofs:/tags/dev/\np1-libs-1.0-1.x86_64\tvrepofs:/tags/dev/\n"
	if text != want {
		t.Errorf("origins\n%swant\n%s", text, want)
	}
	if _, err := s.SetChannel(ctx, who, "out/os", "dev/x86_64", false); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	c, err := state.GetChannel(r, "out/os")
	if err != nil {
		t.Fatal(err)
	}
	if got := originsOf(t, s, c.Root); got != text {
		t.Errorf("origins in the channel\n%swant\n%s", got, text)
	}
	// The site is in the view: a new recipe, a new generation, and so a greater stamp.
	moved := do(s.SetSite(ctx, who, []string{"https://a.example.org/repos/"}))
	v, text := viewOrigins(t, s, "dev")
	if want := strings.ReplaceAll(want, "vrepofs:/", "https://a.example.org/repos/"); text != want || v.Generation != moved {
		t.Errorf("generation %v, want %v; origins\n%swant\n%s", v.Generation, moved, text, want)
	}
	if base, text := viewOrigins(t, s, "base+"); text != "" || base.Generation == moved {
		t.Errorf("a tag without origins: generation %v, moved by the site %v; %q", base.Generation, moved, text)
	}
	do(s.SetTag(ctx, who, "dev", store.TagSettings{PkgOrigins: &off}))
	again, text := viewOrigins(t, s, "dev")
	if again.Count != plain.Count || text != "" {
		t.Errorf("without origins again: %+v\n%s", again, text)
	}
	if sum, err := s.Verify(ctx, 2, func(store.Checked) {}); err != nil || len(sum.Findings) > 0 {
		t.Errorf("verify: %+v, %v", sum, err)
	}
}
