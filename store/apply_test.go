package store_test

import (
	"errors"
	iofs "io/fs"
	"strings"
	"testing"

	"vrepofs/repodata"
	"vrepofs/sign/signtest"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// wants is a wanted channel: path, then "below=source" or "=source".
func wants(path string, parts ...string) store.WantedChannel {
	w := store.WantedChannel{Path: path}
	for i, p := range parts {
		below, source, _ := strings.Cut(p, "=")
		if below != "" {
			below = "/" + below
		}
		w.Parts = append(w.Parts, store.Part{Path: path + below, Source: source, Where: "w.yaml:" + string(rune('1'+i))})
	}
	return w
}

func TestApply(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	one := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"})
	storetest.Snapshot(t, s, "q", testrpm.Spec{Name: "b"})
	op := store.ApplyOp(nil, []store.WantedChannel{wants("p/9", "os=r", "ext/os=q@latest"), wants("m", "=r")}, []state.Promotion{{From: "p", To: "beta"}, {From: "beta/9", To: "ga"}})
	dry, err := s.Move(ctx, who, op, store.How{Dry: true})
	if err != nil || dry.Change.Event != 0 {
		t.Fatal(dry, err)
	}
	const first = "set beta/9/ext/os\nset beta/9/os\nset ga/ext/os\nset ga/os\nset m\nset p/9/ext/os\nset p/9/os"
	done, err := s.Move(ctx, who, op, store.How{Expect: dry.Token})
	if err != nil || planText(done) != first {
		t.Fatalf("%s, %v; want %s", planText(done), err, first)
	}
	head := s.Index.Head()
	again, err := s.Move(ctx, who, op, store.How{})
	if err != nil || again.Change.Event != 0 || s.Index.Head() != head || strings.Count(planText(again), "unchanged") != 7 {
		t.Errorf("again: %s, %+v, %v", planText(again), again.Change, err)
	}
	// The head has moved, the plan is the same: the token holds. Then it does not.
	if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64"}); err != nil {
		t.Fatal(err)
	}
	two := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a", Version: "2"})
	op = store.ApplyOp(nil, []store.WantedChannel{wants("p/9", "os=r"), wants("m")}, nil)
	dry, err = s.Move(ctx, who, op, store.How{Dry: true})
	if err != nil || planText(dry) != "removed m +0 -1 >0 <0 !0\nremoved p/9/ext/os +0 -1 >0 <0 !0\nchanged p/9/os +0 -0 >1 <0 !0" {
		t.Fatalf("%s, %v", planText(dry), err)
	}
	if _, err := s.SetChannel(ctx, who, "x", one.Ref(), false); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Move(ctx, who, op, store.How{Dry: true, Expect: dry.Token}); err != nil || p.Token != dry.Token {
		t.Errorf("beside a move elsewhere: %v", err)
	}
	if _, err := s.SetChannel(ctx, who, "p/9/os", two.Ref(), false); err != nil {
		t.Fatal(err)
	}
	head = s.Index.Head()
	if _, err := s.Move(ctx, who, op, store.How{Expect: dry.Token}); !errors.Is(err, state.ErrConflict) || s.Index.Head() != head {
		t.Errorf("another was faster: %v", err)
	}
	for what, test := range map[string]struct {
		op   store.Op
		want error
		say  string
	}{
		"no source": {store.ApplyOp(nil, []store.WantedChannel{wants("n", "os=r", "x=none/x86_64")}, nil), iofs.ErrNotExist, "w.yaml:2: tag none"},
		"overlap":   {store.ApplyOp(nil, []store.WantedChannel{wants("p/9/os/x", "=r")}, nil), state.ErrConflict, "would lie in"},
		"bad path":  {store.ApplyOp(nil, []store.WantedChannel{wants("..", "os=r")}, nil), iofs.ErrInvalid, "channel path"},
		"promote":   {store.ApplyOp(nil, nil, []state.Promotion{{From: "none", To: "x"}}), iofs.ErrNotExist, "channel none: nothing"},
	} {
		if _, err := s.Move(ctx, who, test.op, store.How{}); !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.say) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if s.Index.Head() != head {
		t.Error("a refusal made an event")
	}
}

