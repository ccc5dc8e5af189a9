package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrepofs/blob"
	"vrepofs/ctl"
	"vrepofs/disk"
	"vrepofs/disk/disktest"
	"vrepofs/index"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// generationOf reads a published tree of tornGenerations as careful clients do and returns which generation it is: all repositories are whole
// and of the same.
func generationOf(dir string) (string, error) {
	found := ""
	for _, repo := range []string{"one", "two"} {
		nevras, err := readRepository(filepath.Join(dir, repo, "os"))
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(nevras, func(n string) bool { return strings.HasPrefix(n, "GENERATION-") })
		if i < 0 {
			return "", fmt.Errorf("%s has no generation: %q", repo, nevras)
		}
		if found != "" && nevras[i] != found {
			return "", fmt.Errorf("one has %s, two has %s", found, nevras[i])
		}
		found = nevras[i]
	}
	n, _, _ := strings.Cut(strings.TrimPrefix(found, "GENERATION-"), "-")
	return "g" + n, nil
}

// TestKillNineWhilePromoting kills the daemon, or the command, at a random moment of a promotion or a rollback. What the next daemon shows is
// wholly the old tree, times included, or wholly the new one; the new one if it was acknowledged; and verify finds nothing.
func TestKillNineWhilePromoting(t *testing.T) {
	b := newBox(t)
	b.tornGenerations(3, "http://mirror.example.org")
	b.mount()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	production := b.mnt + "/channels/production"
	now, last, before := "g0", "", ""
	var err error
	if before, err = manifest(production); err != nil {
		t.Fatal(err)
	}
	met := map[string]int{}
	for round := range times(40, 200) {
		next := []string{"g0", "g1", "g2"}[rng.IntN(3)]
		args := []string{"channel", "promote", next, "production"}
		if last != "" && rng.IntN(3) == 0 {
			next, args = last, []string{"channel", "rollback", "production"}
		}
		victim := []string{"daemon", "daemon", "command"}[rng.IntN(3)]
		ctx, stop := context.WithCancel(t.Context())
		c := exec.CommandContext(ctx, program, args...)
		c.Env, c.Dir = b.env(), b.dir
		var errs bytes.Buffer
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(rng.IntN(50)) * time.Millisecond) // a random moment is what is awaited here
		if victim == "daemon" {
			b.daemon.kill()
			_ = c.Wait()
			stop()
		} else {
			stop()
			_ = c.Wait()
			b.daemon.signal(syscall.SIGTERM) // it may still be at the request: it ends when that has ended
			<-b.daemon.end
		}
		acknowledged := c.ProcessState.Success()
		b.remount(t)
		text, err := manifest(production)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		got, err := generationOf(production)
		switch {
		case err != nil || got != now && got != next:
			t.Fatalf("round %d: %s killed while %v: %s, %v; want %s or %s", round, victim, args, got, err, now, next)
		case acknowledged && got != next:
			t.Fatalf("round %d: %v was acknowledged and is not there", round, args)
		case got != next && text != before:
			t.Fatalf("round %d: not done, and something has changed:\n%s", round, firstDifference(text, before))
		case now == next:
			met["same"]++ // nothing to tell by
		case acknowledged:
			met["acknowledged"]++
		case got == next:
			met["done, unheard"]++
		default:
			met["not done"]++
		}
		if text != before {
			last = now
		}
		now, before = got, text
		if err := errors.Join(listsOf(production, "trial"), b.pinnedHere("production/one/os")); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		b.verified(t)
		if t.Failed() {
			t.Fatalf("round %d: %s", round, errs.String())
		}
	}
	b.umount()
	b.ok("verify")
	t.Logf("%v", met)
	if met["acknowledged"] == 0 || met["not done"] == 0 {
		t.Errorf("%v: the moments are all too early or too late", met)
	}
}

// pinnedHere holds that the mirrorlist beside a published repository names the generation that is published first.
func (b *box) pinnedHere(at string) error {
	list, err := os.ReadFile(b.mnt + "/channels/" + at + ".mirrorlist")
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(list), "\n")
	path, ok := strings.CutPrefix(first, "http://mirror.example.org/at/")
	if !ok {
		return fmt.Errorf("%s.mirrorlist says %q", at, list)
	}
	pinned, err := os.ReadFile(filepath.Join(b.mnt, "at", path, "repodata/repomd.xml"))
	if err != nil {
		return err
	}
	now, err := os.ReadFile(b.mnt + "/channels/" + at + "/repodata/repomd.xml")
	if err == nil && string(now) != string(pinned) {
		err = fmt.Errorf("%s.mirrorlist names %s, and that is another generation", at, path)
	}
	return err
}

