package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// TestTagHistoryReplay: the history of a tag, read in pages of any size and replayed, gives its builds at every event, and names
// exactly the events that changed it, among commits about other things.
func TestTagHistoryReplay(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	var specs []testrpm.Spec
	for i := range 12 {
		specs = append(specs, testrpm.Spec{Name: fmt.Sprintf("p%d", i/2), Version: fmt.Sprint(1 + i%2)})
	}
	nvrs := storetest.Builds(t, s, specs...)
	rnd := rand.New(rand.NewPCG(4, 8))
	do := func(_ state.Change, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(s.CreateTag(ctx, who, "base", []string{"x86_64"}))
	do(s.CreateTag(ctx, who, "dev", []string{"x86_64"}))
	do(s.AddParent(ctx, who, "dev", state.Link{Parent: "base", Priority: 1}))
	want := map[uint64]map[string]bool{} // event that changed dev → its builds
	has := map[string]bool{}
	changed := map[uint64]bool{} // events that changed base
	for range 60 {
		nvr := nvrs[rnd.IntN(len(nvrs))]
		switch rnd.IntN(3) {
		case 0:
			c, err := s.TagBuilds(ctx, who, "base", []string{nvr})
			do(c, err)
			changed[c.Event] = true
		case 1:
			do(s.Block(ctx, who, "dev", true, []string{nvr}))
			want[s.Index.Head().Seq] = maps.Clone(has)
		default:
			if has[nvr] {
				do(s.UntagBuilds(ctx, who, "dev", []string{nvr}))
				delete(has, nvr)
			} else {
				do(s.TagBuilds(ctx, who, "dev", []string{nvr}))
				has[nvr] = true
			}
			want[s.Index.Head().Seq] = maps.Clone(has)
		}
	}
	for _, inherited := range []bool{false, true} {
		var all []store.TagEvent
		for before, more := uint64(0), true; more; {
			var page []store.TagEvent
			var err error
			if page, more, err = s.TagHistory(ctx, "", "dev", inherited, before, 7); err != nil {
				t.Fatal(err)
			}
			if all = append(all, page...); len(page) > 0 {
				before = page[len(page)-1].Rows[0].Seq
			}
		}
		builds := map[string]bool{}
		seen := map[uint64]bool{}
		slices.Reverse(all)
		for _, e := range all {
			event := e.Rows[0].Seq
			if seen[event] {
				t.Fatalf("event %d is there twice", event)
			}
			seen[event] = true
			for _, c := range e.Tags {
				if c.Tag != "dev" {
					continue
				}
				for _, nvr := range c.Removed {
					if !builds[nvr] {
						t.Errorf("event %d removes %s, which was not there", event, nvr)
					}
					delete(builds, nvr)
				}
				for _, nvr := range c.Added {
					builds[nvr] = true
				}
			}
			if w := want[event]; w != nil && !maps.Equal(builds, w) {
				t.Errorf("after event %d the history gives %v, want %v", event, builds, w)
			}
		}
		for event := range want {
			if !seen[event] {
				t.Errorf("inherited %v: event %d is missing", inherited, event)
			}
		}
		for event := range changed {
			if seen[event] != inherited {
				t.Errorf("inherited %v: event %d of the parent: shown %v", inherited, event, seen[event])
			}
		}
	}
}
