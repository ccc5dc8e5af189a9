package ctl

import "context"

// MoveBuildsRequest takes builds from one tag to another.
type MoveBuildsRequest struct {
	Why
	From  string   `json:"from"`
	To    string   `json:"to"`
	Items []string `json:"items"` // NVRs of builds
}

// CloneTagRequest makes a tag that is what another is.
type CloneTagRequest struct {
	Why
	From string `json:"from"`
	To   string `json:"to"`
}

// MoveBuilds takes builds out of one tag and puts them into another, all in one event.
func (c *Client) MoveBuilds(ctx context.Context, why Why, from, to string, nvrs []string) (*Change, error) {
	return call[Change](ctx, c, "tag/move", MoveBuildsRequest{why, from, to, nvrs})
}

// CloneTag makes the tag to with all that from is: builds in their order, package list, parents, external repos, settings.
func (c *Client) CloneTag(ctx context.Context, why Why, from, to string) (*Change, error) {
	return call[Change](ctx, c, "tag/clone", CloneTagRequest{why, from, to})
}

func (h *Handler) moveBuilds(ctx context.Context, req *MoveBuildsRequest) (*Change, error) {
	return changed(h.st.MoveBuilds(ctx, who(ctx, req.Why), req.From, req.To, req.Items))
}

func (h *Handler) cloneTag(ctx context.Context, req *CloneTagRequest) (*Change, error) {
	return changed(h.st.CloneTag(ctx, who(ctx, req.Why), req.From, req.To))
}
