package index

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestStamps(t *testing.T) {
	c := &clock{now: 1_000_000}
	x := mustOpen(t, newStore(t), Options{Now: c.Now})
	for i, s := range []struct{ now, want int64 }{
		{1_000_000, 1_000_000},
		{1_000_000, 1_000_001}, // a burst
		{1_000_000, 1_000_002},
		{1_000_002, 1_000_003},
		{1_000_900, 1_000_900}, // the clock has caught up
		{1_000_000, 1_000_901}, // it was set back a little
	} {
		c.set(s.now)
		if h := put(t, x, "a", fmt.Sprint(i)); h.Stamp != s.want || h.Seq != uint64(i+1) {
			t.Errorf("commit %d at %d is %+v, want stamp %d", i+1, s.now, h, s.want)
		}
	}
	for _, s := range []struct {
		at   int64
		want uint64
	}{{1_000_000, 1}, {1_000_001, 2}, {1_000_500, 4}, {1_000_899, 4}, {1_000_900, 5}, {1_000_901, 6}, {1 << 50, 6}} {
		if h, err := x.AtStamp(s.at); err != nil || h.Seq != s.want {
			t.Errorf("at %d is %v, %v, want event %d", s.at, h, err, s.want)
		}
	}
	if _, err := x.AtStamp(999_999); err == nil {
		t.Error("there is an event before the first")
	}
}

func TestClockFarBehind(t *testing.T) {
	c := &clock{now: 1_000_000}
	o := Options{Now: c.Now}
	x := mustOpen(t, newStore(t), o)
	put(t, x, "a", "1")
	c.set(1_000_000 - maxBehind)
	put(t, x, "a", "2")
	c.set(1_000_000 - maxBehind - 1)
	for range 2 {
		_, err := x.Commit(context.Background(), putOp("a", "3"))
		if !errors.Is(err, ErrClock) || !strings.Contains(err.Error(), "--accept-clock") || !strings.Contains(err.Error(), "1970-01-12T13:46:40Z") {
			t.Fatalf("got %v", err)
		}
		x = reopen(t, x)
	}
	// Recordings have no time.
	if _, err := x.PlaceSerial("p"); err != nil {
		t.Error(err)
	}
	x.o.AcceptClock = true
	x = reopen(t, x)
	if h := put(t, x, "a", "3"); h.Stamp != 1_000_002 {
		t.Errorf("stamp is %d", h.Stamp)
	}
	// Once accepted it is the clock.
	x.o.AcceptClock = false
	x = reopen(t, x)
	if h := put(t, x, "a", "4"); h.Stamp != 1_000_003 {
		t.Errorf("stamp is %d", h.Stamp)
	}
	sameAsRebuilt(t, x)
}

// A burst makes stamps run ahead of a clock that is right; that alone never refuses a commit.
func TestBurstIsNotAClockFault(t *testing.T) {
	c := &clock{now: 1_000_000}
	x := mustOpen(t, newStore(t), Options{Now: c.Now, InMemoryIndex: true})
	for i := range maxBehind + 10 {
		mustCommit(t, x, Op{Row: Row{Command: fmt.Sprint(i)}})
	}
	if h := x.Head(); h.Stamp != 1_000_000+maxBehind+9 {
		t.Errorf("head is %v", h)
	}
}

// While stamps are more than an hour ahead, calls that wait together are one event.
func TestCallsShareACommitWhenFarAhead(t *testing.T) {
	c := &clock{now: 1_000_000}
	x := mustOpen(t, newStore(t), Options{Now: c.Now})
	put(t, x, "a", "0")
	c.set(1_000_000 - maxAhead)
	own := errors.New("own")
	label := func(l string) []Op { return []Op{{Row: Row{Command: "label", Label: l}}} }
	heads, errs := together(t, x,
		[]Op{putOp("a", "1"), putOp("b", "1")},
		[]Op{putOp("a", "bad"), {Apply: func(*Tx) error { return own }}},
		[]Op{{Apply: func(tx *Tx) error {
			if v, err := tx.Get("t", "a"); err != nil || string(v) != "1" {
				t.Errorf("a is %q, %v", v, err)
			}
			tx.Put("t", "a", []byte("2"))
			return nil
		}}},
		label("L"), label("L"), label("M"))
	for i, h := range heads {
		switch i {
		case 1:
			if !errors.Is(errs[i], own) {
				t.Errorf("call %d: %v", i, errs[i])
			}
		case 4:
			if !errors.Is(errs[i], ErrConflict) {
				t.Errorf("call %d: %v", i, errs[i])
			}
		default:
			if errs[i] != nil || h != x.Head() {
				t.Errorf("call %d: %v, %v, want %v", i, h, errs[i], x.Head())
			}
		}
	}
	if h := x.Head(); h.Seq != 2 || h.Stamp != 1_000_001 {
		t.Errorf("head is %v", h)
	}
	var log []string
	for w, err := range x.Log(2, 2) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, fmt.Sprintf("%d %d %s%s", w.Seq, w.Stamp, w.Command, w.Label))
	}
	want := "2 1000001 put a,2 1000001 put b,2 1000001 ,2 1000001 labelL,2 1000001 labelM"
	if got := strings.Join(log, ","); got != want {
		t.Errorf("log is %s, want %s", got, want)
	}
	for _, l := range []string{"L", "M"} {
		if h, err := x.AtLabel(l); err != nil || h.Seq != 2 {
			t.Errorf("label %s is %v, %v", l, h, err)
		}
	}
	if v, err := x.View(x.Head()).Get("t", "a"); err != nil || string(v) != "2" {
		t.Errorf("a is %q, %v", v, err)
	}
	sameAsRebuilt(t, x)
}
