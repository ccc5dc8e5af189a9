package ctl

import (
	"cmp"
	"context"
	"slices"
	"time"

	"vrepofs/compose"
	"vrepofs/merge"
	"vrepofs/state"
	"vrepofs/store"
)

// Tag is a tag as requests show it.
type Tag struct {
	Name       string   `json:"name"`
	Arches     []string `json:"arches"`
	Created    Change   `json:"created"`
	Changed    Change   `json:"changed"`    // when the tag itself last changed
	Generation Change   `json:"generation"` // when it or anything it inherits from last changed: what its views show
	Inherit    []Parent `json:"inherit"`    // by priority
	// Externals are its own external repos, by priority, without what they are now (ListExternals).
	Externals  []External `json:"externals,omitempty"`
	Count      int        `json:"count"`                // number of builds in the tag itself
	Metadata   Metadata   `json:"metadata,omitzero"`    // how the repodata of its views is written
	PkgOrigins bool       `json:"pkgorigins,omitempty"` // it tells where each package comes from
	Latest     int        `json:"latest,omitempty"`     // builds of each package in its views: 0 is 1, negative all
	Listed     bool       `json:"listed,omitempty"`     // it takes only builds of packages in its package list
	Koji       bool       `json:"koji,omitempty"`       // its views are as Koji's hub and mergerepo_c make them
	Contents   Contents   `json:"contents,omitzero"`    // what its views hold beside packages of their arch, or leave out
	// Keys are the wanted signing keys, the best first; RequireSigned shows nothing that none of them signed.
	Keys          []string  `json:"keys,omitempty"`
	RequireSigned bool      `json:"require_signed,omitempty"`
	Until         time.Time `json:"until,omitzero"` // when it is removed; none: never
	Held          string    `json:"held,omitempty"` // why its name in the mount stays on an older generation
	// Builds and the package list are only in the answer to ShowTag.
	Builds    []TagBuild `json:"builds,omitempty"`
	Others    []Other    `json:"others,omitempty"` // metadata that its views have from external repos as it is
	Pinned    []Pinned   `json:"pinned,omitempty"` // where clients find its views; none where the site is not known
	Blocked   []string   `json:"blocked,omitempty"`
	Groups    int        `json:"groups,omitempty"`    // of packages, that its views offer
	Unblocked []string   `json:"unblocked,omitempty"` // listed, which overrides a parent's block
}

// Other is a kind of metadata that the views of a tag have from one external repo as it is there: nothing is merged.
type Other struct {
	Kind       string   `json:"kind"`             // "updateinfo", "modules"; "group" with group_gz
	Source     string   `json:"source,omitempty"` // "fedora@20261121T043000Z"; "" for groups of the tag itself
	PassedOver []string `json:"passed_over,omitempty"`
	Arches     []string `json:"arches,omitempty"` // of the views; none: all
	Fault      string   `json:"fault,omitempty"`  // what of it vrepofs could not read
}

// TagBuild is one build in a tag, or in one that it inherits from.
type TagBuild struct {
	NVR     string `json:"nvr"`
	Package string `json:"package"`
	Event   uint64 `json:"event"`             // when it was tagged
	Tag     string `json:"tag"`               // which has it
	Verdict string `json:"verdict,omitempty"` // "chosen", or why it is not in the views
}

// Tags answers ListTags.
type Tags struct {
	Tags []Tag `json:"tags"`
}

// Metadata says how repodata is written; its zero value is the default.
type Metadata struct {
	Compress   string `json:"compress,omitempty"`   // "gzip" or "zstd"; "" means gzip
	Changelogs int    `json:"changelogs,omitempty"` // newest change log entries of each package; 0 means 10, negative all
}

// SetTagRequest changes settings of a tag. What is not in it stays as it is.
type SetTagRequest struct {
	Why
	Name string `json:"name"`
	TagSettings
}

