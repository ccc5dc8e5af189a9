package store_test

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"
	"testing"

	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/tree"
)

// TestPinnedNames holds that a repository and another's files never have one name, in both directions, in whatever order and also within
// one promotion, and that a name is free again when its owner is gone.
func TestPinnedNames(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"})
	set := func(path string) error {
		_, err := s.SetChannel(ctx, who, path, "r", false)
		return err
	}
	unset := func(path string) {
		t.Helper()
		if _, err := s.UnsetChannel(ctx, who, path, false); err != nil {
			t.Fatal(err)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(err error, words string) {
		t.Helper()
		if !errors.Is(err, state.ErrConflict) || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want a conflict that says %q", err, words)
		}
	}
	if _, err := s.SetSite(ctx, who, []string{"https://a.example.org"}); err != nil {
		t.Fatal(err)
	}
	ok(set("x/os"))
	refused(set("x/os.repo"), "channel x/os.repo: a file of channel x/os has that name")
	refused(set("x/os.mirrorlist/deep/er"), "channel x/os.mirrorlist/deep/er: a file of channel x/os has that name")
	ok(set("x/os.repo.d")) // is no file's name
	ok(set("y/os.repo"))
	ok(set("y/lib.mirrorlist/a"))
	refused(set("y/os"), "channel y/os.repo: a file of channel y/os has that name")
	refused(set("y/lib"), "channel y/lib.mirrorlist/a: a file of channel y/lib has that name")
	_, err := s.Promote(ctx, who, "x", "y/lib.mirrorlist", false)
	ok(err) // replaces a
	unset("y")

	ok(set("a/os"))
	ok(set("b/os.repo"))
	ok(set("b/os.repo2"))
	_, err = s.Promote(ctx, who, "b", "a", false) // os goes, os.repo takes the place of its file
	ok(err)
	if got := listed(t, s.Index.View(s.Index.Head()), "a"); got != "os.repo/ os.repo.mirrorlist os.repo.repo os.repo2/ os.repo2.mirrorlist os.repo2.repo" {
		t.Errorf("a is %q", got)
	}
	_, err = s.Rollback(ctx, who, "a", "", false)
	ok(err)
	if got := listed(t, s.Index.View(s.Index.Head()), "a"); got != "os/ os.mirrorlist os.repo" {
		t.Errorf("a is %q after a rollback", got)
	}
	unset("a")
	ok(set("a/os.mirrorlist"))
	if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64.repo"}); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("an arch with the name of a file: %v", err)
	}
}

