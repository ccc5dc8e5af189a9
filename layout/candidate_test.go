package layout_test

import (
	"errors"
	"strings"
	"testing"

	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// TestCandidateInTheMount holds that a candidate is what will be published, is not listed, moves nothing, and goes away.
func TestCandidateInTheMount(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	move := moved(t)
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "x"})
	storetest.Snapshot(t, s, "q", testrpm.Spec{Name: "y"})
	m := mount(t, s)
	move(s.SetChannel(ctx, who, "staging/os", "r", false))
	before := m.sh(t, "cd $MNT/channels; find . | sort")
	op := store.PromoteOp("staging", "production")
	c, err := s.Try(ctx, op, store.How{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	name, err := m.layout.ShowCandidate(c)
	if err != nil {
		t.Fatal(err)
	}
	const sums = "find . -printf '%p %y %s %T@ %i\\n' | sed 's/ [0-9]*$//' | sort; find . -type f | sort | xargs sha256sum"
	want := m.sh(t, "cd $MNT/at/"+name+"/channels; "+sums)
	if !strings.Contains(want, "./production/os/repodata/repomd.xml f") || !strings.Contains(want, "./staging/os/Packages/x/x-1.0-1.x86_64.rpm f") {
		t.Errorf("candidate: %s", want)
	}
	if got := m.sh(t, "ls -A $MNT/at; ls $MNT/at/"+name+"; cd $MNT/channels; find . | sort"); got != "channels\n"+before {
		t.Errorf("beside it: %s", got)
	}
	inside := m.stay(t, "at/"+name+"/channels/production/os", "cat repodata/repomd.xml >/dev/null 2>&1; ls .. >/dev/null 2>&1; echo done")
	move(s.Move(ctx, who, op, store.How{Expect: c.Token, Candidate: c}))
	if got := m.sh(t, "cd $MNT/channels; "+sums); got != want {
		t.Errorf("published:\n%s\nthe candidate was\n%s", got, want)
	}
	m.layout.HideCandidate(name, m.fs)
	if out, err := m.try("stat $MNT/at/" + name + "/channels"); err == nil || !strings.Contains(out, "No such file") {
		t.Errorf("after it was taken away: %s", out)
	}
	if got := inside(); got != "done" {
		t.Errorf("inside: %s", got)
	}
	// Removing the last channel: a candidate without channels. And no more than so many.
	move(s.UnsetChannel(ctx, who, "production", false))
	empty, err := s.Try(ctx, store.UnsetOp("staging"), store.How{})
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Release()
	for {
		if name, err = m.layout.ShowCandidate(empty); err != nil {
			break
		}
		if got := m.sh(t, "ls -A $MNT/at/"+name); got != "" {
			t.Fatalf("a candidate without channels: %s", got)
		}
		defer m.layout.HideCandidate(name, m.fs)
	}
	if !errors.Is(err, state.ErrConflict) {
		t.Errorf("too many: %v", err)
	}
}
