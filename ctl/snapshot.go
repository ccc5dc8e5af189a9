package ctl

import (
	"context"
	"time"

	"vrepofs/state"
	"vrepofs/store"
)

// Snapshot is a snapshot as requests show it.
type Snapshot struct {
	Ref      string    `json:"ref"` // "fedora@20261121T043000Z"
	Repo     string    `json:"repo"`
	ID       string    `json:"id"`
	Event    uint64    `json:"event"`
	Time     time.Time `json:"time"`
	Mode     string    `json:"mode"`  // "generated" or "verbatim": whose repodata it has
	RPMs     int       `json:"rpms"`  // how many
	Bytes    int64     `json:"bytes"` // sum of their sizes
	Revision string    `json:"revision,omitempty"`
	Upstream string    `json:"upstream,omitempty"` // URL of the repository that it is a copy of
	Path     string    `json:"path"`               // in the mount: "repos/fedora/20261121T043000Z"
}

// Snapshots answers ListSnapshots.
type Snapshots struct {
	Snapshots []Snapshot `json:"snapshots"`
}

// RPM is one RPM as requests show it.
type RPM struct {
	Path   string   `json:"path,omitempty"` // in a snapshot: "Packages/z/zlib-1.3.1-4.fc42.x86_64.rpm"
	File   string   `json:"file"`           // base name
	NEVRA  string   `json:"nevra"`          // "zlib-1.3.1-4.fc42.x86_64", with "epoch:" before the version if there is one
	Arch   string   `json:"arch"`
	Source string   `json:"source,omitempty"` // file name of its source RPM
	Digest string   `json:"digest"`           // SHA-256 of the file
	RPMID  string   `json:"rpm_id"`           // equal for signed copies of one RPM
	Keys   []string `json:"keys,omitempty"`   // ids of the keys that signed it
	Bytes  int64    `json:"bytes"`
}

// RPMsRequest asks for a page of a snapshot's RPMs: those whose path is above After, Limit of them at most.
type RPMsRequest struct {
	At
	Ref   string `json:"ref"`
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"` // 0 or too much: maxPage
}

// RPMs is a page of RPMs; More says that others follow.
type RPMs struct {
	RPMs []RPM `json:"rpms"`
	More bool  `json:"more,omitempty"`
}

// maxPage is how many rows an answer has at most.
const maxPage = 1000

// DiffRequest asks for the difference of two snapshots.
type DiffRequest struct {
	At
	A string `json:"a"`
	B string `json:"b"`
}

// SnapshotDiff is what differs between two snapshots, by package: an RPM that only lies at another path does not.
type SnapshotDiff struct {
	A       Snapshot     `json:"a"`
	B       Snapshot     `json:"b"`
	Added   []RPM        `json:"added"`
	Removed []RPM        `json:"removed"`
	Changed []ChangedRPM `json:"changed"` // the same NEVRA with other bytes
}

// ChangedRPM is one NEVRA that has other bytes.
type ChangedRPM struct {
	Old RPM `json:"old"`
	New RPM `json:"new"`
	// Resigned says that only the signature differs.
	Resigned bool `json:"resigned"`
}

// ListSnapshots lists the snapshots of a repo, oldest first.
func (c *Client) ListSnapshots(ctx context.Context, at At, repo string) (*Snapshots, error) {
	return call[Snapshots](ctx, c, "snapshot/list", NameRequest{at, repo})
}

// ShowSnapshot describes "REPO@ID", "REPO@latest" or "REPO".
func (c *Client) ShowSnapshot(ctx context.Context, at At, ref string) (*Snapshot, error) {
	return call[Snapshot](ctx, c, "snapshot/show", NameRequest{at, ref})
}

// SnapshotRPMs calls f for each RPM of a snapshot, in the order of paths.
func (c *Client) SnapshotRPMs(ctx context.Context, at At, ref string, f func(RPM) error) error {
	for after := ""; ; {
		page, err := call[RPMs](ctx, c, "snapshot/rpms", RPMsRequest{At: at, Ref: ref, After: after})
		if err != nil {
			return err
		}
		for _, r := range page.RPMs {
			if err := f(r); err != nil {
				return err
			}
			after = r.Path
		}
		if !page.More {
			return nil
		}
	}
}

