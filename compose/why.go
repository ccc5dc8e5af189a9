package compose

import (
	"fmt"
	"slices"

	"vrepofs/blob"
	"vrepofs/merge"
	"vrepofs/rpm"
	"vrepofs/state"
)

// Reason says of one build or package whether it is in a view, and by which rule.
type Reason struct {
	Package string // NEVRA of an RPM, or NVR of a build that was rejected as a whole
	Build   string // NVR of the build that it is of; "" for external repos
	Source  string // "tag dev" or "fedora@20261121T043000Z"
	Mode    string // of an external repo
	// Upstream is the URL of the repository of which the external repo's snapshot is a copy; "": not known.
	Upstream string
	Digest   blob.Digest
	Taken    bool
	Rule     string // in words: "taken", "blocked in tag dev"
}

// Why says of every build and package that goes by a name what became of it in the view of one arch, the first asked first. The name
// is that of a package or source package, an NVR, a NEVRA or a file.
func (v *Resolved) Why(r state.Reader, arch, name string) ([]Reason, error) {
	sel, err := v.choose(r, arch)
	if err != nil {
		return nil, err
	}
	var out []Reason
	fates := map[blob.Digest]*merge.Pick{} // of what builds give
	for i := range sel.picks {
		if p := &sel.picks[i]; p.Repo == 0 {
			fates[sel.built[p.Index].Digest] = p
		}
	}
	for _, c := range sel.candidates {
		b, err := state.GetBuild(r, c.NVR)
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", c.Tag, err)
		}
		whole := c.Package == name || c.NVR == name
		if c.Verdict != merge.Chosen {
			if whole || slices.ContainsFunc(b.RPMs, func(p state.RPM) bool { return goesBy(&p, name) }) {
				out = append(out, Reason{Package: c.NVR, Build: c.NVR, Source: "tag " + c.Tag, Rule: sel.buildRule(c)})
			}
			continue
		}
		for _, p := range b.RPMs {
			if !whole && !goesBy(&p, name) {
				continue
			}
			why := Reason{Package: p.NEVRA.String(), Build: c.NVR, Source: "tag " + c.Tag, Digest: p.Digest}
			switch {
			case sel.place.Refuses(p.Name, p.Arch) != "":
				why.Rule = sel.place.Refuses(p.Name, p.Arch)
			case !slices.ContainsFunc(sel.built, func(b state.RPM) bool { return b.Digest == p.Digest }):
				why.Rule = "a copy of it with a better signature is taken"
			case sel.repos == nil:
				why.Taken, why.Rule = true, "taken"
			default:
				k := fates[p.Digest]
				why.Taken, why.Rule = k.Fate == merge.Taken, sel.rule(k)
			}
			out = append(out, why)
		}
	}
	upstream := map[string]string{} // by snapshot
	for _, e := range v.Externals {
		upstream[e.Snapshot.Ref()] = e.Snapshot.Upstream
	}
	for i := range sel.picks {
		k := &sel.picks[i]
		if k.Repo == 0 {
			continue
		}
		if p := &sel.rpms[k.Repo][k.Index]; goesBy(p, name) {
			repo := sel.repos[k.Repo]
			out = append(out, Reason{
				Package: p.NEVRA.String(), Source: repo.Name, Mode: string(repo.Mode), Digest: p.Digest, Taken: k.Fate == merge.Taken, Rule: sel.rule(k),
				Upstream: upstream[repo.Name],
			})
		}
	}
	return out, nil
}

// goesBy reports whether a person may mean an RPM by a name.
func goesBy(p *state.RPM, name string) bool {
	if name == p.Name || name == p.File || name == p.NVR() || name == p.NVRA() || name == p.NEVRA.String() {
		return true
	}
	src, err := rpm.ParseSourceRPM(p.Source)
	return err == nil && (name == src.Name || name == src.NVR() || name == p.Source)
}

// buildRule says in words what became of a build that was not chosen.
func (sel *selection) buildRule(c merge.Candidate) string {
	switch c.Verdict {
	case merge.Blocked:
		return "the package is blocked in tag " + c.By
	case merge.Farther:
		return c.By + " of a nearer tag wins"
	case merge.Older:
		return c.By + " was tagged later in the same tag"
	case merge.Duplicate:
		return "a nearer tag has the same build"
	case merge.Unlisted:
		return fmt.Sprintf("the package is not in the package list (vrepofs tag package add %s %s)", sel.tag, c.Package)
	case merge.Filtered:
		return "a package filter on the way does not let it pass"
	}
	return c.Verdict.String()
}

// rule says in words what became of a package among those of external repos.
func (sel *selection) rule(k *merge.Pick) string {
	by := ""
	if k.By != nil {
		from := sel.repos[k.By.Repo].Name
		if k.By.Repo == 0 {
			from = "tag " + sel.candidates[sel.owner[k.By.Index]].Tag
		}
		by = sel.rpms[k.By.Repo][k.By.Index].NEVRA.String() + " of " + from
	}
	switch k.Fate {
	case merge.OtherArch, merge.SetApart:
		p := &sel.rpms[k.Repo][k.Index]
		return sel.place.Refuses(p.Name, p.Arch)
	case merge.BlockedOut:
		return "its source package is blocked"
	case merge.Claimed:
		return "its source package comes with " + by
	case merge.SameVersion:
		return "the same version is taken: " + by
	case merge.SameName:
		return "the name and arch are taken: " + by
	case merge.Replaced:
		return by + " took its place"
	case merge.Copied:
		return "the same file is there twice"
	case merge.StreamClaimed, merge.StreamBlocked, merge.StreamNamed, merge.StreamHidden:
		return sel.streamRule(k, by)
	}
	return k.Fate.String()
}
