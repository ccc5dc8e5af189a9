package ctl

import (
	"bytes"
	"context"
	"fmt"
	iofs "io/fs"

	"vrepofs/compose"
	"vrepofs/comps"
	"vrepofs/merge"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/store"
)

// GroupSettings say what a group is; nil stays as it is.
type GroupSettings struct {
	Name        *string `json:"name,omitempty"`
	Description *string `json:"description,omitempty"`
	LangOnly    *string `json:"langonly,omitempty"`
	Hidden      *bool   `json:"hidden,omitempty"` // uservisible is false
	Default     *bool   `json:"default,omitempty"`
	Biarch      *bool   `json:"biarchonly,omitempty"`
}

// SetGroupRequest says in a tag what a group is.
type SetGroupRequest struct {
	Why
	Tag   string `json:"tag"`
	Group string `json:"group"`
	GroupSettings
}

// GroupsRequest changes groups of a tag or, with a group, what is in that.
type GroupsRequest struct {
	Why
	Tag   string   `json:"tag"`
	Group string   `json:"group,omitempty"`
	Items []string `json:"items"` // ids of groups; or packages, and "@core" for a group, in Group
}

// PutInGroupRequest puts packages, and groups such as "@core", into a group.
type PutInGroupRequest struct {
	GroupsRequest
	PackageSettings
}

// PackageSettings say how packages are in a group.
type PackageSettings struct {
	Type     string `json:"type,omitempty"` // "mandatory", "default", "optional", "conditional"; "": as it is, else mandatory
	Requires string `json:"requires,omitempty"`
	BaseArch bool   `json:"basearchonly,omitempty"`
}

// ImportGroupsRequest puts what a comps.xml says into a tag.
type ImportGroupsRequest struct {
	Why
	Tag     string `json:"tag"`
	Comps   []byte `json:"comps,omitempty"`   // at most comps.MaxSize bytes, perhaps compressed
	Repo    string `json:"repo,omitempty"`    // instead: that of a snapshot, "fedora@latest"
	Replace bool   `json:"replace,omitempty"` // instead of all that the tag itself says of groups
}

// ImportedGroups answers ImportGroups.
type ImportedGroups struct {
	Change
	Snapshot     string          `json:"snapshot,omitempty"` // whose comps.xml it is
	Groups       int             `json:"groups"`
	Packages     int             `json:"packages"` // in all groups together
	Environments int             `json:"environments"`
	Categories   int             `json:"categories"`
	LeftOut      []comps.LeftOut `json:"left_out,omitempty"` // what of the file is not kept
}

// GroupRequest asks for one group of a tag's views.
type GroupRequest struct {
	At
	Tag   string `json:"tag"`
	Group string `json:"group"`
}

// Group is a group, an environment or a category of a tag's views.
type Group struct {
	ID          string   `json:"id"`
	Kind        string   `json:"kind"` // "group", "environment", "category"
	Name        string   `json:"name,omitempty"`
	Description string   `json:"description,omitempty"`
	From        string   `json:"from"`              // which tag says what it is, or blocks it
	Blocked     bool     `json:"blocked,omitempty"` // it is not in the views
	Hidden      bool     `json:"hidden,omitempty"`
	Default     bool     `json:"default,omitempty"`
	Biarch      bool     `json:"biarchonly,omitempty"`
	LangOnly    string   `json:"langonly,omitempty"`
	Order       *int     `json:"display_order,omitempty"`
	Count       int      `json:"count"`             // packages in it, with those of groups that it requires; groups in an environment or a category
	Groups      []string `json:"groups,omitempty"`  // of an environment or a category
	Options     []string `json:"options,omitempty"` // groups that an environment offers
	// Packages are only in the answer to ShowGroup.
	Packages []GroupPackage `json:"packages,omitempty"`
}

