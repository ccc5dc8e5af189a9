package merge_test

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vrepofs/comps"
	"vrepofs/merge"
)

// parseGroups reads sources of groups. A line is "tag NAME", which begins a source, or says something of a group in it:
//
//	group ID [NAME]         what it is
//	block ID                it is blocked
//	pkg ID PACKAGE TYPE     a package in it; "pkg ID PACKAGE -" is a blocked one
//	req ID GROUP [-]        a group that it requires, or a block of that
//	env ID GROUP…           an environment; cat: a category
func parseGroups(t *testing.T, text string) []merge.GroupSource {
	t.Helper()
	var sources []merge.GroupSource
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		if w[0] == "tag" {
			sources = append(sources, merge.GroupSource{Name: w[1]})
			continue
		}
		s := &sources[len(sources)-1]
		i := slices.IndexFunc(s.Groups, func(g merge.Group) bool { return g.ID == w[1] })
		if i < 0 {
			i = len(s.Groups)
			s.Groups = append(s.Groups, merge.Group{ID: w[1]})
		}
		g := &s.Groups[i]
		switch w[0] {
		case "group":
			g.Config = &comps.Config{About: comps.About{Name: strings.Join(w[2:], " ")}}
		case "block":
			g.Blocked = true
		case "pkg":
			g.Packages = append(g.Packages, merge.GroupEntry{Entry: comps.Entry{Name: w[2], Type: strings.Trim(w[3], "-")}, Blocked: w[3] == "-"})
		case "req":
			g.Requires = append(g.Requires, merge.GroupEntry{Entry: comps.Entry{Name: w[2]}, Blocked: len(w) > 3})
		case "env":
			g.Environment = &comps.Set{ID: w[1], Groups: w[2:]}
		case "cat":
			g.Category = &comps.Set{ID: w[1], Groups: w[2:]}
		default:
			t.Fatalf("line %q", line)
		}
	}
	return sources
}

// showComps lists the groups of a view: "ID NAME: PACKAGE=TYPE… +REQUIRED: PACKAGE=TYPE…", then "env ID: GROUP…".
func showComps(t *testing.T, v *merge.Groups, koji bool) string {
	t.Helper()
	c, err := v.Comps(koji)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	entries := func(list []comps.Entry) {
		for _, e := range list {
			fmt.Fprintf(&b, " %s=%s", e.Name, e.Type)
		}
	}
	for _, g := range c.Groups {
		if g.Requires != nil {
			t.Errorf("group %s requires %v beside what they are expanded to", g.ID, g.Requires)
		}
		fmt.Fprintf(&b, "%s %s:", g.ID, g.Name)
		entries(g.Packages)
		for _, x := range g.Expanded {
			fmt.Fprintf(&b, " +%s:", x.Group)
			entries(x.Packages)
		}
		b.WriteString("\n")
	}
	for _, s := range c.Environments {
		fmt.Fprintf(&b, "env %s: %s\n", s.ID, strings.Join(s.Groups, " "))
	}
	for _, s := range c.Categories {
		fmt.Fprintf(&b, "cat %s: %s\n", s.ID, strings.Join(s.Groups, " "))
	}
	return b.String()
}

