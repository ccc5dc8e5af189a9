package merge_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vrepofs/merge"
	"vrepofs/rpm"
)

// source makes a source of "name-[epoch:]version-release.arch SOURCE" lines; the source package is "name-version-release" without an
// arch, or "-" for none.
func source(t *testing.T, name string, mode merge.Mode, lines ...string) merge.Repo {
	t.Helper()
	r := merge.Repo{Name: name, Mode: mode}
	for i, line := range lines {
		f := strings.Fields(line)
		n, err := rpm.ParseNEVRA(f[0])
		if err != nil || len(f) != 2 {
			t.Fatalf("%q: %v", line, err)
		}
		k := merge.Package{NEVRA: n, PkgID: sha256.Sum256(fmt.Append(nil, name, i))}
		if f[1] != "-" {
			k.Source = f[1] + ".src.rpm"
		}
		r.Packages = append(r.Packages, k)
	}
	return r
}

// TestPackages holds the rules of the default, and beside each what mergerepo_c does.
func TestPackages(t *testing.T) {
	x86 := func(arch string) bool { return arch == "x86_64" || arch == "noarch" }
	for _, c := range []struct {
		name          string
		repos         []merge.Repo
		blocked       string
		want, asKoji  string // "REPO NEVRA" of what is taken, joined by "; "
		rejected, why string // one that is not, by default, and its fate
	}{
		{
			name: "the first source that has a source package gives all of it",
			repos: []merge.Repo{
				source(t, "a", merge.ModeKoji, "z-1-1.x86_64 z-1-1"),
				source(t, "b", merge.ModeKoji, "z-2-1.x86_64 z-2-1", "z-devel-2-1.x86_64 z-2-1"),
			},
			want: "a z-1-1.x86_64", asKoji: "a z-1-1.x86_64", rejected: "b z-devel-2-1.x86_64", why: "claimed",
		},
		{
			name: "another source adds packages of the very same source RPM",
			repos: []merge.Repo{
				source(t, "baseos", merge.ModeKoji, "z-1-1.x86_64 z-1-1"),
				source(t, "crb", merge.ModeKoji, "z-devel-1-1.x86_64 z-1-1"),
			},
			want: "baseos z-1-1.x86_64; crb z-devel-1-1.x86_64", asKoji: "baseos z-1-1.x86_64; crb z-devel-1-1.x86_64",
		},
		{
			name:  "the epoch counts; mergerepo_c does not see it",
			repos: []merge.Repo{source(t, "a", merge.ModeKoji, "z-1:1.8-1.x86_64 z-1.8-1", "z-2012.06-1.x86_64 z-2012.06-1")},
			want:  "a z-1:1.8-1.x86_64", asKoji: "a z-2012.06-1.x86_64", rejected: "a z-2012.06-1.x86_64", why: "claimed",
		},
		{
			name: "only what the view can take claims; for mergerepo_c every arch does",
			repos: []merge.Repo{
				source(t, "a", merge.ModeKoji, "z-1-1.s390x z-1-1"),
				source(t, "b", merge.ModeKoji, "z-2-1.x86_64 z-2-1"),
			},
			want: "b z-2-1.x86_64", asKoji: "", rejected: "a z-1-1.s390x", why: "other arch",
		},
		{
			name: "blocks hold in every mode; mergerepo_c takes them in Koji's two", blocked: "z",
			repos: []merge.Repo{source(t, "a", merge.ModeBare, "z-libs-1-1.x86_64 z-1-1", "y-1-1.x86_64 y-1-1")},
			want:  "a y-1-1.x86_64", asKoji: "a z-libs-1-1.x86_64; a y-1-1.x86_64", rejected: "a z-libs-1-1.x86_64", why: "blocked",
		},
		{
			name: "simple keeps duplicates",
			repos: []merge.Repo{
				source(t, "a", merge.ModeSimple, "z-1-1.x86_64 z-1-1"), source(t, "b", merge.ModeSimple, "z-1-1.x86_64 z-1-1"),
			},
			want: "a z-1-1.x86_64; b z-1-1.x86_64", asKoji: "a z-1-1.x86_64; b z-1-1.x86_64",
		},
		{
			name: "bare keeps versions, not duplicates",
			repos: []merge.Repo{
				source(t, "a", merge.ModeBare, "z-1-1.x86_64 z-1-1"), source(t, "b", merge.ModeBare, "z-1-1.x86_64 z-1-1", "z-2-1.x86_64 z-2-1"),
			},
			want: "a z-1-1.x86_64; b z-2-1.x86_64", asKoji: "a z-1-1.x86_64; b z-2-1.x86_64", rejected: "b z-1-1.x86_64", why: "same version",
		},
		{
			name: "modes of their own: modules as they are, below them what the build and they do not have",
			repos: []merge.Repo{
				source(t, "build", merge.ModeKoji, "z-1-1.x86_64 z-1-1"),
				source(t, "modular", merge.ModeBare, "perl-5-1.x86_64 perl-5-1", "z-0-1.x86_64 z-0-1"),
				source(t, "base", merge.ModeKoji, "z-3-1.x86_64 z-3-1", "perl-6-1.x86_64 perl-6-1", "y-1-1.x86_64 y-1-1"),
			},
			want:   "build z-1-1.x86_64; modular perl-5-1.x86_64; modular z-0-1.x86_64; base y-1-1.x86_64",
			asKoji: "build z-1-1.x86_64; modular perl-5-1.x86_64; modular z-0-1.x86_64; base y-1-1.x86_64", rejected: "base perl-6-1.x86_64", why: "claimed",
		},
		{
			name: "the highest version of all",
			repos: []merge.Repo{
				source(t, "a", merge.ModeNVR, "z-1-1.x86_64 -"), source(t, "b", merge.ModeNVR, "z-2-1.x86_64 -"), source(t, "c", merge.ModeRepo, "z-3-1.x86_64 -"),
			},
			want: "b z-2-1.x86_64", asKoji: "b z-2-1.x86_64", rejected: "a z-1-1.x86_64", why: "replaced",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, koji := range []bool{false, true} {
				rules := merge.Rules{Koji: koji, InArch: x86, Blocked: func(s string) bool { return s == c.blocked }}
				var taken []string
				found := koji || c.rejected == ""
				for _, p := range merge.Packages(c.repos, rules) {
					what := c.repos[p.Repo].Name + " " + c.repos[p.Repo].Packages[p.Index].NEVRA.String()
					if p.Fate == merge.Taken {
						taken = append(taken, what)
					} else if !koji && what == c.rejected {
						found = p.Fate.String() == c.why
						if by := p.By; (p.Fate == merge.Claimed || p.Fate == merge.SameVersion || p.Fate == merge.Replaced) && (by == nil || *by == p) {
							t.Errorf("%s is %s by nobody", what, p.Fate)
						}
					}
				}
				want := c.want
				if koji {
					want = c.asKoji
				}
				if got := strings.Join(taken, "; "); got != want {
					t.Errorf("koji %v: took %s, want %s", koji, got, want)
				}
				if !found {
					t.Errorf("%s is not %s", c.rejected, c.why)
				}
			}
		})
	}
}

// TestPackagesOrder holds that the order of packages inside a source decides nothing where versions differ.
func TestPackagesOrder(t *testing.T) {
	lines := []string{
		"z-1:1.8-1.x86_64 z-1.8-1", "z-libs-1.8-1.x86_64 z-1.8-1", "z-2012-1.x86_64 z-2012-1", "z-libs-2:2012-1.noarch z-2012-1", "y-1-1.x86_64 y-1-1",
	}
	all := source(t, "a", merge.ModeKoji, lines...)
	var first []string
	for range len(lines) {
		all.Packages = append(all.Packages[1:len(all.Packages):len(all.Packages)], all.Packages[0])
		var taken []string
		for _, p := range merge.Packages([]merge.Repo{all}, merge.Rules{}) {
			if p.Fate == merge.Taken {
				taken = append(taken, all.Packages[p.Index].NEVRA.String())
			}
		}
		slices.Sort(taken)
		if first == nil {
			first = taken
		} else if !slices.Equal(first, taken) {
			t.Errorf("took %v, and %v of the same in another order", first, taken)
		}
	}
}
