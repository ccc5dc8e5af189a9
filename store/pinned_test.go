package store_test

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"
	"testing"

	"vrepofs/state"
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
