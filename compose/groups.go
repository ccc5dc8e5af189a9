package compose

import (
	"fmt"

	"vrepofs/blob"
	"vrepofs/comps"
	"vrepofs/merge"
	"vrepofs/repodata"
	"vrepofs/state"
)

// hasGroups reports whether any tag of the order says anything of groups.
func (v *Resolved) hasGroups() bool {
	for _, visit := range v.Order {
		if !v.Tags[visit.Tag].Groups.IsZero() {
			return true
		}
	}
	return false
}

// Groups returns the groups of the tag's views, each with what it comes from.
func (v *Resolved) Groups(r state.Reader) (*merge.Groups, error) {
	var sources []merge.GroupSource
	for _, visit := range v.Order {
		groups, err := state.TagGroups(r, v.Tags[visit.Tag])
		if err != nil {
			return nil, err
		}
		sources = append(sources, merge.GroupSource{Name: visit.Tag, Groups: groups})
	}
	return merge.ResolveGroups(sources), nil
}

// Comps returns the comps.xml of the tag's views; empty when they have no groups. iofs.ErrInvalid when it would be too large.
func (v *Resolved) Comps(r state.Reader) (*comps.Comps, error) {
	groups, err := v.Groups(r)
	if err != nil {
		return nil, err
	}
	c, err := groups.Comps(v.Tags[v.Tag].Koji)
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", v.Tag, err)
	}
	return c, nil
}

// addGroups adds the groups to a rendered repository, if there are any, as createrepo_c -g does (0.17.3): comps.xml under the type
// group, and gzipped under group_gz.
func (v *Resolved) addGroups(r state.Reader, lease *blob.Lease, rendered *Rendered) error {
	if !v.hasGroups() {
		return nil
	}
	c, err := v.Comps(r)
	if err != nil || c.Empty() {
		return err
	}
	text := c.Marshal()
	if err := rendered.addPlain(lease, "group", "comps.xml", text); err != nil {
		return err
	}
	return rendered.addText(lease, "group_gz", "comps.xml", text, repodata.Gzip)
}
