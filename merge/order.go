package merge

import (
	"errors"
	"fmt"
	"slices"
)

// Link is one parent of a tag. Links of a tag are given by ascending priority.
type Link struct {
	Parent string
	// MaxDepth is how many levels of the parent's own parents come along: 0 is none, nil has no limit.
	MaxDepth *int
	// Intransitive links count only in views of the tag that has them, not in those of its heirs.
	Intransitive bool
	// NoConfig says that only builds and the package list are inherited. What it does to the order is Koji's.
	NoConfig bool
	// Filter, if not "", is the pattern that names of packages must match to be inherited through the link (CompileFilter).
	Filter string
}

// Visit is one place in the full inheritance order: a tag as it is reached by one way.
type Visit struct {
	Tag      string
	Depth    int      // 0 is the tag itself, 1 its parents
	Via      string   // the child whose link led here, "" for the tag itself
	Filters  []string // of all links on the way; a package must match every one
	NoConfig bool     // on the last link
	MaxDepth *int     // levels of parents that may still follow; nil: no limit
}

// ErrTooWide is the reason when an inheritance has more than maxVisits visits. Koji has no limit; filters in diamonds make
// visits double at each level.
var ErrTooWide = errors.New("the inheritance is too wide")

const maxVisits = 10000

// Order returns the full inheritance order of a tag, the tag itself first: Koji's readFullInheritanceRecurse
// (kojihub/kojihub.py). Parents come by priority, depth first, a parent before its own parents. parents gives the links of a tag by
// priority; its errors end the walk.
//
// A link is passed over when its parent is on the path already (a loop), when it is intransitive and not the tag's own, and
// when an earlier visit of the parent suffices: one with no filters and no smaller depth, which did not lack the configuration that this
// one has. So a tag can come twice: once filtered and once whole.
//
// koji asks for two things that the hub does and Koji's documentation does not say: a noconfig link makes its later siblings
// count as noconfig when visits are compared, and a link's maxdepth is not counted from its child's own limit when there is none, but is
// one less when there is.
func Order(tag string, koji bool, parents func(tag string) ([]Link, error)) ([]Visit, error) {
	w := &orderWalk{koji: koji, parents: parents, earlier: map[string][]visited{}, onPath: map[string]bool{}}
	w.order = append(w.order, Visit{Tag: tag})
	return w.order, w.below(tag, nil, false, nil)
}

// orderWalk is one Order.
type orderWalk struct {
	koji    bool
	parents func(string) ([]Link, error)
	order   []Visit
	earlier map[string][]visited
	onPath  map[string]bool
}

// visited is what later visits of a tag are compared with.
type visited struct {
	limit    *int
	noConfig bool
	filtered bool
}

// suffices reports whether what a visit would bring is there already.
func (v visited) suffices(limit *int, noConfig bool) bool {
	deep := v.limit == nil || limit != nil && *v.limit >= *limit
	return deep && !(v.noConfig && !noConfig) && !v.filtered
}

// below adds the parents of a tag. limit is how many levels of them may come.
func (w *orderWalk) below(tag string, limit *int, noConfig bool, filters []string) error {
	if limit != nil && *limit < 1 {
		return nil
	}
	w.onPath[tag] = true
	defer delete(w.onPath, tag)
	links, err := w.parents(tag)
	if err != nil {
		return err
	}
	leaked := noConfig
	for _, l := range links {
		if w.onPath[l.Parent] || l.Intransitive && len(w.onPath) > 1 {
			continue
		}
		inner := l.limit(limit, w.koji)
		quiet := noConfig || l.NoConfig
		if w.koji {
			leaked = leaked || l.NoConfig
			quiet = leaked
		}
		f := filters
		if l.Filter != "" {
			f = append(slices.Clip(filters), l.Filter)
		}
		if slices.ContainsFunc(w.earlier[l.Parent], func(v visited) bool { return v.suffices(inner, quiet) }) {
			continue
		}
		if len(w.order) == maxVisits {
			return fmt.Errorf("tag %s: more than %d visits: %w", w.order[0].Tag, maxVisits, ErrTooWide)
		}
		w.earlier[l.Parent] = append(w.earlier[l.Parent], visited{inner, quiet, len(f) > 0})
		w.order = append(w.order, Visit{Tag: l.Parent, Depth: len(w.onPath), Via: tag, Filters: f, NoConfig: l.NoConfig, MaxDepth: inner})
		if err := w.below(l.Parent, inner, quiet, f); err != nil {
			return err
		}
	}
	return nil
}

// limit is how many levels of the parent's parents may follow, where those of the child are limited to have (nil: not).
func (l Link) limit(have *int, koji bool) *int {
	switch {
	case l.MaxDepth == nil && have == nil:
		return nil
	case have == nil:
		return l.MaxDepth
	}
	n := *have - 1
	if l.MaxDepth != nil {
		n = min(n, *l.MaxDepth)
		if koji {
			n = min(*have, *l.MaxDepth) - 1
		}
	}
	return &n
}
