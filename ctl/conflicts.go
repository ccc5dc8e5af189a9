package ctl

import (
	"context"

	"vrepofs/compose"
)

// ConflictsRequest asks where the sources of a view disagree.
type ConflictsRequest struct {
	At
	Tag  string `json:"tag"`
	Arch string `json:"arch,omitempty"` // of the view; "" is the tag's first
}

// Conflicts are where the sources of a view disagree.
type Conflicts struct {
	Tag         string        `json:"tag"`
	Arch        string        `json:"arch"`
	Event       uint64        `json:"event"` // of the view's generation
	SameVersion []SameVersion `json:"same_version"`
	Shadowed    []Shadow      `json:"shadowed"`
	Split       []Split       `json:"split"`
	Streams     []SplitStream `json:"streams"`
}

// SplitStream is a module stream of an external repo of which the view has none of the packages, or a part.
type SplitStream struct {
	Stream string `json:"stream"` // "nodejs:8:20180816123422:6c81f848"
	Source string `json:"source"` // "fedora@20261121T043000Z"
	Taken  int    `json:"taken"`  // how many packages of it the view has
	Left   int    `json:"left"`   // how many it has not
	First  Reason `json:"first"`  // what became of the first of those
}

// SameVersion is one name, version and arch of which the sources have different bytes.
type SameVersion struct {
	Package    string   `json:"package"`         // NEVRA
	Signatures bool     `json:"signatures_only"` // nothing else differs
	Candidates []Reason `json:"candidates"`      // the first was asked first
}

// Shadow is a package newer than what the view takes of its name and arch.
type Shadow struct {
	Newer Reason `json:"newer"`
	Taken Reason `json:"taken"`
}

// Split is a source package of which the view has packages in different versions from different sources.
type Split struct {
	SourcePackage string      `json:"source_package"`
	Parts         []SplitPart `json:"parts"` // the first was asked first
}

// SplitPart is what one source gives of one version of it.
type SplitPart struct {
	SourceRPM string `json:"source_rpm"`
	Source    string `json:"source"`   // "tag dev" or "fedora@20261121T043000Z"
	Packages  int    `json:"packages"` // how many of it the view has
}

// ConflictsOf says where the sources of a view disagree.
func (c *Client) ConflictsOf(ctx context.Context, at At, tag, arch string) (*Conflicts, error) {
	return call[Conflicts](ctx, c, "tag/conflicts", ConflictsRequest{at, tag, arch})
}

func (h *Handler) conflicts(_ context.Context, req *ConflictsRequest) (*Conflicts, error) {
	r, v, arch, err := h.resolve(req.At, req.Tag, req.Arch)
	if err != nil {
		return nil, err
	}
	found, err := v.Conflicts(r, arch)
	if err != nil {
		return nil, err
	}
	out := &Conflicts{Tag: v.Tag, Arch: arch, Event: v.Generation.Event, SameVersion: []SameVersion{}, Shadowed: []Shadow{}, Split: []Split{}, Streams: []SplitStream{}}
	for _, c := range found.SameVersion {
		out.SameVersion = append(out.SameVersion, SameVersion{c.Package, c.Signatures, reasonsOf(c.Reasons)})
	}
	for _, s := range found.Shadowed {
		pair := reasonsOf([]compose.Reason{s.Newer, s.Taken})
		out.Shadowed = append(out.Shadowed, Shadow{pair[0], pair[1]})
	}
	for _, s := range found.Split {
		split := Split{SourcePackage: s.Name}
		for _, p := range s.Parts {
			split.Parts = append(split.Parts, SplitPart{p.SourceRPM, p.From, p.Count})
		}
		out.Split = append(out.Split, split)
	}
	for _, s := range found.Streams {
		out.Streams = append(out.Streams, SplitStream{s.ID, s.From, s.Taken, s.Left, reasonsOf([]compose.Reason{s.Reason})[0]})
	}
	return out, nil
}
