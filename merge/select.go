package merge

import (
	"cmp"
	"slices"
)

// Source is one visit of the order with what its tag holds itself.
type Source struct {
	Tag      string
	Builds   []Build
	Packages map[string]bool // its own entries in the package list: package → blocked
	// Listed tags add nothing to the package list but their entries. Others, open tags, list the packages of their builds besides.
	Listed bool
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
	Unlisted          // the package list of the view does not have the package
)

// String returns the verdict as a listing shows it.
func (v Verdict) String() string {
	return [...]string{"chosen", "blocked", "farther", "older", "duplicate", "filtered", "not listed"}[v]
}

// Candidate is a build with what became of it.
type Candidate struct {
	Build
	Tag     string // that holds it
	Verdict Verdict
	By      string // the tag that blocks, or the NVR of the winner; "" when chosen
}

// BuildRules are those of a view's builds.
type BuildRules struct {
	Latest int  // how many builds of a package the view holds; 0 is 1, negative is all
	Koji   bool // do as Koji's hub does where the default differs; see the package's documentation
}

// Builds selects from the sources, nearest first, the builds of each package that come first, and says of every build why. The result is in
// the order of consideration: the order in which a person would look for the reason.
//
// A build must be of a package that the view's package list has and does not block (PackageList). A filter keeps from a view what its
// links would bring: entries of the package list and builds. For koji, as for Koji's hub, filters concern the package
// list alone: a build that a filtered link brings is seen if any other visit lists its package.
//
// A build that is in several tags counts once, in the nearest of them; for koji it takes up one of the Latest places each time.
func Builds(sources []Source, rules BuildRules) []Candidate {
	latest := rules.Latest
	if latest == 0 {
		latest = 1
	}
	explicit := explicitEntries(sources)
	var implicit map[string]string
	n := 0
	for _, s := range sources {
		n += len(s.Builds)
		if implicit == nil && (rules.Koji || s.Listed) { // else what passes is listed by the tag that holds it
			implicit = implicitEntries(sources)
		}
	}
	winners := make(map[string]winner, n)
	chosen := map[string]bool{} // NVRs, if a package may have several
	out := make([]Candidate, 0, n)
	for _, s := range sources {
		builds := slices.SortedFunc(slices.Values(s.Builds), func(a, b Build) int {
			return cmp.Or(-cmp.Compare(a.Event, b.Event), -cmp.Compare(a.ID, b.ID), cmp.Compare(a.NVR, b.NVR))
		})
		for _, b := range builds {
			c := Candidate{Build: b, Tag: s.Tag}
			passes := s.passes(b.Package)
			entry, listed := explicit[b.Package]
			if !listed && implicit == nil {
				listed = true
			} else if !listed {
				_, listed = implicit[b.Package]
			}
			w := winners[b.Package]
			switch {
			case !passes && (!rules.Koji || !listed):
				c.Verdict = Filtered
			case entry.Blocked:
				c.Verdict, c.By = Blocked, entry.Tag
			case !listed:
				c.Verdict = Unlisted
			case w.nvr == b.NVR || chosen[b.NVR]:
				c.Verdict, c.By = Duplicate, b.NVR
				if rules.Koji {
					w.places++
					winners[b.Package] = w
				}
			case latest < 0 || w.places < latest:
				winners[b.Package] = winner{b.NVR, s.Tag, w.places + 1}
				if latest != 1 {
					chosen[b.NVR] = true
				}
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

// winner is the build of a package that was chosen last.
type winner struct {
	nvr, tag string
	places   int // how many of the package's places are taken
}