// TestGroups has a case for each rule of get_tag_groups, readTagGroups and generate_comps, and for what is not Koji's.
func TestGroups(t *testing.T) {
	for _, tt := range []struct{ name, in, want, koji string }{
		{
			"the first that defines a group says all of what it is",
			"tag dev\ngroup build near\ntag base\ngroup build far\ngroup core", "build near:\ncore :\n", "",
		},
		{
			"packages are joined, the first entry of each counts",
			"tag dev\npkg build gcc optional\npkg build tar default\ntag base\ngroup build B\npkg build gcc mandatory\npkg build make mandatory",
			"build B: gcc=optional make=mandatory tar=default\n", "",
		},
		{
			"a blocked package is not in the group, whoever lists it behind",
			"tag dev\npkg build gcc -\ntag base\ngroup build\npkg build gcc mandatory\npkg build make mandatory", "build : make=mandatory\n", "",
		},
		{
			"an entry before the block wins",
			"tag dev\npkg build gcc default\ntag mid\npkg build gcc -\ntag base\ngroup build\npkg build gcc mandatory", "build : gcc=default\n", "",
		},
		{
			"a blocked group is gone with all that is in it",
			"tag dev\nblock build\npkg build gcc default\ntag base\ngroup build\npkg build make mandatory\ngroup core", "core :\n", "",
		},
		{
			"a definition before the block wins",
			"tag dev\ngroup build mine\ntag mid\nblock build\ntag base\ngroup build\npkg build make mandatory", "build mine: make=mandatory\n", "",
		},
		{"a group that requires itself", "tag dev\ngroup a\nreq a a\npkg a 1 default", "a : 1=default\n", ""},
		{"packages of a group that nobody defines are none", "tag dev\npkg build gcc default\ntag base\ngroup core", "core :\n", ""},
		{
			"required groups are expanded behind, each package once",
			"tag dev\ngroup a\npkg a x mandatory\nreq a b\nreq a c\ngroup b\npkg b x default\npkg b y default\ngroup c\npkg c y optional\npkg c z optional",
			"a : x=mandatory +b: y=default +c: z=optional\nb : x=default y=default\nc : y=optional z=optional\n",
			"a : x=mandatory +b: y=default +c: y=optional z=optional\nb : x=default y=default\nc : y=optional z=optional\n",
		},
		{
			"required groups of required groups, breadth first",
			"tag dev\ngroup a\nreq a b\nreq a d\ngroup b\nreq b c\npkg b 1 default\ngroup c\npkg c 2 default\ngroup d\npkg d 3 default",
			"a : +b: 1=default +d: 3=default +c: 2=default\nb : 1=default +c: 2=default\nc : 2=default\nd : 3=default\n", "",
		},
		{
			"a circle ends",
			"tag dev\ngroup a\nreq a b\nreq a a\npkg a 1 default\ngroup b\nreq b a\npkg b 2 default",
			"a : 1=default +b: 2=default\nb : 2=default +a: 1=default\n", "",
		},
		{
			"a requirement that is blocked, or on a group that is blocked or that nobody defines, is none",
			"tag dev\nreq a b -\nblock c\ntag base\ngroup a\nreq a b\nreq a c\nreq a d\ngroup b\npkg b 1 default\ngroup c\npkg c 2 default",
			"a :\nb : 1=default\n", "",
		},
		{
			"a requirement from nearby on a group from afar",
			"tag dev\nreq a b\ntag base\ngroup a\ngroup b\npkg b 1 default", "a : +b: 1=default\nb : 1=default\n", "",
		},
		{
			"blocked packages of a required group do not come",
			"tag dev\npkg b 1 -\ntag base\ngroup a\nreq a b\ngroup b\npkg b 1 default\npkg b 2 default", "a : +b: 2=default\nb : 2=default\n", "",
		},
		{
			"environments and categories: the first with the id, without groups that are not there",
			"tag dev\nenv e a b\nblock a\ntag base\nenv e c\ncat e a c\nenv f c\ngroup a\ngroup b\ngroup c",
			"b :\nc :\nenv e: b\nenv f: c\ncat e: c\n", "",
		},
		{"a block is of everything with the id", "tag dev\nblock e\ntag base\nenv e c\ncat e c\ngroup e\ngroup c", "c :\n", ""},
		{"a tag that comes twice changes nothing", "tag dev\npkg a 1 -\ntag base\ngroup a\npkg a 1 default\ntag dev\npkg a 1 -", "a :\n", ""},
		{"nothing", "tag dev", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sources := parseGroups(t, tt.in)
			if d := cmp.Diff(tt.want, showComps(t, merge.ResolveGroups(sources), false)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if tt.koji == "" {
				tt.koji = tt.want
			}
			if d := cmp.Diff(tt.koji, showComps(t, merge.ResolveGroups(sources), true)); d != "" {
				t.Errorf("koji (-want +got):\n%s", d)
			}
		})
	}
}

