package layout_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"vrepofs/fs"
	"vrepofs/layout"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// mounted is a store with its mount, as the daemon wires them.
type mounted struct {
	*store.Store
	layout *layout.Layout
	fs     *fs.FS
	mnt    string
}

func mount(t *testing.T, s *store.Store) *mounted {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting for real needs root")
	}
	l, err := layout.New(s)
	if err != nil {
		t.Fatal(err)
	}
	m := &mounted{Store: s, layout: l, mnt: t.TempDir()}
	f, err := fs.Mount(t.Context(), m.mnt, l, fs.Options{AllowOther: true, StatfsDir: s.Root, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	m.fs = f
	s.Publish(func(ctx context.Context) error { return l.Publish(ctx, f) })
	return m
}

// sh runs a shell script in a child process with its working directory outside of the mount and MNT set.
func (m *mounted) sh(t *testing.T, script string) string {
	t.Helper()
	out, err := m.try(script)
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

func (m *mounted) try(script string) (string, error) {
	c := exec.Command("sh", "-c", script)
	c.Env = append(os.Environ(), "MNT="+m.mnt, "LC_ALL=C", "TZ=UTC")
	out, err := c.CombinedOutput()
	return strings.TrimRight(string(out), "\n"), err
}

// stay starts a process that changes into dir, and returns what lets it go on: it then runs the script there, and its output is
// returned.
func (m *mounted) stay(t *testing.T, dir, script string) func() string {
	t.Helper()
	c := exec.Command("sh", "-c", "cd "+m.mnt+"/"+dir+" && echo there && read go && "+script)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("there\n"))); err != nil {
		t.Fatal(err)
	}
	return func() string {
		fmt.Fprintln(in, "go")
		b, err := io.ReadAll(out)
		if err == nil {
			err = c.Wait()
		}
		if err != nil {
			t.Errorf("in %s: %v", dir, err)
		}
		return strings.TrimSpace(string(b))
	}
}

func must(t *testing.T) func(state.Change, error) state.Change {
	return func(c state.Change, err error) state.Change {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

func TestMountShowsReposAndTags(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	first := storetest.Snapshot(t, s, "fedora", testrpm.Spec{Name: "bash"})
	m := mount(t, s)
	do := must(t)
	if got, want := m.sh(t, "cd $MNT; echo $(ls . repos/fedora)"), ".: at repos tags repos/fedora: "+first.ID+" latest"; got != want {
		t.Errorf("ls: %q, want %q", got, want)
	}
	second := storetest.Snapshot(t, s, "fedora", testrpm.Spec{Name: "bash"}, testrpm.Spec{Name: "dash"})
	if got := m.sh(t, "readlink $MNT/repos/fedora/latest; ls $MNT/repos/fedora/latest/Packages"); got != second.ID+"\nb\nd" {
		t.Errorf("latest after the second snapshot: %q", got)
	}
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a", Version: "1"}, testrpm.Spec{Name: "a", Version: "2"})
	do(s.CreateTag(ctx, who, "base", []string{"x86_64"}))
	do(s.CreateTag(ctx, who, "dev", []string{"x86_64", "aarch64"}))
	do(s.AddParent(ctx, who, "dev", state.Link{Parent: "base", Priority: 1}))
	tagged := do(s.TagBuilds(ctx, who, "base", nvrs[:1]))
	ls := "ls $MNT/tags/dev/x86_64/Packages/a"
	if got := m.sh(t, ls); got != "a-1-1.x86_64.rpm" {
		t.Errorf("inherited: %q", got)
	}
	do(s.TagBuilds(ctx, who, "base", nvrs[1:]))
	if got := m.sh(t, ls); got != "a-2-1.x86_64.rpm" {
		t.Errorf("after the base moved: %q", got)
	}
	if got := m.sh(t, fmt.Sprintf("cd $MNT/at/%d; echo $(ls . tags/dev/x86_64/Packages/a)", tagged.Event)); got != ".: repos tags tags/dev/x86_64/Packages/a: a-1-1.x86_64.rpm" {
		t.Errorf("at the earlier event: %q", got)
	}
	if got := m.sh(t, fmt.Sprintf("readlink $MNT/at/%s; ls -A $MNT/at", state.FormatStamp(tagged.Stamp))); got != fmt.Sprint(tagged.Event) {
		t.Errorf("at a time: %q, want %d", got, tagged.Event)
	}
	for _, name := range []string{"at/0", "at/007", "at/nolabel", "at/99999999999Z", "at/20990101T000000Z", "tags/none", "repos/none", "tags/dev/s390x",
		"repos/fedora/20200101T000000Z", "repos/fedora/repodata", "repos/.x", "at/.x", "tags/a b", "x", "repos/fedora/latest@" + second.ID, "at/" + fmt.Sprint(tagged.Event) + "@", "tags@1",
		"at/" + fmt.Sprint(tagged.Event) + "/at", "at/" + fmt.Sprint(tagged.Event) + "/tags/dev/s390x"} {
		if out, err := m.try("stat '" + m.mnt + "/" + name + "'"); err == nil || !strings.Contains(out, "No such file") {
			t.Errorf("stat %s: %q, want no such file", name, out)
		}
	}
	do(s.DeleteTag(ctx, who, "dev"))
	do(s.RemoveRepo(ctx, who, "fedora"))
	if got := m.sh(t, "cd $MNT; echo $(ls tags) $(ls repos)"); got != "base" {
		t.Errorf("after removal: %q", got)
	}
	if got := m.sh(t, fmt.Sprintf("cd $MNT/at/%d/repos/fedora; ls latest/Packages", tagged.Event)); got != "b\nd" {
		t.Errorf("the past after removal: %q", got)
	}
}

func TestLabelIsALink(t *testing.T) {
	s := storetest.New(t)
	m := mount(t, s)
	who := storetest.Who()
	who.Label = "ga-9.5"
	c := must(t)(s.CreateTag(t.Context(), who, "t", []string{"x86_64"}))
	if got := m.sh(t, "readlink $MNT/at/ga-9.5"); got != fmt.Sprint(c.Event) {
		t.Errorf("label leads to %q, want %d", got, c.Event)
	}
}

// TestMountEqualsAfterRebuild holds that the index can be lost: the mount has the same bytes, times and inode numbers.
func TestMountEqualsAfterRebuild(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	do := must(t)
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"})
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "b"}, testrpm.Spec{Name: "c"})
	do(s.CreateTag(ctx, who, "t", []string{"x86_64"}))
	event := do(s.TagBuilds(ctx, who, "t", nvrs[:1]))
	do(s.TagBuilds(ctx, who, "t", nvrs))
	dump := fmt.Sprintf(`cd $MNT && find . repos/* tags/* at/%d -printf '%%p %%y %%i %%n %%s %%T@ %%m %%l\n' | sort && find . -type f | sort | xargs sha256sum`, event.Event)
	var dumps []string
	for range 2 {
		m := mount(t, s)
		dumps = append(dumps, m.sh(t, dump))
		m.layout = nil
		if out, err := exec.Command("umount", m.mnt).CombinedOutput(); err != nil {
			t.Fatalf("umount: %v %s", err, out)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(s.Root + "/index"); err != nil {
			t.Fatal(err)
		}
		s = storetest.Open(t, s.Root)
	}
	a, b := strings.Split(dumps[0], "\n"), strings.Split(dumps[1], "\n")
	if !slices.Equal(a, b) {
		t.Errorf("before:\n%s\nafter:\n%s", dumps[0], dumps[1])
	}
	if len(a) < 40 {
		t.Errorf("only %d lines:\n%s", len(a), dumps[0])
	}
}
