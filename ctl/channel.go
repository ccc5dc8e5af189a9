package ctl

import (
	"context"
	"time"

	"vrepofs/state"
	"vrepofs/store"
)

// Channel is what lies at a path of a published tree as requests show it.
type Channel struct {
	Path    string  `json:"path"`            // in the mount below channels/: "production/9/core/x86_64/os"
	Source  string  `json:"source"`          // "fedora@20261121T043000Z", "dev/x86_64@17" or "files:2cf24dba5fb0"
	Mode    string  `json:"mode"`            // "generated" or "verbatim": whose repodata it has; or "files": what was put there
	RPMs    int     `json:"rpms"`            // how many
	Files   int     `json:"files,omitempty"` // how many were put
	Bytes   int64   `json:"bytes"`           // sum of their sizes
	Changed Change  `json:"changed"`
	Signed  string  `json:"signed,omitempty"` // fingerprint of the key that signed its repomd.xml
	Frozen  string  `json:"frozen,omitempty"` // the frozen path that covers it
	Pinned  *Pinned `json:"pinned,omitempty"` // where clients find it; nil where the site is not known
}

// Channels answers ListChannels.
type Channels struct {
	Channels []Channel `json:"channels"`
	Frozen   []string  `json:"frozen"` // frozen paths
}

// ChannelStep is what happens to one repository of a channel. After of a plan is "dev/x86_64" for a view that the same commit changes.
type ChannelStep struct {
	Path     string        `json:"path"`
	Action   string        `json:"action"` // "set", "changed", "removed", "unchanged"
	Before   string        `json:"before,omitempty"`
	After    string        `json:"after,omitempty"`
	Verbatim bool          `json:"verbatim,omitempty"` // what it becomes keeps upstream's repodata
	Packages *PackagesDiff `json:"packages,omitempty"` // of dry runs and logs
}

// PackagesDiff is what differs by package. Upgraded and downgraded go by rpm's comparison of versions; replaced is the same
// version with other bytes.
type PackagesDiff struct {
	Added      PackagesList `json:"added"`
	Removed    PackagesList `json:"removed"`
	Upgraded   PackagesList `json:"upgraded"`
	Downgraded PackagesList `json:"downgraded"`
	Replaced   PackagesList `json:"replaced"`
}

// PackagesList counts packages and names the first of them.
type PackagesList struct {
	Count int             `json:"count"`
	First []PackageChange `json:"first,omitempty"` // at most 100
}

// PackageChange is one package before and after.
type PackageChange struct {
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// ChannelPlan is what an operation on channels does, or would do.
type ChannelPlan struct {
	DryRun bool          `json:"dry_run,omitempty"`
	Change *Change       `json:"change,omitempty"` // not of a dry run, nor when there was nothing to do
	Plan   string        `json:"plan,omitempty"`   // names exactly this plan: MoveRequest.Plan of the commit
	Tags   []TagChange   `json:"tags,omitempty"`   // what becomes of tags first, in the order in which they were named; of apply
	Steps  []ChannelStep `json:"steps"`
}

// ChannelEvent is one event that moved a channel, froze or thawed it. Rows of the log that were committed together share one.
type ChannelEvent struct {
	Event uint64        `json:"event"`
	Time  time.Time     `json:"time"`
	Rows  []LogRow      `json:"rows"`
	Steps []ChannelStep `json:"steps"`
	// Frozen and Thawed are paths that the event froze or thawed: the one asked for, or above or below it.
	Frozen []string `json:"frozen,omitempty"`
	Thawed []string `json:"thawed,omitempty"`
}

// ChannelLog is a page of a channel's history, newest first; More says that older events follow.
type ChannelLog struct {
	Events []ChannelEvent `json:"events"`
	More   bool           `json:"more,omitempty"`
}

// ListChannelsRequest asks what is published at and below a path; "" is everything.
type ListChannelsRequest struct {
	At
	Path string `json:"path,omitempty"`
}

// FreezeRequest refuses moves at and below a path, or allows them again.
type FreezeRequest struct {
	Why
	Path string `json:"path"`
	Thaw bool   `json:"thaw,omitempty"`
}

// ChannelLogRequest asks for the events that moved a path, newest first.
type ChannelLogRequest struct {
	Path   string `json:"path,omitempty"`
	Before uint64 `json:"before,omitempty"` // only events below it; 0: all
	Limit  int    `json:"limit,omitempty"`  // 0 or too much: maxHistory
}

// maxHistory is how many events of a history an answer has at most: each compares two trees.
const maxHistory = 50

// ListChannels lists what is published at and below a path, by path; "" is everything.
func (c *Client) ListChannels(ctx context.Context, at At, path string) (*Channels, error) {
	return call[Channels](ctx, c, "channel/list", ListChannelsRequest{at, path})
}

// FreezeChannel refuses moves at and below a path.
func (c *Client) FreezeChannel(ctx context.Context, why Why, path string) (*Change, error) {
	return call[Change](ctx, c, "channel/freeze", FreezeRequest{Why: why, Path: path})
}

// ThawChannel ends the freeze of a path.
func (c *Client) ThawChannel(ctx context.Context, why Why, path string) (*Change, error) {
	return call[Change](ctx, c, "channel/freeze", FreezeRequest{why, path, true})
}

// ChannelLog calls f for the newest n events that moved a path or anything below it, newest first; n ≤ 0 means all, path ""
// everything.
func (c *Client) ChannelLog(ctx context.Context, path string, n int, f func(ChannelEvent) error) error {
	before, left := uint64(0), n
	for {
		limit := maxHistory
		if n > 0 {
			limit = min(left, maxHistory)
		}
		page, err := call[ChannelLog](ctx, c, "channel/log", ChannelLogRequest{path, before, limit})
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if err := f(e); err != nil {
				return err
			}
			before = e.Event
		}
		left -= len(page.Events)
		if !page.More || n > 0 && left <= 0 {
			return nil
		}
	}
}