// DiffSnapshots compares two snapshots, of one repo or of two.
func (c *Client) DiffSnapshots(ctx context.Context, at At, a, b string) (*SnapshotDiff, error) {
	return call[SnapshotDiff](ctx, c, "snapshot/diff", DiffRequest{at, a, b})
}

// RemoveSnapshot removes "REPO@ID" from the repo's line. Earlier events still show it.
func (c *Client) RemoveSnapshot(ctx context.Context, why Why, ref string) (*Change, error) {
	return call[Change](ctx, c, "snapshot/remove", RemoveRequest{why, ref})
}

func (h *Handler) listSnapshots(_ context.Context, req *NameRequest) (*Snapshots, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	if _, err := state.GetRepo(r, req.Name); err != nil {
		return nil, err
	}
	out := &Snapshots{Snapshots: []Snapshot{}}
	for s, err := range state.Snapshots(r, req.Name) {
		if err != nil {
			return nil, err
		}
		out.Snapshots = append(out.Snapshots, snapshotOf(s))
	}
	return out, nil
}

func (h *Handler) showSnapshot(_ context.Context, req *NameRequest) (*Snapshot, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	s, err := state.GetSnapshot(r, req.Name)
	if err != nil {
		return nil, err
	}
	v := snapshotOf(s)
	return &v, nil
}

func (h *Handler) listSnapshotRPMs(_ context.Context, req *RPMsRequest) (*RPMs, error) {
	limit := req.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	rows, more, err := h.st.SnapshotRPMs(req.moment(), req.Ref, req.After, limit)
	if err != nil {
		return nil, err
	}
	out := &RPMs{RPMs: make([]RPM, len(rows)), More: more}
	for i, r := range rows {
		out.RPMs[i] = rpmOf(r.RPM)
		out.RPMs[i].Path = r.Path
	}
	return out, nil
}

func (h *Handler) diffSnapshots(ctx context.Context, req *DiffRequest) (*SnapshotDiff, error) {
	d, err := h.st.DiffSnapshots(ctx, req.moment(), req.A, req.B)
	if err != nil {
		return nil, err
	}
	out := &SnapshotDiff{A: snapshotOf(d.A), B: snapshotOf(d.B), Added: rpmsOf(d.Added), Removed: rpmsOf(d.Removed), Changed: []ChangedRPM{}}
	for _, c := range d.Changed {
		out.Changed = append(out.Changed, changedOf(c))
	}
	return out, nil
}

func (h *Handler) removeSnapshot(ctx context.Context, req *RemoveRequest) (*Change, error) {
	return changed(h.st.RemoveSnapshot(ctx, who(ctx, req.Why), req.Name))
}

func snapshotOf(s state.Snapshot) Snapshot {
	return Snapshot{
		Ref: s.Ref(), Repo: s.Repo, ID: s.ID, Event: s.Made.Event, Time: stampTime(s.Made.Stamp), Mode: string(s.Mode),
		RPMs: s.Count, Bytes: s.Bytes, Revision: s.Revision, Upstream: s.Upstream, Path: "repos/" + s.Repo + "/" + s.ID,
	}
}

func changedOf(c store.ChangedRPM) ChangedRPM {
	return ChangedRPM{Old: rpmOf(c.Old), New: rpmOf(c.New), Resigned: c.Old.ID == c.New.ID}
}

func rpmOf(r state.RPM) RPM {
	return RPM{
		File: r.File, NEVRA: r.NEVRA.String(), Arch: r.Arch, Source: r.Source, Digest: r.Digest.String(), RPMID: r.ID.String(),
		Keys: r.Keys, Bytes: r.Size,
	}
}

func rpmsOf(rows []state.RPM) []RPM {
	out := make([]RPM, len(rows))
	for i, r := range rows {
		out[i] = rpmOf(r)
	}
	return out
}
