package compose

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"vrepofs/blob"
	"vrepofs/merge"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/tree"
)

// Resolved is a tag with all that it inherits from, as of one state.
type Resolved struct {
	Tag   string
	Order []merge.Visit        // the tag itself, then the tags it inherits from, in the order of consideration
	Tags  map[string]state.Tag // each tag of Order
	// Externals are the external repos of all of them, in the order of consideration.
	Externals []External
	// Site is under which URL its origins are; "" when it asks for none, or the site is not known.
	Site string
	// Generation is the last change of any tag of Order and of any repo that one follows, and of the site where Tag asks for origins: the views of Tag are the same at every event from this one to the
	// next change. Its stamp is what repomd.xml and the directories of the views carry.
	Generation state.Change

	remembered *remembered            // of the Composer that composes it; else nil
	records    map[string]blob.Digest // with remembered: of builds, by NVR
	changed    map[string]blob.Digest // see ResolveAhead; nil: nothing that it depends on
}

// Resolve reads a tag's inheritance. iofs.ErrNotExist when there is no such tag.
func Resolve(r state.Reader, tag string) (*Resolved, error) {
	v := &Resolved{Tag: tag, Tags: map[string]state.Tag{}}
	root, err := state.GetTag(r, tag)
	if err != nil {
		return nil, err
	}
	v.Order, err = merge.Order(tag, root.Koji, func(name string) ([]merge.Link, error) {
		t, err := state.GetTag(r, name)
		if err != nil {
			return nil, err
		}
		v.Tags[name] = t
		last, err := t.LastChange(r)
		if last.Event > v.Generation.Event {
			v.Generation = last
		}
		return t.Links(), err
	})
	if err != nil {
		return nil, err
	}
	if root.PkgOrigins {
		if err := v.site(r); err != nil {
			return nil, err
		}
	}
	return v, v.externals(r)
}

// Recipe is the digest of everything that the view of one arch depends on.
func (v *Resolved) Recipe(arch string) blob.Digest {
	h := sha256.New()
	kind := "view"
	if v.Ahead() {
		kind = "ahead"
	}
	fmt.Fprintf(h, "%s 1 %d %d %s\n", kind, repodata.RendererVersion, repodata.CompressorVersion, arch)
	for _, visit := range v.Order {
		d := v.record(visit.Tag)
		h.Write(d[:])
	}
	for _, e := range v.Externals {
		fmt.Fprintf(h, "external %s %s\n", e.Snapshot.Ref(), e.Snapshot.RPMs)
	}
	if v.hasGroups() {
		fmt.Fprintln(h, "groups 1")
	}
	if v.Tags[v.Tag].PkgOrigins {
		fmt.Fprintf(h, "origins 1 %q\n", v.Site)
	}
	if len(v.Externals) > 0 || v.Tags[v.Tag].PkgOrigins {
		// The stamp is in the view. Of tags it is in their records; repos and the site change without changing what is taken from them.
		fmt.Fprintf(h, "generation %d %d\n", v.Generation.Event, v.Generation.Stamp)
	}
	for _, o := range v.others(arch) {
		fmt.Fprintf(h, "other 1 %q %q %s %s\n", o.Type, o.Name, o.File, o.Open)
	}
	return blob.Digest(h.Sum(nil))
}

// Candidates says of every build in the order what became of it.
func (v *Resolved) Candidates(r state.Reader) ([]merge.Candidate, error) {
	sources, err := v.sources(r)
	if err != nil {
		return nil, err
	}
	return merge.Builds(sources, v.Tags[v.Tag].BuildRules()), nil
}