// TestGroupsProvenance: each thing tells which source it is from, also what is blocked.
func TestGroupsProvenance(t *testing.T) {
	v := merge.ResolveGroups(parseGroups(t, "tag dev\npkg a 1 -\nblock b\ntag base\ngroup a A\npkg a 1 default\npkg a 2 default\ngroup b"))
	want := &merge.Groups{Groups: []merge.ViewGroup{
		{ID: "a", From: "base", Config: comps.Config{About: comps.About{Name: "A"}}, Packages: []merge.ViewEntry{
			{From: "dev", GroupEntry: merge.GroupEntry{Entry: comps.Entry{Name: "1"}, Blocked: true}},
			{From: "base", GroupEntry: merge.GroupEntry{Entry: comps.Entry{Name: "2", Type: "default"}}},
		}},
		{ID: "b", From: "dev", Blocked: true},
	}}
	if d := cmp.Diff(want, v); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestGroupsArrival: the order in which a source lists its groups, packages and requirements does not matter, nor does a source that
// comes again.
func TestGroupsArrival(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		sources := randomGroups(rng)
		want := merge.ResolveGroups(sources)
		for i := range sources {
			shuffle(rng, sources[i].Groups)
			for _, g := range sources[i].Groups {
				shuffle(rng, g.Packages)
				shuffle(rng, g.Requires)
			}
		}
		sources = append(sources, sources[rng.IntN(len(sources))])
		got := merge.ResolveGroups(sources)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("another result for another order of arrival:\n%s", d)
		}
		for _, koji := range []bool{false, true} {
			if a, b := showComps(t, want, koji), showComps(t, got, koji); a != b {
				t.Fatalf("another file:\n%s\n%s", a, b)
			}
		}
	}
}

func shuffle[T any](rng *rand.Rand, s []T) {
	rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func randomGroups(rng *rand.Rand) []merge.GroupSource {
	ids, names := []string{"a", "b", "c", "d"}, []string{"p", "q", "r"}
	sources := make([]merge.GroupSource, 1+rng.IntN(3))
	for i := range sources {
		sources[i].Name = fmt.Sprint("tag", i)
		for _, id := range ids {
			if rng.IntN(3) == 0 {
				continue
			}
			g := merge.Group{ID: id, Blocked: rng.IntN(5) == 0}
			if rng.IntN(2) == 0 {
				g.Config = &comps.Config{About: comps.About{Name: sources[i].Name}}
			}
			for _, n := range names {
				if rng.IntN(2) == 0 {
					g.Packages = append(g.Packages, merge.GroupEntry{Entry: comps.Entry{Name: n, Type: sources[i].Name}, Blocked: rng.IntN(4) == 0})
				}
			}
			for _, n := range ids {
				if rng.IntN(3) == 0 {
					g.Requires = append(g.Requires, merge.GroupEntry{Entry: comps.Entry{Name: n}, Blocked: rng.IntN(4) == 0})
				}
			}
			sources[i].Groups = append(sources[i].Groups, g)
		}
	}
	return sources
}

// TestGroupsBomb: groups that all require each other are refused before they fill memory.
func TestGroupsBomb(t *testing.T) {
	s := merge.GroupSource{Name: "dev"}
	for i := range 300 {
		g := merge.Group{ID: fmt.Sprint(i), Config: &comps.Config{}}
		for j := range 100 {
			g.Packages = append(g.Packages, merge.GroupEntry{Entry: comps.Entry{Name: fmt.Sprint(i, ".", j)}})
		}
		g.Requires = []merge.GroupEntry{{Entry: comps.Entry{Name: fmt.Sprint((i + 1) % 300)}}}
		s.Groups = append(s.Groups, g)
	}
	if _, err := merge.ResolveGroups([]merge.GroupSource{s}).Comps(false); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}
