package store_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"vrepofs/merge"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/wanted"
)

// TestExportApplies: a random history of tags, where after each step the text that is exported is no change, and at the end every moment
// comes back by its text.
func TestExportApplies(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	rng := rand.New(rand.NewPCG(4, 9))
	var specs []testrpm.Spec
	for _, name := range []string{"a", "b", "c"} {
		for _, version := range []string{"1", "2", "3"} {
			specs = append(specs, testrpm.Spec{Name: name, Version: version, SourceRPM: name + "-" + version + "-1.src.rpm"})
		}
	}
	nvrs := storetest.Builds(t, s, specs...)
	storetest.Snapshot(t, s, "fedora", testrpm.Spec{Name: "x"})
	pinned := storetest.Snapshot(t, s, "epel", testrpm.Spec{Name: "y"})
	some := func(of ...string) *[]string {
		out := []string{}
		for _, i := range rng.Perm(len(of))[:rng.IntN(len(of)+1)] {
			out = append(out, of[i])
		}
		return &out
	}
	yes := func() *bool { b := rng.IntN(2) == 0; return &b }
	export := func() []byte {
		var out []state.WantedTag
		for tag, err := range state.Tags(s.Index.View(s.Index.Head())) {
			if err != nil {
				t.Fatal(err)
			}
			w, err := state.ExportTag(s.Index.View(s.Index.Head()), tag)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, w)
		}
		text, err := wanted.Export(out)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	apply := func(tags []state.WantedTag) store.Plan {
		t.Helper()
		p, err := s.Move(ctx, who, store.ApplyOp(tags, nil, nil), store.How{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	again := func(text []byte) store.Plan {
		t.Helper()
		f, err := wanted.Parse("w", bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		return apply(f.Tags)
	}
	names := []string{"p", "q", "r"}
	for _, name := range names {
		open := name != "r"
		apply([]state.WantedTag{{Name: name, Arches: &[]string{"x86_64"}, Open: &open}})
	}
	var texts [][]byte
	for range 40 {
		name := names[rng.IntN(3)]
		w := state.WantedTag{Name: name, Packages: &[]string{"a", "b", "c"}, Blocked: some("d", "e"), Open: yes()}
		for i, p := range *some("p", "q", "r") {
			if w.Inherit == nil {
				w.Inherit = &[]state.Link{}
			}
			if depth := rng.IntN(3); p != name {
				*w.Inherit = append(*w.Inherit, state.Link{Parent: p, Priority: i, MaxDepth: &depth, NoConfig: *yes(), Filter: []string{"", "a|b"}[rng.IntN(2)]})
			}
		}
		if *yes() {
			w.Builds = some(nvrs...)
		}
		if *yes() {
			arches := []string{"x86_64", "aarch64"}
			w.Arches = &arches
			w.External = &[]state.External{{Repo: "fedora", Priority: 7, Mode: merge.Modes()[rng.IntN(7)], Arches: arches[:1]}, {Repo: "epel", ID: pinned.ID, Mode: merge.ModeKoji}}
		}
		if *yes() {
			latest, changelogs := rng.IntN(3)-1, rng.IntN(3)-1
			if latest == 0 {
				latest = 3
			}
			if changelogs == 0 {
				changelogs = 10
			}
			w.Latest, w.Changelogs, w.Multilib, w.Sources, w.Debuginfo, w.PkgOrigins, w.Koji = &latest, &changelogs, some("glibc*", "z"), yes(), yes(), yes(), yes()
			w.Keys = some("0011223344556677")
		}
		apply([]state.WantedTag{w})
		text := export()
		if p := again(text); p.Change.Event != 0 || len(p.Tags) > 0 {
			t.Fatalf("what is exported is not what is: %+v\n%s", p.Tags, text)
		}
		texts = append(texts, text)
	}
	for i, text := range texts {
		again(text)
		if is := export(); !bytes.Equal(is, text) {
			t.Fatalf("step %d did not come back:\n%s\nis\n%s", i, text, is)
		}
	}
}