// TagSettings are settings of a tag; nil stays as it is.
type TagSettings struct {
	Metadata      *Metadata `json:"metadata,omitempty"`       // how the repodata of its views is written
	Keys          *[]string `json:"keys,omitempty"`           // wanted signing keys, the best first
	RequireSigned *bool     `json:"require_signed,omitempty"` // show nothing that none of them signed
	Koji          *bool     `json:"koji,omitempty"`           // views as Koji's hub and mergerepo_c make them
	PkgOrigins    *bool     `json:"pkgorigins,omitempty"`     // pkgorigins.gz in the metadata of its views
	Latest        *int      `json:"latest,omitempty"`         // builds of each package in its views; negative: all
	Listed        *bool     `json:"listed,omitempty"`         // take only builds of packages in the package list
	Until         *Until    `json:"until,omitempty"`          // when the tag is removed
	Arches        *[]string `json:"arches,omitempty"`         // its views, all of them
	Multilib      *[]string `json:"multilib,omitempty"`       // names, with * and ?, of packages of its second arch that a view holds
	Sources       *bool     `json:"sources,omitempty"`        // source RPMs in the view of every arch
	Debuginfo     *bool     `json:"debuginfo,omitempty"`      // debuginfo where no view has it apart
}

// Contents says what views hold beside packages of their arch, or leave out; its zero value is the default.
type Contents struct {
	Multilib    []string `json:"multilib,omitempty"`     // names, with * and ?, of packages of its second arch that a view holds
	Sources     bool     `json:"sources,omitempty"`      // source RPMs in the view of every arch
	NoDebuginfo bool     `json:"no_debuginfo,omitempty"` // debuginfo in debug views alone
}

// CreateTagRequest makes a tag.
type CreateTagRequest struct {
	Why
	Name          string   `json:"name"`
	Arches        []string `json:"arches"` // none: those of what it inherits from
	Inherit       []Parent `json:"inherit,omitempty"`
	Until         *Until   `json:"until,omitempty"` // when it is removed
	Keys          []string `json:"keys,omitempty"`  // wanted signing keys, the best first
	RequireSigned bool     `json:"require_signed,omitempty"`
	Listed        bool     `json:"listed,omitempty"` // it takes only builds of packages in its package list
}

// TagRequest changes a tag's builds or packages.
type TagRequest struct {
	Why
	Name  string   `json:"name"`
	Items []string `json:"items"`           // NVRs of builds, or names of packages
	Force bool     `json:"force,omitempty"` // of tag/add and tag/unlist: though the package list says no
}

// ShowTagRequest asks for a tag; Inherited wants the builds of the tags that it inherits from too.
type ShowTagRequest struct {
	At
	Name      string `json:"name"`
	Inherited bool   `json:"inherited,omitempty"`
}

// ListTags lists all tags by name.
func (c *Client) ListTags(ctx context.Context, at At) (*Tags, error) {
	return call[Tags](ctx, c, "tag/list", ListRequest{at})
}

// ShowTag describes a tag with its builds and its package list; inherited adds the builds of its parents with what became
// of each.
func (c *Client) ShowTag(ctx context.Context, at At, name string, inherited bool) (*Tag, error) {
	return call[Tag](ctx, c, "tag/show", ShowTagRequest{at, name, inherited})
}

// CreateTag makes an empty open tag with views of the given arches.
func (c *Client) CreateTag(ctx context.Context, why Why, name string, arches []string) (*Change, error) {
	return c.CreateSignedTag(ctx, CreateTagRequest{Why: why, Name: name, Arches: arches})
}

// CreateSignedTag makes an empty tag whose views want certain signatures.
func (c *Client) CreateSignedTag(ctx context.Context, req CreateTagRequest) (*Change, error) {
	return call[Change](ctx, c, "tag/create", req)
}

// SetTag changes settings of a tag.
func (c *Client) SetTag(ctx context.Context, why Why, name string, set TagSettings) (*Change, error) {
	return call[Change](ctx, c, "tag/set", SetTagRequest{why, name, set})
}

// DeleteTag removes a tag that no other inherits from.
func (c *Client) DeleteTag(ctx context.Context, why Why, name string) (*Change, error) {
	return call[Change](ctx, c, "tag/delete", RemoveRequest{why, name})
}

