package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vrepofs/disk"
	"vrepofs/disk/disktest"
	"vrepofs/index"
	"vrepofs/store"
)

// TestFullAndBrokenDisk fails every labelled file operation that imports, tag changes and compositions do, the first and the last
// of each label, with ENOSPC and with EIO. The operation that meets it fails and says so, and nothing has changed; a store that is
// opened again without the fault has all that was acknowledged, and the whole workload goes through.
func TestFullAndBrokenDisk(t *testing.T) {
	ctx := t.Context()
	steps := workload(t, t.TempDir())
	life := func(root string, fs disk.FS) (acked []index.Head, failed step, err error) {
		s, err := store.Open(root, store.Options{FS: fs})
		if err != nil {
			return nil, step{name: "open"}, err
		}
		defer s.Close()
		for _, st := range steps {
			before := s.Index.Head()
			if err := st.do(ctx, s); err != nil {
				if s.Index.Head() != before {
					err = errors.Join(err, errors.New("a failed operation has changed the head"))
					t.Errorf("%s: %v", st.name, err)
				}
				return acked, st, err
			}
			acked = append(acked, s.Index.Head())
		}
		return acked, step{}, s.Close()
	}
	fresh := func() string {
		root := filepath.Join(disktest.Scratch(t), "store")
		if err := store.Create(root); err != nil {
			t.Fatal(err)
		}
		return root
	}
	learn := disktest.NewFail(disk.OS{})
	if _, _, err := life(fresh(), learn); err != nil {
		t.Fatal(err)
	}
	counts := learn.Counts()
	var survived []string
	tried := 0
	for _, label := range learn.Labels() {
		for i, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
			nth := []int{1, counts[label]}[i]
			root := fresh()
			ff := disktest.NewFail(disk.OS{})
			ff.Break(label, nth, errno)
			acked, failed, err := life(root, ff)
			tried++
			switch {
			case err == nil && ff.Hits() == 0:
				t.Errorf("%s: operation %d did not happen again", label, nth)
			case err == nil:
				survived = append(survived, label)
			case !errors.Is(err, errno) && !strings.Contains(err.Error(), errno.Error()):
				t.Errorf("%s: %s failed with %v, want an error that says %q", label, failed.name, err, errno)
			}
			if after := afterFault(t, root, acked, steps); after != nil {
				t.Errorf("%s (%q failed with %v), opened again: %v", label, failed.name, err, after)
			}
			if err := os.RemoveAll(filepath.Dir(root)); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.Sort(survived)
	t.Logf("%d labels, %d faults; harmless: %v", len(counts), tried, slices.Compact(survived))
	if len(counts) < 15 {
		t.Errorf("only %d labels were seen: %v", len(counts), learn.Labels())
	}
}

// afterFault opens a store on a good disk: all that was acknowledged is there, an operation that failed at a sync may be too, and
// everything works.
func afterFault(t *testing.T, root string, acked []index.Head, steps []step) error {
	ctx := t.Context()
	s, err := store.Open(root, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	var want index.Head
	if len(acked) > 0 {
		want = acked[len(acked)-1]
	}
	if h := s.Index.Head(); h.Seq != want.Seq && h.Seq != want.Seq+1 || h.Seq == want.Seq && h != want {
		return errors.New("another head than what was acknowledged")
	}
	if err := sound(ctx, s); err != nil {
		return err
	}
	if s.Index.Head().Seq != want.Seq {
		return nil // the failed operation is there as a whole: doing it again would be refused
	}
	for _, st := range steps[len(acked):] {
		if err := st.do(ctx, s); err != nil {
			return errors.Join(errors.New(st.name), err)
		}
	}
	return sound(ctx, s)
}
