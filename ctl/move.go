package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"vrepofs/state"
	"vrepofs/store"
)

// MoveRequest is an operation on channels; apply is one on tags, too.
type MoveRequest struct {
	Why
	Verb   string `json:"verb"`             // "set", "promote", "rollback", "unset", "apply"
	Path   string `json:"path,omitempty"`   // what is changed; not of apply
	Source string `json:"source,omitempty"` // set: what is published; promote: the path it comes from
	To     string `json:"to,omitempty"`     // rollback: the moment; "" is before the last move
	// Tags, Channels and Promotions are those of apply, in this order.
	Tags       []state.WantedTag `json:"tags,omitempty"`
	Channels   []WantedChannel   `json:"channels,omitempty"`
	Promotions []Promotion       `json:"promotions,omitempty"`

	DryRun     bool         `json:"dry_run,omitempty"`
	Regenerate bool         `json:"regenerate,omitempty"` // repodata of ours for verbatim snapshots
	Closure    *ClosureGate `json:"closure,omitempty"`    // refuse new unmet requirements
	// Plan, if not "", is that of a dry run: the operation is refused (state.ErrConflict) unless it would do exactly that.
	Plan string `json:"plan,omitempty"`
	// Candidate, if not "", is the Name of the plan's candidate: it is published byte for byte, if nothing came between.
	Candidate string `json:"candidate,omitempty"`
	// Hold is for how many seconds a candidate is kept at most; 0: maxHold.
	Hold int64 `json:"hold,omitempty"`
}

// WantedChannel says what is to be at a path and below it, all of it.
type WantedChannel struct {
	Path  string       `json:"path"`
	Parts []WantedPart `json:"parts"` // none: nothing is to be there
}

// WantedPart is one repository that is wanted.
type WantedPart struct {
	Path   string `json:"path"`
	Source string `json:"source"`
	Where  string `json:"where,omitempty"` // for errors: "wanted.yaml:3"
}

// Promotion makes everything at and below To what is at and below From.
type Promotion struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// ClosureGate is store.Closure.
type ClosureGate struct {
	Universe string `json:"universe,omitempty"` // a path of channels; "": the first two components of each path that moves
}

// Candidate is what an operation would publish, mounted and not committed.
type Candidate struct {
	Name string `json:"name"` // of the directory in at/
	Path string `json:"path"` // absolute, of the directory that would be channels
}

// maxHold is how long a candidate is kept at most.
const maxHold = 2 * time.Hour

// Move carries an operation on channels out, or says what it would do.
func (c *Client) Move(ctx context.Context, req MoveRequest) (*ChannelPlan, error) {
	return call[ChannelPlan](ctx, c, "channel/move", req)
}

// SetChannel publishes a snapshot or a view at a path.
func (c *Client) SetChannel(ctx context.Context, why Why, path, source string, dry bool) (*ChannelPlan, error) {
	return c.Move(ctx, MoveRequest{Why: why, Verb: "set", Path: path, Source: source, DryRun: dry})
}

// Promote publishes everything at and below from also at to.
func (c *Client) Promote(ctx context.Context, why Why, from, to string, dry bool) (*ChannelPlan, error) {
	return c.Move(ctx, MoveRequest{Why: why, Verb: "promote", Path: to, Source: from, DryRun: dry})
}

// Try mounts the candidate of an operation. It is there until release is called, this process ends, req.Hold is over or the daemon
// ends. iofs.ErrInvalid without a daemon: there is no mount.
func (c *Client) Try(ctx context.Context, req MoveRequest) (_ *Candidate, release func(), err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, nil, err
	}
	resp, err := c.do(ctx, "channel/try", bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	var v Candidate
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		resp.Body.Close()
		return nil, nil, fmt.Errorf("read the answer to channel/try: %w", err)
	}
	return &v, func() { resp.Body.Close() }, nil
}

