package compose_test

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/compose"
	"vrepofs/merge"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// moving is a store of tags whose external repos move, and what was seen of its views.
type moving struct {
	*store.Store
	tags, repos, nvrs []string
	specs             []testrpm.Spec
	done              map[string]int // operations that were not refused
	seen              []seenView
	generations       map[string]compose.View // by tag, arch and generation
}

// seenView is a view as it was seen at an event.
type seenView struct {
	event uint64
	view  compose.View
}

var views = []string{"x86_64", "x86_64-debug", "aarch64", "src"}

// TestIncrementalEqualsScratchWithRepos holds for tags with external repos, which move, are followed and pinned, change their modes and go, as
// Koji has it and not, what TestIncrementalEqualsScratch holds for builds: a view is what composing it from nothing gives. Besides: a
// generation has one content, as what readers see is bound by generations; and what was is there as it was.
func TestIncrementalEqualsScratchWithRepos(t *testing.T) {
	m := newMoving(t)
	external, rounds := 0, 1
	if os.Getenv("VREPOFS_LONG") != "" {
		rounds = 20
	}
	history := func(rt *rapid.T) {
		for range rapid.IntRange(1, 8).Draw(rt, "operations") {
			m.step(t, rt)
			r, head, err := m.State("")
			if err != nil {
				rt.Fatal(err)
			}
			tag, arch := rapid.SampledFrom(m.tags).Draw(rt, "view"), rapid.SampledFrom(views).Draw(rt, "arch")
			v := m.compare(t, rt, r, tag, arch)
			at := fmt.Sprintf("%s/%s@%d", tag, arch, v.Generation.Event)
			if was, seen := m.generations[at]; seen && was != v {
				rt.Fatalf("%s is %+v and was %+v", at, v, was)
			}
			m.generations[at] = v
			m.seen = append(m.seen, seenView{head.Seq, v})
			if res, err := compose.Resolve(r, tag); err != nil {
				rt.Fatal(err)
			} else if len(res.Externals) > 0 && v.Count > 0 {
				external++
			}
		}
		// At an earlier event it is what it was then, though snapshots went since.
		was := rapid.SampledFrom(m.seen).Draw(rt, "earlier")
		r, _, err := m.State(store.Moment(fmt.Sprint(was.event)))
		if err != nil {
			rt.Fatal(err)
		}
		if got := m.compare(t, rt, r, was.view.Tag, was.view.Arch); got != was.view {
			rt.Fatalf("at event %d: %+v\nthen it was %+v", was.event, got, was.view)
		}
	}
	for range rounds {
		rapid.Check(t, history)
	}
	t.Logf("%d views with external repos; %d generations; operations: %v", external, len(m.generations), m.done)
	for _, kind := range []string{"external", "mode", "koji", "snapshot"} {
		if m.done[kind] == 0 && !t.Failed() {
			t.Errorf("%q was always refused or never tried", kind)
		}
	}
	if sum, err := m.Verify(t.Context(), 2, func(store.Checked) {}); err != nil || len(sum.Findings) > 0 {
		t.Errorf("verify: %+v, %v", sum, err)
	}
}

// compare composes a view with whatever is remembered and from nothing.
func (m *moving) compare(t *testing.T, rt *rapid.T, r state.Reader, tag, arch string) compose.View {
	got, err := m.Composer.View(t.Context(), r, tag, arch)
	if err != nil {
		rt.Fatal(err)
	}
	want, err := m.Composer.Fresh().View(t.Context(), r, tag, arch)
	if err != nil {
		rt.Fatal(err)
	}
	if got != want {
		rt.Fatalf("%s/%s: incremental %+v\nfrom scratch %+v", tag, arch, got, want)
	}
	return got
}

func newMoving(t *testing.T) *moving {
	m := &moving{
		Store: storetest.New(t), tags: []string{"a", "b", "c"}, repos: []string{"r", "s", "u"},
		done: map[string]int{}, generations: map[string]compose.View{},
	}
	m.nvrs = importMany(t, m.Store, 12)
	for i := range 12 {
		name := fmt.Sprintf("p%d", i)
		for _, v := range []string{"1.0", "2.0", "3.0"}[i%2:] {
			file := name + "-" + v + "-1.src.rpm"
			m.specs = append(m.specs,
				testrpm.Spec{Name: name, Version: v, SourceRPM: file, Summary: "Not the build's"},
				testrpm.Spec{Name: name + "-libs", Version: v, SourceRPM: file, Arch: []string{"i686", "noarch", "aarch64"}[i%3]},
			)
		}
	}
	m.specs = append(m.specs, testrpm.Spec{Name: "p1", Epoch: "1"}, testrpm.Spec{Name: "p1-debuginfo", SourceRPM: "p1-1.0-1.src.rpm"}, testrpm.Spec{Name: "p2", Arch: "src"})
	for _, tag := range m.tags {
		if _, err := m.CreateTag(t.Context(), storetest.Who(), tag, views); err != nil {
			t.Fatal(err)
		}
	}
	for _, repo := range m.repos {
		storetest.Snapshot(t, m.Store, repo, m.specs[:4]...)
	}
	return m
}

// kinds are the operations, some of them oftener.
var kinds = []string{
	"snapshot", "snapshot", "snapshot", "more", "external", "external", "external", "mode", "no external", "no snapshot",
	"koji", "build", "build", "no build", "block", "parent", "no parent", "contents", "origins", "site", "metadata",
}

