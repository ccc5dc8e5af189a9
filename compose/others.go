package compose

import (
	"slices"

	"vrepofs/merge"
	"vrepofs/state"
)

// Other is metadata of a kind that vrepofs does not make, in the view of one arch: that of the first external repo which has the kind, byte for
// byte.
type Other struct {
	Kind   string        // "updateinfo", "modules"; "group" with group_gz
	Source string        // "fedora@20261121T043000Z"; "" for groups of the tag, which go before those of external repos
	Files  []state.Other // in the order of its repomd.xml; none of the tag's groups
	// PassedOver are other external repos of the view that have the kind: nothing of theirs is in it. To merge them is to be done here, kind by
	// kind.
	PassedOver []string
}

// carried returns the metadata that the view of one arch has from external repos, in the order in which those are asked, if the tag has no
// groups of its own.
func (v *Resolved) carried(arch string) []Other {
	var out []Other
	for _, e := range v.Externals {
		if !e.ForArch(arch) {
			continue
		}
		source := e.Snapshot.Ref()
		for _, o := range e.Snapshot.Others {
			i := slices.IndexFunc(out, func(have Other) bool { return have.Kind == o.Kind() })
			switch {
			case i < 0:
				out = append(out, Other{Kind: o.Kind(), Source: source, Files: []state.Other{o}})
			case out[i].Source == source:
				out[i].Files = append(out[i].Files, o)
			case !slices.Contains(out[i].PassedOver, source):
				out[i].PassedOver = append(out[i].PassedOver, source)
			}
		}
	}
	return out
}

// Others returns the metadata that the view of one arch has from external repos, in the order in which those are asked.
func (v *Resolved) Others(r state.Reader, arch string) ([]Other, error) {
	out := v.carried(arch)
	i := slices.IndexFunc(out, func(o Other) bool { return o.Kind == "group" })
	if i < 0 || !v.hasGroups() {
		return out, nil
	}
	if own, err := v.Comps(r); err != nil || own.Empty() {
		return out, err
	}
	out[i] = Other{Kind: "group", PassedOver: append([]string{out[i].Source}, out[i].PassedOver...)}
	return out, nil
}

// addOthers puts the metadata of external repos beside ours; groups only if there are none of the tag.
func (v *Resolved) addOthers(rendered *Rendered, arch string) {
	own := slices.ContainsFunc(rendered.extra, func(x extra) bool { return x.kind == "group" })
	for _, o := range v.carried(arch) {
		if own && o.Kind == "group" {
			continue
		}
		for _, f := range o.Files {
			rendered.add(extra{kind: f.Type, name: f.Name, digest: f.File, size: f.Size, openDigest: f.Open, open: f.OpenSize})
		}
	}
}

// others are the files of carried, for the recipe of a view. Whether the tag has groups of its own follows from the tags in the recipe.
func (v *Resolved) others(arch string) (files []state.Other) {
	for _, o := range v.carried(arch) {
		files = append(files, o.Files...)
	}
	return files
}

// documented finds out which streams the modules metadata of a view describes, as far as packages of its source are of them; nil when the
// view has none.
func (v *Resolved) documented(arch string, sel *selection) func(stream string) bool {
	others := v.carried(arch)
	i := slices.IndexFunc(others, func(o Other) bool { return o.Kind == "modules" })
	if i < 0 {
		return nil
	}
	ids := map[string]bool{}
	for j, repo := range sel.repos {
		if repo.Name != others[i].Source {
			continue
		}
		for k := range sel.rpms[j] {
			if r := &sel.rpms[j][k]; r.Documented {
				for _, id := range r.Streams {
					ids[id] = true
				}
			}
		}
	}
	return func(id string) bool { return ids[id] }
}

// streamRule says in words why a package's streams stay out.
func (sel *selection) streamRule(k *merge.Pick, by string) string {
	stream := "the module stream"
	if ids := sel.rpms[k.Repo][k.Index].Streams; len(ids) > 0 {
		stream += " " + ids[0]
		if len(ids) > 1 {
			stream += " (and others that it is of)"
		}
	} else {
		stream += " of its source RPM"
	}
	switch k.Fate {
	case merge.StreamClaimed:
		return stream + " stays out as a whole: a source package of it comes with " + by
	case merge.StreamBlocked:
		return stream + " stays out as a whole: the source package of " + by + " is blocked"
	case merge.StreamNamed:
		return stream + " stays out as a whole: a name and arch are taken by " + by
	}
	return stream + " stays out as a whole: the modules metadata of the view is another source's and does not describe it"
}
