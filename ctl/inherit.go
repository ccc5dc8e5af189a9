package ctl

import (
	"context"

	"vrepofs/compose"
	"vrepofs/state"
)

// Parent is a tag that another inherits from.
type Parent struct {
	Tag          string `json:"tag"`
	Priority     int    `json:"priority"`               // lower numbers come first and win
	MaxDepth     *int   `json:"maxdepth,omitempty"`     // levels of its own parents that come along; none given: all
	Intransitive bool   `json:"intransitive,omitempty"` // counts in views of this tag alone
	NoConfig     bool   `json:"noconfig,omitempty"`
	Filter       string `json:"pkg_filter,omitempty"` // pattern that names of packages must match
}

// Visit is one place in the order in which tags are asked for a package. A tag can have several.
type Visit struct {
	Tag      string   `json:"tag"`
	Depth    int      `json:"depth"`              // 0: the tag itself
	Via      string   `json:"via,omitempty"`      // the child that has the link
	Filters  []string `json:"filters,omitempty"`  // of all links on the way
	MaxDepth *int     `json:"maxdepth,omitempty"` // levels of parents that may follow
}

// Inheritance answers ListParents.
type Inheritance struct {
	Tag     string   `json:"tag"`
	Parents []Parent `json:"parents"` // by priority
	Order   []Visit  `json:"order"`   // the tag itself and all that it inherits from, the first asked first: it wins
}

// ParentRequest changes a tag's inheritance.
type ParentRequest struct {
	Why
	Name   string `json:"name"`
	Parent Parent `json:"parent"` // of a removal only its tag
}

// AddParent makes a tag inherit from another.
func (c *Client) AddParent(ctx context.Context, why Why, tag string, parent Parent) (*Change, error) {
	return call[Change](ctx, c, "tag/inherit-add", ParentRequest{why, tag, parent})
}

// RemoveParent ends a tag's inheritance from another.
func (c *Client) RemoveParent(ctx context.Context, why Why, tag, parent string) (*Change, error) {
	return call[Change](ctx, c, "tag/inherit-remove", ParentRequest{why, tag, Parent{Tag: parent}})
}

// ListParents tells what a tag inherits from.
func (c *Client) ListParents(ctx context.Context, at At, tag string) (*Inheritance, error) {
	return call[Inheritance](ctx, c, "tag/inherit-list", NameRequest{at, tag})
}

func (h *Handler) addParent(ctx context.Context, req *ParentRequest) (*Change, error) {
	return changed(h.st.AddParent(ctx, who(ctx, req.Why), req.Name, req.Parent.link()))
}

// link is the parent as the state has it.
func (p Parent) link() state.Link {
	return state.Link{
		Parent: p.Tag, Priority: p.Priority, MaxDepth: p.MaxDepth, Intransitive: p.Intransitive, NoConfig: p.NoConfig, Filter: p.Filter,
	}
}

func (h *Handler) removeParent(ctx context.Context, req *ParentRequest) (*Change, error) {
	return changed(h.st.RemoveParent(ctx, who(ctx, req.Why), req.Name, req.Parent.Tag))
}

func (h *Handler) listParents(_ context.Context, req *NameRequest) (*Inheritance, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	t, err := state.GetTag(r, req.Name)
	if err != nil {
		return nil, err
	}
	resolved, err := compose.Resolve(r, t.Name)
	if err != nil {
		return nil, err
	}
	out := &Inheritance{Tag: t.Name, Parents: parentsOf(t)}
	for _, v := range resolved.Order {
		out.Order = append(out.Order, Visit{Tag: v.Tag, Depth: v.Depth, Via: v.Via, Filters: v.Filters, MaxDepth: v.MaxDepth})
	}
	return out, nil
}

func parentsOf(t state.Tag) []Parent {
	out := make([]Parent, len(t.Inherit))
	for i, l := range t.Inherit {
		out[i] = Parent{Tag: l.Parent, Priority: l.Priority, MaxDepth: l.MaxDepth, Intransitive: l.Intransitive, NoConfig: l.NoConfig, Filter: l.Filter}
	}
	return out
}
