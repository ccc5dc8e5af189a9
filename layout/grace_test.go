package layout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vrepofs/disk/disktest"
	"vrepofs/layout"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// clock is a clock that only a test moves: seconds since 1970.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(c.Load(), 0) }

// withClock makes a store whose clock stands.
func withClock(t testing.TB) (*store.Store, *clock) {
	t.Helper()
	c := &clock{}
	c.Store(1_795_000_000)
	dir := disktest.Scratch(t) + "/store"
	if err := store.Create(dir); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir, store.Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, c
}

// grace sets for how many seconds a path is kept.
func grace(t *testing.T, s *store.Store, path string, seconds int) {
	t.Helper()
	must(t)(s.Configure(t.Context(), storetest.Who(), path, state.Patch{"grace": json.RawMessage(fmt.Sprint(seconds))}))
}

// gone reports whether there is nothing at a path.
func (m *mounted) gone(t *testing.T, path string) bool {
	t.Helper()
	out, err := m.try("stat '" + m.mnt + "/" + path + "'")
	if err != nil && !strings.Contains(out, "No such file") {
		t.Errorf("stat %s: %s", path, out)
	}
	return err != nil
}

// TestGraceInAChannel holds what can be opened after a channel moved, for how long, and that no listing shows it.
func TestGraceInAChannel(t *testing.T) {
	s, c := withClock(t)
	ctx, who, move := t.Context(), storetest.Who(), moved(t)
	set := func(path string, specs ...testrpm.Spec) int64 {
		t.Helper()
		storetest.Snapshot(t, s, "r", specs...)
		return move(s.SetChannel(ctx, who, path, "r", false)).Stamp
	}
	const os = "channels/production/9/r"
	set("production/9/r", testrpm.Spec{Name: "a", Version: "1"}, testrpm.Spec{Name: "z", Version: "1"})
	m := mount(t, s)
	primary := m.sh(t, "cd $MNT/"+os+"/repodata; ls *-primary.xml.gz")
	old := []string{os + "/repodata/" + primary, os + "/Packages/a/a-1-1.x86_64.rpm", os + "/Packages/z/z-1-1.x86_64.rpm"}
	const look = "cd $MNT; stat -c '%i %s %Y' $F; sha256sum $F"
	files := "F='" + strings.Join(old, " ") + "'; "
	before := m.sh(t, files+look)
	dst := t.TempDir()
	mirror := "rsync -aH --delete $MNT/" + os + "/ " + dst + "/; find " + dst + " -type f | grep -c rpm"
	if got := m.sh(t, mirror); got != "2" {
		t.Fatalf("a mirror has %s RPMs, want 2", got)
	}

	c.Add(1000)
	ended := set("production/9/r", testrpm.Spec{Name: "a", Version: "2"})
	c.Add(1000)
	if got := m.sh(t, files+look); got != before {
		t.Errorf("files of the generation before:\n%s\nwere:\n%s", got, before)
	}
	if got := m.sh(t, "cd $MNT/"+os+"; find . -name '*a-1*' -o -name z -o -name "+primary+" ; ls Packages Packages/a"); got != "Packages:\na\n\nPackages/a:\na-2-1.x86_64.rpm" {
		t.Errorf("listings show %q", got)
	}
	if got := m.sh(t, mirror); got != "1" {
		t.Errorf("a mirror has %s RPMs, want 1", got)
	}
	for _, sh := range []string{"ls $MNT/" + os + "/Packages/z", "rsync -a --delete $MNT/" + os + "/Packages/z/ " + t.TempDir()} {
		if out, err := m.try(sh); err == nil || !strings.Contains(out, "Permission denied") {
			t.Errorf("%s: %q, want it refused", sh, out)
		}
	}
	if got := m.sh(t, "cd $MNT/"+os+"/Packages/z; stat -c '%A %F' .; stat -c %n z-1-1.x86_64.rpm; ls .. ../a"); got != "d--x--x--x directory\nz-1-1.x86_64.rpm\n..:\na\n\n../a:\na-2-1.x86_64.rpm" {
		t.Errorf("a process in a directory of the generation before: %q", got)
	}
	if m.sh(t, "stat -c %i $MNT/"+os+"/repodata/repomd.xml") == m.sh(t, "stat -c %i $MNT/at/2/"+os+"/repodata/repomd.xml") {
		t.Error("repomd.xml is that of the generation before")
	}

	// A repository that is removed can be read on, and nothing of it is listed.
	if got := m.sh(t, "stat -c %F $MNT/"+os+"/Packages/../Packages"); got != "directory" {
		t.Error(got)
	}
	set("production/9/s", testrpm.Spec{Name: "s"})
	move(s.UnsetChannel(ctx, who, "production/9/r", false))
	if got := m.sh(t, files+look); got != before {
		t.Errorf("files of a removed repository, two generations before:\n%s\nwere:\n%s", got, before)
	}
	if got := m.sh(t, "cd $MNT; stat -c %n "+os+"/Packages/a/a-2-1.x86_64.rpm "+os+"/repodata/repomd.xml; find channels -maxdepth 3"); !strings.HasSuffix(got, "channels/production/9\nchannels/production/9/s") {
		t.Errorf("a removed repository: %q", got)
	}
	if out, err := m.try("rsync -a --delete $MNT/" + os + "/ " + dst + "/"); err == nil {
		t.Errorf("rsync of a removed repository ends well: %s", out)
	}
	if n := m.sh(t, "find "+dst+" -type f | grep -c rpm"); n != "1" {
		t.Errorf("a mirror of a removed repository has %s RPMs, want 1", n)
	}

	// What is put at once is seen at once, and shorter settings are too; longer ones bring names back.
	grace(t, s, "production/9/r/Packages/a", 0)
	if !m.gone(t, old[1]) || m.gone(t, old[2]) {
		t.Error("a directory whose grace is 0")
	}
	grace(t, s, "", 0)
	for _, p := range old {
		if !m.gone(t, p) {
			t.Errorf("%s is there though the grace is 0", p)
		}
	}
	grace(t, s, "production", 5000)
	if !m.gone(t, old[1]) || m.gone(t, old[2]) {
		t.Error("grace 5,000 s for production but for one directory")
	}
	c.Store(ended + 4999)
	if m.gone(t, old[2]) {
		t.Error("gone a second before its time")
	}
	c.Store(ended + 5000)
	grace(t, s, "other", 1) // the clock jumped; the kernel would have waited for a minute at most
	if !m.gone(t, old[2]) || !m.gone(t, old[0]) {
		t.Error("there after its time")
	}
	if m.gone(t, os+"/repodata/repomd.xml") {
		t.Error("the removed repository's own time is not over")
	}
}

