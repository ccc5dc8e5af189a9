package merge_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/merge"
)

// drawVisits draws the visits of an order: few packages, so that tags meet; a tag can come twice, filtered and whole.
func drawVisits(t *rapid.T) []merge.Source {
	packages := []string{"a", "b", "c"}
	var tags []merge.Source
	id := uint64(0)
	for i := range rapid.IntRange(1, 4).Draw(t, "tags") {
		s := merge.Source{Tag: fmt.Sprint("t", i), Packages: map[string]bool{}, Listed: rapid.Bool().Draw(t, "listed")}
		for _, p := range packages {
			switch rapid.IntRange(0, 3).Draw(t, "entry") {
			case 0:
				s.Packages[p] = false
			case 1:
				s.Packages[p] = true
			}
			for v := 1; v <= 3; v++ {
				if rapid.Bool().Draw(t, "tagged") {
					id++
					s.Builds = append(s.Builds, merge.Build{
						NVR: fmt.Sprintf("%s-%d-1", p, v), Package: p, Event: uint64(rapid.IntRange(1, 3).Draw(t, "event")), ID: id,
					})
				}
			}
		}
		tags = append(tags, s)
	}
	sources := tags[:1:1]
	for range rapid.IntRange(0, 5).Draw(t, "visits") {
		s := tags[rapid.IntRange(0, len(tags)-1).Draw(t, "of")]
		if only := rapid.SampledFrom([]string{"", "", "a", "ab"}).Draw(t, "filter"); only != "" {
			s.Filter = func(p string) bool { return strings.Contains(only, p) }
		}
		sources = append(sources, s)
	}
	return sources
}

// seen is what a selection chooses, in order.
func seen(candidates []merge.Candidate) []string {
	var out []string
	for _, c := range candidates {
		if c.Verdict == merge.Chosen {
			out = append(out, c.Tag+" "+c.NVR)
		}
	}
	return out
}

// ordered is the builds of a source as they are considered.
func ordered(s merge.Source) []merge.Build {
	builds := slices.Clone(s.Builds)
	slices.SortStableFunc(builds, func(a, b merge.Build) int {
		if a.Event != b.Event {
			return int(b.Event) - int(a.Event)
		}
		return int(b.ID) - int(a.ID)
	})
	return builds
}

func pass(s merge.Source, p string) bool { return s.Filter == nil || s.Filter(p) }

// hub is readPackageList and readTaggedBuilds of kojihub.py, line by line: taglist is the order, and latest its argument, 0 for
// False. A build that is there twice is named where it comes first; the hub gives its RPMs once, too (readTaggedRPMS).
func hub(taglist []merge.Source, latest int) []string {
	packages := map[string]bool{} // package → blocked
	for i, tag := range taglist {
		for p, blocked := range tag.Packages {
			if _, superseded := packages[p]; superseded {
				continue
			}
			if i > 0 && !pass(tag, p) {
				continue
			}
			packages[p] = blocked
		}
	}
	var builds []string
	named := map[string]bool{}
	count := map[string]int{}
	for _, tag := range taglist {
		for _, b := range ordered(tag) {
			if blocked, ok := packages[b.Package]; !ok || blocked {
				continue
			}
			if latest > 0 {
				if count[b.Package] >= latest {
					continue
				}
				count[b.Package]++
			}
			if !named[b.NVR] {
				named[b.NVR] = true
				builds = append(builds, tag.Tag+" "+b.NVR)
			}
		}
	}
	return builds
}

// TestListsAsTheHub: where every tag is listed, what koji asks for is what the hub selects.
func TestListsAsTheHub(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sources := drawVisits(t)
		for i := range sources {
			sources[i].Listed = true
		}
		latest := rapid.IntRange(0, 3).Draw(t, "latest")
		rules := merge.BuildRules{Koji: true, Latest: latest}
		if latest == 0 {
			rules.Latest = -1
		}
		if got, want := seen(merge.Builds(sources, rules)), hub(sources, latest); !slices.Equal(got, want) {
			t.Fatalf("latest %d:\n%q\nthe hub:\n%q", latest, got, want)
		}
	})
}

// listModel is the default rule, one package and one build at a time.
func listModel(sources []merge.Source, latest int) []string {
	mayShow := func(p string) bool {
		for _, s := range sources {
			if blocked, has := s.Packages[p]; has && pass(s, p) {
				return !blocked
			}
		}
		for _, s := range sources {
			if !s.Listed && pass(s, p) && slices.ContainsFunc(s.Builds, func(b merge.Build) bool { return b.Package == p }) {
				return true
			}
		}
		return false
	}
	shown := map[string][]string{}
	var out []string
	for _, s := range sources {
		for _, b := range ordered(s) {
			if !mayShow(b.Package) || !pass(s, b.Package) || slices.Contains(shown[b.Package], b.NVR) {
				continue
			}
			if latest > 0 && len(shown[b.Package]) == latest {
				continue
			}
			shown[b.Package] = append(shown[b.Package], b.NVR)
			out = append(out, s.Tag+" "+b.NVR)
		}
	}
	return out
}

// TestLists holds the default rule against its model, and what follows from it: PackageList says of a package with a build that is
// seen that it is listed, and the other way round.
func TestLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sources := drawVisits(t)
		latest := rapid.IntRange(-1, 3).Draw(t, "latest")
		candidates := merge.Builds(sources, merge.BuildRules{Latest: latest})
		model := latest
		if latest == 0 {
			model = 1
		}
		if got, want := seen(candidates), listModel(sources, model); !slices.Equal(got, want) {
			t.Fatalf("latest %d:\n%q\nthe model:\n%q", latest, got, want)
		}
		list := merge.PackageList(sources)
		for _, c := range candidates {
			e, has := list[c.Package]
			switch c.Verdict {
			case merge.Filtered:
			case merge.Unlisted:
				if has {
					t.Fatalf("%s is not listed, but the list has %+v", c.NVR, e)
				}
			case merge.Blocked:
				if !has || !e.Blocked || e.Tag != c.By {
					t.Fatalf("%s is blocked by %s, the list has %+v", c.NVR, c.By, e)
				}
			default:
				if !has || e.Blocked {
					t.Fatalf("%s is %v, the list has %+v, %v", c.NVR, c.Verdict, e, has)
				}
			}
		}
	})
}

// TestListsOnlyTakeAway: to close a tag, or to block a package, never shows a package that was not shown.
func TestListsOnlyTakeAway(t *testing.T) {
	packages := func(c []merge.Candidate) map[string]bool {
		out := map[string]bool{}
		for _, k := range c {
			if k.Verdict == merge.Chosen {
				out[k.Package] = true
			}
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		sources := drawVisits(t)
		rules := merge.BuildRules{Latest: rapid.SampledFrom([]int{0, 2, -1}).Draw(t, "latest"), Koji: rapid.Bool().Draw(t, "koji")}
		before := packages(merge.Builds(sources, rules))
		tag := rapid.SampledFrom(sources).Draw(t, "changed").Tag
		block := rapid.Bool().Draw(t, "block")
		for i := range sources {
			switch s := &sources[i]; {
			case s.Tag != tag:
			case block:
				s.Packages = maps.Clone(s.Packages)
				s.Packages["a"] = true
			default:
				s.Listed = true
			}
		}
		for p := range packages(merge.Builds(sources, rules)) {
			if !before[p] {
				t.Fatalf("package %s is shown now", p)
			}
		}
	})
}
