package layout_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// moved returns the change of a move.
func moved(t *testing.T) func(store.Plan, error) state.Change {
	return func(p store.Plan, err error) state.Change {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p.Change
	}
}

// TestChannelsInTheMount holds what moves, when, and to whom: a promotion is seen at once, a process inside stays, the past is
// under at/EVENT, times grow, and RPMs are the same inodes as in tags.
func TestChannelsInTheMount(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	do, move := must(t), moved(t)
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b", Version: "1"}, testrpm.Spec{Name: "b", Version: "2"})
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "x"})
	do(s.CreateTag(ctx, who, "dev", []string{"x86_64"}))
	do(s.TagBuilds(ctx, who, "dev", nvrs[:2]))
	m := mount(t, s)
	if out, err := m.try("stat $MNT/channels"); err == nil || !strings.Contains(out, "No such file") {
		t.Errorf("a store without channels: %q", out)
	}
	move(s.SetChannel(ctx, who, "staging/9/dev/os", "dev/x86_64", false))
	if got, want := m.sh(t, "ls $MNT; cd $MNT/channels; find . -maxdepth 4 -type d | sort"),
		"at\nchannels\nrepos\ntags\n.\n./staging\n./staging/9\n./staging/9/dev\n./staging/9/dev/os"; got != want {
		t.Errorf("first channel: %q, want %q", got, want)
	}
	move(s.SetChannel(ctx, who, "staging/9/r", "r", false))
	first := move(s.Promote(ctx, who, "staging", "production", false))
	const ls = "cd $MNT/channels; echo $(ls . production/9 production/9/dev/os/Packages/b)"
	if got, want := m.sh(t, ls), ".: production staging production/9: dev r production/9/dev/os/Packages/b: b-1-1.x86_64.rpm"; got != want {
		t.Errorf("promoted: %q, want %q", got, want)
	}

	// One process stands in the repository, one above everything, one has the channels open as a source with a slash would.
	inside, above := m.stay(t, "channels/production/9/dev/os", "ls Packages/b; grep -o '<revision>.*<' repodata/repomd.xml; ls .."), m.stay(t, "channels", "ls production/9/dev/os/Packages/b staging/9/dev/os/Packages/b")

	// stat prints path, inode, mtime of a list.
	stat := func(paths ...string) map[string][2]int64 {
		out := map[string][2]int64{}
		for _, line := range strings.Split(m.sh(t, "cd $MNT; stat -c '%n %i %Y' "+strings.Join(paths, " ")), "\n") {
			f := strings.Fields(line)
			ino, _ := strconv.ParseInt(f[1], 10, 64)
			mtime, _ := strconv.ParseInt(f[2], 10, 64)
			out[f[0]] = [2]int64{ino, mtime}
		}
		return out
	}
	const os = "channels/production/9/dev/os"
	times := []string{os, os + "/Packages", os + "/Packages/b", os + "/repodata", os + "/repodata/repomd.xml", "channels", "channels/production", "channels/production/9", "channels/production/9/dev"}
	still := []string{os + "/Packages/a", os + "/Packages/a/a-1.0-1.x86_64.rpm", "channels/production/9/r", "channels/production/9/r/repodata/repomd.xml", "channels/production/9/r/Packages/x"}
	t1, s1 := stat(times...), stat(still...)
	if a, b := stat(os + "/Packages/a/a-1.0-1.x86_64.rpm")[os+"/Packages/a/a-1.0-1.x86_64.rpm"], stat("tags/dev/x86_64/Packages/a/a-1.0-1.x86_64.rpm")["tags/dev/x86_64/Packages/a/a-1.0-1.x86_64.rpm"]; a != b {
		t.Errorf("one RPM in a channel and in a tag: inode and mtime %v and %v", a, b)
	}

	do(s.TagBuilds(ctx, who, "dev", nvrs[2:]))
	if got := m.sh(t, ls); !strings.HasSuffix(got, "b-1-1.x86_64.rpm") {
		t.Errorf("a tag moved, and the channel with it: %q", got)
	}
	move(s.SetChannel(ctx, who, "staging/9/dev/os", "dev/x86_64", false))
	second := move(s.Promote(ctx, who, "staging", "production", false))
	if got := m.sh(t, ls); !strings.HasSuffix(got, "b-2-1.x86_64.rpm") {
		t.Errorf("second promotion: %q", got)
	}
	check := func(what string, before map[string][2]int64, stamp int64) map[string][2]int64 {
		t.Helper()
		now, kept := stat(times...), stat(still...)
		for _, p := range times {
			if now[p][1] != stamp || now[p][1] <= before[p][1] {
				t.Errorf("%s: %s has mtime %d, had %d, the event's is %d", what, p, now[p][1], before[p][1], stamp)
			}
		}
		for _, p := range still {
			if kept[p][1] != s1[p][1] {
				t.Errorf("%s: %s has mtime %d, had %d", what, p, kept[p][1], s1[p][1])
			}
		}
		if rpm := still[1]; kept[rpm] != s1[rpm] {
			t.Errorf("%s: an RPM: %v, was %v", what, kept[rpm], s1[rpm])
		}
		return now
	}
	t2 := check("second promotion", t1, second.Stamp)
	if got, want := inside(), fmt.Sprintf("b-1-1.x86_64.rpm\n<revision>%d<\nos", first.Stamp); got != want {
		t.Errorf("a process in the repository sees %q, want %q", got, want)
	}
	if got := above(); !strings.Contains(got, "production/9/dev/os/Packages/b:\nb-1-1") || !strings.Contains(got, "staging/9/dev/os/Packages/b:\nb-1-1") {
		t.Errorf("a process in channels sees %q", got)
	}
	back := move(s.Rollback(ctx, who, "production", "", false))
	check("rollback", t2, back.Stamp)
	if got := m.sh(t, ls+"; grep -o '<revision>.*<' production/9/dev/os/repodata/repomd.xml"); !strings.HasSuffix(got, fmt.Sprintf("b-1-1.x86_64.rpm\n<revision>%d<", back.Stamp)) {
		t.Errorf("rolled back: %q", got)
	}

	// The past.
	for _, c := range []struct {
		event uint64
		want  string
	}{{first.Event, "b-1-1"}, {second.Event, "b-2-1"}, {back.Event, "b-1-1"}} {
		got := m.sh(t, fmt.Sprintf("cd $MNT/at/%d; ls; ls channels/production/9/dev/os/Packages/b; cd channels/production/9/dev/os; ls .. ../../../..", c.event))
		if want := "channels\nrepos\ntags\n" + c.want + ".x86_64.rpm\n..:\nos\n\n../../../..:\nproduction\nstaging"; got != want {
			t.Errorf("at %d: %q, want %q", c.event, got, want)
		}
	}
	for _, name := range []string{"channels/none", "channels/production/9/de", "channels/production/9/r@", "channels/production/9/r/none", "channels@1", fmt.Sprintf("channels@%d", back.Event),
		"at/1/channels", fmt.Sprintf("at/%d/channels/none", first.Event)} {
		if out, err := m.try("stat '" + m.mnt + "/" + name + "'"); err == nil || !strings.Contains(out, "No such file") {
			t.Errorf("stat %s: %q, want no such file", name, out)
		}
	}
	if got := m.sh(t, "find $MNT/channels -type f | wc -l; find $MNT/channels -type f -exec cat {} + > /dev/null"); got != "22" {
		t.Errorf("%s files below channels, want 22", got)
	}

	// All removed: the name goes, and comes back.
	move(s.UnsetChannel(ctx, who, "production", false))
	move(s.UnsetChannel(ctx, who, "staging", false))
	if got := m.sh(t, "ls $MNT; ls $MNT/channels 2>&1 || true"); !strings.HasPrefix(got, "at\nrepos\ntags\n") || !strings.Contains(got, "No such file") {
		t.Errorf("all removed: %q", got)
	}
	move(s.Rollback(ctx, who, "production", "", false))
	if got := m.sh(t, ls); !strings.HasPrefix(got, ".: production production/9: dev r") {
		t.Errorf("back again: %q", got)
	}
}

