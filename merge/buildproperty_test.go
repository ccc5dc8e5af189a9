package merge_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/merge"
)

// checkBuilds runs a property over random orders, by default and as Koji, for the latest build, the latest two, and all.
func checkBuilds(t *testing.T, property func(t *rapid.T, sources []merge.Source, rules merge.BuildRules)) {
	for _, rules := range []merge.BuildRules{{}, {Koji: true}, {Latest: 2}, {Latest: 2, Koji: true}, {Latest: -1}, {Latest: -1, Koji: true}} {
		t.Run(fmt.Sprintf("latest=%d,koji=%v", rules.Latest, rules.Koji), func(t *testing.T) {
			for range 3 {
				rapid.Check(t, func(t *rapid.T) { property(t, drawVisits(t), rules) })
			}
		})
	}
}

func chosen(candidates []merge.Candidate) []string {
	out := []string{}
	for _, c := range candidates {
		if c.Verdict == merge.Chosen {
			out = append(out, c.NVR)
		}
	}
	return out
}

// TestEveryBuildHasAVerdict: one candidate for each build of each visit, visit by visit. Who is blocked is so by a tag that blocks it; who stands
// behind another build stands behind one that is chosen, and comes after it; nothing is chosen twice.
func TestEveryBuildHasAVerdict(t *testing.T) {
	checkBuilds(t, func(t *rapid.T, sources []merge.Source, rules merge.BuildRules) {
		candidates := merge.Builds(sources, rules)
		n := 0
		for _, s := range sources {
			for range s.Builds {
				if n == len(candidates) || candidates[n].Tag != s.Tag || !slices.Contains(s.Builds, candidates[n].Build) {
					t.Fatalf("candidate %d is not of tag %s: %+v", n, s.Tag, candidates)
				}
				n++
			}
		}
		if n != len(candidates) {
			t.Fatalf("%d candidates for %d builds", len(candidates), n)
		}
		won := map[string]string{} // NVR → package of what is chosen so far
		for _, c := range candidates {
			switch c.Verdict {
			case merge.Chosen:
				if _, twice := won[c.NVR]; twice || c.By != "" {
					t.Fatalf("%+v: chosen twice, or by somebody", c)
				}
				won[c.NVR] = c.Package
			case merge.Blocked:
				i := slices.IndexFunc(sources, func(s merge.Source) bool { return s.Tag == c.By })
				if i < 0 || !sources[i].Packages[c.Package] {
					t.Fatalf("%+v: tag %s does not block it", c, c.By)
				}
			case merge.Farther, merge.Older:
				if won[c.By] != c.Package || c.By == c.NVR {
					t.Fatalf("%+v: %s is not chosen before it", c, c.By)
				}
			case merge.Duplicate:
				if won[c.NVR] == "" {
					t.Fatalf("%+v: it is not chosen before", c)
				}
			case merge.Filtered, merge.Unlisted:
				if c.By != "" {
					t.Fatalf("%+v: by %s", c, c.By)
				}
			default:
				t.Fatalf("%+v: no verdict", c)
			}
		}
	})
}

// TestBuildsInAnyOrder: in which order the builds of a tag come changes nothing; the events of their tagging do, and their own age.
func TestBuildsInAnyOrder(t *testing.T) {
	checkBuilds(t, func(t *rapid.T, sources []merge.Source, rules merge.BuildRules) {
		want := merge.Builds(sources, rules)
		for i := range sources {
			sources[i].Builds = rapid.Permutation(sources[i].Builds).Draw(t, "order")
		}
		if got := merge.Builds(sources, rules); !slices.Equal(got, want) {
			t.Fatalf("got\n%+v\nwant\n%+v", got, want)
		}
	})
}

// TestWinnersStay: a tag that has the winners of another and inherits from it has the same winners.
func TestWinnersStay(t *testing.T) {
	checkBuilds(t, func(t *rapid.T, sources []merge.Source, rules merge.BuildRules) {
		want := chosen(merge.Builds(sources, rules))
		heir := merge.Source{Tag: "heir", Listed: true}
		for i, nvr := range want {
			heir.Builds = append(heir.Builds, merge.Build{NVR: nvr, Package: packageOf(nvr), Event: uint64(100 - i), ID: 1})
		}
		if got := chosen(merge.Builds(append([]merge.Source{heir}, sources...), rules)); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// TestBlockTakesAwayOnePackage: a block in the tag itself takes all builds of its package out, and changes nothing else.
func TestBlockTakesAwayOnePackage(t *testing.T) {
	checkBuilds(t, func(t *rapid.T, sources []merge.Source, rules merge.BuildRules) {
		before := merge.Builds(sources, rules)
		pkg := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "package")
		self := sources[0].Tag
		for i := range sources {
			if sources[i].Tag == self {
				sources[i].Packages = maps.Clone(sources[i].Packages)
				sources[i].Packages[pkg] = true
			}
		}
		for i, c := range merge.Builds(sources, rules) {
			switch {
			case c.Package != pkg && c != before[i]:
				t.Fatalf("%+v was %+v", c, before[i])
			case c.Package == pkg && c.Verdict != merge.Blocked && c.Verdict != merge.Filtered:
				t.Fatalf("%+v is of a blocked package", c)
			case c.Package == pkg && c.Verdict == merge.Filtered && rules.Koji:
				t.Fatalf("%+v: Koji's filters do not concern builds of a package with an entry", c)
			}
		}
	})
}

// TestMoreOfTheLatest: the latest of each package are among the latest two, and those among all.
func TestMoreOfTheLatest(t *testing.T) {
	checkBuilds(t, func(t *rapid.T, sources []merge.Source, rules merge.BuildRules) {
		var less []string
		for _, n := range []int{1, 2, 3, -1} {
			rules.Latest = n
			more := chosen(merge.Builds(sources, rules))
			for _, nvr := range less {
				if !slices.Contains(more, nvr) {
					t.Fatalf("of the latest %d %s is not", n, nvr)
				}
			}
			less = more
		}
	})
}

// TestKojiDiffersByFiltersOnly: without filters, and for the latest build of each package, the hub's selection is the default's.
func TestKojiDiffersByFiltersOnly(t *testing.T) {
	checkBuilds(t, func(t *rapid.T, sources []merge.Source, rules merge.BuildRules) {
		for i := range sources {
			sources[i].Filter = nil
		}
		if rules.Latest == 2 {
			return // a build in two tags takes two places there
		}
		rules.Koji = false
		want := merge.Builds(sources, rules)
		rules.Koji = true
		if got := merge.Builds(sources, rules); !slices.Equal(got, want) {
			t.Fatalf("got\n%+v\nwant\n%+v", got, want)
		}
	})
}
