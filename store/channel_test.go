package store_test

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/tree"
)

// planText is a plan in one line per repository: "changed a/b +1 -0 >1 <0 !0".
func planText(p store.Plan) string {
	var out []string
	for _, s := range p.Steps {
		line := string(s.Action) + " " + s.Path
		if d := s.Packages; d != nil {
			line += fmt.Sprintf(" +%d -%d >%d <%d !%d", d.Added.Count, d.Removed.Count, d.Upgraded.Count, d.Downgraded.Count, d.Replaced.Count)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(...any)
}

// entries returns every entry at and below a directory by path. A text has the digest of its content, as if it were a blob.
func entries(t fataler, s *store.Store, root tree.Entry) map[string]tree.Entry {
	t.Helper()
	out := map[string]tree.Entry{"": root}
	var walk func(prefix string, dir tree.Entry)
	walk = func(prefix string, dir tree.Entry) {
		for item, err := range tree.List(s.Index, dir.Digest, "") {
			if err != nil {
				t.Fatal(err)
			}
			e, err := tree.DecodeEntry(item.Value)
			if err != nil {
				t.Fatal(err)
			}
			e.Digest = compose.ContentOf(e)
			out[prefix+item.Name] = e
			if e.Kind == tree.KindDir {
				walk(prefix+item.Name+"/", e)
			}
		}
	}
	if root.Kind == tree.KindDir {
		walk("", root)
	}
	return out
}

func channel(t *testing.T, s *store.Store, path string) state.Channel {
	t.Helper()
	c, err := state.GetChannel(s.Index.View(s.Index.Head()), path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// repomdOf reads the repomd.xml of a directory.
func repomdOf(t *testing.T, s *store.Store, root tree.Entry) (*repodata.Repomd, []byte) {
	t.Helper()
	e, err := compose.Lookup(s.Index, root, "repodata/repomd.xml")
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Composer.ReadSmall(e)
	if err != nil {
		t.Fatal(err)
	}
	md, err := repodata.ParseRepomd(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return md, b
}

// checkMove holds what a move of one path promises: invariants 6 and 7.
func checkMove(t *testing.T, s *store.Store, what string, was, is tree.Entry, stamp int64) {
	t.Helper()
	a, b := entries(t, s, was), entries(t, s, is)
	for path, e := range b {
		old, both := a[path]
		e.Nodes, old.Nodes = 0, 0
		switch {
		case e.RPM || e.Mtime == compose.NamedMtime:
			if both && e.Digest == old.Digest && e != old {
				t.Errorf("%s: %s: %+v, was %+v", what, path, e, old)
			}
		case both && e.Digest == old.Digest:
			if e != old {
				t.Errorf("%s: %s did not change, but its time did: %d, was %d", what, path, e.Mtime, old.Mtime)
			}
		case e.Mtime != stamp || both && e.Mtime <= old.Mtime:
			t.Errorf("%s: %s changed: mtime %d, was %d, the event's is %d", what, path, e.Mtime, old.Mtime, stamp)
		}
	}
	md, text := repomdOf(t, s, is)
	e := b["repodata/repomd.xml"]
	if int64(len(text)) != e.Size || md.Revision != strconv.FormatInt(e.Mtime, 10) {
		t.Errorf("%s: repomd.xml: revision %s, mtime %d", what, md.Revision, e.Mtime)
	}
	for _, r := range md.Records {
		if r.Timestamp != e.Mtime {
			t.Errorf("%s: repomd.xml: %s has timestamp %d, want %d", what, r.Type, r.Timestamp, e.Mtime)
		}
		if f, ok := b[r.Href]; !ok || f.Size != r.Size {
			t.Errorf("%s: repomd.xml names %s of %d bytes, the tree has %+v", what, r.Href, r.Size, f)
		}
	}
}

func TestChannels(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b", Version: "1"}, testrpm.Spec{Name: "b", Version: "2"}, testrpm.Spec{Name: "c"})
	snap := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "x"}, testrpm.Spec{Name: "y"})
	must := func(_ state.Change, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.CreateTag(ctx, who, "dev", []string{"x86_64"}))
	must(s.TagBuilds(ctx, who, "dev", nvrs[:2]))
	// do makes a dry run, wants its plan and no event, then the change.
	do := func(want string, f func(dry bool) (store.Plan, error)) store.Plan {
		t.Helper()
		head := s.Index.Head()
		p, err := f(true)
		if err != nil {
			t.Fatal(err)
		}
		if got := planText(p); got != want {
			t.Errorf("plan:\n%s\nwant\n%s", got, want)
		}
		if s.Index.Head() != head {
			t.Fatal("a dry run made an event")
		}
		done, err := f(false)
		if err != nil {
			t.Fatal(err)
		}
		for i, step := range done.Steps {
			if q := p.Steps[i]; step.Path != q.Path || step.Action != q.Action {
				t.Errorf("done: %s %s, planned: %s %s", step.Action, step.Path, q.Action, q.Path)
			}
		}
		return done
	}
	set := func(path, source string) func(bool) (store.Plan, error) {
		return func(dry bool) (store.Plan, error) { return s.SetChannel(ctx, who, path, source, dry) }
	}
	promote := func(from, to string) func(bool) (store.Plan, error) {
		return func(dry bool) (store.Plan, error) { return s.Promote(ctx, who, from, to, dry) }
	}
	rollback := func(path string, to store.Moment) func(bool) (store.Plan, error) {
		return func(dry bool) (store.Plan, error) { return s.Rollback(ctx, who, path, to, dry) }
	}

	done := do("set staging/9/dev/os +2 -0 >0 <0 !0", set("staging/9/dev/os", "dev/x86_64"))
	checkMove(t, s, "first", tree.Entry{}, channel(t, s, "staging/9/dev/os").Root, done.Change.Stamp)
	do("set staging/9/r/os +2 -0 >0 <0 !0", set("staging/9/r/os", "r"))
	done = do("set production/9/dev/os +2 -0 >0 <0 !0\nset production/9/r/os +2 -0 >0 <0 !0", promote("staging", "production"))
	first := channel(t, s, "production/9/dev/os")
	checkMove(t, s, "promoted", tree.Entry{}, first.Root, done.Change.Stamp)
	if got, want := first.Source(), channel(t, s, "staging/9/dev/os").Source(); got != want || first.Count != 2 {
		t.Errorf("promoted %s with %d RPMs, want %s with 2", got, first.Count, want)
	}
	repo := channel(t, s, "production/9/r/os")

	// One package upgraded: only what it touches moves.
	must(s.TagBuilds(ctx, who, "dev", nvrs[2:3]))
	do("changed staging/9/dev/os +0 -0 >1 <0 !0", set("staging/9/dev/os", "dev/x86_64"))
	second := do("changed production/9/dev/os +0 -0 >1 <0 !0\nunchanged production/9/r/os +0 -0 >0 <0 !0", promote("staging/9", "production/9"))
	b2 := channel(t, s, "production/9/dev/os")
	checkMove(t, s, "upgraded", first.Root, b2.Root, second.Change.Stamp)
	if now := channel(t, s, "production/9/r/os"); now.Root != repo.Root || now.Changed != repo.Changed {
		t.Errorf("the repository that did not change: %+v, was %+v", now, repo)
	}
	if a, b := entries(t, s, first.Root), entries(t, s, b2.Root); a["Packages/a"] != b["Packages/a"] || a["Packages/b"] == b["Packages/b"] {
		t.Error("Packages/a moved, or Packages/b did not")
	}

	// Back, twice: times only grow.
	back := do("changed production/9/dev/os +0 -0 >0 <1 !0\nunchanged production/9/r/os +0 -0 >0 <0 !0", rollback("production/9", ""))
	b3 := channel(t, s, "production/9/dev/os")
	checkMove(t, s, "rolled back", b2.Root, b3.Root, back.Change.Stamp)
	if rpmNames(t, s, b3.Root) != rpmNames(t, s, first.Root) || b3.Source() != first.Source() {
		t.Error("rolling back brought something else")
	}
	again := do("changed production/9/dev/os +0 -0 >1 <0 !0", rollback("production/9/dev", store.Moment(fmt.Sprint(second.Change.Event))))
	checkMove(t, s, "forward", b3.Root, channel(t, s, "production/9/dev/os").Root, again.Change.Stamp)

	// A tag that comes back to the same content at a later generation moves nothing.
	must(s.TagBuilds(ctx, who, "dev", nvrs[3:]))
	must(s.UntagBuilds(ctx, who, "dev", nvrs[3:]))
	now := channel(t, s, "production/9/dev/os")
	do("unchanged production/9/dev/os +0 -0 >0 <0 !0", set("production/9/dev/os", "dev/x86_64"))
	if got := channel(t, s, "production/9/dev/os"); got.Root != now.Root || got.Changed != now.Changed || got.Source() == now.Source() {
		t.Errorf("same content of a later generation: %+v, was %+v", got, now)
	}

	// What is gone is removed; its history is still there, and it comes back with greater times.
	if _, err := s.UnsetChannel(ctx, who, "staging/9/r", false); err != nil {
		t.Fatal(err)
	}
	do("unchanged production/9/dev/os +0 -0 >0 <0 !0\nremoved production/9/r/os +0 -2 >0 <0 !0", promote("staging", "production"))
	done = do("set production/9/r/os +2 -0 >0 <0 !0", rollback("production/9/r", ""))
	if got := channel(t, s, "production/9/r/os"); got.Root.Mtime != done.Change.Stamp || got.Snapshot != snap.Ref() {
		t.Errorf("back again: %+v", got)
	}
	events, more, err := s.ChannelHistory(ctx, "production/9/r", 0, 10)
	if err != nil || more || len(events) != 3 {
		t.Fatalf("history of production/9/r: %v, more: %v, %v", events, more, err)
	}
	if st := events[1].Steps; len(st) != 1 || st[0].Action != store.Removed || events[1].Rows[0].Command != "test" {
		t.Errorf("second of the history: %+v", events[1])
	}
	events, more, err = s.ChannelHistory(ctx, "", events[2].Rows[0].Seq, 1)
	if err != nil || !more || len(events) != 1 || events[0].Steps[0].Path != "staging/9/r/os" {
		t.Errorf("page of the history: %+v, more: %v, %v", events, more, err)
	}
}

func TestChannelRefusals(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "x"})
	set := func(path string) error {
		_, err := s.SetChannel(ctx, who, path, "r", false)
		return err
	}
	for _, path := range []string{"a/b", "c/b/d", "f/g"} {
		if err := set(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.FreezeChannel(ctx, who, "f", true); err != nil {
		t.Fatal(err)
	}
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "y"})
	head := s.Index.Head()
	one := func(_ store.Plan, err error) error { return err }
	two := func(_ state.Change, err error) error { return err }
	tests := map[string]struct {
		err  error
		kind error
		text string
	}{
		"below":             {set("a/b/c"), state.ErrConflict, "channel a/b/c would lie in channel a/b"},
		"above":             {set("c"), state.ErrConflict, "channel c/b/d would lie in channel c"},
		"itself":            {one(s.Promote(ctx, who, "f", "f/x", true)), iofs.ErrInvalid, "one lies in the other"},
		"no source":         {one(s.Promote(ctx, who, "none", "x", true)), iofs.ErrNotExist, "nothing is published there"},
		"frozen":            {set("f/g"), state.ErrConflict, "channel f/g: f is frozen since event"},
		"frozen, dry":       {one(s.SetChannel(ctx, who, "f/h", "r", true)), state.ErrConflict, "thaw f"},
		"frozen, unset":     {one(s.UnsetChannel(ctx, who, "f/g", false)), state.ErrConflict, "is frozen"},
		"frozen twice":      {two(s.FreezeChannel(ctx, who, "f/g", true)), iofs.ErrExist, "f is frozen since event"},
		"thaw below":        {two(s.FreezeChannel(ctx, who, "f/g", false)), state.ErrConflict, "thaw f"},
		"thaw nothing":      {two(s.FreezeChannel(ctx, who, "a", false)), iofs.ErrNotExist, "is not frozen"},
		"unset nothing":     {one(s.UnsetChannel(ctx, who, "b", false)), iofs.ErrNotExist, "nothing is published"},
		"never moved":       {one(s.Rollback(ctx, who, "b", "", true)), state.ErrConflict, "never moved"},
		"before it was set": {one(s.Rollback(ctx, who, "f", "", true)), iofs.ErrNotExist, "nothing was published there then"},
		"no snapshot":       {one(s.SetChannel(ctx, who, "n", "none", true)), iofs.ErrNotExist, "repo none"},
		"no tag":            {one(s.SetChannel(ctx, who, "n", "none/x86_64", true)), iofs.ErrNotExist, "tag none"},
		"no event":          {one(s.SetChannel(ctx, who, "n", "none/x86_64@999", true)), iofs.ErrNotExist, ""},
	}
	for _, path := range []string{"", "/a", "a/", "a//b", "..", "a/../b", "a/.hidden", "a/b@c", "a b", strings.Repeat("a", 256), strings.Repeat("a/", 40) + "a"} {
		tests["path "+path] = struct {
			err  error
			kind error
			text string
		}{set(path), iofs.ErrInvalid, "channel path"}
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		test := tests[name]
		if !errors.Is(test.err, test.kind) || !strings.Contains(fmt.Sprint(test.err), test.text) {
			t.Errorf("%s: %v, want %v with %q", name, test.err, test.kind, test.text)
		}
	}
	if s.Index.Head() != head {
		t.Error("what was refused made an event")
	}
	// One repository may take the place of several.
	p, err := s.Promote(ctx, who, "a/b", "c", false)
	if got := planText(p); err != nil || got != "set c\nremoved c/b/d" {
		t.Errorf("promote in place of what was below: %s, %v", got, err)
	}
}

// TestChannelVerbatim holds that a verbatim snapshot keeps its repomd.xml, and that only what differs at the path gets new
// times.
func TestChannelVerbatim(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	snapshot := func(files map[string]string, specs ...testrpm.Spec) state.Snapshot {
		t.Helper()
		im := storetest.Read(t, s, specs...)
		lease, err := s.Blobs.NewLease()
		if err != nil {
			t.Fatal(err)
		}
		defer lease.Close()
		for path, text := range files {
			d, err := lease.Write([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := im.AddFile(path, d, int64(len(text)), strings.Contains(path, "-primary")); err != nil {
				t.Fatal(err)
			}
		}
		if err := lease.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		snap, err := im.Snapshot(ctx, who, "up", store.SnapshotOptions{Verbatim: true, Revision: "7"})
		if err != nil {
			t.Fatal(err)
		}
		return snap
	}
	a := snapshot(map[string]string{"repodata/repomd.xml": "one", "repodata/1-primary.xml": "p1", "repodata/repomd.xml.asc": "sig", "media/key": "key"}, testrpm.Spec{Name: "x"})
	b := snapshot(map[string]string{"repodata/repomd.xml": "two", "repodata/2-primary.xml": "p2", "repodata/repomd.xml.asc": "sig", "media/key": "key"}, testrpm.Spec{Name: "x"})
	var last tree.Entry
	var times []int64
	for i, ref := range []string{a.Ref(), b.Ref(), a.Ref()} {
		p, err := s.SetChannel(ctx, who, "mirror/os", ref, false)
		if err != nil {
			t.Fatal(err)
		}
		now := channel(t, s, "mirror/os")
		es, was := entries(t, s, now.Root), entries(t, s, last)
		if want := []blob.Digest{blob.Sum([]byte("one")), blob.Sum([]byte("two"))}[i%2]; es["repodata/repomd.xml"].Digest != want {
			t.Errorf("%s: repomd.xml has other bytes", ref)
		}
		for path, e := range es {
			want := p.Change.Stamp
			switch old, both := was[path]; {
			case e.RPM:
				continue
			case strings.Contains(path, "-primary"):
				want = compose.NamedMtime
			case both && old.Digest == e.Digest:
				want = old.Mtime
			}
			if e.Mtime != want {
				t.Errorf("%s: %s has mtime %d, want %d", ref, path, e.Mtime, want)
			}
		}
		times = append(times, es["repodata/repomd.xml"].Mtime)
		last = now.Root
	}
	if !slices.IsSorted(times) || times[0] == times[1] || times[1] == times[2] {
		t.Errorf("times of repomd.xml: %v", times)
	}
}

// TestChannelRace holds that of two moves that were planned of the same state one is made and the other is told, unless they
// mean the same.
func TestChannelRace(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	x, y := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "x"}), storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "y"})
	refs := []string{x.Ref(), y.Ref()}
	if _, err := s.SetChannel(ctx, who, "a", refs[0], false); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		before := s.Index.Head().Seq
		errs := make(chan error, 4)
		for i := range cap(errs) {
			go func() {
				_, err := s.SetChannel(ctx, who, "a", refs[i%2], false)
				errs <- err
			}()
		}
		done := 0
		for range cap(errs) {
			switch err := <-errs; {
			case err == nil:
				done++
			case !errors.Is(err, state.ErrConflict) || !strings.Contains(err.Error(), "try again"):
				t.Errorf("the loser of a race: %v", err)
			}
		}
		if done == 0 {
			t.Error("all lost")
		}
		if after := s.Index.Head().Seq; after == before || after > before+uint64(done) {
			t.Errorf("%d done, events %d to %d", done, before, after)
		}
	}
}