// TestChannelsAfterRebuild holds that channels are truth: without the index they have the same bytes, times and inode numbers.
func TestChannelsAfterRebuild(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	move := moved(t)
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a"})
	move(s.SetChannel(ctx, who, "staging/r", "r", false))
	move(s.Promote(ctx, who, "staging", "production", false))
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a", Version: "2"})
	move(s.SetChannel(ctx, who, "staging/r", "r", false))
	last := move(s.Promote(ctx, who, "staging", "production", false))
	dump := fmt.Sprintf(`cd $MNT && find channels at/%d at/%d -printf '%%p %%y %%i %%n %%s %%T@ %%m\n' | sort && find channels -type f | sort | xargs sha256sum`, last.Event, last.Event-2)
	var dumps []string
	for i := range 2 {
		m := mount(t, s)
		dumps = append(dumps, m.sh(t, dump))
		if out, err := exec.Command("umount", m.mnt).CombinedOutput(); err != nil {
			t.Fatalf("umount: %v %s", err, out)
		}
		if i == 0 {
			s = rebuilt(t, s)
		}
	}
	if a := strings.Split(dumps[0], "\n"); dumps[0] != dumps[1] || len(a) < 50 || !slices.ContainsFunc(a, func(l string) bool { return strings.Contains(l, "a-2-1.x86_64.rpm f") }) {
		t.Errorf("before:\n%s\nafter:\n%s", dumps[0], dumps[1])
	}
}

// rebuilt closes a store, deletes its index and opens it again.
func rebuilt(t *testing.T, s *store.Store) *store.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("rm", "-r", s.Root+"/index").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	return storetest.Open(t, s.Root)
}
