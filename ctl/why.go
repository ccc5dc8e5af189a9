package ctl

import (
	"cmp"
	"context"
	"fmt"
	iofs "io/fs"
	"slices"

	"vrepofs/compose"
	"vrepofs/state"
)

// WhyRequest asks what became of a package in a view.
type WhyRequest struct {
	At
	Tag  string `json:"tag"`
	Arch string `json:"arch,omitempty"` // of the view; "" is the tag's first
	Name string `json:"name"`           // of a package or source package, an NVR, a NEVRA, a file
}

// Reasons answers WhyOf: the first was asked first.
type Reasons struct {
	Tag     string   `json:"tag"`
	Arch    string   `json:"arch"`
	Event   uint64   `json:"event"` // of the view's generation
	Reasons []Reason `json:"reasons"`
}

// Reason says of one build or package whether it is in a view, and why.
type Reason struct {
	Package string `json:"package"`          // NEVRA of an RPM, or NVR of a build that was rejected as a whole
	Build   string `json:"build,omitempty"`  // that it is of
	Source  string `json:"source"`           // "tag dev" or "fedora@20261121T043000Z"
	Mode    string `json:"mode,omitempty"`   // merge mode of an external repo
	Digest  string `json:"digest,omitempty"` // SHA-256 of the RPM
	// Upstream is the URL of the repository of which the external repo's snapshot is a copy.
	Upstream string `json:"upstream,omitempty"`
	Taken    bool   `json:"taken"`
	Rule     string `json:"rule"`
}

// WhyOf says of everything that goes by a name what became of it in a view.
func (c *Client) WhyOf(ctx context.Context, at At, tag, arch, name string) (*Reasons, error) {
	return call[Reasons](ctx, c, "tag/why", WhyRequest{at, tag, arch, name})
}

func (h *Handler) why(_ context.Context, req *WhyRequest) (*Reasons, error) {
	r, v, arch, err := h.resolve(req.At, req.Tag, req.Arch)
	if err != nil {
		return nil, err
	}
	reasons, err := v.Why(r, arch, req.Name)
	if err != nil {
		return nil, err
	}
	return &Reasons{Tag: v.Tag, Arch: arch, Event: v.Generation.Event, Reasons: reasonsOf(reasons)}, nil
}

// resolve resolves a tag as of a moment and an arch of it, "" for its first.
func (h *Handler) resolve(at At, tag, arch string) (state.Reader, *compose.Resolved, string, error) {
	r, _, err := h.st.State(at.moment())
	if err != nil {
		return nil, nil, "", err
	}
	v, err := compose.Resolve(r, tag)
	if err != nil {
		return nil, nil, "", err
	}
	arches := v.Tags[v.Tag].Arches
	arch = cmp.Or(arch, arches[0])
	if !slices.Contains(arches, arch) {
		return nil, nil, "", fmt.Errorf("tag %s has no arch %s: %w", tag, arch, iofs.ErrNotExist)
	}
	return r, v, arch, nil
}

func reasonsOf(reasons []compose.Reason) []Reason {
	out := make([]Reason, 0, len(reasons))
	for _, why := range reasons {
		row := Reason{Package: why.Package, Build: why.Build, Source: why.Source, Mode: why.Mode, Taken: why.Taken, Rule: why.Rule, Upstream: why.Upstream}
		if !why.Digest.IsZero() {
			row.Digest = why.Digest.String()
		}
		out = append(out, row)
	}
	return out
}