// verified lets the daemon verify everything.
func (b *box) verified(t *testing.T) {
	t.Helper()
	c, err := ctl.Dial(t.Context(), b.store, ctl.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if v, err := c.Verify(t.Context(), ctl.VerifyRequest{}, nil); err != nil || len(v.Findings) > 0 {
		t.Errorf("verify: %+v, %v", v, err)
	}
}

// promotable makes a store with three generations as channels and one published, for tests in process, and returns moves of the published one:
// the first and the third change all, the second takes the first back.
func promotable(t *testing.T, root string) []step {
	t.Helper()
	if err := store.Create(root); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(root, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, who := t.Context(), storetest.Who()
	promote := func(from string) func(context.Context, *store.Store) error {
		return func(ctx context.Context, s *store.Store) error {
			_, err := s.Promote(ctx, who, from, "production", false)
			return err
		}
	}
	for g := range 3 {
		for _, repo := range []string{"one", "two"} {
			storetest.Snapshot(t, s, repo, testrpm.Spec{Name: "same", Summary: fmt.Sprint(repo, g)}, testrpm.Spec{Name: fmt.Sprint("only", g)})
			if _, err := s.SetChannel(ctx, who, fmt.Sprintf("g%d/%s/os", g, repo), repo, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := promote("g0")(ctx, s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return []step{
		{"promote", promote("g1")},
		{"roll back", func(ctx context.Context, s *store.Store) error {
			_, err := s.Rollback(ctx, who, "production", "", false)
			return err
		}},
		{"promote another", promote("g2")},
	}
}

// published is the digest of what readers see as channels.
func published(s *store.Store) (blob.Digest, error) {
	e, err := state.Published(s.Index.View(s.Index.Head()))
	return e.Digest, err
}

// TestPowerLossOverPromote opens what power losses leave of a store that was promoting: what readers see is wholly that of the last
// acknowledged move or of the one under way, and everything in it can be read.
func TestPowerLossOverPromote(t *testing.T) {
	ctx, dir := t.Context(), disktest.Scratch(t)
	root := filepath.Join(dir, "store")
	steps := promotable(t, root)
	rec, err := disktest.NewRecorder(disk.OS{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(root, store.Options{FS: rec})
	if err != nil {
		t.Fatal(err)
	}
	var heads []index.Head
	var trees []blob.Digest
	mark := func() {
		d, err := published(s)
		if err != nil {
			t.Fatal(err)
		}
		heads, trees = append(heads, s.Index.Head()), append(trees, d)
		rec.Mark(fmt.Sprint(len(heads) - 1))
	}
	mark()
	for _, st := range steps {
		if err := st.do(ctx, s); err != nil {
			t.Fatalf("%s: %v", st.name, err)
		}
		mark()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if trees[0] == trees[1] || trees[1] == trees[2] || trees[2] == trees[3] {
		t.Fatalf("a move changed nothing: %v", trees)
	}
	met := map[string]int{}
	err = rec.States(disktest.Scratch(t), rand.New(rand.NewPCG(9, 9)), times(150, 3000), func(c disktest.State) error {
		root := filepath.Join(c.Dir, "store")
		if err := os.RemoveAll(filepath.Join(root, "index")); err != nil {
			return err
		}
		acked := 0
		if len(c.Marks) > 0 {
			fmt.Sscan(c.Marks[len(c.Marks)-1], &acked)
		}
		s, err := store.Open(root, store.Options{})
		if err != nil {
			return err
		}
		defer s.Close()
		i := slices.Index(heads, s.Index.Head())
		if i != acked && i != acked+1 {
			return fmt.Errorf("head is %+v, that of move %d; %d were acknowledged", s.Index.Head(), i, acked)
		}
		met[[]string{"old", "new"}[i-acked]]++
		if d, err := published(s); err != nil || d != trees[i] {
			return fmt.Errorf("published is %s, %v; want %s", d.Short(), err, trees[i].Short())
		}
		return sound(ctx, s)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d operations recorded; reopened: %v", rec.Len(), met)
	if met["old"] == 0 || met["new"] == 0 {
		t.Errorf("reopened: %v, want both", met)
	}
}

// TestPromoteOnABrokenDisk fails every file operation of a promotion in turn, with ENOSPC and with EIO: it is refused with that reason and
// nothing has changed, or it is done; a store opened again on a good disk promotes.
func TestPromoteOnABrokenDisk(t *testing.T) {
	ctx, dir := t.Context(), disktest.Scratch(t)
	prepared := filepath.Join(dir, "prepared")
	move := promotable(t, prepared)[0]
	root := filepath.Join(dir, "store")
	// run makes the move on a copy of the store; armed is called between opening and moving.
	run := func(ff *disktest.Fail, armed, moved func()) (before, after blob.Digest, err error) {
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(root, os.DirFS(prepared)); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(root, store.Options{FS: ff})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if before, err = published(s); err != nil {
			t.Fatal(err)
		}
		armed()
		err = move.do(ctx, s)
		moved()
		after, perr := published(s)
		if perr != nil {
			t.Fatal(perr)
		}
		return before, after, err
	}
	learn := disktest.NewFail(disk.OS{})
	var opened, moved map[string]int
	_, want, err := run(learn, func() { opened = learn.Counts() }, func() { moved = learn.Counts() })
	if err != nil {
		t.Fatal(err)
	}
	tried, refused, harmless := 0, 0, map[string]int{}
	for _, label := range learn.Labels() {
		for nth := 1; nth <= moved[label]-opened[label]; nth++ {
			for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
				ff := disktest.NewFail(disk.OS{})
				before, after, err := run(ff, func() { ff.Break(label, nth, errno) }, ff.Repair)
				tried++
				switch {
				case err == nil && after != want:
					t.Errorf("%s, %d: done, and what is published is %s, want %s", label, nth, after.Short(), want.Short())
				case err != nil && after != before:
					t.Errorf("%s, %d: refused with %v, and what is published has changed", label, nth, err)
				case err != nil && !errors.Is(err, errno) && !strings.Contains(err.Error(), errno.Error()):
					t.Errorf("%s, %d: refused with %v, want %v", label, nth, err, errno)
				}
				if err != nil {
					refused++
				} else {
					harmless[label] += ff.Hits()
				}
				s, err := store.Open(root, store.Options{})
				if err != nil {
					t.Fatalf("%s, %d: opened again: %v", label, nth, err)
				}
				if d, err := published(s); err != nil || d != before && d != want {
					t.Errorf("%s, %d: opened again it shows %s, %v", label, nth, d.Short(), err)
				}
				if err := errors.Join(sound(ctx, s), move.do(ctx, s), sound(ctx, s), s.Close()); err != nil {
					t.Errorf("%s, %d: opened again: %v", label, nth, err)
				}
			}
		}
	}
	t.Logf("%d faults, %d refused; met and done all the same: %v", tried, refused, harmless)
	if refused < 4 {
		t.Errorf("%d of %d faults were met", refused, tried)
	}
}

// TestPromoteOnAFullDisk fills the file system below a store that is served: promotions are refused with the reason and readers see what they
// saw; when there is room again they go through.
func TestPromoteOnAFullDisk(t *testing.T) {
	b := newBox(t)
	b.smallDisk("64m")
	b.wantErrors = true
	b.tornGenerations(2, "http://mirror.example.org")
	d := b.mount()
	production := b.mnt + "/channels/production"
	before, err := manifest(production)
	if err != nil {
		t.Fatal(err)
	}
	b.try("cat /dev/zero >$DIR/small/filler")
	refused, died := 0, false
	for i := range 10 { // the first may find room in what is reserved already
		r := b.vrepofs("channel", "promote", fmt.Sprint("g", 1-i%2), "production", "--note", strings.Repeat("x", 1500))
		switch {
		case r.code == 0:
			if before, err = manifest(production); err != nil {
				t.Fatal(err)
			}
		case r.code == 1 && strings.Contains(r.err, "no space left"):
			refused++
		default:
			refused++
			died = true
		}
		if died {
			break
		}
		after, err := manifest(production)
		if err != nil { // Badger's tables are mapped files with holes: see TestRealFullDisk. No worse than kill -9
			died = true
			break
		}
		if after != before {
			t.Fatalf("move %d, exit %d: readers see something else:\n%s", i, r.code, firstDifference(after, before))
		}
	}
	if refused == 0 {
		t.Error("nothing was refused: the disk was not full")
	}
	b.sh("rm $DIR/small/filler")
	if died {
		select {
		case <-d.end:
		case <-time.After(patience):
			t.Fatal("readers or commands fail, and the daemon lives")
		}
		if !strings.Contains(d.log.String(), "SIGBUS") || !strings.Contains(d.log.String(), "badger") {
			t.Fatalf("the daemon has died: %v\n%s", d.err, d.log.String())
		}
		t.Log("the daemon died of a SIGBUS in Badger")
		d.log.reset()
		b.daemon = nil
	} else {
		b.umount()
	}
	b.ok("verify")
	b.mount()
	t.Logf("%d refused", refused)
	if after, err := manifest(production); err != nil || after != before {
		t.Fatalf("served again: %v\n%s", err, firstDifference(after, before))
	}
	b.ok("channel", "promote", "g1", "production")
	b.ok("channel", "promote", "g0", "production")
	if got, err := generationOf(production); err != nil || got != "g0" {
		t.Errorf("after that: %s, %v", got, err)
	}
	b.ok("verify")
}