func (h *Handler) listChannels(_ context.Context, req *ListChannelsRequest) (*Channels, error) {
	if req.Path != "" {
		if err := state.CheckChannelPath(req.Path); err != nil {
			return nil, err
		}
	}
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	out := &Channels{Channels: []Channel{}, Frozen: []string{}}
	for c, err := range state.Channels(r, req.Path) {
		if err != nil {
			return nil, err
		}
		frozen, _, err := state.Frozen(r, c.Path)
		if err != nil {
			return nil, err
		}
		pins, err := pinnedChannel(r, c)
		if err != nil {
			return nil, err
		}
		v := Channel{Path: c.Path, Source: c.Source(), Mode: string(c.Mode), Bytes: c.Bytes, Changed: changeOf(c.Changed), Signed: c.Signed, Frozen: frozen, Pinned: pins}
		if c.Files == "" {
			v.RPMs = c.Count
		} else {
			v.Files = c.Count
		}
		out.Channels = append(out.Channels, v)
	}
	for path, err := range state.Freezes(r) {
		if err != nil {
			return nil, err
		}
		out.Frozen = append(out.Frozen, path)
	}
	return out, nil
}

func (h *Handler) freezeChannel(ctx context.Context, req *FreezeRequest) (*Change, error) {
	return changed(h.st.FreezeChannel(ctx, who(ctx, req.Why), req.Path, !req.Thaw))
}

func (h *Handler) logChannel(ctx context.Context, req *ChannelLogRequest) (*ChannelLog, error) {
	limit := req.Limit
	if limit <= 0 || limit > maxHistory {
		limit = maxHistory
	}
	events, more, err := h.st.ChannelHistory(ctx, req.Path, req.Before, limit)
	if err != nil {
		return nil, err
	}
	out := &ChannelLog{Events: []ChannelEvent{}, More: more}
	for _, e := range events {
		v := ChannelEvent{Steps: stepsOf(e.Steps)}
		for _, f := range e.Freezes {
			if f.Thawed {
				v.Thawed = append(v.Thawed, f.Path)
			} else {
				v.Frozen = append(v.Frozen, f.Path)
			}
		}
		for _, row := range e.Rows {
			v.Event, v.Time = row.Seq, stampTime(row.Stamp)
			v.Rows = append(v.Rows, LogRow{
				Event: row.Seq, Time: v.Time, UID: row.UID, User: userName(row.UID), Command: row.Command, Label: row.Label, Note: row.Note,
			})
		}
		out.Events = append(out.Events, v)
	}
	return out, nil
}

func stepsOf(steps []store.Step) []ChannelStep {
	out := make([]ChannelStep, 0, len(steps))
	for _, s := range steps {
		v := ChannelStep{Path: s.Path, Action: string(s.Action)}
		if s.Old != nil {
			v.Before = s.Old.Source()
		}
		if s.New != nil {
			v.After, v.Verbatim = s.New.Source(), s.New.Mode == state.Verbatim
		}
		if d := s.Packages; d != nil {
			v.Packages = &PackagesDiff{
				Added: listOf(d.Added), Removed: listOf(d.Removed), Upgraded: listOf(d.Upgraded), Downgraded: listOf(d.Downgraded), Replaced: listOf(d.Replaced),
			}
		}
		out = append(out, v)
	}
	return out
}

func listOf(l store.PackageList) PackagesList {
	out := PackagesList{Count: l.Count}
	for _, p := range l.First {
		out.First = append(out.First, PackageChange(p))
	}
	return out
}