// GroupPackage is a package in a group, or with "@" a group whose packages it has, too.
type GroupPackage struct {
	Name     string `json:"name"`
	Type     string `json:"type,omitempty"`
	Requires string `json:"requires,omitempty"`
	BaseArch bool   `json:"basearchonly,omitempty"`
	From     string `json:"from"`              // which tag puts it in, or blocks it
	Blocked  bool   `json:"blocked,omitempty"` // it is not in the group
	Via      string `json:"via,omitempty"`     // of which required group it is; "": of the group itself
}

// Groups answers ListGroups and ShowGroup.
type Groups struct {
	Tag    string  `json:"tag"`
	Groups []Group `json:"groups"`
}

// GroupFile answers ExportGroups.
type GroupFile struct {
	Comps []byte `json:"comps"`
}

// SetGroup says in a tag what a group is, and so ends a block of it.
func (c *Client) SetGroup(ctx context.Context, why Why, tag, group string, set GroupSettings) (*Change, error) {
	return call[Change](ctx, c, "tag/group-set", SetGroupRequest{why, tag, group, set})
}

// RemoveGroups removes all that a tag itself says of groups.
func (c *Client) RemoveGroups(ctx context.Context, why Why, tag string, groups []string) (*Change, error) {
	return call[Change](ctx, c, "tag/group-remove", GroupsRequest{Why: why, Tag: tag, Items: groups})
}

// BlockGroups keeps groups out of a tag and of all that inherit from it.
func (c *Client) BlockGroups(ctx context.Context, why Why, tag string, groups []string) (*Change, error) {
	return call[Change](ctx, c, "tag/group-block", GroupsRequest{Why: why, Tag: tag, Items: groups})
}

// UnblockGroups ends blocks of the tag's own.
func (c *Client) UnblockGroups(ctx context.Context, why Why, tag string, groups []string) (*Change, error) {
	return call[Change](ctx, c, "tag/group-unblock", GroupsRequest{Why: why, Tag: tag, Items: groups})
}

// PutInGroup puts packages, and groups such as "@core", into a group.
func (c *Client) PutInGroup(ctx context.Context, why Why, tag, group string, items []string, set PackageSettings) (*Change, error) {
	return call[Change](ctx, c, "tag/group-package-add", PutInGroupRequest{GroupsRequest{why, tag, group, items}, set})
}

// RemoveFromGroup removes what a tag itself says of packages in a group.
func (c *Client) RemoveFromGroup(ctx context.Context, why Why, tag, group string, items []string) (*Change, error) {
	return call[Change](ctx, c, "tag/group-package-remove", GroupsRequest{why, tag, group, items})
}

// BlockInGroup keeps packages out of a group, in a tag and all that inherit from it.
func (c *Client) BlockInGroup(ctx context.Context, why Why, tag, group string, items []string) (*Change, error) {
	return call[Change](ctx, c, "tag/group-package-block", GroupsRequest{why, tag, group, items})
}

// UnblockInGroup ends blocks of the tag's own.
func (c *Client) UnblockInGroup(ctx context.Context, why Why, tag, group string, items []string) (*Change, error) {
	return call[Change](ctx, c, "tag/group-package-unblock", GroupsRequest{why, tag, group, items})
}

// ImportGroups puts what a comps.xml says into a tag.
func (c *Client) ImportGroups(ctx context.Context, req ImportGroupsRequest) (*ImportedGroups, error) {
	return call[ImportedGroups](ctx, c, "tag/group-import", req)
}

// ListGroups lists the groups, environments and categories of a tag's views.
func (c *Client) ListGroups(ctx context.Context, at At, tag string) (*Groups, error) {
	return call[Groups](ctx, c, "tag/group-list", NameRequest{at, tag})
}

// ShowGroup shows what of a tag's views has an id: a group with its packages, an environment, a category.
func (c *Client) ShowGroup(ctx context.Context, at At, tag, group string) (*Groups, error) {
	return call[Groups](ctx, c, "tag/group-show", GroupRequest{at, tag, group})
}