// TestCandidate holds that what was looked at is what is published, byte for byte when nothing came between.
func TestCandidate(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"})
	if _, err := s.SetChannel(ctx, who, "staging/os", "r", false); err != nil {
		t.Fatal(err)
	}
	for i, between := range []bool{false, true} {
		op := []store.Op{store.PromoteOp("staging", "production"), store.PromoteOp("staging", "other")}[i]
		c, err := s.Try(ctx, op, store.How{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Node(c.Root.Digest); err != nil {
			t.Errorf("root of the candidate: %v", err)
		}
		if _, err := s.Index.Node(c.Root.Digest); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("the index has the candidate: %v", err)
		}
		if between {
			if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64"}); err != nil {
				t.Fatal(err)
			}
		}
		p, err := s.Move(ctx, who, op, store.How{Expect: c.Token, Candidate: c})
		if err != nil || p.Change.Event == 0 {
			t.Fatal(err)
		}
		root, err := state.Published(s.Index.View(s.Index.Head()))
		if err != nil || (root == c.Root) == between {
			t.Errorf("between %v: published %+v, the candidate is %+v, %v", between, root, c.Root, err)
		}
		c.Release()
	}
	head := s.Index.Head()
	c, err := s.Try(ctx, store.UnsetOp("production"), store.How{})
	if err != nil || s.Index.Head() != head {
		t.Fatal(err)
	}
	c.Release()
	if _, err := s.FreezeChannel(ctx, who, "production", true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Try(ctx, store.UnsetOp("production"), store.How{}); !errors.Is(err, state.ErrConflict) {
		t.Errorf("candidate of what is frozen: %v", err)
	}
}

func TestClosureGate(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	set := func(path, repo string, specs ...testrpm.Spec) {
		t.Helper()
		snap := storetest.Snapshot(t, s, repo, specs...)
		if _, err := s.SetChannel(ctx, who, path, snap.Ref(), false); err != nil {
			t.Fatal(err)
		}
	}
	lib := testrpm.Spec{Name: "lib", Provides: []string{"lib.so.1()(64bit)"}}
	set("production/9/base/os", "base", lib, testrpm.Spec{Name: "old", Requires: []string{"never"}})
	set("production/9/arm/os", "arm", testrpm.Spec{Name: "lib", Arch: "aarch64", Version: "2", Provides: []string{"lib.so.2()(64bit)"}})
	set("production/10/os", "ten", testrpm.Spec{Name: "lib3", Provides: []string{"lib.so.3()(64bit)"}})
	try := func(op store.Op, universe, want string) {
		t.Helper()
		head := s.Index.Head()
		_, err := s.Move(ctx, who, op, store.How{Dry: true, Closure: &store.Closure{Universe: universe}})
		_, err2 := s.Move(ctx, who, op, store.How{Closure: &store.Closure{Universe: universe}})
		if (err == nil) != (err2 == nil) || s.Index.Head() != head && want != "" {
			t.Errorf("dry run says %v, the run %v", err, err2)
		}
		switch {
		case want == "":
			if err != nil {
				t.Error(err)
			}
		case !errors.Is(err, store.ErrGate) || !strings.Contains(err.Error(), want):
			t.Errorf("got %v, want %s", err, want)
		}
	}
	app := storetest.Snapshot(t, s, "app", testrpm.Spec{Name: "app", Requires: []string{"lib.so.1()(64bit)", "lib"}})
	try(store.SetOp("production/9/app/os", app.Ref()), "", "") // base has it
	app2 := storetest.Snapshot(t, s, "app", testrpm.Spec{Name: "app", Version: "2", Requires: []string{"lib.so.2()(64bit)"}})
	try(store.SetOp("production/9/app/os", app2.Ref()), "", "1 requirement that nothing would meet:\n  production/9, x86_64:\n    app-2-1.x86_64 requires lib.so.2()(64bit)")
	app3 := storetest.Snapshot(t, s, "app", testrpm.Spec{Name: "app", Version: "3", Requires: []string{"lib.so.3()(64bit)"}})
	try(store.SetOp("production/9/app/os", app3.Ref()), "", "app-3-1.x86_64 requires lib.so.3()(64bit)")
	try(store.SetOp("production/9/app/os", app3.Ref()), "production", "")
	try(store.SetOp("production/9/app/os", app.Ref()), "", "")
	try(store.UnsetOp("production/9/base"), "", "app-1.0-1.x86_64 requires lib\n")
	try(store.UnsetOp("production/9"), "", "") // nobody is left to need anything
	set("production/9/base/os", "base2", lib)
	base, _ := s.Move(ctx, who, store.UnsetOp("production/9/base"), store.How{Dry: true, Closure: &store.Closure{}})
	set("production/9/app/os", "app4", testrpm.Spec{Name: "app", Requires: []string{"lib"}})
	if _, err := s.Move(ctx, who, store.UnsetOp("production/9/base"), store.How{Expect: base.Token, Closure: &store.Closure{}}); !errors.Is(err, state.ErrConflict) {
		t.Errorf("what the gate looked at has changed: %v", err)
	}
	if _, err := s.Move(ctx, who, store.UnsetOp("production"), store.How{Closure: &store.Closure{Universe: "../x"}}); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("universe: %v", err)
	}
}

