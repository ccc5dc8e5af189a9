package compose

import (
	"vrepofs/merge"
	"vrepofs/state"
)

// Sourced is an RPM of a view and where it comes from.
type Sourced struct {
	*state.RPM
	Build string // NVR of the build that it is of; "" for external repos
	Tag   string // that has the build
	Repo  string // "fedora@20261121T043000Z", the snapshot of an external repo; "" for builds
}

// From says where the RPM comes from: "tag dev" or "fedora@20261121T043000Z".
func (s Sourced) From() string {
	if s.Repo != "" {
		return s.Repo
	}
	return "tag " + s.Tag
}

// Sourced returns what RPMs does, each with its source. Signatures that the tag requires are not asked for: this is for telling what a view
// would hold. It costs one selection; nothing is composed.
func (v *Resolved) Sourced(r state.Reader, arch string) ([]Sourced, error) {
	sel, err := v.choose(r, arch)
	if err != nil {
		return nil, err
	}
	return sel.sourced(), nil
}

// sourced is taken, with sources.
func (sel *selection) sourced() []Sourced {
	if sel.repos == nil {
		out := make([]Sourced, len(sel.built))
		for i := range sel.built {
			out[i] = sel.ofBuild(i)
		}
		return out
	}
	out := make([]Sourced, 0, len(sel.picks))
	for _, p := range sel.picks {
		switch {
		case p.Fate != merge.Taken:
		case p.Repo == 0:
			out = append(out, sel.ofBuild(p.Index))
		default:
			out = append(out, Sourced{RPM: &sel.rpms[p.Repo][p.Index], Repo: sel.repos[p.Repo].Name})
		}
	}
	return out
}

// ofBuild is one of what builds give, with its source.
func (sel *selection) ofBuild(i int) Sourced {
	c := sel.candidates[sel.owner[i]]
	return Sourced{RPM: &sel.built[i], Build: c.NVR, Tag: c.Tag}
}
