package ctl

import (
	"context"
	"slices"

	"vrepofs/state"
)

// Build is a build as requests show it.
type Build struct {
	NVR     string   `json:"nvr"`
	ID      uint64   `json:"id"`
	Package string   `json:"package"`
	Version string   `json:"version"`
	Release string   `json:"release"`
	Created Change   `json:"created"`
	Changed Change   `json:"changed"`
	Count   int      `json:"count"`  // number of RPMs, signed copies included
	Bytes   int64    `json:"bytes"`  // sum of their sizes
	Arches  []string `json:"arches"` // of its RPMs, sorted
	// RPMs and Tags, the tags that hold it themselves, are only in the answer to ShowBuild.
	RPMs []RPM    `json:"rpms,omitempty"`
	Tags []string `json:"tags,omitempty"`
}

// BuildsRequest asks for a page of builds: those whose NVR is above After, Limit of them at most.
type BuildsRequest struct {
	At
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"` // 0 or too much: maxPage
}

// Builds is a page of builds; More says that others follow.
type Builds struct {
	Builds []Build `json:"builds"`
	More   bool    `json:"more,omitempty"`
}

// ListBuilds calls f for every build, in the order of NVRs as strings.
func (c *Client) ListBuilds(ctx context.Context, at At, f func(Build) error) error {
	for after := ""; ; {
		page, err := call[Builds](ctx, c, "build/list", BuildsRequest{At: at, After: after})
		if err != nil {
			return err
		}
		for _, b := range page.Builds {
			if err := f(b); err != nil {
				return err
			}
			after = b.NVR
		}
		if !page.More {
			return nil
		}
	}
}

// ShowBuild describes one build with its RPMs and the tags that hold it.
func (c *Client) ShowBuild(ctx context.Context, at At, nvr string) (*Build, error) {
	return call[Build](ctx, c, "build/show", NameRequest{at, nvr})
}

// RemoveBuild removes a build that no tag holds. Earlier events still show it.
func (c *Client) RemoveBuild(ctx context.Context, why Why, nvr string) (*Change, error) {
	return call[Change](ctx, c, "build/remove", RemoveRequest{why, nvr})
}

func (h *Handler) listBuilds(_ context.Context, req *BuildsRequest) (*Builds, error) {
	limit := req.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	rows, more, err := h.st.Builds(req.moment(), req.After, limit)
	if err != nil {
		return nil, err
	}
	out := &Builds{Builds: make([]Build, len(rows)), More: more}
	for i, b := range rows {
		out.Builds[i] = buildOf(b)
	}
	return out, nil
}

func (h *Handler) showBuild(_ context.Context, req *NameRequest) (*Build, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	b, err := state.GetBuild(r, req.Name)
	if err != nil {
		return nil, err
	}
	v := buildOf(b)
	v.RPMs = rpmsOf(b.RPMs)
	v.Tags, err = state.TagsOf(r, b.NVR)
	return &v, err
}

func (h *Handler) removeBuild(ctx context.Context, req *RemoveRequest) (*Change, error) {
	return changed(h.st.RemoveBuild(ctx, who(ctx, req.Why), req.Name))
}

func buildOf(b state.Build) Build {
	v := Build{
		NVR: b.NVR, ID: b.ID, Package: b.Package, Version: b.Version, Release: b.Release,
		Created: changeOf(b.Created), Changed: changeOf(b.Changed), Count: len(b.RPMs), Arches: []string{},
	}
	seen := map[string]bool{}
	for _, r := range b.RPMs {
		v.Bytes += r.Size
		if !seen[r.Arch] {
			seen[r.Arch] = true
			v.Arches = append(v.Arches, r.Arch)
		}
	}
	slices.Sort(v.Arches)
	return v
}
