package ctl

import (
	"context"

	"vrepofs/compose"
	"vrepofs/store"
)

// TagAt names a tag as of a moment.
type TagAt struct {
	At
	Tag string `json:"tag"`
}

// TagDiffRequest asks for what differs between the views of two tags, or of one at two moments.
type TagDiffRequest struct {
	A    TagAt  `json:"a"`
	B    TagAt  `json:"b"`
	Arch string `json:"arch,omitempty"` // "" is the first arch of A
}

// TagDiff is what differs from view A to view B, by package. Upgraded and downgraded go by rpm's comparison of versions; replaced is
// the same name, version and arch with other bytes. Lists are by name; of a package the side that has none is left out.
type TagDiff struct {
	A          DiffedView   `json:"a"`
	B          DiffedView   `json:"b"`
	Arch       string       `json:"arch"`
	Added      []ViewChange `json:"added"`
	Removed    []ViewChange `json:"removed"`
	Upgraded   []ViewChange `json:"upgraded"`
	Downgraded []ViewChange `json:"downgraded"`
	Replaced   []ViewChange `json:"replaced"`
}

// DiffedView is a side of a TagDiff.
type DiffedView struct {
	Tag        string `json:"tag"`
	Generation Change `json:"generation"` // that was compared
}

// ViewChange is one package before and after.
type ViewChange struct {
	Name string       `json:"name"`
	Arch string       `json:"arch"`
	Old  *ViewPackage `json:"old,omitempty"`
	New  *ViewPackage `json:"new,omitempty"`
}

// ViewPackage is one package of a view.
type ViewPackage struct {
	EVR    string `json:"evr"`
	NEVRA  string `json:"nevra"`
	Digest string `json:"digest"`
	Source string `json:"source"`          // "tag dev" or "fedora@20261121T043000Z"
	Build  string `json:"build,omitempty"` // that it is of
}

// DiffTags compares the views of two tags for one arch.
func (c *Client) DiffTags(ctx context.Context, req TagDiffRequest) (*TagDiff, error) {
	return call[TagDiff](ctx, c, "tag/diff", req)
}

func (h *Handler) diffTags(ctx context.Context, req *TagDiffRequest) (*TagDiff, error) {
	d, err := h.st.DiffTags(ctx, store.TagAt{Tag: req.A.Tag, Moment: req.A.moment()}, store.TagAt{Tag: req.B.Tag, Moment: req.B.moment()}, req.Arch)
	if err != nil {
		return nil, err
	}
	return &TagDiff{
		A: DiffedView{req.A.Tag, changeOf(d.A)}, B: DiffedView{req.B.Tag, changeOf(d.B)}, Arch: d.Arch,
		Added: viewChanges(d.Added), Removed: viewChanges(d.Removed),
		Upgraded: viewChanges(d.Upgraded), Downgraded: viewChanges(d.Downgraded), Replaced: viewChanges(d.Replaced),
	}, nil
}

func viewChanges(list []store.ViewChange) []ViewChange {
	out := make([]ViewChange, 0, len(list))
	for _, c := range list {
		v := ViewChange{Old: viewPackage(c.Old), New: viewPackage(c.New)}
		for _, k := range []*compose.Sourced{c.Old, c.New} {
			if k != nil {
				v.Name, v.Arch = k.Name, k.Arch
			}
		}
		out = append(out, v)
	}
	return out
}

func viewPackage(k *compose.Sourced) *ViewPackage {
	if k == nil {
		return nil
	}
	return &ViewPackage{EVR: k.EVR.String(), NEVRA: k.NEVRA.String(), Digest: k.Digest.String(), Source: k.From(), Build: k.Build}
}
