package ctl

import (
	"context"

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
	BaseURLs   []string `json:"baseurls"`       // what both name first now: this generation, for ever
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
		Arch: arch, Repo: url + string(pinned.Repo), Mirrorlist: url + string(pinned.Mirrorlist), BaseURLs: f.URLs(),
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

// pinnedViews are those of a tag's views; none where the site is not known. Those of a tag that is held back are of the generation that
// its name shows: the newest cannot be served.
func (h *Handler) pinnedViews(r state.Reader, t state.Tag, held bool) (out []Pinned, err error) {
	if held {
		g, ok := h.d.layout.Shown(t.Name)
		if !ok {
			return nil, nil
		}
		if r, err = h.st.Past(g.Event); err != nil {
			return nil, err
		}
		if t, err = state.GetTag(r, t.Name); err != nil {
			return nil, err
		}
	}
	for _, arch := range t.Arches {
		f, _, ok, err := store.PinnedView(r, nil, t.Name, arch)
		if err != nil || !ok {
			return nil, err
		}
		out = append(out, *pinnedOf(f, arch))
	}
	return out, nil
}
