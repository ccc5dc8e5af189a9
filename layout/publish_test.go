package layout_test

import (
	"strings"
	"testing"

	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// TestHeldTag holds that a tag whose view cannot be composed stays on its last good generation, says so, and moves on with the
// next commit after the cause is gone.
func TestHeldTag(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	do := must(t)
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"})
	do(s.CreateTag(ctx, who, "t", []string{"x86_64"}))
	do(s.TagBuilds(ctx, who, "t", nvrs[:1]))
	m := mount(t, s)
	const ls = "ls $MNT/tags/t/x86_64/Packages"
	if got := m.sh(t, ls); got != "a" {
		t.Fatalf("first generation: %q", got)
	}
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	b, err := state.GetBuild(r, "b-1.0-1")
	if err != nil {
		t.Fatal(err)
	}
	good, err := s.Index.Package(b.RPMs[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	put := func(value []byte) {
		t.Helper()
		if err := s.Index.PutPackages([]index.PackageRow{{Digest: b.RPMs[0].Digest, Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	put([]byte("no package record"))
	do(s.TagBuilds(ctx, who, "t", nvrs[1:]))
	if got := m.sh(t, ls); got != "a" {
		t.Errorf("the tag shows %q though its view cannot be composed", got)
	}
	first, err := generationAt(s, s.Index.Head().Seq-1, "t")
	if shown, ok := m.layout.Shown("t"); err != nil || !ok || shown != first {
		t.Errorf("the generation shown is %v, %t, want %v (%v)", shown, ok, first, err)
	}
	held := m.layout.Held()
	if held["t"] == nil || !strings.Contains(held["t"].Error(), "b-1.0-1.x86_64.rpm") {
		t.Errorf("held back: %v, want t with the file that is the cause", held)
	}
	put(good)
	do(s.CreateTag(ctx, who, "other", []string{"x86_64"}))
	if got := m.sh(t, ls); got != "a\nb" || len(m.layout.Held()) != 0 {
		t.Errorf("after the cause is gone: %q, held back: %v", got, m.layout.Held())
	}
}

// TestProcessStaysInItsGeneration holds invariant 1 for a process with its working directory in a tag, and in a snapshot
// that is removed.
func TestProcessStaysInItsGeneration(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	do := must(t)
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"})
	snap := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "c"})
	do(s.CreateTag(ctx, who, "t", []string{"x86_64"}))
	do(s.TagBuilds(ctx, who, "t", nvrs[:1]))
	m := mount(t, s)
	const look = "echo $(ls Packages; ls repodata | wc -l; head -c 5 repodata/repomd.xml)"
	tag, repo := m.stay(t, "tags/t/x86_64", look), m.stay(t, "repos/r/"+snap.ID, look)
	do(s.TagBuilds(ctx, who, "t", nvrs))
	do(s.RemoveRepo(ctx, who, "r"))
	if got := m.sh(t, "echo $(ls $MNT/tags/t/x86_64/Packages $MNT/repos)"); got != "a b" && !strings.Contains(got, "a b") {
		t.Fatalf("a new process sees %q", got)
	}
	if got := tag(); got != "a 4 <?xml" {
		t.Errorf("the process in the tag sees %q", got)
	}
	if got := repo(); got != "c 4 <?xml" {
		t.Errorf("the process in the removed snapshot sees %q", got)
	}
}

// generationAt is the generation of a tag as of an event.
func generationAt(s *store.Store, event uint64, tag string) (state.Change, error) {
	r, err := s.Past(event)
	if err != nil {
		return state.Change{}, err
	}
	v, err := compose.Resolve(r, tag)
	if err != nil {
		return state.Change{}, err
	}
	return v.Generation, nil
}