// TagBuilds tags builds, all in one event.
func (c *Client) TagBuilds(ctx context.Context, why Why, tag string, nvrs []string) (*Change, error) {
	return call[Change](ctx, c, "tag/add", TagRequest{Why: why, Name: tag, Items: nvrs})
}

// ForceBuilds tags builds and lists their packages in the tag where its package list has not, all in one event.
func (c *Client) ForceBuilds(ctx context.Context, why Why, tag string, nvrs []string) (*Change, error) {
	return call[Change](ctx, c, "tag/add", TagRequest{Why: why, Name: tag, Items: nvrs, Force: true})
}

// UntagBuilds takes builds out of a tag, all in one event.
func (c *Client) UntagBuilds(ctx context.Context, why Why, tag string, nvrs []string) (*Change, error) {
	return call[Change](ctx, c, "tag/remove", TagRequest{Why: why, Name: tag, Items: nvrs})
}

// Block blocks packages in a tag and all that inherit from it.
func (c *Client) Block(ctx context.Context, why Why, tag string, packages []string) (*Change, error) {
	return call[Change](ctx, c, "tag/block", TagRequest{Why: why, Name: tag, Items: packages})
}

// Unblock unblocks packages in a tag, also those that a parent blocks.
func (c *Client) Unblock(ctx context.Context, why Why, tag string, packages []string) (*Change, error) {
	return call[Change](ctx, c, "tag/unblock", TagRequest{Why: why, Name: tag, Items: packages})
}

func (h *Handler) listTags(_ context.Context, req *ListRequest) (*Tags, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	out := &Tags{Tags: []Tag{}}
	for t, err := range state.Tags(r) {
		if err != nil {
			return nil, err
		}
		v, _, err := h.tagOf(r, t)
		if err != nil {
			return nil, err
		}
		out.Tags = append(out.Tags, v)
	}
	return out, nil
}

func (h *Handler) showTag(_ context.Context, req *ShowTagRequest) (*Tag, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	t, err := state.GetTag(r, req.Name)
	if err != nil {
		return nil, err
	}
	v, resolved, err := h.tagOf(r, t)
	if err != nil {
		return nil, err
	}
	if v.Pinned, err = h.pinnedViews(r, t, req.moment() == "" && v.Held != ""); err != nil {
		return nil, err
	}
	if v.Others, err = othersOf(r, resolved, t.Arches); err != nil {
		return nil, err
	}
	v.Builds = []TagBuild{}
	candidates, err := resolved.Candidates(r)
	if err != nil {
		return nil, err
	}
	for _, c := range candidates {
		if c.Tag == t.Name || req.Inherited {
			v.Builds = append(v.Builds, TagBuild{NVR: c.NVR, Package: c.Package, Event: c.Event, Tag: c.Tag, Verdict: c.Verdict.String()})
		}
	}
	list, err := state.TagPackages(r, t)
	if err != nil {
		return nil, err
	}
	for p, e := range list {
		if e.Blocked {
			v.Blocked = append(v.Blocked, p)
		} else {
			v.Unblocked = append(v.Unblocked, p)
		}
	}
	slices.Sort(v.Blocked)
	groups, err := resolved.Groups(r)
	if err != nil {
		return nil, err
	}
	for _, g := range groups.Groups {
		if !g.Blocked {
			v.Groups++
		}
	}
	slices.Sort(v.Unblocked)
	return &v, nil
}

func (h *Handler) createTag(ctx context.Context, req *CreateTagRequest) (*Change, error) {
	want := merge.Signatures{Keys: req.Keys, Required: req.RequireSigned}
	n := store.NewTag{Name: req.Name, Arches: req.Arches}
	for _, p := range req.Inherit {
		n.Inherit = append(n.Inherit, p.link())
	}
	until, err := h.untilOf(req.Until)
	if err != nil {
		return nil, err
	}
	if req.Listed {
		n.Settings.Listed = &req.Listed
	}
	if n.Settings.Until = until; want.Keys != nil || want.Required {
		n.Settings.Keys, n.Settings.Required = &want.Keys, &want.Required
	}
	return changed(h.st.MakeTag(ctx, who(ctx, req.Why), n))
}