// TestRegenerate: invariant 7 holds for verbatim snapshots when it is asked for, also for one that was removed since.
func TestRegenerate(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	var refs []string
	for _, version := range []string{"1", "2"} {
		im := storetest.Read(t, s, testrpm.Spec{Name: "x", Version: version})
		lease, err := s.Blobs.NewLease()
		if err != nil {
			t.Fatal(err)
		}
		text := (&repodata.Repomd{Revision: "upstream" + version}).Marshal()
		d, err := lease.Write(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := im.AddFile("repodata/repomd.xml", d, int64(len(text)), false); err != nil {
			t.Fatal(err)
		}
		if err := lease.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		lease.Close()
		snap, err := im.Snapshot(ctx, who, "up", store.SnapshotOptions{Verbatim: true})
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, snap.Ref())
		if _, err := s.SetChannel(ctx, who, "os", snap.Ref(), false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.RemoveSnapshot(ctx, who, refs[0]); err != nil {
		t.Fatal(err)
	}
	p, err := s.Move(ctx, who, store.RollbackOp("os", ""), store.How{Regenerate: true})
	if err != nil || planText(p) != "changed os" {
		t.Fatal(planText(p), err)
	}
	c := channel(t, s, "os")
	if c.Mode != state.Generated || c.Source() != refs[0] || c.Count != 1 {
		t.Errorf("%+v", c)
	}
	checkMove(t, s, "regenerated", p.Steps[0].Old.Root, c.Root, p.Change.Stamp)
	// Once more: the same tree, so nothing moves; then without it upstream's bytes are back.
	if p, err := s.Move(ctx, who, store.PromoteOp("os", "copy"), store.How{Regenerate: true}); err != nil || p.Steps[0].New.Mode != state.Generated {
		t.Errorf("%v %v", planText(p), err)
	}
	if p, err = s.Move(ctx, who, store.SetOp("os", refs[1]), store.How{Regenerate: true}); err != nil {
		t.Fatal(err)
	}
	was := c.Root
	c = channel(t, s, "os")
	checkMove(t, s, "set", was, c.Root, p.Change.Stamp)
	if _, err = s.Move(ctx, who, store.SetOp("os", refs[1]), store.How{}); err != nil {
		t.Fatal(err)
	}
	if md, _ := repomdOf(t, s, channel(t, s, "os").Root); md.Revision != "upstream2" {
		t.Errorf("revision %s", md.Revision)
	}
}

// TestSignedCandidate: a candidate is signed, and the commit takes its signature, also when something else was committed between; not
// when what signs was changed.
func TestSignedCandidate(t *testing.T) {
	b, ctx := newSignedBox(t), t.Context()
	k, other := signtest.NewKey(t, "ed25519", ""), signtest.NewKey(t, "ed25519", "")
	b.plan(b.SetChannel(ctx, b.who, "staging/os", "dev/x86_64", false))
	if err := b.configure("production", `sign={"key_file":`+quoted(k.File)+`}`); err != nil {
		t.Fatal(err)
	}
	try := func(op store.Op) *store.Candidate {
		t.Helper()
		c, err := b.Try(ctx, op, store.How{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Release)
		return c
	}
	op := store.PromoteOp("staging", "production")
	c := try(op)
	b.plan(b.Move(ctx, b.who, op, store.How{Expect: c.Token, Candidate: c}))
	b.check("production/os", k)
	if root, _ := b.dirEntry("production"); root != c.Root {
		t.Error("what is published is not the candidate")
	}
	op = store.PromoteOp("staging", "production/copy")
	c = try(op)
	b.do(b.CreateTag(ctx, b.who, "between", []string{"x86_64"}))
	b.plan(b.Move(ctx, b.who, op, store.How{Expect: c.Token, Candidate: c}))
	b.check("production/copy/os", k)
	op = store.PromoteOp("staging", "production/late")
	c = try(op)
	if err := b.configure("production", `sign={"key_file":`+quoted(other.File)+`}`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Move(ctx, b.who, op, store.How{Expect: c.Token, Candidate: c}); !errors.Is(err, state.ErrConflict) {
		t.Errorf("another key meanwhile: %v", err)
	}
}
