package ctl

import (
	"context"
	"math"
	"time"

	"vrepofs/state"
)

// TagEvent is one event that changed a tag. Rows of the log that were committed together share one.
type TagEvent struct {
	Event uint64    `json:"event"`
	Time  time.Time `json:"time"`
	Rows  []LogRow  `json:"rows"`
	// Tags has the tag itself first. With its parents there can be several, or the tag be not among them.
	Tags  []TagChange  `json:"tags"`
	Repos []RepoChange `json:"repos,omitempty"` // external repos that are followed
}

// TagChange is what one event changed in one tag.
type TagChange struct {
	Tag       string        `json:"tag"`
	Created   bool          `json:"created,omitempty"`
	Deleted   bool          `json:"deleted,omitempty"`  // of plans
	Added     []string      `json:"added,omitempty"`    // NVRs of builds
	Retagged  []string      `json:"retagged,omitempty"` // that it had: tagged again
	Removed   []string      `json:"removed,omitempty"`
	Packages  []ValueChange `json:"packages,omitempty"` // of its package list: "blocked", "listed"
	Groups    []ValueChange `json:"groups,omitempty"`   // "core", or "core/bash" for what is in it
	Parents   []ValueChange `json:"parents,omitempty"`
	Externals []ValueChange `json:"externals,omitempty"`
	Settings  []ValueChange `json:"settings,omitempty"`
}

// ValueChange is one thing that has another value: "" is none, or the default of a setting.
type ValueChange struct {
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// RepoChange is a followed repo that got another snapshot.
type RepoChange struct {
	Repo string `json:"repo"`
	Old  string `json:"old"` // "fedora@20261121T043000Z"; "" when there was none
	New  string `json:"new"`
}

// HistoryRequest asks for events that changed a tag, newest first.
type HistoryRequest struct {
	At
	Name      string `json:"name"`
	Inherited bool   `json:"inherited,omitempty"` // those too that changed what it inherits from
	Before    uint64 `json:"before,omitempty"`    // only events below it; 0: all
	Limit     int    `json:"limit,omitempty"`     // 0 or too much: maxPage
}

// TagHistory is a page of a tag's history, newest first; More says that older events follow.
type TagHistory struct {
	Events []TagEvent `json:"events"`
	More   bool       `json:"more,omitempty"`
}

// TagHistory calls f for the newest n events that changed a tag, newest first; n ≤ 0 means all. With inherited also for those that
// changed a tag or a followed repo that it inherits from.
func (c *Client) TagHistory(ctx context.Context, at At, tag string, inherited bool, n int, f func(TagEvent) error) error {
	if n <= 0 {
		n = math.MaxInt
	}
	for before := uint64(0); n > 0; {
		page, err := call[TagHistory](ctx, c, "tag/history", HistoryRequest{at, tag, inherited, before, min(n, maxPage)})
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if err := f(e); err != nil {
				return err
			}
			before = e.Event
		}
		n -= len(page.Events)
		if !page.More || len(page.Events) == 0 {
			return nil
		}
	}
	return nil
}

func (h *Handler) tagHistory(ctx context.Context, req *HistoryRequest) (*TagHistory, error) {
	limit := req.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	events, more, err := h.st.TagHistory(ctx, req.moment(), req.Name, req.Inherited, req.Before, limit)
	if err != nil {
		return nil, err
	}
	out := &TagHistory{Events: []TagEvent{}, More: more}
	names := userNames{}
	for _, e := range events {
		v := TagEvent{Rows: []LogRow{}, Tags: []TagChange{}}
		for _, row := range e.Rows {
			v.Event, v.Time = row.Seq, stampTime(row.Stamp)
			v.Rows = append(v.Rows, names.row(row))
		}
		for _, t := range e.Tags {
			v.Tags = append(v.Tags, tagChangeOf(t.Tag, t.TagDiff))
		}
		for _, r := range e.Repos {
			v.Repos = append(v.Repos, RepoChange(r))
		}
		out.Events = append(out.Events, v)
	}
	return out, nil
}

func tagChangeOf(tag string, d state.TagDiff) TagChange {
	return TagChange{
		Tag: tag, Created: d.Created, Deleted: d.Deleted, Added: d.Added, Retagged: d.Retagged, Removed: d.Removed, Packages: valuesOf(d.Packages), Groups: valuesOf(d.Groups),
		Parents: valuesOf(d.Parents), Externals: valuesOf(d.Externals), Settings: valuesOf(d.Settings),
	}
}

func tagStepsOf(steps []state.TagStep) []TagChange {
	var out []TagChange
	for _, s := range steps {
		out = append(out, tagChangeOf(s.Name, s.TagDiff))
	}
	return out
}

func valuesOf(list []state.ValueChange) []ValueChange {
	var out []ValueChange
	for _, v := range list {
		out = append(out, ValueChange(v))
	}
	return out
}