// op is the operation of a request.
func (req *MoveRequest) op() (store.Op, error) {
	switch req.Verb {
	case "set":
		return store.SetOp(req.Path, req.Source), nil
	case "promote":
		return store.PromoteOp(req.Source, req.Path), nil
	case "rollback":
		return store.RollbackOp(req.Path, store.Moment(req.To)), nil
	case "unset":
		return store.UnsetOp(req.Path), nil
	case "apply":
		var wanted []store.WantedChannel
		for _, c := range req.Channels {
			w := store.WantedChannel{Path: c.Path}
			for _, p := range c.Parts {
				w.Parts = append(w.Parts, store.Part(p))
			}
			wanted = append(wanted, w)
		}
		var promotions []state.Promotion
		for _, p := range req.Promotions {
			promotions = append(promotions, state.Promotion(p))
		}
		return store.ApplyOp(req.Tags, wanted, promotions), nil
	}
	return store.Op{}, invalid("channel/move: %q is no operation", req.Verb)
}

// how says how it is to be carried out.
func (req *MoveRequest) how() store.How {
	how := store.How{Dry: req.DryRun, Expect: req.Plan, Regenerate: req.Regenerate}
	if req.Closure != nil {
		how.Closure = &store.Closure{Universe: req.Closure.Universe}
	}
	return how
}

func (h *Handler) moveChannels(ctx context.Context, req *MoveRequest) (*ChannelPlan, error) {
	op, err := req.op()
	if err != nil {
		return nil, err
	}
	how := req.how()
	if h.d != nil && req.Candidate != "" {
		how.Candidate = h.d.layout.Candidate(req.Candidate)
	}
	p, err := h.st.Move(ctx, who(ctx, req.Why), op, how)
	if err != nil {
		return nil, err
	}
	return planOf(p, req.DryRun), nil
}

func planOf(p store.Plan, dry bool) *ChannelPlan {
	out := &ChannelPlan{DryRun: dry, Plan: p.Token, Tags: tagStepsOf(p.Tags), Steps: stepsOf(p.Steps)}
	if p.Change.Event != 0 {
		c := changeOf(p.Change)
		out.Change = &c
	}
	return out
}

// tryMove answers with a candidate and takes it away when the client has gone, or its time is over.
func (h *Handler) tryMove(w http.ResponseWriter, r *http.Request) {
	err := h.hold(w, r)
	if err != nil {
		h.fail(w, r, err)
	}
}

// hold returns an error as long as nothing was answered.
func (h *Handler) hold(w http.ResponseWriter, r *http.Request) error {
	// To its end: only then does the server watch the connection.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return invalid("request %s: %v", r.URL.Path, err)
	}
	var req MoveRequest
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil {
		return invalid("request %s: %v", r.URL.Path, err)
	}
	if h.d == nil {
		return invalid("no daemon serves store %s: there is no mount to show a candidate in", h.st.Root)
	}
	op, err := req.op()
	if err != nil {
		return err
	}
	c, err := h.st.Try(r.Context(), op, req.how())
	if err != nil {
		return err
	}
	defer c.Release()
	if req.Plan != "" && c.Token != req.Plan {
		return fmt.Errorf("a channel or tag of it was changed meanwhile, try again: %w", state.ErrConflict)
	}
	name, err := h.d.layout.ShowCandidate(c)
	if err != nil {
		return err
	}
	defer h.d.layout.HideCandidate(name, h.d.mount)
	hold := maxHold
	if req.Hold > 0 {
		hold = min(hold, time.Duration(min(req.Hold, int64(maxHold/time.Second)))*time.Second)
	}
	over := time.NewTimer(hold)
	defer over.Stop()
	w.Header().Set("Content-Type", "application/json")
	err = json.NewEncoder(w).Encode(Candidate{Name: name, Path: filepath.Join(h.d.info.Mountpoint, "at", name, "channels")})
	if err = errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
		h.log.Debug("answer not sent", "request", r.URL.Path, "error", err)
		return nil
	}
	select {
	case <-r.Context().Done():
	case <-over.C:
		h.log.Info("a candidate was taken away: its time is over", "candidate", name)
	case <-h.d.ending:
	}
	return nil
}