func (h *Handler) setTag(ctx context.Context, req *SetTagRequest) (*Change, error) {
	until, err := h.untilOf(req.Until)
	if err != nil {
		return nil, err
	}
	return changed(h.st.SetTag(ctx, who(ctx, req.Why), req.Name, store.TagSettings{
		Metadata: (*state.Metadata)(req.Metadata), Keys: req.Keys, Required: req.RequireSigned, Koji: req.Koji,
		PkgOrigins: req.PkgOrigins, Listed: req.Listed, Latest: req.Latest, Until: until,
		Arches: req.Arches, Multilib: req.Multilib, Sources: req.Sources, Debuginfo: req.Debuginfo,
	}))
}

func (h *Handler) deleteTag(ctx context.Context, req *RemoveRequest) (*Change, error) {
	return changed(h.st.DeleteTag(ctx, who(ctx, req.Why), req.Name))
}

func (h *Handler) tagBuilds(ctx context.Context, req *TagRequest) (*Change, error) {
	if req.Force {
		return changed(h.st.ForceBuilds(ctx, who(ctx, req.Why), req.Name, req.Items))
	}
	return changed(h.st.TagBuilds(ctx, who(ctx, req.Why), req.Name, req.Items))
}

func (h *Handler) untagBuilds(ctx context.Context, req *TagRequest) (*Change, error) {
	return changed(h.st.UntagBuilds(ctx, who(ctx, req.Why), req.Name, req.Items))
}

func (h *Handler) blockPackages(ctx context.Context, req *TagRequest) (*Change, error) {
	return changed(h.st.Block(ctx, who(ctx, req.Why), req.Name, true, req.Items))
}

func (h *Handler) unblockPackages(ctx context.Context, req *TagRequest) (*Change, error) {
	return changed(h.st.Block(ctx, who(ctx, req.Why), req.Name, false, req.Items))
}

// tagOf makes what requests show of a tag.
// othersOf is what the views of some arches have from external repos, what several have alike once.
func othersOf(r state.Reader, v *compose.Resolved, arches []string) ([]Other, error) {
	var out []Other
	for _, arch := range arches {
		others, err := v.Others(r, arch)
		if err != nil {
			return nil, err
		}
		for _, o := range others {
			row := Other{Kind: o.Kind, Source: o.Source, PassedOver: o.PassedOver, Arches: []string{arch}}
			for _, f := range o.Files {
				row.Fault = cmp.Or(row.Fault, f.Fault)
			}
			i := slices.IndexFunc(out, func(have Other) bool {
				return have.Kind == row.Kind && have.Source == row.Source && slices.Equal(have.PassedOver, row.PassedOver)
			})
			if i < 0 {
				out = append(out, row)
			} else {
				out[i].Arches = append(out[i].Arches, arch)
			}
		}
	}
	for i := range out {
		if len(out[i].Arches) == len(arches) {
			out[i].Arches = nil
		}
	}
	return out, nil
}

func (h *Handler) tagOf(r state.Reader, t state.Tag) (Tag, *compose.Resolved, error) {
	resolved, err := compose.Resolve(r, t.Name)
	if err != nil {
		return Tag{}, nil, err
	}
	n, err := h.st.TagCount(t)
	v := Tag{
		Name: t.Name, Arches: t.Arches, Metadata: Metadata(t.Metadata), Created: changeOf(t.Created), Changed: changeOf(t.Changed),
		Generation: changeOf(resolved.Generation), Inherit: parentsOf(t), Externals: externalsOf(t), Count: n,
		Keys: t.Signatures.Keys, RequireSigned: t.Signatures.Required, PkgOrigins: t.PkgOrigins, Koji: t.Koji, Listed: t.Listed, Latest: t.Latest, Until: stampTime(t.Until),
		Contents: Contents(t.Contents),
	}
	if h.d != nil {
		if err := h.d.layout.Held()[t.Name]; err != nil {
			v.Held = err.Error()
		}
	}
	return v, resolved, err
}
