package ctl

import (
	"context"

	"vrepofs/state"
)

// ExportTagsRequest asks for all that is said of tags; Tags nil: of all tags, as of At.
type ExportTagsRequest struct {
	At
	Tags []TagAt `json:"tags,omitempty"`
}

// WantedTags answers ExportTags: a MoveRequest that applies them makes the tags the same again.
type WantedTags struct {
	Tags []state.WantedTag `json:"tags"`
}

// ExportTags returns all that is said of tags.
func (c *Client) ExportTags(ctx context.Context, req ExportTagsRequest) (*WantedTags, error) {
	return call[WantedTags](ctx, c, "tag/export", req)
}

func (h *Handler) exportTags(_ context.Context, req *ExportTagsRequest) (*WantedTags, error) {
	out := &WantedTags{Tags: []state.WantedTag{}}
	add := func(r state.Reader, t state.Tag) error {
		w, err := state.ExportTag(r, t)
		out.Tags = append(out.Tags, w)
		return err
	}
	for _, at := range req.Tags {
		r, _, err := h.st.State(at.moment())
		if err != nil {
			return nil, err
		}
		t, err := state.GetTag(r, at.Tag)
		if err == nil {
			err = add(r, t)
		}
		if err != nil {
			return nil, err
		}
	}
	if req.Tags != nil {
		return out, nil
	}
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	for t, err := range state.Tags(r) {
		if err == nil {
			err = add(r, t)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
