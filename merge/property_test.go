package merge_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/merge"
	"vrepofs/rpm"
)

// drawSources makes up to four sources of one mode, or each with its own, whose packages share few names, versions and source packages. In
// one source no two packages are rivals.
func drawSources(t *rapid.T, mixed bool) []merge.Repo {
	mode := rapid.SampledFrom(merge.Modes())
	one := mode.Draw(t, "mode")
	repos := make([]merge.Repo, rapid.IntRange(1, 4).Draw(t, "sources"))
	n := 0
	for i := range repos {
		repos[i] = merge.Repo{Name: fmt.Sprint("repo", i), Mode: one}
		if mixed {
			repos[i].Mode = mode.Draw(t, "mode")
		}
		for _, k := range rapid.SliceOfN(drawPackage(), 0, 10).Draw(t, repos[i].Name) {
			if i > 0 && len(repos[i-1].Packages) > 0 && rapid.IntRange(0, 5).Draw(t, "the file of another source") == 0 {
				k = rapid.SampledFrom(repos[i-1].Packages).Draw(t, "file")
			} else {
				n++
				k.PkgID = sha256.Sum256(fmt.Append(nil, n))
			}
			if !slices.ContainsFunc(repos[i].Packages, func(o merge.Package) bool { return rivals(repos[i].Mode, &k, &o) }) {
				repos[i].Packages = append(repos[i].Packages, k)
			}
		}
	}
	return repos
}

func drawPackage() *rapid.Generator[merge.Package] {
	return rapid.Custom(func(t *rapid.T) merge.Package {
		of := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
		k := merge.Package{Time: rapid.Int64Range(1, 3).Draw(t, "time")}
		k.Name, k.Arch = of("name", "a", "b", "a-libs"), of("arch", "x86_64", "noarch", "s390x", "src")
		k.EVR = rpm.EVR{Epoch: of("epoch", "", "0", "1"), Version: of("version", "1", "1.0", "1.00", "2"), Release: "1"}
		switch source := of("source", "a", "b", "other", "strange", "none"); {
		case k.Arch == "src" || source == "none":
		case source == "strange":
			k.Source = source
		case source == "other":
			k.Source = "b-" + of("source version", "1", "2") + "-1.src.rpm"
		default:
			k.Source = source + "-" + k.Version + "-" + k.Release + ".src.rpm"
		}
		return k
	})
}

// rivals reports whether which of two packages of one source is taken depends on which comes first: they compare equal in its mode.
func rivals(mode merge.Mode, a, b *merge.Package) bool {
	if a.PkgID == b.PkgID || a.Name != b.Name || a.Arch != b.Arch {
		return false
	}
	same := rpm.Compare(a.EVR, b.EVR) == 0
	switch mode {
	case merge.ModeRepo:
		return true
	case merge.ModeTS:
		return a.Time == b.Time
	case merge.ModeKoji:
		return same || a.Version == b.Version && a.Release == b.Release
	case merge.ModeSimple:
		return false
	}
	return same
}

// drawRules are those of a view of x86_64 with some source packages blocked.
func drawRules(t *rapid.T, koji bool) (merge.Rules, []string) {
	blocked := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "strange"}), 0, 1, rapid.ID).Draw(t, "blocked")
	return merge.Rules{
		Koji:    koji,
		InArch:  func(arch string) bool { return arch == "x86_64" || arch == "noarch" || arch == "src" },
		Blocked: func(s string) bool { return slices.Contains(blocked, s) },
	}, blocked
}

// taken lists what is taken, sorted, each package with its source.
func taken(repos []merge.Repo, rules merge.Rules) []string {
	out := []string{}
	for _, p := range merge.Packages(repos, rules) {
		if p.Fate == merge.Taken {
			out = append(out, repos[p.Repo].Name+" "+describePackage(&repos[p.Repo].Packages[p.Index]))
		}
	}
	slices.Sort(out)
	return out
}