// listed names what is in a directory of all channels.
func listed(t *testing.T, r state.Reader, path string) string {
	t.Helper()
	var names []string
	for item, err := range tree.List(r, directory(t, r, path).Digest, "") {
		if err != nil {
			t.Fatal(err)
		}
		e, err := tree.DecodeEntry(item.Value)
		if err != nil {
			t.Fatal(err)
		}
		name := item.Name
		if e.Kind == tree.KindDir {
			name += "/"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// directory finds what is at a path of all channels.
func directory(t *testing.T, r state.Reader, path string) tree.Entry {
	t.Helper()
	e, err := state.Published(r)
	for _, name := range strings.Split(path, "/") {
		if err != nil {
			t.Fatal(err)
		}
		var v []byte
		if v, err = tree.Get(r, e.Digest, name); err == nil {
			e, err = tree.DecodeEntry(v)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return e
}

// TestSites holds which site a path names and which files a change of it touches: only those whose content it changes.
func TestSites(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"})
	now := func() state.Reader { return s.Index.View(s.Index.Head()) }
	for _, path := range []string{"production/9/os", "production/10/os", "staging/os"} {
		if _, err := s.SetChannel(ctx, who, path, "r", false); err != nil {
			t.Fatal(err)
		}
	}
	if got := listed(t, now(), "staging"); got != "os/" {
		t.Errorf("without a site: %q", got)
	}
	all := func() string {
		var out []string
		for _, path := range []string{"production/9/os", "production/10/os", "staging/os"} {
			sites, err := state.SitesAt(now(), path)
			if err != nil {
				t.Fatal(err)
			}
			text := "none"
			if len(sites) > 0 {
				e := directory(t, now(), path+".mirrorlist")
				host, rest, _ := strings.Cut(strings.TrimPrefix(e.Target, "https://"), "/")
				c, err := state.GetChannel(now(), path)
				if want := fmt.Sprintf("at/%d/channels/%s/\n", c.Changed.Event, path); err != nil || rest != want {
					t.Errorf("%s: %q, want %q (%v)", path, rest, want, err)
				}
				text = fmt.Sprintf("%s %d", host, e.Mtime)
			} else if got := listed(t, now(), path[:len(path)-3]); got != "os/" {
				t.Errorf("%s without a site: %q", path, got)
			}
			out = append(out, text)
		}
		return strings.Join(out, ", ")
	}
	change := func(c state.Change, err error) int64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c.Stamp
	}
	configure := func(path, value string) int64 {
		t.Helper()
		return change(s.Configure(ctx, who, path, state.Patch{"site": []byte(value)}))
	}
	want := func(format string, args ...any) {
		t.Helper()
		if got, want := all(), fmt.Sprintf(format, args...); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	root := directory(t, now(), "production/9/os")
	a := change(s.SetSite(ctx, who, []string{"https://a/"}))
	want("a %d, a %d, a %d", a, a, a)
	b := configure("production", `["https://b"]`)
	want("b %d, b %d, a %d", b, b, a)
	c := configure("production/10", `["https://c"]`)
	want("b %d, c %d, a %d", b, c, a)
	a = change(s.SetSite(ctx, who, []string{"https://d"}))
	want("b %d, c %d, d %d", b, c, a)
	configure("production", `[]`)
	want("none, c %d, d %d", c, a)
	d := configure("production", `null`)
	want("d %d, c %d, d %d", d, c, a)
	if directory(t, now(), "production/9/os") != root {
		t.Error("a change of the site changed a repository")
	}
	moved, err := state.ChannelMoved(now(), "production")
	if err != nil || moved.Stamp >= a {
		t.Errorf("a change of the site counts as a move of a repository: %v, %v", moved, err)
	}
	if _, err := s.SetSite(ctx, who, []string{"https://d/"}); !errors.Is(err, state.ErrConflict) {
		t.Errorf("the same site again: %v", err)
	}
	for _, bad := range [][]string{{"a.example.org"}, {"https://a", "https://a/"}, strings.Split(strings.Repeat("https://a ", 17), " ")} {
		if _, err := s.SetSite(ctx, who, bad); !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("site %q: %v", bad, err)
		}
	}
	if _, err := s.Configure(ctx, who, "production", state.Patch{"site": []byte(`["x"]`)}); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("a bad site of a path: %v", err)
	}
	if _, err := s.FreezeChannel(ctx, who, "production/9", true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetSite(ctx, who, nil); !errors.Is(err, state.ErrConflict) || !strings.Contains(err.Error(), "production/9 is frozen") {
		t.Errorf("a change of the site below a freeze: %v", err)
	}
	if _, err := s.FreezeChannel(ctx, who, "production/9", false); err != nil {
		t.Fatal(err)
	}
	head := s.Index.Head()
	if v, err := s.Verify(ctx, 1, nil); err != nil || len(v.Findings) != 0 {
		t.Errorf("verify: %+v, %v", v, err)
	}
	change(s.SetSite(ctx, who, nil))
	want("none, c %d, none", c)
	if got := listed(t, s.Index.View(head), "staging"); got != "os/ os.mirrorlist os.repo" {
		t.Errorf("the past is %q", got)
	}
}

// TestEarlierGenerations holds which generations a channel's mirrorlist names behind the newest: the last three in which a repository was
// at the path without a break; a repository that does not change keeps its files, byte for byte and time for time.
func TestEarlierGenerations(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	if _, err := s.SetSite(ctx, who, []string{"https://a", "https://b"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		storetest.Snapshot(t, s, name, testrpm.Spec{Name: name})
	}
	set := func(path, source string) uint64 {
		t.Helper()
		p, err := s.SetChannel(ctx, who, path, source, false)
		if err != nil {
			t.Fatal(err)
		}
		return p.Change.Event
	}
	file := func(path string) tree.Entry {
		return directory(t, s.Index.View(s.Index.Head()), path)
	}
	want := func(path string, events ...uint64) {
		t.Helper()
		var text strings.Builder
		for _, e := range events {
			fmt.Fprintf(&text, "https://a/at/%[1]d/channels/%[2]s/\nhttps://b/at/%[1]d/channels/%[2]s/\n", e, path)
		}
		if got := file(path + ".mirrorlist").Target; got != text.String() {
			t.Errorf("%s.mirrorlist:\n%swant\n%s", path, got, text.String())
		}
	}
	other := set("p/still", "a")
	still := file("p/still.mirrorlist")
	var events []uint64
	for i := range 6 {
		events = append([]uint64{set("p/os", []string{"a", "b"}[i%2])}, events...)
		want("p/os", events[:min(len(events), 4)]...)
	}
	set("p/os", "b") // what is there
	want("p/os", events[:4]...)
	p, err := s.Rollback(ctx, who, "p", store.Moment(fmt.Sprint(events[1])), false)
	if err != nil {
		t.Fatal(err)
	}
	want("p/os", p.Change.Event, events[0], events[1], events[2])
	want("p/still", other)
	if now := file("p/still.mirrorlist"); now != still {
		t.Errorf("beside a repository that did not change: %+v, before %+v", now, still)
	}
	// A promotion brings a repository, not the history of its path.
	to := set("q/os", "b")
	q, err := s.Promote(ctx, who, "p", "q", false)
	if err != nil {
		t.Fatal(err)
	}
	want("q/os", q.Change.Event, to)
	want("q/still", q.Change.Event)
	if _, err := s.UnsetChannel(ctx, who, "p/os", false); err != nil {
		t.Fatal(err)
	}
	want("p/os", set("p/os", "a"))
	if strings.Contains(file("q/os.repo").Target, fmt.Sprintf("at/%d/", to)) {
		t.Error("a definition names an earlier generation")
	}
}
