package e2e

import (
	"strings"
	"testing"
	"time"

	"vrepofs/index"
	"vrepofs/state"
)

// commitAt makes one commit with the clock at a time, as it would have been made then.
func (b *box) commitAt(now time.Time, tag string) {
	b.Helper()
	x, err := index.Open(b.store, index.Options{Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	_, err = x.Commit(b.Context(), index.Op{Row: index.Row{Command: "test"}, Apply: func(tx *index.Tx) error { return state.CreateTag(tx, tag, []string{"x86_64"}) }})
	if err != nil {
		b.Fatal(err)
	}
	if err := x.Close(); err != nil {
		b.Fatal(err)
	}
}

// TestClockSetBack has a store whose last event is three hours ahead of the clock: it is read and mounted, writing is refused with
// the advice, and goes on once the clock is said to be right; stamps never go back.
func TestClockSetBack(t *testing.T) {
	b := newBox(t)
	b.fill()
	b.commitAt(time.Now().Add(3*time.Hour), "future")
	head := b.status().Head
	b.wantErrors = true // in the daemon's log
	refused := []string{"clock", "--accept-clock"}
	b.fails(1, refused, "tag", "create", "now", "--arch", "x86_64")
	b.fails(1, refused, "repo", "import", "r", b.path("rpms"))
	b.mount()
	b.sh("cat $MNT/tags/dev/x86_64/repodata/repomd.xml $MNT/repos/r/latest/repodata/repomd.xml >/dev/null")
	b.fails(1, refused, "tag", "create", "now", "--arch", "x86_64")
	if s := b.status(); s.Head != head || s.Clock.Ahead < 2*3600 {
		t.Errorf("status: %+v, want head %+v and a clock that is behind", s, head)
	}
	b.umount()
	b.ok("tag", "create", "now", "--arch", "x86_64", "--accept-clock")
	b.ok("tag", "create", "after", "--arch", "x86_64")
	s := b.status()
	if s.Head.Event != head.Event+2 || !s.Head.Time.Equal(head.Time.Add(2*time.Second)) {
		t.Errorf("head %+v, want two events and two seconds after %+v", s.Head, head)
	}
	b.mount("--accept-clock")
	b.ok("tag", "create", "served", "--arch", "x86_64")
}

// TestStampsAheadOfTheClock makes events faster than one a second, and goes on an hour ahead of the clock.
func TestStampsAheadOfTheClock(t *testing.T) {
	b := newBox(t)
	b.mount()
	for i := range 5 {
		b.ok("tag", "create", "burst"+string(rune('a'+i)), "--arch", "x86_64")
	}
	b.umount()
	b.commitAt(time.Now().Add(50*time.Minute), "ahead")
	before := b.status().Head
	b.ok("tag", "create", "next", "--arch", "x86_64")
	if after := b.status(); !after.Head.Time.Equal(before.Time.Add(time.Second)) || after.Clock.Ahead < 49*60 {
		t.Errorf("head %+v after %+v; clock %+v", after.Head, before, after.Clock)
	}
	var rows []struct {
		Event uint64
		Time  time.Time
	}
	b.json(&rows, "log")
	for i := 1; i < len(rows); i++ {
		if !rows[i].Time.Before(rows[i-1].Time) || rows[i].Event != rows[i-1].Event-1 {
			t.Errorf("log: event %d at %v, before it event %d at %v", rows[i-1].Event, rows[i-1].Time, rows[i].Event, rows[i].Time)
		}
	}
	if out := b.ok("status"); !strings.Contains(out, "ahead of the clock") {
		t.Errorf("status does not say that the clock is behind:\n%s", out)
	}
	// The past by time, with the same second in both directions.
	b.mount()
	same(t, "at a time", b.sh("readlink $MNT/at/"+rows[2].Time.UTC().Format("20060102T150405Z")), "5")
}
