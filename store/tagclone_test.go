package store_test

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/rpm"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
)

// fakeBuilds puts n builds, two versions of each package, into a store without any RPM file.
func fakeBuilds(t *testing.T, s *store.Store, n int) []string {
	t.Helper()
	var nvrs []string
	_, err := s.Index.Commit(t.Context(), index.Op{Row: index.Row{Command: "fake"}, Apply: func(tx *index.Tx) error {
		for i := range n {
			name, version := fmt.Sprintf("p%d", i/2), fmt.Sprint(1+i%2)
			nvr := name + "-" + version + "-1"
			_, _, err := state.AddBuild(tx, []state.RPM{{
				NEVRA: rpm.NEVRA{Name: name, EVR: rpm.EVR{Version: version, Release: "1"}, Arch: "noarch"}, Source: nvr + ".src.rpm",
				File: nvr + ".noarch.rpm", Digest: blob.Sum([]byte(nvr)), ID: blob.Sum([]byte("id " + nvr)), Size: 1,
			}})
			if err != nil {
				return err
			}
			nvrs = append(nvrs, nvr)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return nvrs
}

// view is what the view of a tag selects, in order.
func view(t *testing.T, s *store.Store, tag string) []string {
	t.Helper()
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	v, err := compose.Resolve(r, tag)
	if err != nil {
		t.Fatal(err)
	}
	rpms, err := v.RPMs(r, "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range rpms {
		out = append(out, p.NEVRA.String())
	}
	return out
}

// TestThousandsOfBuilds: 5,000 builds are tagged, moved and untagged, each in one commit, and the history names them all.
func TestThousandsOfBuilds(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	nvrs := fakeBuilds(t, s, 5000)
	step := func(what string, f func() (state.Change, error)) {
		t.Helper()
		head, begin := s.Index.Head(), time.Now()
		if _, err := f(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		t.Logf("%s: %v", what, time.Since(begin).Round(time.Millisecond))
		if got := s.Index.Head().Seq; got != head.Seq+1 {
			t.Errorf("%s: %d commits", what, got-head.Seq)
		}
	}
	step("create", func() (state.Change, error) { return s.CreateTag(ctx, who, "a", []string{"x86_64"}) })
	step("create", func() (state.Change, error) { return s.CreateTag(ctx, who, "b", []string{"x86_64"}) })
	step("add", func() (state.Change, error) { return s.TagBuilds(ctx, who, "a", nvrs) })
	if got := len(view(t, s, "a")); got != 2500 {
		t.Errorf("the view has %d packages, want 2500", got)
	}
	step("clone", func() (state.Change, error) { return s.CloneTag(ctx, who, "a", "c") })
	step("move", func() (state.Change, error) { return s.MoveBuilds(ctx, who, "a", "b", nvrs) })
	if a, b, c := view(t, s, "a"), view(t, s, "b"), view(t, s, "c"); len(a) != 0 || len(b) != 2500 || !slices.Equal(b, c) {
		t.Errorf("after the move: %d, %d, %d packages", len(a), len(b), len(c))
	}
	events, _, err := s.TagHistory(ctx, "", "b", false, 0, 1)
	if err != nil || len(events) != 1 || len(events[0].Tags[0].Added) != 5000 {
		t.Errorf("history of the move: %v, %d events", err, len(events))
	}
	step("remove", func() (state.Change, error) { return s.UntagBuilds(ctx, who, "b", nvrs) })
}

// TestCloneSelectsTheSame: after any history the views of a tag and its clone select the same in the same order, and a clone is its
// own tag from then on.
func TestCloneSelectsTheSame(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	nvrs := fakeBuilds(t, s, 40)
	do := func(_ state.Change, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(s.CreateTag(ctx, who, "base", []string{"x86_64"}))
	do(s.CreateTag(ctx, who, "dev", []string{"x86_64"}))
	do(s.AddParent(ctx, who, "dev", state.Link{Parent: "base", Priority: 3, Filter: "p1"}))
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 25 {
		tag := []string{"dev", "dev", "base"}[rnd.IntN(3)]
		var some []string
		for range 1 + rnd.IntN(5) {
			some = append(some, nvrs[rnd.IntN(len(nvrs))])
		}
		if rnd.IntN(6) == 0 {
			do(s.Block(ctx, who, tag, rnd.IntN(2) == 0, []string{"p1", "p12"}))
		} else {
			do(s.TagBuilds(ctx, who, tag, some))
		}
		clone := fmt.Sprintf("clone%d", i)
		do(s.CloneTag(ctx, who, "dev", clone))
		want := view(t, s, "dev")
		if got := view(t, s, clone); !slices.Equal(got, want) {
			t.Fatalf("%s selects %v, want %v", clone, got, want)
		}
		if i == 0 {
			continue
		}
		do(s.TagBuilds(ctx, who, clone, nvrs))
		if got := view(t, s, "dev"); !slices.Equal(got, want) {
			t.Fatalf("a change of %s changes dev to %v", clone, got)
		}
	}
}

// TestCloneOfAMoment: after any history a clone of what a tag was at an event selects what the tag selected then; a build that was removed
// since is named, and no clone is made.
func TestCloneOfAMoment(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	nvrs := fakeBuilds(t, s, 40)
	do := func(c state.Change, err error) state.Change {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	do(s.CreateTag(ctx, who, "dev", []string{"x86_64"}))
	rnd := rand.New(rand.NewPCG(3, 4))
	past := map[uint64][]string{}
	for i := range 40 {
		var some []string
		for range 1 + rnd.IntN(5) {
			some = append(some, nvrs[rnd.IntN(len(nvrs))])
		}
		var c state.Change
		switch rnd.IntN(6) {
		case 0:
			c = do(s.Block(ctx, who, "dev", rnd.IntN(2) == 0, []string{"p1", "p12"}))
		case 1:
			listed, latest := rnd.IntN(2) == 0, []int{1, 2, -1}[rnd.IntN(3)]
			c = do(s.SetTag(ctx, who, "dev", store.TagSettings{Listed: &listed, Latest: &latest}))
		case 2:
			c = do(s.UntagBuilds(ctx, who, "dev", []string{firstBuild(t, s, "dev", some[0])}))
		default:
			c = do(s.ForceBuilds(ctx, who, "dev", some))
		}
		past[c.Event] = view(t, s, "dev")
		if i == 0 {
			continue
		}
		for event, want := range past {
			if rnd.IntN(len(past)) > 1 {
				continue
			}
			clone := fmt.Sprintf("dev-%d-%d", event, c.Event)
			do(s.CloneTagAt(ctx, who, store.Moment(fmt.Sprint(event)), "dev", clone))
			if got := view(t, s, clone); !slices.Equal(got, want) {
				t.Fatalf("%s selects %v, want %v", clone, got, want)
			}
			do(s.DeleteTag(ctx, who, clone))
		}
	}
	at := do(s.TagBuilds(ctx, who, "dev", nvrs[:1]))
	do(s.UntagBuilds(ctx, who, "dev", nvrs[:1]))
	do(s.RemoveBuild(ctx, who, nvrs[0]))
	_, err := s.CloneTagAt(ctx, who, store.Moment(fmt.Sprint(at.Event)), "dev", "late")
	if !errors.Is(err, state.ErrConflict) || !strings.Contains(err.Error(), nvrs[0]) {
		t.Errorf("a clone with a build that is no more: %v", err)
	}
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.GetTag(r, "late"); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("the refused clone: %v", err)
	}
}

// firstBuild returns the first build that a tag has, from a name on or else from the beginning; it tags one if there is none.
func firstBuild(t *testing.T, s *store.Store, tag, from string) string {
	t.Helper()
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	record, err := state.GetTag(r, tag)
	if err != nil {
		t.Fatal(err)
	}
	first := ""
	for b, err := range state.TagBuilds(r, record) {
		if err != nil {
			t.Fatal(err)
		}
		if first == "" || b.NVR >= from {
			first = b.NVR
		}
		if b.NVR >= from {
			return first
		}
	}
	if first == "" {
		if _, err := s.ForceBuilds(t.Context(), storetest.Who(), tag, []string{from}); err != nil {
			t.Fatal(err)
		}
		return from
	}
	return first
}
