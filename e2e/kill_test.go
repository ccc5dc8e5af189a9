package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vrepofs/ctl"
	"vrepofs/testrpm"
)

// TestKillNine kills the daemon, or the commands at work, at 100 random moments of imports and tag changes: while it starts, while
// commands run, while views are composed for readers. After each, a new daemon takes the dead mount over; everything that was
// acknowledged is there, what was under way is there wholly or not at all, verify finds nothing, and every view that the mount
// shows is one whole repository.
func TestKillNine(t *testing.T) {
	b := newBox(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var users []*killUser
	for i := range 2 {
		u := &killUser{b: b, name: fmt.Sprintf("u%d", i)}
		b.ok("tag", "create", u.name, "--arch", "x86_64", "--open")
		users = append(users, u)
	}
	b.mount()
	kills := map[string]int{}
	acknowledged := 0
	for round := range times(100, 1000) {
		moment := time.Duration(rng.IntN(200)) * time.Millisecond
		victim := []string{"daemon", "daemon", "daemon", "commands", "start"}[rng.IntN(5)]
		if victim != "start" {
			ctx, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			for _, u := range users {
				wg.Go(func() { u.work(ctx, round) })
			}
			wg.Go(func() { readUntil(ctx, b.mnt) })
			<-time.After(moment) // a random moment is what is awaited here
			if victim == "daemon" {
				b.daemon.kill()
			}
			stop() // kills the commands that are at work
			wg.Wait()
		}
		kills[victim]++
		if victim == "start" {
			b.daemon.kill()
			b.killWhileStarting(moment / 2)
		}
		if victim == "commands" { // whose requests the daemon may still be at: it ends when they have
			b.daemon.signal(syscall.SIGTERM)
			<-b.daemon.end
			if b.daemon.err != nil {
				t.Fatalf("round %d: the daemon ended with %v\n%s", round, b.daemon.err, b.daemon.log.String())
			}
		}
		b.remount(t)
		for _, u := range users {
			if u.err != nil {
				t.Fatalf("round %d: %v", round, u.err)
			}
			acknowledged += u.check(t, victim)
		}
		b.verifyAndRead(t, users)
		if t.Failed() {
			t.Fatalf("round %d, %s killed after %v", round, victim, moment)
		}
	}
	b.umount()
	b.ok("verify")
	if left, err := os.ReadDir(filepath.Join(b.store, "incoming")); err != nil || len(left) > 0 {
		t.Errorf("incoming/ holds %v, %v; want nothing", left, err)
	}
	t.Logf("killed: %v; %d operations acknowledged and there, %d found done that were not", kills, acknowledged, users[0].extra+users[1].extra)
	if acknowledged < 20 {
		t.Errorf("only %d operations were acknowledged: the moments are too early", acknowledged)
	}
}

// remount starts a daemon over what the killed one left, without the log check of a box's first daemon.
func (b *box) remount(t *testing.T) {
	t.Helper()
	d, ready := b.start()
	if !ready {
		t.Fatalf("no new daemon: %v\n%s", d.err, d.log.String())
	}
	b.daemon = d
}

// killWhileStarting starts a daemon and kills it after a while, ready or not.
func (b *box) killWhileStarting(after time.Duration) {
	b.Helper()
	c := exec.Command(program, "mount", b.mnt, "--foreground")
	c.Env, c.Dir = b.env(), b.dir
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	<-time.After(after)
	_ = c.Process.Kill()
	_ = c.Wait()
}

// readUntil reads views as clients do, so that they are composed and hot when the daemon is killed. What fails, fails.
func readUntil(ctx context.Context, mnt string) {
	for ctx.Err() == nil {
		_ = exec.CommandContext(ctx, "sh", "-c", "cat "+mnt+"/tags/*/x86_64/repodata/repomd.xml; find "+mnt+"/repos").Run()
	}
}

// verifyAndRead asks the daemon to verify everything, and reads every view and the newest snapshots through the mount.
func (b *box) verifyAndRead(t *testing.T, users []*killUser) {
	t.Helper()
	c, err := ctl.Dial(t.Context(), b.store, ctl.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Daemon() != b.daemon.cmd.Process.Pid {
		t.Fatalf("daemon is process %d, want %d", c.Daemon(), b.daemon.cmd.Process.Pid)
	}
	v, err := c.Verify(t.Context(), ctl.VerifyRequest{}, nil)
	if err != nil || len(v.Findings) > 0 {
		t.Errorf("verify: %+v, %v", v, err)
	}
	for _, u := range users {
		got, err := readRepository(filepath.Join(b.mnt, "tags", u.name, "x86_64"))
		want := []string{}
		for _, nvr := range u.now.tagged {
			want = append(want, nvr+".x86_64")
		}
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("view of %s: %q, %v; want %q", u.name, got, err, want)
		}
		if u.now.snapshots > 0 {
			if got, err := readRepository(filepath.Join(b.mnt, "repos", u.name, "latest")); err != nil || len(got) != 2 {
				t.Errorf("newest snapshot of %s: %q, %v; want two packages", u.name, got, err)
			}
		}
	}
}

// killUser works on a repo and a tag of its own and keeps a journal of what was acknowledged.
type killUser struct {
	b       *box
	name    string
	now     killState
	pending *killState // what the command that is at work makes of now; nil: none is
	acked   int        // operations since the last check
	extra   int        // operations that were done though nobody heard of it
	steps   int
	err     error
}

// killState is what a user's part of the store holds.
type killState struct {
	snapshots int
	builds    []string // NVRs in the order of import
	tagged    []string // sorted
}

func (s killState) clone() killState {
	return killState{s.snapshots, slices.Clone(s.builds), slices.Clone(s.tagged)}
}

func (s killState) equal(o killState) bool {
	return s.snapshots == o.snapshots && slices.Equal(s.builds, o.builds) && slices.Equal(s.tagged, o.tagged)
}

// work runs commands one after the other until ctx ends or one fails.
func (u *killUser) work(ctx context.Context, round int) {
	for ctx.Err() == nil {
		args, next, err := u.next(round)
		if err != nil {
			u.err = err
			return
		}
		u.pending = &next
		c := exec.CommandContext(ctx, program, args...) // killed with SIGKILL when ctx ends
		c.Env, c.Dir = u.b.env(), u.b.dir
		var errs bytes.Buffer
		c.Stderr = &errs
		err = c.Run()
		if c.ProcessState == nil && ctx.Err() != nil { // not even started
			u.pending = nil
			return
		}
		if c.ProcessState != nil && c.ProcessState.Success() { // acknowledged, even if ctx has ended meanwhile
			u.now, u.pending = next, nil
			u.acked++
			continue
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() == 2 {
			u.err = fmt.Errorf("vrepofs %s: %w: %s", strings.Join(args, " "), err, errs.String())
		}
		return
	}
}

// next is the next command and what it makes of the state.
func (u *killUser) next(round int) ([]string, killState, error) {
	u.steps++
	s := u.now.clone()
	version := fmt.Sprintf("%d.%d", round, u.steps)
	dir := u.b.path("rpms", u.name+"-"+version)
	pkg := testrpm.Spec{Name: u.name + "-" + string(rune('a'+u.steps%7)), Version: version, Files: []testrpm.File{{Path: "/usr/share/" + u.name, Size: 2000}}}
	switch k := u.steps % 4; {
	case k == 0:
		_, err := testrpm.Write(dir, pkg, testrpm.Spec{Name: u.name + "-same"})
		s.snapshots++
		return []string{"repo", "import", u.name, dir}, s, err
	case k == 1 || len(s.builds) == 0:
		_, err := testrpm.Write(dir, pkg)
		s.builds = append(s.builds, pkg.NVR())
		return []string{"build", "import", dir}, s, err
	case k == 3 && len(s.tagged) > 5:
		gone := slices.Clone(s.tagged[:3])
		s.tagged = s.tagged[3:]
		return append([]string{"tag", "remove", u.name}, gone...), s, nil
	default:
		// Of each package the build that was tagged last is in the view: take the others out at once by tagging one per package.
		for _, nvr := range slices.Backward(s.builds) {
			if !slices.ContainsFunc(s.tagged, func(t string) bool { return t[:4] == nvr[:4] }) {
				s.tagged = append(s.tagged, nvr)
				slices.Sort(s.tagged)
				return []string{"tag", "add", u.name, nvr}, s, nil
			}
		}
		nvr := s.tagged[0]
		s.tagged = s.tagged[1:]
		return []string{"tag", "remove", u.name, nvr}, s, nil
	}
}

// check compares the store with the journal and returns how many operations were acknowledged since the last time.
func (u *killUser) check(t *testing.T, victim string) int {
	t.Helper()
	c, err := ctl.Dial(t.Context(), u.b.store, ctl.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got killState
	snaps, err := c.ListSnapshots(t.Context(), ctl.At{}, u.name)
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		t.Fatal(err)
	}
	if err == nil {
		got.snapshots = len(snaps.Snapshots)
	}
	ids := map[string]uint64{}
	err = c.ListBuilds(t.Context(), ctl.At{}, func(b ctl.Build) error {
		if strings.HasPrefix(b.NVR, u.name+"-") {
			got.builds = append(got.builds, b.NVR)
			ids[b.NVR] = b.ID
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got.builds, func(a, b string) int { return int(ids[a]) - int(ids[b]) })
	tag, err := c.ShowTag(t.Context(), ctl.At{}, u.name, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range tag.Builds {
		got.tagged = append(got.tagged, b.NVR)
	}
	slices.Sort(got.tagged)
	switch {
	case got.equal(u.now):
	case u.pending != nil && got.equal(*u.pending):
		u.now = *u.pending
		u.extra++
	default:
		t.Errorf("%s after the %s was killed: %+v\nacknowledged: %+v\nunder way: %+v", u.name, victim, got, u.now, u.pending)
	}
	n := u.acked
	u.pending, u.acked = nil, 0
	return n
}
