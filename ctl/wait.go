package ctl

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"time"

	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/merge"
	"vrepofs/state"
)

// WaitRequest asks to be told when a build is in the views of a tag.
type WaitRequest struct {
	Tag     string `json:"tag"`
	NVR     string `json:"nvr"`
	Timeout int64  `json:"timeout_ms,omitempty"` // milliseconds; 0: answer at once
}

// Waited answers WaitTag.
type Waited struct {
	Tag   string `json:"tag"`
	NVR   string `json:"nvr"`
	There bool   `json:"there"`
	// Event is that of the generation that readers of the mount see or, without a daemon, of the newest.
	Event  uint64 `json:"event"`
	Daemon bool   `json:"daemon"` // false: nothing serves the store, and nothing was waited for
	// Reasons say what stands in the way when it is not there.
	Reasons []string `json:"reasons,omitempty"`
}

// WaitTag returns when every reader who looks up the tag's name in the mount finds a view with the build, or after the timeout, with
// what stands in the way. Without a daemon it answers for the newest event, at once.
func (c *Client) WaitTag(ctx context.Context, tag, nvr string, timeout time.Duration) (*Waited, error) {
	return call[Waited](ctx, c, "tag/wait", WaitRequest{tag, nvr, timeout.Milliseconds()})
}

// waitTag wakes with each commit that the mount shows. It looks into the tag's views only when the tag's generation is another.
func (h *Handler) waitTag(ctx context.Context, req *WaitRequest) (*Waited, error) {
	out := &Waited{Tag: req.Tag, NVR: req.NVR, Daemon: h.d != nil}
	if h.d == nil {
		head := h.st.Index.Head()
		out.Event = head.Seq
		err := h.shows(head, out, true)
		return out, err
	}
	timer := time.NewTimer(time.Duration(req.Timeout) * time.Millisecond)
	defer timer.Stop()
	for last := uint64(0); ; {
		bound, next := h.d.layout.Bound(req.Tag)
		if !bound.There {
			return nil, fmt.Errorf("tag %s: %w", req.Tag, iofs.ErrNotExist)
		}
		head, err := h.st.Index.At(bound.Generation.Event)
		if err != nil {
			return nil, err
		}
		if out.Event = head.Seq; last != head.Seq {
			if err := h.shows(head, out, false); err != nil || out.There {
				return out, err
			}
		}
		last = head.Seq
		select {
		case <-next:
			continue
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-h.d.ending:
			return nil, errors.New("the daemon is ending: ask again when it is back")
		case <-timer.C:
		}
		if bound.Held != nil {
			out.Reasons = append(out.Reasons, fmt.Sprintf("tags/%s stays on an older generation: %v", req.Tag, bound.Held))
		}
		err = h.shows(head, out, true)
		return out, err
	}
}

// shows says whether the views of a tag in a state have the build: some view holds a package of it. With explain it says why not.
func (h *Handler) shows(head index.Head, out *Waited, explain bool) error {
	r := h.st.Index.View(head)
	v, err := compose.Resolve(r, out.Tag)
	if err != nil {
		return err
	}
	candidates, err := v.Candidates(r)
	if err != nil {
		return err
	}
	known, chosen := false, false
	for _, c := range candidates {
		known = known || c.NVR == out.NVR
		chosen = chosen || c.NVR == out.NVR && c.Verdict == merge.Chosen
	}
	var reasons []string
	if chosen || len(v.Externals) > 0 || known && explain { // else reading all builds would tell nothing
		for _, arch := range v.Tags[v.Tag].Arches {
			why, err := v.Why(r, arch, out.NVR)
			if err != nil {
				return err
			}
			for _, w := range why {
				if w.Taken {
					out.There = true
					return nil
				}
				text := w.Rule
				if w.Package != out.NVR {
					text = w.Package + ": " + text
				}
				if text += " (" + w.Source + ")"; !slices.Contains(reasons, text) {
					reasons = append(reasons, text)
				}
			}
		}
	}
	if !explain {
		return nil
	}
	if len(reasons) == 0 {
		reasons = append(reasons, "neither tag "+out.Tag+" nor anything that it inherits from has it")
		if _, err := state.GetBuild(r, out.NVR); errors.Is(err, iofs.ErrNotExist) {
			reasons = []string{"the store has no such build"}
		}
	}
	out.Reasons = append(out.Reasons, reasons...)
	return nil
}
