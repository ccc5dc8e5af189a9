package ctl

import "context"

// MoveBuildsRequest takes builds from one tag to another.
type MoveBuildsRequest struct {
	Why
	From  string   `json:"from"`
	To    string   `json:"to"`
	Items []string `json:"items"`           // NVRs of builds
	Force bool     `json:"force,omitempty"` // list their packages in To where its package list has not
}

// CloneTagRequest makes a tag that is what another is, or was at a moment.
type CloneTagRequest struct {
	Why
	At
	From string `json:"from"`
	To   string `json:"to"`
}

// MoveBuilds takes builds out of one tag and puts them into another, all in one event.
func (c *Client) MoveBuilds(ctx context.Context, why Why, from, to string, nvrs []string) (*Change, error) {
	return call[Change](ctx, c, "tag/move", MoveBuildsRequest{Why: why, From: from, To: to, Items: nvrs})
}

// ForceMove is MoveBuilds that also lists the packages in to where its package list has not.
func (c *Client) ForceMove(ctx context.Context, why Why, from, to string, nvrs []string) (*Change, error) {
	return call[Change](ctx, c, "tag/move", MoveBuildsRequest{Why: why, From: from, To: to, Items: nvrs, Force: true})
}

// CloneTag makes the tag to with all that from is, or was at a moment: builds in their order, package list, parents, external repos, settings.
func (c *Client) CloneTag(ctx context.Context, why Why, at At, from, to string) (*Change, error) {
	return call[Change](ctx, c, "tag/clone", CloneTagRequest{why, at, from, to})
}

func (h *Handler) moveBuilds(ctx context.Context, req *MoveBuildsRequest) (*Change, error) {
	if req.Force {
		return changed(h.st.ForceMove(ctx, who(ctx, req.Why), req.From, req.To, req.Items))
	}
	return changed(h.st.MoveBuilds(ctx, who(ctx, req.Why), req.From, req.To, req.Items))
}

func (h *Handler) cloneTag(ctx context.Context, req *CloneTagRequest) (*Change, error) {
	if req.At.At != "" {
		return changed(h.st.CloneTagAt(ctx, who(ctx, req.Why), req.moment(), req.From, req.To))
	}
	return changed(h.st.CloneTag(ctx, who(ctx, req.Why), req.From, req.To))
}
