package store

import (
	"context"
	"fmt"
	iofs "io/fs"
	"slices"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/state"
	"vrepofs/tree"
)

// TagAt names a tag as of a moment.
type TagAt struct {
	Tag    string
	Moment Moment
}

// ViewChange is one package before and after with its sources; one side is nil where there is none.
type ViewChange struct{ Old, New *compose.Sourced }

// ViewDiff is what differs between the views of two tags, or of one at two moments, for one arch: what PackageDiff says, of every package
// and with its source. All lists are by name.
type ViewDiff struct {
	Arch                                           string
	A, B                                           state.Change // the generations that are compared
	Added, Removed, Upgraded, Downgraded, Replaced []ViewChange
}

// DiffTags compares what two tags select for one arch, "" for the first arch of a. It composes nothing: it costs one selection for each, and
// two records where the recipes are equal. iofs.ErrNotExist for a tag, an arch or a moment that is not there.
func (s *Store) DiffTags(ctx context.Context, a, b TagAt, arch string) (*ViewDiff, error) {
	d := &ViewDiff{Arch: arch}
	var sides [2]struct {
		r state.Reader
		v *compose.Resolved
	}
	for i, side := range []TagAt{a, b} {
		r, _, err := s.State(side.Moment)
		if err != nil {
			return nil, err
		}
		v, err := compose.Resolve(r, side.Tag)
		if err != nil {
			return nil, err
		}
		arches := v.Tags[v.Tag].Arches
		if d.Arch == "" {
			d.Arch = arches[0]
		}
		if !slices.Contains(arches, d.Arch) {
			return nil, fmt.Errorf("tag %s has no arch %s: %w", v.Tag, d.Arch, iofs.ErrNotExist)
		}
		sides[i].r, sides[i].v = r, v
	}
	d.A, d.B = sides[0].v.Generation, sides[1].v.Generation
	if sides[0].v.Recipe(d.Arch) == sides[1].v.Recipe(d.Arch) {
		return d, nil
	}
	var sources [2]map[blob.Digest]*compose.Sourced
	var files [2]map[blob.Digest]rpmFile
	for i, side := range sides {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rpms, err := side.v.Sourced(side.r, d.Arch)
		if err != nil {
			return nil, fmt.Errorf("view %s/%s: %w", side.v.Tag, d.Arch, err)
		}
		sources[i] = make(map[blob.Digest]*compose.Sourced, len(rpms))
		for j := range rpms {
			if k := &rpms[j]; sources[i][k.Digest] == nil {
				sources[i][k.Digest] = k
			}
		}
	}
	for i := range files {
		files[i] = map[blob.Digest]rpmFile{}
		for digest, k := range sources[i] {
			if sources[1-i][digest] == nil {
				files[i][digest] = rpmFile{name: k.File, entry: tree.Entry{Digest: digest}, nevra: k.NEVRA}
			}
		}
	}
	pairPackages(files[0], files[1], func(kind pairKind, old, new *rpmFile) {
		var c ViewChange
		if old != nil {
			c.Old = sources[0][old.entry.Digest]
		}
		if new != nil {
			c.New = sources[1][new.entry.Digest]
		}
		list := map[pairKind]*[]ViewChange{
			added: &d.Added, removed: &d.Removed, upgraded: &d.Upgraded, downgraded: &d.Downgraded, replaced: &d.Replaced,
		}[kind]
		*list = append(*list, c)
	})
	return d, nil
}
