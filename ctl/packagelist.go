package ctl

import (
	"cmp"
	"context"
	"slices"

	"vrepofs/state"
)

// PackageList answers PackageListOf.
type PackageList struct {
	Tag      string         `json:"tag"`
	Listed   bool           `json:"listed,omitempty"` // it takes only builds of these packages
	Packages []PackageEntry `json:"packages"`         // by name
}

// PackageEntry is what the package list of a tag's views says of a package.
type PackageEntry struct {
	Package  string `json:"package"`
	Blocked  bool   `json:"blocked,omitempty"`
	Tag      string `json:"tag"`                // that says so: the tag itself, or one that it inherits from
	Implicit bool   `json:"implicit,omitempty"` // no tag has an entry: Tag is open and has a build of it
}

// ListPackages lists packages in a tag, so that it takes builds of them.
func (c *Client) ListPackages(ctx context.Context, why Why, tag string, packages []string) (*Change, error) {
	return call[Change](ctx, c, "tag/list-packages", TagRequest{Why: why, Name: tag, Items: packages})
}

// UnlistPackages removes a tag's own entries, blocks too, from the package list. force does it although builds in the tag are then
// no longer seen.
func (c *Client) UnlistPackages(ctx context.Context, why Why, tag string, packages []string, force bool) (*Change, error) {
	return call[Change](ctx, c, "tag/unlist-packages", TagRequest{Why: why, Name: tag, Items: packages, Force: force})
}

// PackageListOf returns the package list of a tag's views, with what they inherit.
func (c *Client) PackageListOf(ctx context.Context, at At, tag string) (*PackageList, error) {
	return call[PackageList](ctx, c, "tag/package-list", NameRequest{at, tag})
}

func (h *Handler) listPackages(ctx context.Context, req *TagRequest) (*Change, error) {
	return changed(h.st.ListPackages(ctx, who(ctx, req.Why), req.Name, req.Items))
}

func (h *Handler) unlistPackages(ctx context.Context, req *TagRequest) (*Change, error) {
	return changed(h.st.UnlistPackages(ctx, who(ctx, req.Why), req.Name, req.Force, req.Items))
}

func (h *Handler) packageList(_ context.Context, req *NameRequest) (*PackageList, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	t, err := state.GetTag(r, req.Name)
	if err != nil {
		return nil, err
	}
	list, err := state.PackageList(r, req.Name)
	if err != nil {
		return nil, err
	}
	out := &PackageList{Tag: t.Name, Listed: t.Listed, Packages: make([]PackageEntry, 0, len(list))}
	for p, e := range list {
		out.Packages = append(out.Packages, PackageEntry{Package: p, Blocked: e.Blocked, Tag: e.Tag, Implicit: e.Implicit})
	}
	slices.SortFunc(out.Packages, func(a, b PackageEntry) int { return cmp.Compare(a.Package, b.Package) })
	return out, nil
}
