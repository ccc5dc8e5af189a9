package merge

import (
	"cmp"
	"slices"
)

// Source is one tag of the order with what it holds itself.
type Source struct {
	Tag      string
	Builds   []Build
	Packages map[string]bool // its own package list: package → blocked
}

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
)

// String returns the verdict as a listing shows it.
func (v Verdict) String() string {
	return [...]string{"chosen", "blocked", "farther", "older", "duplicate"}[v]
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
func Builds(sources []Source) []Candidate {
	type listing struct {
		tag     string
		blocked bool
	}
	listed := map[string]listing{}
	n := 0
	for _, s := range sources {
		n += len(s.Builds)
		for p, blocked := range s.Packages {
			if _, ok := listed[p]; !ok {
				listed[p] = listing{s.Tag, blocked}
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
