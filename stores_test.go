package vrepofs_test

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/tree"
)

var update = flag.Bool("update", false, "make testdata/stores/FORMAT if it is not there yet; a store that is there is never rewritten")

// storeFormat is the number of the formats that the program writes today: see the last table of FORMAT.md. A change of any
// format makes it one more, and -update then adds a store beside the old ones.
const storeFormat = "1"

// TestReleasedStores opens a copy of every store of testdata/stores, one for each format that was ever released, and compares
// all that it shows with what it showed when it was made: NAME.txt.
func TestReleasedStores(t *testing.T) {
	if *update {
		makeStore(t, filepath.Join("testdata", "stores", storeFormat))
	}
	wants, err := filepath.Glob("testdata/stores/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(wants) == 0 {
		t.Fatal("testdata/stores is empty: make it with go test -run TestReleasedStores . -update")
	}
	for _, name := range wants {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "store")
			if err := os.CopyFS(dir, os.DirFS(strings.TrimSuffix(name, ".txt"))); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the first opening makes the index, the second finds it
				if got := describe(t, dir); got != string(want) {
					t.Errorf("the store shows\n%s\nit showed\n%s", got, want)
				}
			}
		})
	}
}

// describe opens a store and lists its log and every file of every snapshot and view, with all that a mount shows of it.
func describe(t *testing.T, dir string) string {
	t.Helper()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Blobs.VerifyAll(t.Context(), 1, func(d blob.Digest, err error) {
		if err != nil {
			t.Errorf("verify %s: %v", d, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	head := s.Index.Head()
	fmt.Fprintf(&b, "head %d %d %s\n", head.Seq, head.Stamp, head.Root)
	for row, err := range s.Index.Log(1, head.Seq) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "log %d %d uid %d %q %q %q\n", row.Seq, row.Stamp, row.UID, row.Command, row.Note, row.Label)
	}
	now, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	for repo, err := range state.Repos(now) {
		if err != nil {
			t.Fatal(err)
		}
		for snap, err := range state.Snapshots(now, repo.Name) {
			if err != nil {
				t.Fatal(err)
			}
			list(t, s, &b, "repos/"+repo.Name+"/"+snap.ID, snap.Root)
		}
	}
	for build, err := range state.Builds(now) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "build %s id %d event %d\n", build.NVR, build.ID, build.Changed.Event)
		for _, r := range build.RPMs {
			fmt.Fprintf(&b, "build %s has %s %s %s\n", build.NVR, r.File, r.Digest, r.ID)
		}
	}
	for tag, err := range state.Tags(now) {
		if err != nil {
			t.Fatal(err)
		}
		var parents []string
		for _, l := range tag.Inherit {
			parents = append(parents, fmt.Sprintf("{%s %d}", l.Parent, l.Priority))
		}
		fmt.Fprintf(&b, "tag %s arches %v inherits %v\n", tag.Name, tag.Arches, parents)
		for tagged, err := range state.TagBuilds(now, tag) {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "tag %s has %s event %d id %d package %s record %s\n", tag.Name, tagged.NVR, tagged.Event, tagged.ID, tagged.Package, tagged.Record)
		}
		for _, arch := range tag.Arches {
			v, err := s.Composer.View(t.Context(), now, tag.Name, arch)
			if err != nil {
				t.Fatal(err)
			}
			list(t, s, &b, "tags/"+tag.Name+"/"+arch, v.Root)
		}
	}
	return b.String()
}

// list writes one line for a path and for each path below it: kind, size, mtime, inode serial, SHA-256 of the content.
func list(t *testing.T, s *store.Store, b *strings.Builder, path string, e tree.Entry) {
	t.Helper()
	sum := "-"
	switch e.Kind {
	case tree.KindFile:
		sum = e.Digest.String()
	case tree.KindRope:
		r, err := s.OpenRope(e.Digest, e.Size)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		n, err := io.Copy(h, io.NewSectionReader(r, 0, e.Size))
		if err := errors.Join(err, r.Close()); err != nil || n != e.Size {
			t.Fatalf("%s: %d bytes, %v; want %d bytes", path, n, err, e.Size)
		}
		sum = fmt.Sprintf("%x", h.Sum(nil))
	}
	fmt.Fprintf(b, "%s %s %d %d %d %s\n", path, e.Kind, e.Size, e.Mtime, e.Serial, cmp.Or(e.Target, sum))
	if e.Kind != tree.KindDir {
		return
	}
	for item, err := range tree.List(s.Index, e.Digest, "") {
		if err != nil {
			t.Fatal(err)
		}
		child, err := tree.DecodeEntry(item.Value)
		if err != nil {
			t.Fatal(err)
		}
		list(t, s, b, path+"/"+item.Name, child)
	}
}

// makeStore makes the store of today's format in dir, and its description beside it, unless it is there.
func makeStore(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir + ".txt"); !errors.Is(err, iofs.ErrNotExist) {
		t.Logf("%s is there (%v): it is left as it is", dir, err)
		return
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := store.Create(dir); err != nil {
		t.Fatal(err)
	}
	fillStore(t, dir)
	want := describe(t, dir) // composes the views, so that the journal has them as truth
	for _, derived := range []string{"index", "incoming", "lock"} {
		if err := os.RemoveAll(filepath.Join(dir, derived)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir+".txt", []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func fillStore(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	who := func(command string) store.Who { return store.Who{Command: command} }
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hello := func(version string) testrpm.Spec {
		return testrpm.Spec{Name: "hello", Version: version, Requires: []string{"libgreet >= 1.0"}, Files: []testrpm.File{{Path: "/usr/bin/hello", Size: 20}}}
	}
	lib := testrpm.Spec{Name: "libgreet", Arch: "noarch", Files: []testrpm.File{{Path: "/etc/greet.conf", Size: 10}},
		Changelog: []testrpm.Change{{Time: testrpm.BuildTime, Author: "A <a@example.org> - 1.0-1", Text: "- first"}}}
	source := testrpm.Spec{Name: "hello", Version: "2.0", Arch: "src"}

	must(storetest.Read(t, s, hello("1.0"), lib).Snapshot(t.Context(), who("repo import acme"), "acme", store.SnapshotOptions{}))
	must(storetest.Read(t, s, hello("2.0"), lib).Snapshot(t.Context(), store.Who{UID: 1000, Command: "repo import acme", Note: "2.0 is out", Label: "two"},
		"acme", store.SnapshotOptions{}))
	must(storetest.Read(t, s, hello("1.0"), hello("2.0"), source, lib).Builds(t.Context(), who("build import")))
	must(s.CreateTag(t.Context(), who("tag create base"), "base", []string{"x86_64"}))
	must(s.CreateTag(t.Context(), who("tag create dev"), "dev", []string{"x86_64", "src"}))
	must(s.AddParent(t.Context(), who("tag inherit add dev base"), "dev", state.Link{Parent: "base", Priority: 10}))
	must(s.TagBuilds(t.Context(), who("tag add base"), "base", []string{"hello-1.0-1", "libgreet-1.0-1"}))
	must(s.TagBuilds(t.Context(), who("tag add dev"), "dev", []string{"hello-2.0-1"}))
}
