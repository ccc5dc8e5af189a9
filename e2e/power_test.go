package e2e

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/disk/disktest"
	"vrepofs/index"
	"vrepofs/store"
	"vrepofs/testrpm"
)

// TestPowerLoss opens what power losses leave of a whole store: blobs, journal and lock as any legal disk may have them, and an index
// that is absent or that of an earlier moment. What was acknowledged is there with right bytes; what was not is wholly there or
// wholly absent; the store goes on. Packages index/journal (10,200 states by default), blob and index have tests of the same name
// over their own files: together more than 10,000 states are opened each time all tests run.
func TestPowerLoss(t *testing.T) {
	ctx, dir := t.Context(), disktest.Scratch(t)
	steps := workload(t, t.TempDir())
	root := filepath.Join(dir, "store")
	if err := store.Create(root); err != nil {
		t.Fatal(err)
	}
	rec, err := disktest.NewRecorder(disk.OS{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	heads := []index.Head{{}}         // by event
	views := map[string]blob.Digest{} // tag and root of the state → root of the view's tree
	indexes := map[int]string{}       // a copy of the index after so many steps
	open := func() *store.Store {
		s, err := store.Open(root, store.Options{FS: rec})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	for i, st := range steps {
		if err := st.do(ctx, s); err != nil {
			t.Fatalf("%s: %v", st.name, err)
		}
		if h := s.Index.Head(); h.Seq == uint64(len(heads)) {
			heads = append(heads, h)
		}
		rec.Mark(strconv.Itoa(len(heads) - 1))
		for _, tag := range []string{"dev", "base"} {
			if d, err := viewOf(ctx, s, tag); err == nil {
				views[tag+s.Index.Head().Root.String()] = d
			}
		}
		if i%4 == 1 { // the index as it is on disk, closed or not
			if i%8 == 1 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			indexes[len(heads)-1] = filepath.Join(t.TempDir(), "index")
			if err := os.CopyFS(indexes[len(heads)-1], os.DirFS(filepath.Join(root, "index"))); err != nil {
				t.Fatal(err)
			}
			if i%8 == 1 {
				s = open()
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	n, reopened, stale := times(300, 6000), 0, 0
	err = rec.States(disktest.Scratch(t), rng, n, func(c disktest.State) error {
		acked := 0
		if len(c.Marks) > 0 {
			acked, _ = strconv.Atoi(c.Marks[len(c.Marks)-1])
		}
		root := filepath.Join(c.Dir, "store")
		if err := os.RemoveAll(filepath.Join(root, "index")); err != nil {
			return err
		}
		if rng.IntN(2) == 0 { // an index of a moment that had passed
			for at := acked; at >= 0; at-- {
				if dir, ok := indexes[at]; ok && rng.IntN(3) > 0 {
					stale++
					if err := os.CopyFS(filepath.Join(root, "index"), os.DirFS(dir)); err != nil {
						return err
					}
					if err := otherBoot(filepath.Join(root, "index", "state")); err != nil {
						return err
					}
					break
				}
			}
		}
		reopened++
		return afterCrash(ctx, root, acked, heads, views)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d operations recorded, %d states reopened, %d of them with a stale index, the others with none", rec.Len(), reopened, stale)
	if reopened < n || stale < n/5 {
		t.Errorf("%d states, %d with a stale index: want %d, %d", reopened, stale, n, n/5)
	}
}

// otherBoot makes an index one that another run of the machine left: without that, one that was not closed would be trusted though
// it may have seen records that the power loss took from the journal.
func otherBoot(state string) error {
	b, err := os.ReadFile(state)
	if err != nil {
		return err
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) < 3 || !strings.HasPrefix(lines[1], "boot ") {
		return fmt.Errorf("%s: %q has no boot", state, b)
	}
	lines[1] = "boot another"
	return os.WriteFile(state, []byte(strings.Join(lines, "\n")), 0o644)
}

// afterCrash opens a store of which acked events were acknowledged and compares it with what was.
func afterCrash(ctx context.Context, root string, acked int, heads []index.Head, views map[string]blob.Digest) error {
	s, err := store.Open(root, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	h := s.Index.Head()
	if int(h.Seq) != acked && int(h.Seq) != acked+1 {
		return fmt.Errorf("head is event %d, %d were acknowledged", h.Seq, acked)
	}
	for seq := uint64(1); seq <= h.Seq; seq++ {
		if got, err := s.Index.At(seq); err != nil || got != heads[seq] {
			return fmt.Errorf("event %d is %+v, %v; want %+v", seq, got, err, heads[seq])
		}
	}
	if err := sound(ctx, s); err != nil {
		return err
	}
	for _, tag := range []string{"dev", "base"} {
		d, err := viewOf(ctx, s, tag)
		want, ok := views[tag+h.Root.String()]
		switch {
		case ok && (err != nil || d != want):
			return fmt.Errorf("view of %s at event %d is %s, %v; want %s", tag, h.Seq, d.Short(), err, want.Short())
		case !ok && !errors.Is(err, iofs.ErrNotExist):
			return fmt.Errorf("view of %s at event %d: %v; want none", tag, h.Seq, err)
		}
	}
	if _, err := s.CreateTag(ctx, store.Who{}, "after", []string{"x86_64"}); err != nil {
		return fmt.Errorf("after a power loss: %w", err)
	}
	return nil
}

// TestImportAfterPowerLoss imports what was being imported when the power went, as a user would.
func TestImportAfterPowerLoss(t *testing.T) {
	ctx, dir := t.Context(), disktest.Scratch(t)
	root := filepath.Join(dir, "store")
	if err := store.Create(root); err != nil {
		t.Fatal(err)
	}
	rec, err := disktest.NewRecorder(disk.OS{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	rpms := filepath.Join(t.TempDir(), "rpms")
	if _, err := testrpm.Write(rpms, testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	importing := func(s *store.Store) error {
		return bring(ctx, s, rpms, func(im *store.Import) error {
			_, err := im.Snapshot(ctx, store.Who{}, "r", store.SnapshotOptions{})
			return err
		})
	}
	s, err := store.Open(root, store.Options{FS: rec})
	if err != nil {
		t.Fatal(err)
	}
	if err := importing(s); err != nil {
		t.Fatal(err)
	}
	s.Close()
	err = rec.States(disktest.Scratch(t), rand.New(rand.NewPCG(8, 8)), times(80, 1000), func(c disktest.State) error {
		root := filepath.Join(c.Dir, "store")
		if err := os.RemoveAll(filepath.Join(root, "index")); err != nil {
			return err
		}
		s, err := store.Open(root, store.Options{})
		if err != nil {
			return err
		}
		defer s.Close()
		if err := importing(s); err != nil {
			return err
		}
		if left, err := os.ReadDir(filepath.Join(root, "incoming")); err != nil || len(left) > 0 {
			return fmt.Errorf("incoming/ holds %v, %v; want nothing", left, err)
		}
		return sound(ctx, s)
	})
	if err != nil {
		t.Fatal(err)
	}
}
