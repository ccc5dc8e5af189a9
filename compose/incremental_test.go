package compose_test

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// TestIncrementalEqualsScratch holds the central property of composition: whatever happened before, and whatever parts and
// views are remembered, a view is what composing it from nothing gives.
func TestIncrementalEqualsScratch(t *testing.T) {
	s := storetest.New(t)
	nvrs := importMany(t, s, 100)
	tags := []string{"a", "b", "c", "d"}
	ctx, who := context.Background(), storetest.Who()
	for _, tag := range tags {
		if _, err := s.CreateTag(ctx, who, tag, []string{"x86_64", "src"}); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		tag := rapid.SampledFrom(tags)
		nvr := rapid.SliceOfN(rapid.SampledFrom(nvrs), 1, 40)
		pkg := rapid.SampledFrom([]string{"p1", "p2", "p3"})
		for range rapid.IntRange(1, 6).Draw(rt, "operations") {
			// An operation that the state refuses (untag what is not there, a second priority) is part of the history too.
			switch rapid.IntRange(0, 12).Draw(rt, "kind") {
			case 0, 1, 2, 3:
				s.TagBuilds(ctx, who, tag.Draw(rt, "tag"), nvr.Draw(rt, "builds"))
			case 4, 5:
				s.UntagBuilds(ctx, who, tag.Draw(rt, "tag"), nvr.Draw(rt, "builds")[:1])
			case 6:
				s.Block(ctx, who, tag.Draw(rt, "tag"), rapid.Bool().Draw(rt, "block"), []string{pkg.Draw(rt, "package")})
			case 7, 8:
				s.AddParent(ctx, who, tag.Draw(rt, "tag"), state.Link{Parent: tag.Draw(rt, "parent"), Priority: rapid.IntRange(1, 3).Draw(rt, "priority")})
			case 9:
				s.RemoveParent(ctx, who, tag.Draw(rt, "tag"), tag.Draw(rt, "parent"))
			case 10:
				listed := rapid.Bool().Draw(rt, "listed")
				s.SetTag(ctx, who, tag.Draw(rt, "tag"), store.TagSettings{Listed: &listed})
			case 11:
				latest := rapid.SampledFrom([]int{1, 2, -1}).Draw(rt, "latest")
				s.SetTag(ctx, who, tag.Draw(rt, "tag"), store.TagSettings{Latest: &latest})
			case 12:
				s.UnlistPackages(ctx, who, tag.Draw(rt, "tag"), true, []string{pkg.Draw(rt, "package")})
			}
			r, _, err := s.State("")
			if err != nil {
				rt.Fatal(err)
			}
			for range 2 {
				tag := tag.Draw(rt, "view")
				got, err := s.Composer.View(ctx, r, tag, "x86_64")
				if err != nil {
					rt.Fatal(err)
				}
				want, err := s.Composer.Fresh().View(ctx, r, tag, "x86_64")
				if err != nil {
					rt.Fatal(err)
				}
				if got != want {
					rt.Fatalf("%s: incremental %+v\nfrom scratch %+v", tag, got, want)
				}
			}
		}
	})
}

// importMany imports builds of n packages, some of which have a second version, and returns their NVRs.
func importMany(t testing.TB, s *store.Store, n int) []string {
	t.Helper()
	var specs []testrpm.Spec
	for i := range n {
		sp := testrpm.Spec{Name: fmt.Sprintf("p%d", i), Files: []testrpm.File{{Path: fmt.Sprintf("/usr/bin/p%d", i), Size: 10}}}
		sub := sp
		sub.Name, sub.SourceRPM = sp.Name+"-libs", sp.Name+"-1.0-1.src.rpm"
		src := testrpm.Spec{Name: sp.Name, Arch: "src"}
		specs = append(specs, sp, sub, src)
		if i%3 == 0 {
			sp.Version = "2.0"
			specs = append(specs, sp)
		}
	}
	return storetest.Builds(t, s, specs...)
}

// TestStateIsReadAsOfItsEvent holds that an older event's view stays what it was.
func TestStateIsReadAsOfItsEvent(t *testing.T) {
	s := storetest.New(t)
	nvrs := importMany(t, s, 5)
	ctx, who := context.Background(), storetest.Who()
	if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64"}); err != nil {
		t.Fatal(err)
	}
	before, err := s.TagBuilds(ctx, who, "t", nvrs[:2])
	if err != nil {
		t.Fatal(err)
	}
	view := func(m store.Moment) state.Change {
		t.Helper()
		r, _, err := s.State(m)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Composer.View(ctx, r, "t", "x86_64")
		if err != nil {
			t.Fatal(err)
		}
		return v.Generation
	}
	if _, err := s.TagBuilds(ctx, who, "t", nvrs[2:]); err != nil {
		t.Fatal(err)
	}
	if got := view(store.Moment(fmt.Sprint(before.Event))); got != before {
		t.Errorf("generation at event %d is %+v", before.Event, got)
	}
	if got := view(""); got.Event != before.Event+1 {
		t.Errorf("generation now is %+v, want event %d", got, before.Event+1)
	}
}