// ExportGroups returns the comps.xml of a tag's views.
func (c *Client) ExportGroups(ctx context.Context, at At, tag string) (*GroupFile, error) {
	return call[GroupFile](ctx, c, "tag/group-export", NameRequest{at, tag})
}

func (h *Handler) setGroup(ctx context.Context, req *SetGroupRequest) (*Change, error) {
	return changed(h.st.SetGroup(ctx, who(ctx, req.Why), req.Tag, req.Group, store.GroupSettings{
		Name: req.Name, Description: req.Description, LangOnly: req.LangOnly, Hidden: req.Hidden, Default: req.Default, Biarch: req.Biarch,
	}))
}

func (h *Handler) removeGroups(ctx context.Context, req *GroupsRequest) (*Change, error) {
	return changed(h.st.RemoveGroups(ctx, who(ctx, req.Why), req.Tag, req.Items))
}

func (h *Handler) blockGroups(ctx context.Context, req *GroupsRequest) (*Change, error) {
	return changed(h.st.BlockGroups(ctx, who(ctx, req.Why), req.Tag, true, req.Items))
}

func (h *Handler) unblockGroups(ctx context.Context, req *GroupsRequest) (*Change, error) {
	return changed(h.st.BlockGroups(ctx, who(ctx, req.Why), req.Tag, false, req.Items))
}

func (h *Handler) putInGroup(ctx context.Context, req *PutInGroupRequest) (*Change, error) {
	entries := make([]comps.Entry, len(req.Items))
	for i, name := range req.Items {
		entries[i] = comps.Entry{Name: name, Type: req.Type, Requires: req.Requires, BaseArch: req.BaseArch}
	}
	return changed(h.st.PutInGroup(ctx, who(ctx, req.Why), req.Tag, req.Group, entries))
}

func (h *Handler) removeFromGroup(ctx context.Context, req *GroupsRequest) (*Change, error) {
	return changed(h.st.RemoveFromGroup(ctx, who(ctx, req.Why), req.Tag, req.Group, req.Items))
}

func (h *Handler) blockInGroup(ctx context.Context, req *GroupsRequest) (*Change, error) {
	return changed(h.st.BlockInGroup(ctx, who(ctx, req.Why), req.Tag, req.Group, true, req.Items))
}

func (h *Handler) unblockInGroup(ctx context.Context, req *GroupsRequest) (*Change, error) {
	return changed(h.st.BlockInGroup(ctx, who(ctx, req.Why), req.Tag, req.Group, false, req.Items))
}

func (h *Handler) importGroups(ctx context.Context, req *ImportGroupsRequest) (*ImportedGroups, error) {
	file, snapshot := req.Comps, ""
	if req.Repo != "" {
		var err error
		if file, snapshot, err = h.st.RepoGroups(req.Repo); err != nil {
			return nil, err
		}
	}
	in, err := repodata.Decompress(bytes.NewReader(file))
	if err != nil {
		return nil, invalid("comps.xml: %v", err)
	}
	defer in.Close()
	c, left, err := comps.Read(in)
	if err != nil {
		return nil, err
	}
	done, err := changed(h.st.ImportGroups(ctx, who(ctx, req.Why), req.Tag, c, req.Replace))
	if err != nil {
		return nil, err
	}
	out := &ImportedGroups{
		Change: *done, Snapshot: snapshot, Groups: len(c.Groups), Environments: len(c.Environments), Categories: len(c.Categories), LeftOut: left,
	}
	for _, g := range c.Groups {
		out.Packages += len(g.Packages)
	}
	return out, nil
}

func (h *Handler) listGroups(_ context.Context, req *NameRequest) (*Groups, error) {
	return h.groups(req.At, req.Name, "")
}

