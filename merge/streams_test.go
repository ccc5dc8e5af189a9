package merge_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vrepofs/merge"
)

// modular is source for "NEVRA SOURCE [STREAM,…]"; a stream that begins with ~ is by label only.
func modular(t *testing.T, name string, mode merge.Mode, lines ...string) merge.Repo {
	t.Helper()
	plain := make([]string, len(lines))
	for i, line := range lines {
		plain[i] = strings.Join(strings.Fields(line)[:2], " ")
	}
	r := source(t, name, mode, plain...)
	for i, line := range lines {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		ids, label := strings.CutPrefix(f[2], "~")
		r.Packages[i].Streams, r.Packages[i].Documented = strings.Split(ids, ","), !label
	}
	return r
}

// TestStreams holds the table of the package's documentation.
func TestStreams(t *testing.T) {
	x86 := func(arch string) bool { return arch == "x86_64" || arch == "noarch" }
	perl := []string{
		"perl-5.26-1.x86_64 perl-5.26-1 perl:5.26", "perl-libs-5.26-1.x86_64 perl-5.26-1 perl:5.26", "perl-DBI-1-1.noarch perl-DBI-1-1 perl:5.26",
		"perl-5.30-1.x86_64 perl-5.30-1 perl:5.30", "perl-DBI-2-1.noarch perl-DBI-2-1 perl:5.30",
		"perl-5.26-1.s390x perl-5.26-1 perl:5.26", "bash-5-1.x86_64 bash-5-1", "bash-4-1.x86_64 bash-4-1",
	}
	whole := []string{"perl-5.26-1.x86_64", "perl-libs-5.26-1.x86_64", "perl-DBI-1-1.noarch", "perl-5.30-1.x86_64", "perl-DBI-2-1.noarch"}
	of := func(repo string, names ...string) (out []string) {
		for _, n := range names {
			out = append(out, repo+" "+n)
		}
		return out
	}
	join := func(lists ...[]string) string { return strings.Join(slices.Concat(lists...), "; ") }
	for _, c := range []struct {
		name       string
		repos      []merge.Repo
		blocked    string
		documented string // ids
		koji       bool
		want       string
		fates      []string // "REPO NEVRA: FATE [by REPO NEVRA]" of some that are rejected
	}{
		{
			name:  "streams of one source come beside each other, whole; others as before",
			repos: []merge.Repo{modular(t, "m", merge.ModeKoji, perl...)},
			want:  join(of("m", whole...), of("m", "bash-5-1.x86_64")), fates: []string{"m bash-4-1.x86_64: claimed by m bash-5-1.x86_64", "m perl-5.26-1.s390x: other arch"},
		},
		{
			name:  "mergerepo_c knows no streams: the highest version of each source package",
			repos: []merge.Repo{modular(t, "m", merge.ModeKoji, perl...)}, koji: true,
			want: join(of("m", "perl-5.30-1.x86_64", "perl-DBI-2-1.noarch", "bash-5-1.x86_64")),
		},
		{
			name: "one source package from a source before keeps the whole stream out, and no other stream",
			repos: []merge.Repo{
				source(t, "base", merge.ModeKoji, "perl-DBI-1.5-1.noarch perl-DBI-1.5-1"),
				modular(t, "m", merge.ModeKoji, append(perl, "node-8-1.x86_64 node-8-1 node:8")...),
			},
			want:  join(of("base", "perl-DBI-1.5-1.noarch"), of("m", "bash-5-1.x86_64", "node-8-1.x86_64")),
			fates: []string{"m perl-libs-5.26-1.x86_64: stream claimed by base perl-DBI-1.5-1.noarch", "m perl-5.30-1.x86_64: stream claimed by base perl-DBI-1.5-1.noarch"},
		},
		{
			name: "a stream that stays out claims nothing: the next source has its packages",
			repos: []merge.Repo{
				source(t, "base", merge.ModeKoji, "perl-DBI-1.5-1.noarch perl-DBI-1.5-1"), modular(t, "m", merge.ModeKoji, perl[:3]...),
				source(t, "late", merge.ModeKoji, "perl-5.20-1.x86_64 perl-5.20-1", "perl-DBI-9-1.noarch perl-DBI-9-1"),
			},
			want: join(of("base", "perl-DBI-1.5-1.noarch"), of("late", "perl-5.20-1.x86_64")),
		},
		{
			name: "a stream that comes claims all its source packages",
			repos: []merge.Repo{
				modular(t, "m", merge.ModeKoji, perl...),
				source(t, "late", merge.ModeKoji, "perl-9-1.x86_64 perl-9-1", "perl-DBI-9-1.noarch perl-DBI-9-1", "zsh-1-1.x86_64 zsh-1-1"),
			},
			want:  join(of("m", whole...), of("m", "bash-5-1.x86_64"), of("late", "zsh-1-1.x86_64")),
			fates: []string{"late perl-DBI-9-1.noarch: claimed by m perl-DBI-1-1.noarch"},
		},
		{
			name: "the very same source RPMs in a source before are no reason: what is in both is taken once",
			repos: []merge.Repo{
				modular(t, "app", merge.ModeKoji, perl[:3]...),
				modular(t, "crb", merge.ModeKoji, "perl-5.26-1.x86_64 perl-5.26-1 perl:5.26", "perl-tests-5.26-1.noarch perl-5.26-1 perl:5.26", "perl-DBI-devel-1-1.noarch perl-DBI-1-1"),
			},
			want:  join(of("app", whole[:3]...), of("crb", "perl-tests-5.26-1.noarch", "perl-DBI-devel-1-1.noarch")),
			fates: []string{"crb perl-5.26-1.x86_64: same version by app perl-5.26-1.x86_64"},
		},
		{
			name: "what else a source RPM of a stream gave goes with the stream",
			repos: []merge.Repo{
				source(t, "base", merge.ModeKoji, "perl-DBI-1.5-1.noarch perl-DBI-1.5-1"),
				modular(t, "m", merge.ModeKoji, append(perl[:3:3], "perl-debuginfo-5.26-1.x86_64 perl-5.26-1", "node-8-1.x86_64 node-8-1 node:8", "node-debuginfo-8-1.x86_64 node-8-1")...),
			},
			want:  join(of("base", "perl-DBI-1.5-1.noarch"), of("m", "node-8-1.x86_64", "node-debuginfo-8-1.x86_64")),
			fates: []string{"m perl-debuginfo-5.26-1.x86_64: stream claimed by base perl-DBI-1.5-1.noarch"},
		},
		{
			name: "an RPM that two streams share comes with the one that comes",
			repos: []merge.Repo{
				source(t, "base", merge.ModeKoji, "b-9-1.noarch b-9-1"),
				modular(t, "m", merge.ModeKoji, "a-1-1.noarch a-1-1 s:1,s:2", "b-1-1.noarch b-1-1 s:1", "c-1-1.noarch c-1-1 s:2"),
			},
			want: join(of("base", "b-9-1.noarch"), of("m", "a-1-1.noarch", "c-1-1.noarch")), fates: []string{"m b-1-1.noarch: stream claimed by base b-9-1.noarch"},
		},
		{
			name: "a block keeps out all of a stream, also in bare", blocked: "perl-DBI",
			repos: []merge.Repo{modular(t, "m", merge.ModeBare, append(perl[:3:3], "node-8-1.x86_64 node-8-1 node:8")...)},
			want:  join(of("m", "node-8-1.x86_64")), fates: []string{"m perl-5.26-1.x86_64: stream blocked by m perl-DBI-1-1.noarch", "m perl-DBI-1-1.noarch: stream blocked by m perl-DBI-1-1.noarch"},
		},
		{
			name: "a stream that the view does not describe stays out; a label that nobody describes does not count", documented: "perl:5.30",
			repos: []merge.Repo{modular(t, "m", merge.ModeKoji, append(perl[:5:5], "node-8-1.x86_64 node-8-1 ~node:8")...)},
			want:  join(of("m", "perl-5.30-1.x86_64", "perl-DBI-2-1.noarch", "node-8-1.x86_64")), fates: []string{"m perl-5.26-1.x86_64: stream hidden"},
		},
		{
			name: "bare brings it all the same", documented: "perl:5.30",
			repos: []merge.Repo{modular(t, "m", merge.ModeBare, perl[:5]...)}, want: join(of("m", whole...)),
		},
		{
			name: "bare, simple and all bring streams beside what comes from elsewhere",
			repos: []merge.Repo{
				source(t, "base", merge.ModeKoji, "perl-DBI-1.5-1.noarch perl-DBI-1.5-1"), modular(t, "m", merge.ModeSimple, perl[:3]...),
				modular(t, "n", merge.ModeAll, perl[3:5]...),
			},
			want: join(of("base", "perl-DBI-1.5-1.noarch"), of("m", whole[:3]...), of("n", whole[3:]...)),
		},
		{
			name: "repo: the first source has the name, the stream stays out whole",
			repos: []merge.Repo{
				source(t, "base", merge.ModeRepo, "perl-DBI-1.5-1.noarch perl-DBI-1.5-1"),
				modular(t, "m", merge.ModeRepo, append(perl, "node-8-1.x86_64 node-8-1 node:8", "node-9-1.x86_64 node-9-1")...),
				source(t, "late", merge.ModeRepo, "node-10-1.x86_64 node-10-1"),
			},
			want:  join(of("base", "perl-DBI-1.5-1.noarch"), of("m", "bash-5-1.x86_64", "node-8-1.x86_64", "node-9-1.x86_64")),
			fates: []string{"m perl-libs-5.26-1.x86_64: stream named by base perl-DBI-1.5-1.noarch", "late node-10-1.x86_64: same name by m node-8-1.x86_64"},
		},
		{
			name: "nvr: streams and others do not compete",
			repos: []merge.Repo{
				source(t, "base", merge.ModeNVR, "perl-DBI-0.5-1.noarch perl-DBI-0.5-1"), modular(t, "m", merge.ModeNVR, perl[:5]...),
				source(t, "late", merge.ModeNVR, "perl-DBI-9-1.noarch perl-DBI-9-1"),
			},
			want: join(of("m", whole...), of("late", "perl-DBI-9-1.noarch")), fates: []string{"base perl-DBI-0.5-1.noarch: replaced by late perl-DBI-9-1.noarch"},
		},
		{
			name: "ts: the same version of a package comes once",
			repos: []merge.Repo{
				source(t, "base", merge.ModeTS, "perl-DBI-1-1.noarch perl-DBI-1-1"), modular(t, "m", merge.ModeTS, perl[:3]...),
			},
			want:  join(of("base", "perl-DBI-1-1.noarch"), of("m", whole[:2]...)),
			fates: []string{"m perl-DBI-1-1.noarch: same version by base perl-DBI-1-1.noarch"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := merge.Rules{InArch: x86, Koji: c.koji, Blocked: func(s string) bool { return s == c.blocked }}
			if c.documented != "" {
				rules.Documented = func(id string) bool { return id == c.documented }
			}
			what := func(p *merge.Pick) string {
				return c.repos[p.Repo].Name + " " + c.repos[p.Repo].Packages[p.Index].NEVRA.String()
			}
			var taken []string
			fates := map[string]bool{}
			for _, p := range merge.Packages(c.repos, rules) {
				if p.Fate == merge.Taken {
					taken = append(taken, what(&p))
				}
				fate := what(&p) + ": " + p.Fate.String()
				if p.By != nil {
					fate += " by " + what(p.By)
				}
				fates[fate] = true
			}
			if got := strings.Join(taken, "; "); got != c.want {
				t.Errorf("took\n%s, want\n%s", got, c.want)
			}
			for _, f := range c.fates {
				if !fates[f] {
					t.Errorf("not so: %s", f)
				}
			}
		})
	}
}