// TestGraceExpires holds what is said of what is held: per path, and a line and a count when it leaves.
func TestGraceExpires(t *testing.T) {
	s, c := withClock(t)
	ctx, who, move := t.Context(), storetest.Who(), moved(t)
	l, err := layout.New(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Publish(func(ctx context.Context) error { return l.Publish(ctx, nil) })
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	expire := func() (next int64) {
		t.Helper()
		at, err := l.ExpireGrace(log)
		if err != nil {
			t.Fatal(err)
		}
		if at.IsZero() {
			return 0
		}
		return at.Unix()
	}
	var ended []int64
	for i := range 3 {
		storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a", Version: fmt.Sprint(i)})
		c.Add(1000)
		ended = append(ended, move(s.SetChannel(ctx, who, "p/r", "r", false)).Stamp)
	}
	move(s.SetChannel(ctx, who, "p/other", "r", false))
	grace(t, s, "p", 5000)
	if next := expire(); next != ended[1]+5000 {
		t.Errorf("next at %d, want %d", next, ended[1]+5000)
	}
	check := func(want string) {
		t.Helper()
		held, err := l.Grace()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, k := range held {
			got = append(got, fmt.Sprintf("%s %d %d %d %d", k.Path, k.Generations, k.Since, k.Until, k.Grace))
		}
		if g := strings.Join(got, ", "); g != want {
			t.Errorf("held %q, want %q", g, want)
		}
	}
	// p/other is new, and nothing is held of it.
	check(fmt.Sprintf("channels/p/r 2 %d %d 5000", ended[1], ended[1]+5000))
	c.Store(ended[1] + 5000)
	if next := expire(); next != ended[2]+5000 || l.Expired() != 1 {
		t.Errorf("next at %d, %d expired", next, l.Expired())
	}
	check(fmt.Sprintf("channels/p/r 1 %d %d 5000", ended[2], ended[2]+5000))
	grace(t, s, "p", 0)
	if next := expire(); next != 0 || l.Expired() != 2 {
		t.Errorf("next at %d, %d expired", next, l.Expired())
	}
	check("")
	if n := strings.Count(out.String(), "a generation has left its grace\" path=channels/p/r event="); n != 2 {
		t.Errorf("%d lines logged:\n%s", n, out.String())
	}
}

// TestGraceMisses holds that misses beside 32 generations stay cheap, and prints what they cost.
func TestGraceMisses(t *testing.T) {
	s, _ := withClock(t)
	ctx, who, move := t.Context(), storetest.Who(), moved(t)
	var event uint64
	for i := range 33 {
		storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a", Version: fmt.Sprint(i)}, testrpm.Spec{Name: "ab", Version: "1"})
		event = move(s.SetChannel(ctx, who, "production/9/core/x86_64/os", "r", false)).Event
	}
	m := mount(t, s)
	const misses = 10_000
	took := func(dir string) time.Duration {
		dir = m.mnt + "/" + dir + "channels/production/9/core/x86_64/os/Packages/a"
		start := time.Now()
		out := m.sh(t, "cd "+dir+" && seq -f absent-%g.rpm "+fmt.Sprint(misses)+" | xargs stat -c %n 2>&1 | grep -c 'No such file'")
		if out != fmt.Sprint(misses) {
			t.Errorf("%s: %s of %d names are absent", dir, out, misses)
		}
		return time.Since(start)
	}
	without, with := took(fmt.Sprintf("at/%d/", event)), took("")
	t.Logf("%d misses: %v without earlier generations, %v with 32; %v more for each", misses, without, with, (with-without)/misses)
	if with > without+misses*2*time.Millisecond {
		t.Errorf("%d misses beside 32 generations take %v, without them %v", misses, with, without)
	}
}

// TestGraceInATag holds the same of a tag's views, of which only those count that were composed.
func TestGraceInATag(t *testing.T) {
	s, c := withClock(t)
	ctx, who, do := t.Context(), storetest.Who(), must(t)
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"}, testrpm.Spec{Name: "c"}, testrpm.Spec{Name: "d"})
	do(s.CreateTag(ctx, who, "base", []string{"x86_64"}))
	do(s.CreateTag(ctx, who, "t", []string{"x86_64"}))
	do(s.AddParent(ctx, who, "t", state.Link{Parent: "base", Priority: 1}))
	do(s.TagBuilds(ctx, who, "base", nvrs[:2]))
	m := mount(t, s)
	const view = "tags/t/x86_64"
	rpm := func(name string) string { return view + "/Packages/" + name + "/" + name + "-1.0-1.x86_64.rpm" }
	// Nobody has looked: nothing of this generation is kept, and nothing is composed for that.
	do(s.UntagBuilds(ctx, who, "base", nvrs[:1]))
	if m.sh(t, "ls $MNT/"+view+"/Packages") != "b" || !m.gone(t, rpm("a")) {
		t.Error("a generation that nobody has read")
	}
	primary := view + "/repodata/" + m.sh(t, "cd $MNT/"+view+"/repodata; ls *-primary.xml.gz")
	c.Add(100)
	do(s.TagBuilds(ctx, who, "t", nvrs[2:3]))
	do(s.UntagBuilds(ctx, who, "base", nvrs[1:2]))
	if got := m.sh(t, "cd $MNT; ls "+view+"/Packages; stat -c %n "+primary+" "+rpm("b")); got != "c\n"+primary+"\n"+rpm("b") {
		t.Errorf("the generations before: %q", got)
	}
	if !m.gone(t, rpm("a")) || !m.gone(t, "at/7/"+rpm("a")) {
		t.Error("a build that was never to be seen")
	}
	c.Add(state.DefaultGrace + 100)
	do(s.TagBuilds(ctx, who, "t", nvrs[3:])) // the clock jumped, see above
	if !m.gone(t, primary) || !m.gone(t, rpm("b")) || m.gone(t, rpm("c")) {
		t.Error("after the grace")
	}
}

// TestGraceGenerations holds that the 33rd generation before is gone, of the path and not of all channels, and that names are those
// of the newest generation that has them.
func TestGraceGenerations(t *testing.T) {
	s, c := withClock(t)
	ctx, who, move := t.Context(), storetest.Who(), moved(t)
	var refs []string
	for i := range 3 {
		snap := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: fmt.Sprintf("a%d", i)})
		refs = append(refs, snap.Ref())
	}
	set := func(path string, i int) {
		t.Helper()
		c.Add(10)
		move(s.SetChannel(ctx, who, path, refs[i], false))
	}
	set("p/r", 0)
	for i := range 40 {
		set("busy", i%2)
	}
	m := mount(t, s)
	rpm := func(i int) string { return fmt.Sprintf("channels/p/r/Packages/a/a%d-1.0-1.x86_64.rpm", i) }
	for i := range 32 {
		set("p/r", 1+i%2)
	}
	if m.gone(t, rpm(0)) || m.gone(t, rpm(1)) || m.gone(t, rpm(2)) {
		t.Error("the 32nd generation before is gone")
	}
	set("p/r", 1)
	if !m.gone(t, rpm(0)) || m.gone(t, rpm(2)) {
		t.Error("the 33rd generation before is there")
	}
	// After a rollback the generation that was left is the newest before.
	move(s.Rollback(ctx, who, "p", "", false))
	if m.gone(t, rpm(1)) || m.gone(t, rpm(2)) {
		t.Error("after a rollback")
	}
}

