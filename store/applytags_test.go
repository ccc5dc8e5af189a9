package store_test

import (
	"encoding/json"
	"errors"
	"testing"

	"vrepofs/sign/signtest"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// newTag is a wanted tag that has builds and one parent at most.
func newTag(name string, builds []string, parents ...string) state.WantedTag {
	open := true
	w := state.WantedTag{Name: name, Open: &open, Arches: &[]string{"x86_64"}, Builds: &builds, Inherit: &[]state.Link{}}
	for _, p := range parents {
		*w.Inherit = append(*w.Inherit, state.Link{Parent: p, Priority: 10})
	}
	return w
}

// TestApplyTagsAndViews: what is published of a tag that changes in the same commit is what the tag then is.
func TestApplyTagsAndViews(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a", SourceRPM: "a-1-1.src.rpm"}, testrpm.Spec{Name: "b", SourceRPM: "b-1-1.src.rpm"})
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "x"})
	tags := []state.WantedTag{newTag("child", nvrs[:1], "base"), newTag("base", nvrs[1:])}
	op := store.ApplyOp(tags, []store.WantedChannel{wants("p", "base=base/x86_64", "child=child/x86_64", "r=r")}, []state.Promotion{{From: "p", To: "q"}})
	dry, err := s.Move(ctx, who, op, store.How{Dry: true})
	if err != nil || dry.Change.Event != 0 || len(dry.Tags) != 2 || dry.Steps[1].New.Source() != "child/x86_64" {
		t.Fatalf("%+v, %v", dry, err)
	}
	// Another commit elsewhere: the events are others than those of the plan, and the plan is the same.
	if _, err := s.CreateTag(ctx, who, "elsewhere", []string{"x86_64"}); err != nil {
		t.Fatal(err)
	}
	done, err := s.Move(ctx, who, op, store.How{Expect: dry.Token})
	if err != nil || done.Change.Event == 0 || planText(done) != "set p/base\nset p/child\nset p/r\nset q/base\nset q/child\nset q/r" {
		t.Fatalf("%s, %v", planText(done), err)
	}
	for path, rpms := range map[string]int{"p/base": 1, "p/child": 2, "q/child": 2} {
		c, err := state.GetChannel(s.Index.View(s.Index.Head()), path)
		if err != nil || c.AsOf != done.Change || c.Count != rpms {
			t.Errorf("%s: %+v, %v", path, c, err)
		}
		source := c.Tag + "/" + c.Arch
		if p, err := s.SetChannel(ctx, who, path, source, true); err != nil || p.Steps[0].Action != store.Unchanged || p.Steps[0].New.Source() != c.Source() {
			t.Errorf("%s is not %s as it was committed: %s, %v", path, source, planText(p), err)
		}
	}
	head := s.Index.Head()
	again, err := s.Move(ctx, who, op, store.How{})
	if err != nil || again.Change.Event != 0 || s.Index.Head() != head || len(again.Tags) != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}

	// A parent alone is said to change: views of its heirs are as they will be.
	more := []state.WantedTag{newTag("base", nil)}
	op = store.ApplyOp(more, []store.WantedChannel{wants("p/child", "=child/x86_64")}, nil)
	dry, err = s.Move(ctx, who, op, store.How{Dry: true})
	if err != nil || planText(dry) != "changed p/child +0 -1 >0 <0 !0" {
		t.Errorf("%s, %v", planText(dry), err)
	}
	// Somebody else changes the tag, or one that the view depends on: the plan is no more what it was.
	for what, change := range map[string]func() error{
		"the tag":     func() error { _, err := s.Block(ctx, who, "base", true, []string{"z"}); return err },
		"another tag": func() error { _, err := s.Block(ctx, who, "child", true, []string{"a"}); return err },
	} {
		if dry, err = s.Move(ctx, who, op, store.How{Dry: true}); err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		head = s.Index.Head()
		if _, err := s.Move(ctx, who, op, store.How{Expect: dry.Token}); !errors.Is(err, state.ErrConflict) || s.Index.Head() != head {
			t.Errorf("%s was changed meanwhile: %v", what, err)
		}
	}

	// A candidate shows it, and is what is published.
	c, err := s.Try(ctx, op, store.How{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if done, err = s.Move(ctx, who, op, store.How{Expect: c.Token, Candidate: c}); err != nil {
		t.Fatal(err)
	}
	if root, err := state.Published(s.Index.View(s.Index.Head())); err != nil || root != c.Root {
		t.Errorf("the candidate is not what was published: %v", err)
	}
	// Tags alone.
	if done, err = s.Move(ctx, who, store.ApplyOp([]state.WantedTag{{Name: "elsewhere", Absent: true}}, nil, nil), store.How{}); err != nil || done.Change.Event == 0 || len(done.Steps) != 0 || !done.Tags[0].Deleted {
		t.Errorf("%+v, %v", done, err)
	}
	if done, err = s.Move(ctx, who, store.ApplyOp([]state.WantedTag{{Name: "elsewhere", Absent: true}}, nil, nil), store.How{}); err != nil || done.Change.Event != 0 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestApplySigned: a view that its own commit changes is signed before that, and published as it was signed.
func TestApplySigned(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a", SourceRPM: "a-1-1.src.rpm"}, testrpm.Spec{Name: "b", SourceRPM: "b-1-1.src.rpm"})
	k := signtest.NewKey(t, "ed25519", "")
	if _, err := s.Configure(ctx, who, "p", state.Patch{"sign": json.RawMessage(`{"key_file":` + quoted(k.File) + `}`)}); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		op := store.ApplyOp([]state.WantedTag{newTag("t", nvrs[:n])}, []store.WantedChannel{wants("p", "os=t/x86_64")}, nil)
		dry, err := s.Move(ctx, who, op, store.How{Dry: true})
		if err != nil {
			t.Fatal(err)
		}
		done, err := s.Move(ctx, who, op, store.How{Expect: dry.Token})
		if err != nil {
			t.Fatal(err)
		}
		c, err := state.GetChannel(s.Index.View(s.Index.Head()), "p/os")
		if err != nil || c.Signed == "" || c.Count != n || c.AsOf != done.Change {
			t.Errorf("%+v, %v", c, err)
		}
	}
}
