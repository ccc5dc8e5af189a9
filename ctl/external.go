package ctl

import (
	"context"
	"strings"

	"vrepofs/compose"
	"vrepofs/merge"
	"vrepofs/state"
)

// External is an external repo of a tag.
type External struct {
	Repo     string   `json:"repo"`     // "fedora@latest", which is followed, or "fedora@20261121T043000Z"
	Priority int      `json:"priority"` // among those of the tag; lower numbers come first
	Mode     string   `json:"mode"`     // "koji", "simple", "bare", "all", "repo", "ts", "nvr"
	Arches   []string `json:"arches,omitempty"`
	Tag      string   `json:"tag,omitempty"`      // which has it
	Snapshot string   `json:"snapshot,omitempty"` // what it is now; "" when the repo has no snapshot
	RPMs     int      `json:"rpms,omitempty"`     // in the snapshot
}

// Externals answers ListExternals: the first is asked first.
type Externals struct {
	Tag       string     `json:"tag"`
	Externals []External `json:"externals"` // of the tag and of all that it inherits from
}

// ExternalRequest changes the external repos of a tag.
type ExternalRequest struct {
	Why
	Name     string   `json:"name"`
	External External `json:"external"` // of a removal only its repo
}

// AddExternal gives a tag an external repo.
func (c *Client) AddExternal(ctx context.Context, why Why, tag string, e External) (*Change, error) {
	return call[Change](ctx, c, "tag/external-add", ExternalRequest{why, tag, e})
}

// RemoveExternal takes an external repo from a tag.
func (c *Client) RemoveExternal(ctx context.Context, why Why, tag, repo string) (*Change, error) {
	return call[Change](ctx, c, "tag/external-remove", ExternalRequest{why, tag, External{Repo: repo}})
}

// ListExternals tells which external repos the views of a tag have, in the order in which they are asked.
func (c *Client) ListExternals(ctx context.Context, at At, tag string) (*Externals, error) {
	return call[Externals](ctx, c, "tag/external-list", NameRequest{at, tag})
}

func (h *Handler) addExternal(ctx context.Context, req *ExternalRequest) (*Change, error) {
	e := req.External
	repo, id, _ := strings.Cut(e.Repo, "@")
	if id == "latest" {
		id = ""
	}
	return changed(h.st.AddExternal(ctx, who(ctx, req.Why), req.Name, state.External{
		Repo: repo, ID: id, Priority: e.Priority, Mode: merge.Mode(e.Mode), Arches: e.Arches,
	}))
}

func (h *Handler) removeExternal(ctx context.Context, req *ExternalRequest) (*Change, error) {
	repo, _, _ := strings.Cut(req.External.Repo, "@")
	return changed(h.st.RemoveExternal(ctx, who(ctx, req.Why), req.Name, repo))
}

func (h *Handler) listExternals(_ context.Context, req *NameRequest) (*Externals, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	resolved, err := compose.Resolve(r, req.Name)
	if err != nil {
		return nil, err
	}
	out := &Externals{Tag: req.Name, Externals: []External{}}
	for _, e := range resolved.Externals {
		v := External{Repo: e.Ref(), Priority: e.Priority, Mode: string(e.Mode), Arches: e.Arches, Tag: e.Tag, RPMs: e.Snapshot.Count}
		if e.Snapshot.ID != "" {
			v.Snapshot = e.Snapshot.Ref()
		}
		out.Externals = append(out.Externals, v)
	}
	return out, nil
}

func externalsOf(t state.Tag) []External {
	out := make([]External, len(t.External))
	for i, e := range t.External {
		out[i] = External{Repo: e.Ref(), Priority: e.Priority, Mode: string(e.Mode), Arches: e.Arches}
	}
	return out
}
