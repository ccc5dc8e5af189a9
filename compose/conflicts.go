package compose

import (
	"fmt"
	"slices"

	"vrepofs/merge"
	"vrepofs/state"
)

// Conflicts are where the sources of a view disagree, in words.
type Conflicts struct {
	SameVersion []SameVersion
	Shadowed    []Shadow
	Split       []merge.Split
	Streams     []SplitStream
}

// SplitStream is a module stream of an external repo of which the view has not all packages.
type SplitStream struct {
	merge.SplitStream
	Reason Reason // of the first that it has not
}

// SameVersion is one name, version and arch of which the sources have different bytes.
type SameVersion struct {
	Package    string   // NEVRA
	Signatures bool     // only those differ
	Reasons    []Reason // in order of consideration
}

// Shadow is a package newer than what the view takes of its name and arch.
type Shadow struct{ Newer, Taken Reason }

// conflicting is one RPM of a view's arch that selection looked at.
type conflicting struct {
	rpm       *state.RPM
	candidate int // index of its build among the candidates; -1: of an external repo
	pick      *merge.Pick
}

// Conflicts finds out where the sources of the view of one arch disagree: merge.FindConflicts over all packages of its arch that selection
// looked at, those of builds that were rejected too. It costs one selection and reads those builds; nothing is composed.
func (v *Resolved) Conflicts(r state.Reader, arch string) (*Conflicts, error) {
	sel, err := v.choose(r, arch)
	if err != nil {
		return nil, err
	}
	asked, err := v.asked(r, sel)
	if err != nil {
		return nil, err
	}
	all := make([]merge.Judged, len(asked))
	for i, k := range asked {
		all[i] = merge.Judged{
			Package: merge.Package{NEVRA: k.rpm.NEVRA, Source: k.rpm.Source, Time: k.rpm.Mtime, PkgID: k.rpm.Digest},
			From:    sel.from(k), Taken: sel.takes(k), Several: k.candidate >= 0 && v.Tags[v.Tag].Latest != 0,
		}
		if k.candidate < 0 {
			all[i].Streams = k.rpm.Streams
		}
	}
	found := merge.FindConflicts(all)
	out := &Conflicts{Split: found.Split}
	for _, group := range found.SameVersion {
		c := SameVersion{Package: asked[group[0]].rpm.NEVRA.String(), Signatures: true}
		for _, i := range group {
			c.Signatures = c.Signatures && asked[i].rpm.ID == asked[group[0]].rpm.ID
			c.Reasons = append(c.Reasons, sel.reason(asked[i]))
		}
		out.SameVersion = append(out.SameVersion, c)
	}
	for _, s := range found.Shadowed {
		out.Shadowed = append(out.Shadowed, Shadow{sel.reason(asked[s.Newer]), sel.reason(asked[s.Taken])})
	}
	for _, s := range found.Streams {
		out.Streams = append(out.Streams, SplitStream{s, sel.reason(asked[s.First])})
	}
	return out, nil
}

// asked lists the RPMs that belong to a view in the order of consideration, of signed copies inside one build the one that would be taken.
func (v *Resolved) asked(r state.Reader, sel *selection) ([]conflicting, error) {
	var out []conflicting
	in := func(r *state.RPM) bool { return sel.place.Refuses(r.Name, r.Arch) == "" }
	next := 0 // of sel.built, which is in the order of candidates
	for i, c := range sel.candidates {
		if c.Verdict != merge.Chosen {
			b, err := state.GetBuild(r, c.NVR)
			if err != nil {
				return nil, fmt.Errorf("tag %s: %w", c.Tag, err)
			}
			rpms := oneCopy(slices.Clone(b.RPMs), in, v.Tags[v.Tag].Signatures)
			for j := range rpms {
				out = append(out, conflicting{rpm: &rpms[j], candidate: i})
			}
			continue
		}
		for ; next < len(sel.built) && sel.owner[next] == i; next++ {
			k := conflicting{rpm: &sel.built[next], candidate: i}
			if sel.repos != nil {
				if k.pick = &sel.picks[next]; k.pick.Fate == merge.SetApart {
					continue
				}
			}
			out = append(out, k)
		}
	}
	for i := range sel.picks {
		if p := &sel.picks[i]; p.Repo > 0 && p.Fate != merge.OtherArch && p.Fate != merge.SetApart {
			out = append(out, conflicting{rpm: &sel.rpms[p.Repo][p.Index], candidate: -1, pick: p})
		}
	}
	return out, nil
}

func (sel *selection) from(k conflicting) string {
	if k.candidate < 0 {
		return sel.repos[k.pick.Repo].Name
	}
	return "tag " + sel.candidates[k.candidate].Tag
}

func (sel *selection) takes(k conflicting) bool {
	if k.pick != nil {
		return k.pick.Fate == merge.Taken
	}
	return sel.candidates[k.candidate].Verdict == merge.Chosen
}

// reason says in words what became of an RPM.
func (sel *selection) reason(k conflicting) Reason {
	why := Reason{Package: k.rpm.NEVRA.String(), Source: sel.from(k), Digest: k.rpm.Digest, Taken: sel.takes(k), Rule: "taken"}
	switch {
	case k.pick != nil:
		why.Rule = sel.rule(k.pick)
	case !why.Taken:
		why.Rule = sel.buildRule(sel.candidates[k.candidate])
	}
	if k.candidate >= 0 {
		why.Build = sel.candidates[k.candidate].NVR
	} else {
		why.Mode = string(sel.repos[k.pick.Repo].Mode)
	}
	return why
}
