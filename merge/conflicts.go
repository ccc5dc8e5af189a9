package merge

import (
	"cmp"
	"slices"

	"vrepofs/rpm"
)

// Judged is one package of a view's arch that selection looked at.
type Judged struct {
	Package
	From  string // its source: "tag dev", "fedora@20261121T043000Z"
	Taken bool
	// Several says that it is of a source that may give several versions of a package (Repo.Several): those are no split.
	Several bool
}

// Shadow is a package that is newer than what a view takes of its name and arch: two indices of what FindConflicts was given.
type Shadow struct {
	Newer int // the greatest of those that were rejected, of equals the first
	Taken int // the greatest of those that are taken
}

// Part is what one source gives a view of one version of a source package.
type Part struct {
	SourceRPM string
	From      string
	First     int // index of the first package of it
	Count     int // of packages
}

// Split is a source package of which a view takes packages in different versions from different sources.
type Split struct {
	Name  string
	Parts []Part // in order of consideration
}

// SplitStream is a module stream of a source of which a view has not all packages: none of them, or a part.
type SplitStream struct {
	ID    string // "nodejs:8:20180816123422:6c81f848"
	From  string
	Taken int // how many packages of it the view has, from wherever
	Left  int // how many it has not
	First int // index of the first of those
}

// Conflicts are where sources disagree about a view. What the numbers mean is what FindConflicts was given.
type Conflicts struct {
	SameVersion [][]int       // one name, version and arch with different bytes: one package for each source and digest, in order; by NEVRA
	Shadowed    []Shadow      // by name and arch
	Split       []Split       // by name
	Streams     []SplitStream // by id, then in order of consideration
}

// FindConflicts finds out where sources disagree. all are the packages of the view's arch that were asked, in the order in which they
// were.
func FindConflicts(all []Judged) Conflicts {
	var c Conflicts
	nevras, names, sources := map[rpm.NEVRA][]int{}, map[nameArch][]int{}, map[string][]int{}
	for i := range all {
		k := &all[i]
		n := plain(k.NEVRA)
		nevras[n] = append(nevras[n], i)
		names[nameArch{k.Name, k.Arch}] = append(names[nameArch{k.Name, k.Arch}], i)
		if src, err := rpm.ParseSourceRPM(k.Source); err == nil && k.Taken {
			sources[src.Name] = append(sources[src.Name], i)
		}
	}
	for _, group := range nevras {
		if differ(all, group) {
			c.SameVersion = append(c.SameVersion, distinct(all, group))
		}
	}
	for _, group := range names {
		if s, ok := shadow(all, group); ok {
			c.Shadowed = append(c.Shadowed, s)
		}
	}
	for name, group := range sources {
		if parts := split(all, group); parts != nil {
			c.Split = append(c.Split, Split{name, parts})
		}
	}
	c.Streams = splitStreams(all, nevras)
	slices.SortFunc(c.SameVersion, func(a, b []int) int { return byNEVRA(all, a[0], b[0]) })
	slices.SortFunc(c.Shadowed, func(a, b Shadow) int { return byNEVRA(all, a.Newer, b.Newer) })
	slices.SortFunc(c.Split, func(a, b Split) int { return cmp.Compare(a.Name, b.Name) })
	return c
}

// plain makes NEVRAs that mean one package equal.
func plain(n rpm.NEVRA) rpm.NEVRA {
	if n.Epoch == "0" {
		n.Epoch = ""
	}
	return n
}

// splitStreams finds the streams of which packages are left out. One whose name, version and arch is taken from elsewhere is not: it is there.
func splitStreams(all []Judged, nevras map[rpm.NEVRA][]int) []SplitStream {
	type key struct{ id, from string }
	var out []SplitStream
	at := map[key]int{}
	for i := range all {
		for _, id := range all[i].Streams {
			j, had := at[key{id, all[i].From}]
			if !had {
				j = len(out)
				at[key{id, all[i].From}] = j
				out = append(out, SplitStream{ID: id, From: all[i].From})
			}
			switch s := &out[j]; {
			case slices.ContainsFunc(nevras[plain(all[i].NEVRA)], func(o int) bool { return all[o].Taken }):
				s.Taken++
			default:
				if s.Left++; s.Left == 1 {
					s.First = i
				}
			}
		}
	}
	out = slices.DeleteFunc(out, func(s SplitStream) bool { return s.Left == 0 })
	slices.SortStableFunc(out, func(a, b SplitStream) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func byNEVRA(all []Judged, i, j int) int {
	a, b := &all[i], &all[j]
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch), rpm.Compare(a.EVR, b.EVR), cmp.Compare(i, j))
}

// differ reports whether packages have different bytes.
func differ(all []Judged, group []int) bool {
	return slices.ContainsFunc(group[1:], func(i int) bool { return all[i].PkgID != all[group[0]].PkgID })
}

// distinct leaves one package for each source and digest, one that is taken if there is.
func distinct(all []Judged, group []int) []int {
	type key struct {
		from  string
		pkgID [32]byte
	}
	at := map[key]int{}
	var out []int
	for _, i := range group {
		k := key{all[i].From, all[i].PkgID}
		j, had := at[k]
		switch {
		case !had:
			at[k] = len(out)
			out = append(out, i)
		case all[i].Taken && !all[out[j]].Taken:
			out[j] = i
		}
	}
	return out
}

// shadow finds the newest of packages of one name and arch, if something else of it is taken and nothing as new.
func shadow(all []Judged, group []int) (s Shadow, ok bool) {
	s = Shadow{-1, -1}
	for _, i := range group {
		best := &s.Newer
		if all[i].Taken {
			best = &s.Taken
		}
		if *best < 0 || rpm.Compare(all[i].EVR, all[*best].EVR) > 0 {
			*best = i
		}
	}
	return s, s.Newer >= 0 && s.Taken >= 0 && rpm.Compare(all[s.Newer].EVR, all[s.Taken].EVR) > 0
}

// split takes the packages that are taken of a source package apart; nil when they are not of different versions from different sources.
func split(all []Judged, group []int) []Part {
	var parts []Part
	for _, i := range group {
		j := slices.IndexFunc(parts, func(p Part) bool { return p.SourceRPM == all[i].Source && p.From == all[i].From })
		if j < 0 {
			j = len(parts)
			parts = append(parts, Part{SourceRPM: all[i].Source, From: all[i].From, First: i})
		}
		parts[j].Count++
	}
	for _, p := range parts {
		for _, q := range parts {
			if p.SourceRPM != q.SourceRPM && p.From != q.From && !(all[p.First].Several && all[q.First].Several) {
				return parts
			}
		}
	}
	return nil
}