// step does one random operation. One that the state refuses (a second priority, a snapshot in use) is part of the history too.
func (m *moving) step(t *testing.T, rt *rapid.T) {
	ctx, who := t.Context(), storetest.Who()
	tag, repo := rapid.SampledFrom(m.tags).Draw(rt, "tag"), rapid.SampledFrom(m.repos).Draw(rt, "repo")
	yes := rapid.Bool().Draw(rt, "yes")
	number := rapid.IntRange(1, 3).Draw(rt, "number")
	var err error
	kind := rapid.SampledFrom(kinds).Draw(rt, "kind")
	switch kind {
	case "snapshot", "more":
		specs := rapid.SliceOfN(rapid.SampledFrom(m.specs), 1, 12).Draw(rt, "packages")
		_, err = storetest.Read(t, m.Store, specs...).Snapshot(ctx, who, repo, store.SnapshotOptions{Add: kind == "more"})
	case "external":
		e := state.External{Repo: repo, Priority: number, Mode: rapid.SampledFrom(merge.Modes()).Draw(rt, "mode")}
		if yes {
			e.ID = m.snapshot(rt, repo)
		}
		if rapid.IntRange(0, 3).Draw(rt, "arches") == 0 {
			e.Arches = []string{"x86_64"}
		}
		_, err = m.AddExternal(ctx, who, tag, e)
	case "mode": // another mode for an external repo that is there
		r, _, readErr := m.State("")
		if readErr != nil {
			rt.Fatal(readErr)
		}
		tg, readErr := state.GetTag(r, tag)
		if readErr != nil {
			rt.Fatal(readErr)
		}
		for _, e := range tg.External {
			if e.Repo == repo {
				e.Mode = rapid.SampledFrom(merge.Modes()).Draw(rt, "mode")
				if _, err = m.RemoveExternal(ctx, who, tag, repo); err == nil {
					_, err = m.AddExternal(ctx, who, tag, e)
				}
			}
		}
	case "no external":
		_, err = m.RemoveExternal(ctx, who, tag, repo)
	case "no snapshot":
		_, err = m.RemoveSnapshot(ctx, who, repo+"@"+m.snapshot(rt, repo))
	case "koji":
		_, err = m.SetTag(ctx, who, tag, store.TagSettings{Koji: &yes})
	case "build":
		_, err = m.TagBuilds(ctx, who, tag, rapid.SliceOfN(rapid.SampledFrom(m.nvrs), 1, 6).Draw(rt, "builds"))
	case "no build":
		_, err = m.UntagBuilds(ctx, who, tag, []string{rapid.SampledFrom(m.nvrs).Draw(rt, "build")})
	case "block":
		_, err = m.Block(ctx, who, tag, yes, []string{fmt.Sprintf("p%d", number)})
	case "parent":
		l := state.Link{Parent: rapid.SampledFrom(m.tags).Draw(rt, "parent"), Priority: number}
		if yes {
			l.Filter = "p[1-6]"
		}
		_, err = m.AddParent(ctx, who, tag, l)
	case "no parent":
		_, err = m.RemoveParent(ctx, who, tag, rapid.SampledFrom(m.tags).Draw(rt, "parent"))
	case "contents":
		multilib := [][]string{nil, nil, {merge.MultilibAll}, {"*-libs"}}[number]
		_, err = m.SetTag(ctx, who, tag, store.TagSettings{Sources: &yes, Debuginfo: &yes, Multilib: &multilib})
	case "origins":
		_, err = m.SetTag(ctx, who, tag, store.TagSettings{PkgOrigins: &yes})
	case "site":
		_, err = m.SetSite(ctx, who, []string{fmt.Sprintf("https://%d.example.org/", number)})
	case "metadata":
		md := state.Metadata{}
		if yes {
			md.Compress = "zstd"
		}
		_, err = m.SetTag(ctx, who, tag, store.TagSettings{Metadata: &md})
	}
	switch {
	case err == nil:
		m.done[kind]++
	case !errors.Is(err, state.ErrConflict) && !errors.Is(err, iofs.ErrExist) && !errors.Is(err, iofs.ErrNotExist) && !errors.Is(err, iofs.ErrInvalid):
		rt.Fatalf("%s: %v", kind, err)
	}
}

// snapshot is one of a repo's.
func (m *moving) snapshot(rt *rapid.T, repo string) string {
	r, _, err := m.State("")
	if err != nil {
		rt.Fatal(err)
	}
	var ids []string
	for s, err := range state.Snapshots(r, repo) {
		if err != nil {
			rt.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	return rapid.SampledFrom(ids[max(0, len(ids)-4):]).Draw(rt, "snapshot")
}

// TestOneFileFromThreeSources: sources in mode simple may give one file three times, and another of its name; each has a place.
func TestOneFileFromThreeSources(t *testing.T) {
	s := storetest.New(t)
	ctx, who := t.Context(), storetest.Who()
	if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64"}); err != nil {
		t.Fatal(err)
	}
	for i, repo := range []string{"r", "s", "t", "u"} {
		spec := testrpm.Spec{Name: "p"}
		if repo == "s" {
			spec.Summary = "Another"
		}
		storetest.Snapshot(t, s, repo, spec)
		if _, err := s.AddExternal(ctx, who, "t", state.External{Repo: repo, Priority: i, Mode: merge.ModeSimple}); err != nil {
			t.Fatal(err)
		}
	}
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Composer.View(ctx, r, "t", "x86_64")
	if err != nil || v.Count != 4 {
		t.Errorf("view of %d RPMs, %v; want 4", v.Count, err)
	}
}