// TestStreamsWhole: in random sources no stream is ever split, but in mode simple, bare and all nothing else keeps it out than a block; and the order of packages in a source
// decides nothing.
func TestStreamsWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	modes, out := merge.Modes(), map[merge.Fate]int{}
	for range 2000 {
		var repos []merge.Repo
		mode := func() merge.Mode { return modes[random.IntN(len(modes))] }
		for i := range 1 + random.IntN(4) {
			var lines []string
			seen := map[string]bool{}
			for range random.IntN(12) {
				src, version := string(rune('a'+random.IntN(4))), fmt.Sprint(1+random.IntN(3))
				name := src + []string{"", "-libs"}[random.IntN(2)]
				nevra := fmt.Sprintf("%s-%s-1.noarch", name, version)
				if seen[nevra] {
					continue
				}
				seen[nevra] = true
				line := fmt.Sprintf("%s %s-%s-1", nevra, src, version)
				switch random.IntN(4) {
				case 0:
					line += fmt.Sprintf(" s:%d", random.IntN(3))
				case 1:
					line += fmt.Sprintf(" s:%d,t:%[1]d", random.IntN(3))
				}
				lines = append(lines, line)
			}
			repos = append(repos, modular(t, fmt.Sprint("r", i), mode(), lines...))
		}
		rules := merge.Rules{Blocked: func(s string) bool { return s == "d" }, Documented: func(id string) bool { return id != "s:0" }}
		picks := merge.Packages(repos, rules)
		there := map[string]bool{}
		of := func(p merge.Pick) *merge.Package { return &repos[p.Repo].Packages[p.Index] }
		for _, p := range picks {
			if p.Fate == merge.Taken {
				there[of(p).NEVRA.String()] = true
			}
		}
		type key struct {
			repo int
			id   string
		}
		has, lacks := map[key]bool{}, map[key]bool{}
		for _, p := range picks {
			out[p.Fate]++
			ids := of(p).Streams
			if len(ids) == 0 && p.Fate >= merge.StreamBlocked && repos[p.Repo].Mode != merge.ModeKoji {
				t.Fatalf("%s is of no stream: %s", of(p).NEVRA, p.Fate)
			}
			for _, id := range ids {
				k := key{p.Repo, id}
				// What comes by another stream of it, too, does not say that this one comes.
				has[k] = has[k] || p.Fate == merge.Taken && len(ids) == 1
				lacks[k] = lacks[k] || p.Fate != merge.Taken && !there[of(p).NEVRA.String()]
			}
		}
		for k := range has {
			if has[k] && lacks[k] {
				for _, p := range picks {
					t.Logf("%s %s %s %v: %s", repos[p.Repo].Name, repos[p.Repo].Mode, of(p).NEVRA, of(p).Streams, p.Fate)
				}
				t.Fatalf("stream %s of %s is split", k.id, repos[k.repo].Name)
			}
		}
		for _, r := range repos {
			random.Shuffle(len(r.Packages), func(i, j int) { r.Packages[i], r.Packages[j] = r.Packages[j], r.Packages[i] })
		}
		if slices.ContainsFunc(repos, func(r merge.Repo) bool {
			return r.Mode == merge.ModeRepo || r.Mode == merge.ModeTS || r.Mode == merge.ModeNVR
		}) {
			continue // there the first of equals in one source wins
		}
		again := map[string]bool{}
		for _, p := range merge.Packages(repos, rules) {
			if p.Fate == merge.Taken {
				again[of(p).NEVRA.String()] = true
			}
		}
		if fmt.Sprint(again) != fmt.Sprint(there) {
			t.Fatalf("took %v, and %v of the same in another order", there, again)
		}
	}
	for f := merge.Taken; f <= merge.StreamHidden; f++ {
		if out[f] == 0 && f != merge.OtherArch && f != merge.Copied && f != merge.SetApart {
			t.Errorf("no package was ever %s", f)
		}
	}
}
