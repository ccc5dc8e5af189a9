package ctl

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vrepofs/layout"
	"vrepofs/state"
	"vrepofs/store"
)

// TestTagsExpire: by the store's clock alone a tag goes with its time, in an event of its own; one that another inherits from stays
// until that one goes, and status says why. So it is too for a daemon that begins later.
func TestTagsExpire(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	if err := store.Create(root); err != nil {
		t.Fatal(err)
	}
	now := time.Unix(2_000_000_000, 0)
	st, err := store.Open(root, store.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	l, err := layout.New(st)
	if err != nil {
		t.Fatal(err)
	}
	st.Publish(func(ctx context.Context) error { return l.Publish(ctx, nil) })
	h := newHandler(st, nil, nil)
	ctx := WithUID(t.Context(), 1000)
	create := func(name, parent string, after int64) {
		t.Helper()
		req := &CreateTagRequest{Why: Why{Command: "tag create " + name}, Name: name, Arches: []string{"x86_64"}}
		if parent != "" {
			req.Inherit = []Parent{{Tag: parent, Priority: 1}}
		}
		if after != 0 {
			req.Until = &Until{After: after}
		}
		if _, err := h.createTag(ctx, req); err != nil {
			t.Fatal(err)
		}
	}
	expire := func(l *layout.Layout) time.Duration {
		t.Helper()
		wait, _, err := expireTags(ctx, st, l, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	tags := func() string {
		t.Helper()
		var names []string
		for tag, err := range state.Tags(st.Index.View(st.Index.Head())) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, tag.Name)
		}
		return strings.Join(names, " ")
	}
	create("base", "", 0)      // stamp 2,000,000,000, then a second more with each
	create("side", "base", 20) // until …020
	create("parent", "base", 20)
	create("child", "parent", 60)
	create("heir", "side", 0)

	if wait := expire(l); wait != 20*time.Second || tags() != "base child heir parent side" {
		t.Errorf("nothing is due: next in %v, tags %s", wait, tags())
	}
	now = now.Add(30 * time.Second)
	head := st.Index.Head()
	expire(l)
	if tags() != "base child heir parent side" || st.Index.Head() != head {
		t.Errorf("tags that others inherit from: %s", tags())
	}
	s, err := h.showStatus(ctx, &StatusRequest{})
	if err != nil || len(s.Overdue) != 2 || s.Overdue[0].Tag != "parent" || s.Overdue[0].Reason != "tag child inherits from it" ||
		s.Overdue[1].Reason != "tag heir inherits from it" {
		t.Errorf("status: %+v, %v", s.Overdue, err)
	}

	// parent and child go together, in one event with a row for each.
	now = now.Add(time.Minute)
	expire(l)
	if tags() != "base heir side" {
		t.Errorf("after the time of the heir: %s", tags())
	}
	var rows []string
	for row, err := range st.Index.Log(st.Index.Head().Seq, st.Index.Head().Seq) {
		if err != nil {
			t.Fatal(err)
		}
		if row.UID != 0 || row.Note != "tag expired" {
			t.Errorf("row %+v", row)
		}
		rows = append(rows, row.Command)
	}
	if got := strings.Join(rows, ", "); got != "tag expire child, tag expire parent" {
		t.Errorf("the log has %s", got)
	}

	// A tag with more time stays, one without is kept by nobody when a daemon begins.
	if _, err := h.setTag(ctx, &SetTagRequest{Name: "side", TagSettings: TagSettings{Until: &Until{After: 100}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.deleteTag(ctx, &RemoveRequest{Name: "heir"}); err != nil {
		t.Fatal(err)
	}
	if expire(l); tags() != "base side" {
		t.Errorf("after more time was given: %s", tags())
	}
	now = now.Add(200 * time.Second)
	if s, err := h.showStatus(ctx, &StatusRequest{}); err != nil || len(s.Overdue) != 1 || !strings.Contains(s.Overdue[0].Reason, "no daemon runs") {
		t.Errorf("status without a daemon: %+v, %v", s.Overdue, err)
	}
	later, err := layout.New(st)
	if err != nil {
		t.Fatal(err)
	}
	if expire(later); tags() != "base" {
		t.Errorf("after the start of a daemon: %s", tags())
	}
}

func TestParseUntil(t *testing.T) {
	for text, want := range map[string]Until{
		"none": {}, "20261201T000000Z": {At: 1796083200}, "36h": {After: 129600}, "7d": {After: 604800}, "1m30s": {After: 90},
	} {
		if got, err := ParseUntil(text); err != nil || got != want {
			t.Errorf("ParseUntil(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "0", "-1h", "1ms", "-1d", "1e3d", "2026-12-01", "99999d9d", "5", "70000d"} {
		if got, err := ParseUntil(text); err == nil {
			t.Errorf("ParseUntil(%q) = %+v", text, got)
		}
	}
}