func (h *Handler) showGroup(_ context.Context, req *GroupRequest) (*Groups, error) {
	out, err := h.groups(req.At, req.Tag, req.Group)
	if err == nil && len(out.Groups) == 0 {
		err = fmt.Errorf("tag %s has no group %.80q: %w", req.Tag, req.Group, iofs.ErrNotExist)
	}
	return out, err
}

func (h *Handler) exportGroups(_ context.Context, req *NameRequest) (*GroupFile, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	resolved, err := compose.Resolve(r, req.Name)
	if err != nil {
		return nil, err
	}
	c, err := resolved.Comps(r)
	if err != nil {
		return nil, err
	}
	return &GroupFile{c.Marshal()}, nil
}

// groups describes the groups of a tag's views or, with an id, what has that, with packages.
func (h *Handler) groups(at At, tag, id string) (*Groups, error) {
	r, _, err := h.st.State(at.moment())
	if err != nil {
		return nil, err
	}
	resolved, err := compose.Resolve(r, tag)
	if err != nil {
		return nil, err
	}
	all, err := resolved.Groups(r)
	if err != nil {
		return nil, err
	}
	made, err := all.Comps(resolved.Tags[tag].Koji)
	if err != nil {
		return nil, err
	}
	inViews := map[string]comps.Group{}
	for _, g := range made.Groups {
		inViews[g.ID] = g
	}
	out := &Groups{Tag: tag, Groups: []Group{}}
	for i := range all.Groups {
		g := &all.Groups[i]
		if id != "" && g.ID != id {
			continue
		}
		v := groupOf("group", g.ID, g.From, g.Blocked, g.Config.About)
		v.Hidden, v.Default, v.Biarch, v.LangOnly = g.Config.Hidden, g.Config.Default, g.Config.Biarch, g.Config.LangOnly
		has := map[string]bool{}
		for _, p := range inViews[g.ID].Packages {
			has[p.Name] = true
		}
		for _, x := range inViews[g.ID].Expanded {
			for _, p := range x.Packages {
				has[p.Name] = true
			}
		}
		if v.Count = len(has); id != "" {
			v.Packages = groupPackages(all, g, inViews[g.ID])
		}
		out.Groups = append(out.Groups, v)
	}
	for _, k := range []struct {
		kind string
		sets []merge.ViewSet
	}{{"environment", all.Environments}, {"category", all.Categories}} {
		for _, s := range k.sets {
			if id != "" && s.ID != id {
				continue
			}
			v := groupOf(k.kind, s.ID, s.From, s.Blocked, s.About)
			v.Groups, v.Count = s.Set.Groups, len(s.Set.Groups)
			for _, o := range s.Options {
				v.Options = append(v.Options, o.Group)
			}
			out.Groups = append(out.Groups, v)
		}
	}
	return out, nil
}

func groupOf(kind, id, from string, blocked bool, a comps.About) Group {
	return Group{ID: id, Kind: kind, Name: a.Name, Description: a.Description, From: from, Blocked: blocked, Order: a.DisplayOrder}
}

// groupPackages lists what is in a group: what it requires, its packages, and those that it has by requiring; blocked ones too.
func groupPackages(all *merge.Groups, g *merge.ViewGroup, made comps.Group) []GroupPackage {
	entry := func(e merge.ViewEntry, mark, via string) GroupPackage {
		return GroupPackage{mark + e.Name, e.Type, e.Requires, e.BaseArch, e.From, e.Blocked, via}
	}
	var out []GroupPackage
	for _, e := range g.Requires {
		out = append(out, entry(e, state.GroupMark, ""))
	}
	for _, e := range g.Packages {
		out = append(out, entry(e, "", ""))
	}
	for _, x := range made.Expanded {
		brought := map[string]bool{}
		for _, p := range x.Packages {
			brought[p.Name] = true
		}
		for _, e := range all.Lookup(x.Group).Packages {
			if brought[e.Name] && !e.Blocked {
				out = append(out, entry(e, "", x.Group))
			}
		}
	}
	return out
}
