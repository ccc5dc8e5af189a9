package compose

import (
	"fmt"
	"slices"

	"vrepofs/merge"
	"vrepofs/state"
)

// External is an external repo of a resolved tag.
type External struct {
	Tag string // that has it
	state.External
	Snapshot state.Snapshot // the zero Snapshot: the repo has none
}

// externals finds the external repos of a tag: by the order of tags, in one tag by priority; of one repo that several tags have
// the first counts (Koji's getExternalRepoList). What is followed counts for the generation.
func (v *Resolved) externals(r state.Reader) error {
	seen := map[string]bool{}
	for _, visit := range v.Order {
		for _, e := range v.Tags[visit.Tag].External {
			if seen[e.Repo] {
				continue
			}
			seen[e.Repo] = true
			x := External{Tag: visit.Tag, External: e}
			var err error
			if x.Snapshot, _, err = state.ExternalSnapshot(r, e); err != nil {
				return fmt.Errorf("tag %s: external repo %s: %w", visit.Tag, e.Ref(), err)
			}
			v.Externals = append(v.Externals, x)
		}
	}
	return nil
}

// join adds to a selection of builds those of external repos.
func (v *Resolved) join(r state.Reader, arch string, sel *selection, blocked map[string]bool) error {
	add := func(name string, mode merge.Mode, rpms []state.RPM) {
		repo := merge.Repo{Name: name, Mode: mode, Packages: make([]merge.Package, len(rpms))}
		for i := range rpms {
			repo.Packages[i] = merge.Package{NEVRA: rpms[i].NEVRA, Source: rpms[i].Source, Time: rpms[i].Mtime, PkgID: rpms[i].Digest}
			if k := &repo.Packages[i]; len(sel.repos) > 0 {
				k.Streams, k.Documented = rpms[i].Streams, rpms[i].Documented
			}
		}
		sel.repos, sel.rpms = append(sel.repos, repo), append(sel.rpms, rpms)
	}
	add("builds", v.buildMode(arch), sel.built) // chosen by tags, which know no streams
	// Of several builds of a package mergerepo_c keeps what the mode keeps; else all that the tag asks for stay.
	sel.repos[0].Several = v.Tags[v.Tag].Latest != 0 && !v.Tags[v.Tag].Koji
	for _, e := range v.Externals {
		if !e.ForArch(arch) || e.Snapshot.Count == 0 {
			continue
		}
		rpms, err := v.remembered.of(r, e.Snapshot)
		if err != nil {
			return err
		}
		add(e.Snapshot.Ref(), e.Mode, rpms)
	}
	sel.picks = merge.Packages(sel.repos, merge.Rules{
		Documented: v.documented(arch, sel),
		InArch:     sel.place.InArch,
		Apart:      func(name, arch string) bool { return sel.place.Apart(name, arch) != "" },
		Blocked:    func(source string) bool { return blocked[source] },
		Koji:       v.Tags[v.Tag].Koji,
	})
	return nil
}

// buildMode is the mode of a tag's builds among its external repos: theirs if they have one mode, as mergerepo_c has one for all.
func (v *Resolved) buildMode(arch string) merge.Mode {
	var modes []merge.Mode
	for _, e := range v.Externals {
		if e.ForArch(arch) && !slices.Contains(modes, e.Mode) {
			modes = append(modes, e.Mode)
		}
	}
	if len(modes) == 1 {
		return modes[0]
	}
	return merge.ModeKoji
}
