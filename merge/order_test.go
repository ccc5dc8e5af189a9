package merge_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"vrepofs/merge"
)

// modelRow is a row of the hub's order with what it remembers of a visit.
type modelRow struct {
	tag      string
	limited  bool
	limit    int
	noconfig bool
	filter   []string
}

// modelOrder is the hub's readFullInheritanceRecurse as SEMANTICS §1.2 writes it down, line by line and slowly: the path is a list,
// the history is searched as a whole. With koji false it does what the documentation of merge says is different.
func modelOrder(graph map[string][]merge.Link, koji bool, tag string, limited bool, limit int, noconfig bool, filter, top []string, order *[]modelRow) {
	if limited && limit < 1 {
		return
	}
	top = append(slices.Clone(top), tag)
	for _, link := range graph[tag] {
		if slices.Contains(top, link.Parent) {
			continue
		}
		if link.Intransitive && len(top) > 1 {
			continue
		}
		nextLimited, next := limited, limit-1
		if link.MaxDepth != nil {
			next = *link.MaxDepth
			if limited && koji {
				next = min(next, limit) - 1
			} else if limited {
				next = min(next, limit-1)
			}
			nextLimited = true
		}
		quiet := noconfig
		if link.NoConfig {
			quiet = true
			if koji {
				noconfig = true
			}
		}
		f := slices.Clone(filter)
		if link.Filter != "" {
			f = append(f, link.Filter)
		}
		sufficient := false
		for _, old := range *order {
			if old.tag != link.Parent {
				continue
			}
			deeper := old.limited && (!nextLimited || old.limit < next)
			if !deeper && !(old.noconfig && !quiet) && len(old.filter) == 0 {
				sufficient = true
			}
		}
		if sufficient {
			continue
		}
		*order = append(*order, modelRow{link.Parent, nextLimited, next, quiet, f})
		modelOrder(graph, koji, link.Parent, nextLimited, next, quiet, f, top, order)
	}
}

// randomGraph is a graph of a few tags with every kind of link, loops and diamonds among them.
func randomGraph(r *rand.Rand) map[string][]merge.Link {
	tags := []string{"a", "b", "c", "d", "e", "f", "g"}[:2+r.IntN(6)]
	graph := map[string][]merge.Link{}
	for _, t := range tags {
		for _, i := range r.Perm(len(tags))[:r.IntN(min(4, len(tags)))] {
			l := merge.Link{Parent: tags[i], Intransitive: r.IntN(8) == 0, NoConfig: r.IntN(6) == 0}
			if r.IntN(4) == 0 {
				n := r.IntN(4)
				l.MaxDepth = &n
			}
			if r.IntN(5) == 0 {
				l.Filter = []string{"x", "y.*"}[r.IntN(2)]
			}
			graph[t] = append(graph[t], l)
		}
	}
	return graph
}

// TestOrderModel compares the order of random graphs with the model's: 20,000, or 100,000 with VREPOFS_LONG.
func TestOrderModel(t *testing.T) {
	n := 20000
	if os.Getenv("VREPOFS_LONG") != "" {
		n = 100000
	}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	twice, cut := 0, 0
	for i := range n {
		graph, koji := randomGraph(r), r.IntN(2) == 0
		got, err := merge.Order("a", koji, func(tag string) ([]merge.Link, error) { return graph[tag], nil })
		if err != nil {
			t.Fatal(err)
		}
		want := []modelRow{{tag: "a"}}
		var rows []modelRow
		modelOrder(graph, koji, "a", false, 0, false, nil, nil, &rows)
		want = append(want, rows...)
		text := func(tag string, limit string, filter []string) string {
			return tag + " " + limit + " " + strings.Join(filter, "&")
		}
		var a, b []string
		seen := map[string]bool{}
		for _, v := range got {
			limit := "-"
			if v.MaxDepth != nil {
				limit = fmt.Sprint(*v.MaxDepth)
			}
			a = append(a, text(v.Tag, limit, v.Filters))
			if seen[v.Tag] {
				twice++
			}
			seen[v.Tag] = true
		}
		for _, m := range want {
			limit := "-"
			if m.limited {
				limit = fmt.Sprint(m.limit)
				cut++
			}
			b = append(b, text(m.tag, limit, m.filter))
		}
		if !slices.Equal(a, b) {
			t.Fatalf("seed %d, graph %d, koji %v: %v\ngot  %q\nwant %q", seed, i, koji, graph, a, b)
		}
	}
	t.Logf("%d graphs, seed %d: %d repeated and %d limited visits", n, seed, twice, cut)
	if twice < n/100 || cut < n/100 {
		t.Errorf("only %d repeated and %d limited visits in %d graphs: the graphs try too little", twice, cut, n)
	}
}

// TestOrderTooWide holds that a chain of diamonds with filters, which would have 2^40 visits, is refused.
func TestOrderTooWide(t *testing.T) {
	_, err := merge.Order("0", false, func(tag string) ([]merge.Link, error) {
		var level, side int
		if n, _ := fmt.Sscanf(tag, "%d.%d", &level, &side); n == 0 || level == 40 {
			return nil, nil
		}
		return []merge.Link{
			{Parent: fmt.Sprint(level+1, ".0"), Filter: "a"}, {Parent: fmt.Sprint(level+1, ".1"), Filter: "b"},
		}, nil
	})
	if !errors.Is(err, merge.ErrTooWide) {
		t.Errorf("error %v, want %v", err, merge.ErrTooWide)
	}
}

func TestCompileFilter(t *testing.T) {
	for _, c := range []struct {
		pattern, pkg string
		want         bool
	}{
		{"perl", "perl-Test", true},
		{"perl$", "perl-Test", false},
		{"a|b", "cb", false},
		{"(?i)PERL", "perl", true},
		{"", "anything", true},
	} {
		f, err := merge.CompileFilter(c.pattern)
		if err != nil || f(c.pkg) != c.want {
			t.Errorf("%q on %q: %v, want %v", c.pattern, c.pkg, err, c.want)
		}
	}
	for _, bad := range []string{"a)|(b", "(?!x)", `(a)\1`, "[", strings.Repeat("a", 1001), "((a{1000}){1000}){1000}"} {
		if _, err := merge.CompileFilter(bad); err == nil {
			t.Errorf("%.20q was taken", bad)
		}
	}
}