// TestGraceKeys holds which names are never of an earlier generation, and that keys of hidden places are read only as they are written.
func TestGraceKeys(t *testing.T) {
	s, _ := withClock(t)
	ctx, who, move := t.Context(), storetest.Who(), moved(t)
	var event uint64
	for i := range 2 {
		storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a", Version: fmt.Sprint(i)})
		event = move(s.SetChannel(ctx, who, "p/r", "r", false)).Event
	}
	l, err := layout.New(s)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{
		"0123-primary.xml.gz": 1, "primary.xml.gz": 1, "x.rpm": 1, "repomd.xml": 0, "repomd.xml.asc": 0, "repomd.xml.key": 0, "fullfilelist": 0,
		"fullfiletimelist-m": 0, "imagelist-m": 0, "COMPOSE_ID": 0, "all_latest.json": 0, "os.repo": 0, "os.mirrorlist": 0,
	} {
		got, err := l.Earlier(fmt.Sprintf("channels@%d", event), "p/r/repodata", name)
		if err != nil || len(got) != want {
			t.Errorf("%s: %d generations, %v, want %d", name, len(got), err, want)
		}
	}
	if got, err := l.Earlier(fmt.Sprintf("at/%d/channels", event), "p/r/repodata", "x.rpm"); err != nil || len(got) != 0 {
		t.Errorf("below at/: %v, %v", got, err)
	}
	good := fmt.Sprintf("channels@%d~%d/p/r", event, event-2)
	if c, err := l.Child(good); err != nil || !c.Hidden || !c.Grace || c.Root == nil {
		t.Errorf("%s: %+v, %v", good, c, err)
	}
	for _, key := range []string{
		"channels@4~2", "channels@4~2/", "channels@4~2/p/../p", "channels@4~2/none", "channels@4~9/p/r", "channels@4~/p/r", "channels@~2/p/r", "channels@4~2/p/r/repodata/repomd.xml",
		"tags@4~2", "tags@4~2/t", "tags@4~2/t/x86_64", "tags@4~2/t/x86_64/Packages", "repos@4~2/r/x/y", "x~y", "~", "@~", "channels@4/p", "channels@4~2/p\x00",
	} {
		if c, err := l.Child(key); err == nil {
			t.Errorf("%q is a place: %+v", key, c)
		}
	}
}