func describePackage(k *merge.Package) string {
	return fmt.Sprintf("%s %x of %q, time %d", k.NEVRA, k.PkgID[:4], k.Source, k.Time)
}

// sourceOf is the name of a package's source package as merge's documentation has it; "" is none.
func sourceOf(k *merge.Package, koji bool) string {
	file := k.Source
	if file == "" && rpm.IsSourceArch(k.Arch) && !koji {
		file = k.NVRA() + ".rpm"
	}
	if src, err := rpm.ParseSourceRPM(file); err == nil {
		return src.Name
	}
	return file
}

// check runs a property over sources of one mode and of several, by default and as Koji: 500 times each, 20,000 with VREPOFS_LONG.
func check(t *testing.T, property func(t *rapid.T, repos []merge.Repo, mixed, koji bool)) {
	rounds := 5 // of rapid's own 100
	if os.Getenv("VREPOFS_LONG") != "" {
		rounds = 200
	}
	for _, mixed := range []bool{false, true} {
		for _, koji := range []bool{false, true} {
			t.Run(fmt.Sprintf("mixed=%v,koji=%v", mixed, koji), func(t *testing.T) {
				for range rounds {
					rapid.Check(t, func(t *rapid.T) { property(t, drawSources(t, mixed), mixed, koji) })
				}
			})
		}
	}
}

// TestEveryPackageHasAFate: one pick for each package, in the order given; a rejection by a package names one, by a rule none; and who asks
// by whom, again and again, comes to a package that no other package rejected.
func TestEveryPackageHasAFate(t *testing.T) {
	check(t, func(t *rapid.T, repos []merge.Repo, _, koji bool) {
		rules, _ := drawRules(t, koji)
		picks := merge.Packages(repos, rules)
		type place struct{ repo, index int }
		at := map[place]*merge.Pick{}
		n := 0
		for i, r := range repos {
			for j := range r.Packages {
				if n == len(picks) || picks[n].Repo != i || picks[n].Index != j {
					t.Fatalf("pick %d is not that of package %d of source %d: %+v", n, j, i, picks)
				}
				at[place{i, j}] = &picks[n]
				n++
			}
		}
		if n != len(picks) {
			t.Fatalf("%d picks for %d packages", len(picks), n)
		}
		for i := range picks {
			p := &picks[i]
			k := &repos[p.Repo].Packages[p.Index]
			switch p.Fate {
			case merge.Taken, merge.OtherArch, merge.BlockedOut, merge.Copied:
				if p.By != nil {
					t.Fatalf("%s is %s by %+v", describePackage(k), p.Fate, p.By)
				}
			case merge.Claimed, merge.SameVersion, merge.SameName, merge.Replaced:
				for q, steps := p, 0; q.By != nil; steps++ {
					next := at[place{q.By.Repo, q.By.Index}]
					if next == nil || next.Fate != q.By.Fate || steps == len(picks) {
						t.Fatalf("%s is %s: by %+v, who is %+v, after %d steps", describePackage(k), p.Fate, q.By, next, steps)
					}
					q = next
				}
				if p.By == nil {
					t.Fatalf("%s is %s by nobody", describePackage(k), p.Fate)
				}
			default:
				t.Fatalf("%s has fate %d", describePackage(k), p.Fate)
			}
		}
	})
}

// TestArrivalDecidesNothing: in which order the packages of a source come changes nothing, if no two of them are rivals. Of rivals the first
// is taken.
func TestArrivalDecidesNothing(t *testing.T) {
	check(t, func(t *rapid.T, repos []merge.Repo, _, koji bool) {
		rules, _ := drawRules(t, koji)
		want := taken(repos, rules)
		for i := range repos {
			repos[i].Packages = rapid.Permutation(repos[i].Packages).Draw(t, "order")
		}
		if got := taken(repos, rules); !slices.Equal(got, want) {
			t.Fatalf("took\n%q\nin another order\n%q", want, got)
		}
	})
}

