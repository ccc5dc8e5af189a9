package ctl

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"vrepofs/layout"
	"vrepofs/state"
	"vrepofs/store"
)

// Until is when a tag is to be removed; its zero value is never.
type Until struct {
	At    int64 `json:"at,omitempty"`            // seconds since 1970 UTC
	After int64 `json:"after_seconds,omitempty"` // else: seconds from now
}

// ParseUntil reads "20261201T000000Z", "none", or a duration from now: "36h", "7d".
func ParseUntil(text string) (Until, error) {
	if text == "none" {
		return Until{}, nil
	}
	if at, err := state.ParseStamp(text); err == nil {
		return Until{At: at}, nil
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, derr := strconv.ParseUint(days, 10, 16)
		d, err = time.Duration(n)*24*time.Hour, derr
	}
	if err != nil || d < time.Second {
		return Until{}, invalid("%q: want a UTC time such as 20261201T000000Z, a time from now such as 36h or 7d, or none", text)
	}
	return Until{After: int64(d / time.Second)}, nil
}

// untilOf is the time in seconds since 1970 UTC, nil of nil. Time from now begins at the last event's if that is ahead of the clock.
func (h *Handler) untilOf(u *Until) (*int64, error) {
	if u == nil {
		return nil, nil
	}
	if u.At < 0 || u.After < 0 || u.At != 0 && u.After != 0 || u.After > 1<<32 {
		return nil, invalid("until: at %d, after %d seconds", u.At, u.After)
	}
	at := u.At
	if u.After > 0 {
		at = max(h.st.Now().Unix(), h.st.Index.Head().Stamp) + u.After
	}
	return &at, nil
}

// Overdue is a tag whose time is over and that is still there.
type Overdue struct {
	Tag    string    `json:"tag"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

// overdue lists the tags whose time is over, by name.
func (h *Handler) overdue() ([]Overdue, error) {
	now := h.st.Now().Unix()
	r := h.st.Index.View(h.st.Index.Head())
	var gone []string
	var kept map[string]string
	if h.d != nil {
		e, _ := h.d.layout.Ending(now)
		gone, kept = e.Gone, e.Kept
	} else {
		var err error
		if gone, kept, err = state.DueTags(r, now); err != nil {
			return nil, err
		}
	}
	reasons := map[string]string{}
	for _, t := range gone {
		reasons[t] = "no daemon runs that would remove it"
		if h.d != nil {
			reasons[t] = "the daemon is about to remove it, or the log says why it cannot"
		}
	}
	for t, by := range kept {
		reasons[t] = "tag " + by + " inherits from it"
	}
	var out []Overdue
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		t, err := state.GetTag(r, name)
		if err != nil {
			continue // gone by now
		}
		out = append(out, Overdue{name, stampTime(t.Until), reasons[name]})
	}
	return out, nil
}

// expireTick is how long a step of the clock, or a failed attempt, may delay the end of a tag.
const expireTick = time.Minute

// watchTags removes tags whose time is over until ctx ends.
func watchTags(ctx context.Context, st *store.Store, l *layout.Layout, log *slog.Logger) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, next, err := expireTags(ctx, st, l, log)
		if err != nil && ctx.Err() == nil && !errors.Is(err, state.ErrConflict) {
			log.Error("tags whose time is over", "error", err)
			next = nil // not with every commit
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-next:
		}
	}
}

// expireTags removes the tags whose time is over by the store's clock. It returns when it has something to do next: after wait at the
// latest, or once next is closed.
func expireTags(ctx context.Context, st *store.Store, l *layout.Layout, log *slog.Logger) (wait time.Duration, next <-chan struct{}, err error) {
	now := st.Now()
	e, next := l.Ending(now.Unix())
	if err := st.ExpireTags(ctx, now.Unix(), e.Gone); err != nil {
		return expireTick, next, err
	}
	if len(e.Gone) > 0 {
		log.Info("tags expired", "tags", e.Gone)
	}
	wait = expireTick
	for _, until := range e.Until {
		if at := time.Unix(until, 0); at.After(now) {
			wait = min(wait, at.Sub(now))
		}
	}
	return wait, next, nil
}