// sources reads what the tags of the order hold.
func (v *Resolved) sources(r state.Reader) ([]merge.Source, error) {
	sources := make([]merge.Source, 0, len(v.Order))
	for _, visit := range v.Order {
		t := v.Tags[visit.Tag]
		filter, err := merge.Filters(visit.Filters)
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", visit.Via, err)
		}
		s := merge.Source{Tag: visit.Tag, Filter: filter, Listed: t.Listed}
		for b, err := range state.TagBuilds(r, t) {
			if err != nil {
				return nil, err
			}
			if v.remembered != nil {
				v.records[b.NVR] = b.Record
			}
			s.Builds = append(s.Builds, merge.Build{NVR: b.NVR, Package: b.Package, Event: b.Event, ID: b.ID})
		}
		if s.Packages, err = state.TagEntries(r, t); err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// size is about how many RPMs the view of one arch is selected from.
func (v *Resolved) size(r state.Reader, arch string) (int, error) {
	n := 0
	for _, t := range v.Tags {
		builds, err := tree.Len(r, t.Builds)
		if err != nil {
			return 0, err
		}
		n += builds * rpmsPerBuild
	}
	for _, e := range v.Externals {
		if e.ForArch(arch) {
			n += e.Snapshot.Count
		}
	}
	return n, nil
}

// rpmsPerBuild is a guess.
const rpmsPerBuild = 4

// selection is what the view of one arch holds and what that was selected from.
type selection struct {
	tag        string            // whose view it is
	place      merge.Placement   // of the view
	candidates []merge.Candidate // every build, in the order of consideration
	built      []state.RPM       // what the chosen builds give
	owner      []int             // index in candidates of what gives each of built
	// With external repos: the builds' RPMs as the first source, then the repos. Else nil.
	repos []merge.Repo
	rpms  [][]state.RPM // by source
	picks []merge.Pick
}

// taken returns what the view holds, in selection order.
func (sel *selection) taken() []*state.RPM {
	if sel.repos == nil {
		return pointers(sel.built)
	}
	out := make([]*state.RPM, 0, len(sel.picks))
	for i := range sel.picks {
		if p := &sel.picks[i]; p.Fate == merge.Taken {
			out = append(out, &sel.rpms[p.Repo][p.Index])
		}
	}
	return out
}

// choose selects for the view of one arch.
func (v *Resolved) choose(r state.Reader, arch string) (*selection, error) {
	sources, err := v.sources(r)
	if err != nil {
		return nil, err
	}
	sel := &selection{tag: v.Tag, place: v.place(arch), candidates: merge.Builds(sources, v.Tags[v.Tag].BuildRules())}
	// Beside external repos, all RPMs of the arch: what is set apart claims its source package, too.
	in := func(r *state.RPM) bool { return sel.place.Refuses(r.Name, r.Arch) == "" }
	if len(v.Externals) > 0 {
		in = func(r *state.RPM) bool { return sel.place.InArch(r.Arch) }
	}
	// Collected first: a list of 10,000 RPMs of 300 bytes that grows is copied twice over.
	builds, owners, n := make([][]state.RPM, 0, len(sel.candidates)), make([]int, 0, len(sel.candidates)), 0
	for i, c := range sel.candidates {
		if c.Verdict != merge.Chosen {
			continue
		}
		rpms, err := v.remembered.build(r, c.NVR, v.records[c.NVR])
		if err != nil {
			return nil, fmt.Errorf("tag %s: %w", c.Tag, err)
		}
		if v.remembered != nil {
			rpms = slices.Clone(rpms)
		}
		builds = append(builds, oneCopy(rpms, in, v.Tags[v.Tag].Signatures))
		owners = append(owners, i)
		n += len(builds[len(builds)-1])
	}
	sel.built, sel.owner = make([]state.RPM, 0, n), make([]int, 0, n)
	for i, b := range builds {
		sel.built = append(sel.built, b...)
		for range b {
			sel.owner = append(sel.owner, owners[i])
		}
	}
	if len(v.Externals) == 0 {
		return sel, nil
	}
	return sel, v.join(r, arch, sel, merge.BlockedPackages(sources))
}

// RPMs returns what the view of one arch holds, in selection order: the order of the winning builds, inside a build by
// name, of signed copies of one RPM the best; then what external repos add. state.ErrConflict when the tag requires signatures that
// some have not.
func (v *Resolved) RPMs(r state.Reader, arch string) ([]*state.RPM, error) {
	_, rpms, err := v.rpms(r, arch)
	return rpms, err
}

// rpms is RPMs with what they were selected from.
func (v *Resolved) rpms(r state.Reader, arch string) (*selection, []*state.RPM, error) {
	sel, err := v.choose(r, arch)
	if err != nil {
		return nil, nil, err
	}
	rpms := sel.taken()
	check := state.SignedCheck{Want: v.Tags[v.Tag].Signatures}
	for _, p := range rpms {
		check.Add(p)
	}
	if err := check.Err(); err != nil {
		return nil, nil, err
	}
	return sel, rpms, nil
}

// CheckSigned refuses, with state.ErrConflict, a tag whose views would hold packages without the signatures that it requires.
// It costs nothing for a tag that requires none, else what selecting costs; nothing is composed.
func CheckSigned(r state.Reader, tag string) error {
	t, err := state.GetTag(r, tag)
	if err != nil || !t.Signatures.Required {
		return err
	}
	v, err := Resolve(r, tag)
	if err != nil {
		return err
	}
	for _, arch := range t.Arches {
		if _, err := v.RPMs(r, arch); err != nil {
			return fmt.Errorf("view %s/%s: %w", tag, arch, err)
		}
	}
	return nil
}

// place says which RPMs belong to one view of the tag.
func (v *Resolved) place(view string) merge.Placement {
	t := v.Tags[v.Tag]
	return merge.Place(view, t.Arches, t.Contents)
}

// oneCopy picks the RPMs for which in says so, one copy of each, and returns them in rpms' own memory. rpms is sorted by name and
// arch, so copies of one RPM have only RPMs of the same name between them.
func oneCopy(rpms []state.RPM, in func(*state.RPM) bool, want merge.Signatures) []state.RPM {
	out := rpms[:0]
next:
	for k := range rpms {
		if !in(&rpms[k]) {
			continue
		}
		r := rpms[k]
		for i := len(out) - 1; i >= 0 && out[i].Name == r.Name; i-- {
			if out[i].ID == r.ID {
				if want.Better(r.Keys, r.Digest, out[i].Keys, out[i].Digest) {
					out[i] = r
				}
				continue next
			}
		}
		out = append(out, r)
	}
	return out
}
