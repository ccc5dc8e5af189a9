package merge

import (
	"cmp"
	"slices"
)

// Source is one visit of the order with what its tag holds itself.
type Source struct {
	Tag      string
	Builds   []Build
	Packages map[string]bool // its own package list: package → blocked
	// Filter reports whether a package is inherited through the links that led here (Filters). Nil: every package is.
	Filter func(pkg string) bool
}

// passes reports whether a package is inherited from the source.
func (s *Source) passes(pkg string) bool { return s.Filter == nil || s.Filter(pkg) }

// Build is a tagged build.
type Build struct {
	NVR     string
	Package string // source package name
	Event   uint64 // when it was tagged
	ID      uint64 // order of creation of builds
}

// Verdict is the rule that chose or rejected a build.
type Verdict uint8

// The verdicts.
const (
	Chosen    Verdict = iota
	Blocked           // the package is blocked; By names the tag
	Farther           // a nearer tag has a build of the package; By names the winner
	Older             // the same tag has a build tagged more recently; By names the winner
	Duplicate         // the same build, already considered in a nearer tag
	Filtered          // a link on the way lets the package not pass
)

// String returns the verdict as a listing shows it.
func (v Verdict) String() string {
	return [...]string{"chosen", "blocked", "farther", "older", "duplicate", "filtered"}[v]
}

// Candidate is a build with what became of it.
type Candidate struct {
	Build
	Tag     string // that holds it
	Verdict Verdict
	By      string // the tag that blocks, or the NVR of the winner; "" when chosen
}

// Builds selects one build per package from the sources, nearest first, and says of every build why. The result is in the
// order of consideration: the order in which a person would look for the reason.
//
// A filter keeps from a view what its links would bring: entries of the package list and builds. koji does as Koji's hub does,
// where filters concern the package list alone: a package without an entry in it is in no view, and a build that a
// filtered link brings is seen if any other visit lists its package. As tags here need not list their packages, a build counts as an
// entry for its package in the tag that holds it.
func Builds(sources []Source, koji bool) []Candidate {
	listed := listings(sources)
	shown := map[string]bool{} // packages that any visit lists or has a build of, past its filters; only if koji
	n := 0
	for _, s := range sources {
		n += len(s.Builds)
		for p := range s.Packages {
			if koji && s.passes(p) {
				shown[p] = true
			}
		}
		for _, b := range s.Builds {
			if koji && s.passes(b.Package) {
				shown[b.Package] = true
			}
		}
	}
	type winner struct {
		nvr string
		tag string
	}
	winners := make(map[string]winner, n)
	out := make([]Candidate, 0, n)
	for _, s := range sources {
		builds := slices.SortedFunc(slices.Values(s.Builds), func(a, b Build) int {
			return cmp.Or(-cmp.Compare(a.Event, b.Event), -cmp.Compare(a.ID, b.ID), cmp.Compare(a.NVR, b.NVR))
		})
		for _, b := range builds {
			c := Candidate{Build: b, Tag: s.Tag}
			w, won := winners[b.Package]
			switch l := listed[b.Package]; {
			case koji && !shown[b.Package], !koji && !s.passes(b.Package):
				c.Verdict = Filtered
			case l.blocked:
				c.Verdict, c.By = Blocked, l.tag
			case !won:
				winners[b.Package] = winner{b.NVR, s.Tag}
			case w.nvr == b.NVR:
				c.Verdict, c.By = Duplicate, w.nvr
			case w.tag == s.Tag:
				c.Verdict, c.By = Older, w.nvr
			default:
				c.Verdict, c.By = Farther, w.nvr
			}
			out = append(out, c)
		}
	}
	return out
}

// listing is what the package list of a view says of a package, and which tag says so.
type listing struct {
	tag     string
	blocked bool
}

// listings is the package list of a view: of each package the first entry in the order.
func listings(sources []Source) map[string]listing {
	listed := map[string]listing{}
	for _, s := range sources {
		for p, blocked := range s.Packages {
			if _, ok := listed[p]; !ok && s.passes(p) {
				listed[p] = listing{s.Tag, blocked}
			}
		}
	}
	return listed
}

// BlockedPackages returns the source packages that the package list of a view blocks, for external repos.
func BlockedPackages(sources []Source) map[string]bool {
	blocked := map[string]bool{}
	for p, l := range listings(sources) {
		if l.blocked {
			blocked[p] = true
		}
	}
	return blocked
}