// TestMergedAgain: where all sources have one mode, what they give is merged again to the same, alone, twice, and before them. Only simple,
// which keeps duplicates, promises less: alone, but for one file from two sources.
func TestMergedAgain(t *testing.T) {
	check(t, func(t *rapid.T, repos []merge.Repo, mixed, koji bool) {
		if mixed || repos[0].Mode == merge.ModeSimple {
			return
		}
		rules, _ := drawRules(t, koji)
		result := merge.Repo{Name: "result", Mode: repos[0].Mode}
		want := []string{}
		for _, p := range merge.Packages(repos, rules) {
			if p.Fate == merge.Taken {
				k := repos[p.Repo].Packages[p.Index]
				result.Packages = append(result.Packages, k)
				want = append(want, "result "+describePackage(&k))
			}
		}
		slices.Sort(want)
		for what, again := range map[string][]merge.Repo{
			"alone": {result}, "twice": {result, result}, "before its sources": append([]merge.Repo{result}, repos...),
		} {
			if got := taken(again, rules); !slices.Equal(got, want) {
				t.Fatalf("%s: took\n%q\nwant\n%q", what, got, want)
			}
		}
	})
}

// TestBlocksOnlyTakeAway: one more blocked source package takes its packages away. It gives it to no other source, in no other
// version, and no other source package changes hands. A package of another source package may come, if one of the blocked had its place (its name
// and arch, or version); and where sources have modes of their own, that one may keep another out again.
func TestBlocksOnlyTakeAway(t *testing.T) {
	check(t, func(t *rapid.T, repos []merge.Repo, mixed, koji bool) {
		rules, blocked := drawRules(t, koji)
		more := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "more")
		stricter := rules
		stricter.Blocked = func(s string) bool { return s == more || slices.Contains(blocked, s) }
		before, after := merge.Packages(repos, rules), merge.Packages(repos, stricter)
		for i, p := range before {
			q := after[i]
			k := &repos[p.Repo].Packages[p.Index]
			ofIt := sourceOf(k, koji) == more
			if koji && repos[p.Repo].Mode != merge.ModeKoji && repos[p.Repo].Mode != merge.ModeSimple {
				ofIt = false // mergerepo_c blocks nothing there
			}
			byPlace := func(f merge.Fate) bool {
				return f == merge.SameVersion || f == merge.SameName || f == merge.Replaced
			}
			switch {
			case ofIt && (q.Fate == merge.Taken || byPlace(q.Fate) || q.Fate == merge.Claimed):
				t.Fatalf("%s is blocked, and %s", describePackage(k), q.Fate)
			case ofIt:
			case (p.Fate == merge.Claimed) != (q.Fate == merge.Claimed):
				t.Fatalf("%s was %s, is %s", describePackage(k), p.Fate, q.Fate)
			case p.Fate != merge.Taken && q.Fate == merge.Taken && !byPlace(p.Fate):
				t.Fatalf("%s was %s, is taken", describePackage(k), p.Fate)
			case p.Fate == merge.Taken && q.Fate != merge.Taken && !(mixed && byPlace(q.Fate)) && !twoIdentities(repos, &q):
				t.Fatalf("%s was taken, is %s", describePackage(k), q.Fate)
			}
		}
	})
}

// twoIdentities reports whether a package gave way in the one mode where a version has two names: as a file name, without the epoch, and as what
// compares equal ("1.0" and "1.00"). There the place that a block makes free may be one of two that its heir takes.
func twoIdentities(repos []merge.Repo, p *merge.Pick) bool {
	if repos[p.Repo].Mode != merge.ModeKoji || p.Fate != merge.SameVersion {
		return false
	}
	a, b := &repos[p.Repo].Packages[p.Index], &repos[p.By.Repo].Packages[p.By.Index]
	return a.Version != b.Version || cmp.Or(a.Epoch, "0") != cmp.Or(b.Epoch, "0")
}
