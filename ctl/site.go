package ctl

import (
	"context"
	"strings"

	"vrepofs/pinned"
	"vrepofs/state"
	"vrepofs/store"
)

// Site says under which URLs the root of the mount can be reached.
type Site struct {
	URLs    []string `json:"urls"`    // the preferred first; none: it cannot be, or nobody said it
	Changed *Change  `json:"changed"` // null: it was never set
}

// SiteRequest asks for the site.
type SiteRequest struct{ At }

// SetSiteRequest sets the site.
type SetSiteRequest struct {
	Why
	URLs []string `json:"urls"`
}

// Pinned is where clients find one repository so that they read one generation of it.
type Pinned struct {
	Arch       string   `json:"arch,omitempty"` // of a tag's view
	Repo       string   `json:"repo"`           // URL of the repository definition
	Mirrorlist string   `json:"mirrorlist"`     // URL of the mirrorlist
	BaseURLs   []string `json:"baseurls"`       // what both name now: this generation, for ever
}

// Site returns under which URLs the root of the mount can be reached.
func (c *Client) Site(ctx context.Context, at At) (*Site, error) {
	return call[Site](ctx, c, "site/show", SiteRequest{at})
}

// SetSite says under which URLs the root of the mount can be reached; none: it cannot be.
func (c *Client) SetSite(ctx context.Context, why Why, urls []string) (*Change, error) {
	return call[Change](ctx, c, "site/set", SetSiteRequest{why, urls})
}

func (h *Handler) showSite(_ context.Context, req *SiteRequest) (*Site, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	s, err := state.GetSite(r)
	if err != nil {
		return nil, err
	}
	out := &Site{URLs: append([]string{}, s.URLs...)}
	if s.Changed.Event != 0 {
		c := changeOf(s.Changed)
		out.Changed = &c
	}
	return out, nil
}

func (h *Handler) setSite(ctx context.Context, req *SetSiteRequest) (*Change, error) {
	return changed(h.st.SetSite(ctx, who(ctx, req.Why), req.URLs))
}

// pinnedOf says where the files of a repository are.
func pinnedOf(f pinned.File, arch string) *Pinned {
	url := pinned.URL(f.Sites[0], f.Moves)
	return &Pinned{
		Arch: arch, Repo: url + string(pinned.Repo), Mirrorlist: url + string(pinned.Mirrorlist), BaseURLs: strings.Fields(f.Text(pinned.Mirrorlist)),
	}
}

// pinnedChannel is nil where the site is not known.
func pinnedChannel(r state.Reader, c state.Channel) (*Pinned, error) {
	f, ok, err := store.PinnedChannel(r, c)
	if err != nil || !ok {
		return nil, err
	}
	return pinnedOf(f, ""), nil
}

// pinnedViews are those of a tag's views; none where the site is not known.
func pinnedViews(r state.Reader, t state.Tag) (out []Pinned, err error) {
	for _, arch := range t.Arches {
		f, _, ok, err := store.PinnedView(r, t.Name, arch)
		if err != nil || !ok {
			return nil, err
		}
		out = append(out, *pinnedOf(f, arch))
	}
	return out, nil
}
