package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"vrepofs/disk"
	"vrepofs/disk/disktest"
)

// TestPowerLoss opens what power losses leave of journals: what was acknowledged is there, what was not is wholly there or
// wholly absent, in order, and the journal goes on.
func TestPowerLoss(t *testing.T) {
	const rounds, each = 20, 510 // 10,200 states
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 1))
		root := disktest.Scratch(t)
		dir := filepath.Join(root, "journal")
		if err := Create(dir, disk.OS{}); err != nil {
			t.Fatal(err)
		}
		rec, err := disktest.NewRecorder(disk.OS{}, root)
		if err != nil {
			t.Fatal(err)
		}
		limit := int64(500 + rng.IntN(3000))
		j, _, _, err := tryOpen(dir, Options{FS: rec, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		seq := 0
		for range 12 {
			var recs []*Record
			for range 1 + rng.IntN(4) {
				seq++
				recs = append(recs, commit(seq))
			}
			if _, err := j.Append(recs...); err != nil {
				t.Fatal(err)
			}
			if rng.IntN(3) > 0 {
				if err := j.Sync(); err != nil {
					t.Fatal(err)
				}
				rec.Mark(strconv.Itoa(seq))
			}
			if rng.IntN(6) == 0 {
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				rec.Mark(strconv.Itoa(seq))
				if j, _, _, err = tryOpen(dir, Options{FS: rec, Limit: limit}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		err = rec.States(disktest.Scratch(t), rng, each, func(s disktest.State) error {
			acked := 0
			if n := len(s.Marks); n > 0 {
				acked, _ = strconv.Atoi(s.Marks[n-1])
			}
			return survived(filepath.Join(s.Dir, "journal"), acked, seq, rng.IntN(5) == 0)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// survived opens a journal of commit(1), commit(2), … and checks that at least acked and at most all of them are there, and
// that (more) one more can be appended.
func survived(dir string, acked, all int, more bool) error {
	j, recs, _, err := tryOpen(dir, Options{})
	if err != nil {
		return err
	}
	defer j.Close()
	if j.Err() != nil {
		return j.Err()
	}
	if len(recs) < acked || len(recs) > all {
		return fmt.Errorf("%d records, %d were acknowledged and %d made", len(recs), acked, all)
	}
	if err := inOrder(recs); err != nil {
		return err
	}
	if !more {
		return nil
	}
	if _, err := j.Append(commit(len(recs) + 1)); err != nil {
		return err
	}
	if err := j.Close(); err != nil {
		return err
	}
	j, again, _, err := tryOpen(dir, Options{})
	if err != nil {
		return err
	}
	defer j.Close()
	if len(again) != len(recs)+1 || j.Err() != nil {
		return fmt.Errorf("%d records after one was added to %d: %v", len(again), len(recs), j.Err())
	}
	return nil
}

func inOrder(recs []*Record) error {
	for i, r := range recs {
		if want := commit(i + 1); string(r.appendBody(nil)) != string(want.appendBody(nil)) {
			return fmt.Errorf("record %d is %+v, want %+v", i+1, r, want)
		}
	}
	return nil
}

// TestFaults fails every operation that a journal makes, one after the other: the error comes up, nothing is written from then
// on, and what was acknowledged is there afterwards.
func TestFaults(t *testing.T) {
	work := func(dir string, fs disk.FS) (acked, made int, err error) {
		if err := Create(dir, fs); err != nil {
			return 0, 0, err
		}
		for range 3 {
			j, _, _, err := tryOpen(dir, Options{FS: fs, Limit: 700})
			if err != nil {
				return acked, made, err
			}
			for range 3 {
				made += 2
				_, err := j.Append(commit(made-1), commit(made))
				if err == nil {
					err = j.Sync()
				}
				if err != nil {
					// Nothing is retried.
					if _, again := j.Append(commit(made)); again == nil {
						return acked, made, errors.New("an append worked after one had failed")
					}
					if again := j.Sync(); again == nil {
						return acked, made, errors.New("a sync worked after one had failed")
					}
					j.Close()
					return acked, made, err
				}
				acked = made
			}
			if err := j.Close(); err != nil {
				return acked, made, err
			}
			// A tail that a crash left.
			f, _ := os.OpenFile(path(dir, j.End().File), os.O_APPEND|os.O_WRONLY, 0)
			f.Write([]byte("torn"))
			f.Close()
		}
		return acked, made, nil
	}
	learn := disktest.NewFail(disk.OS{})
	if _, _, err := work(filepath.Join(disktest.Scratch(t), "journal"), learn); err != nil {
		t.Fatal(err)
	}
	counts := learn.Counts()
	for _, label := range learn.Labels() {
		for nth := 1; nth <= counts[label]; nth++ {
			for _, errno := range []error{syscall.ENOSPC, syscall.EIO} {
				dir := filepath.Join(disktest.Scratch(t), "journal")
				ff := disktest.NewFail(disk.OS{})
				ff.Break(label, nth, errno)
				acked, made, err := work(dir, ff)
				if err == nil && (label == "journal.fail.truncate" || slices.Contains([]string{"journal.create.open.close", "journal.open.close"}, label)) {
					continue
				}
				if !errors.Is(err, errno) {
					t.Fatalf("%s, number %d: error is %v, want %v", label, nth, err, errno)
				}
				if Create(dir, disk.OS{}) != nil && acked == 0 && made == 0 {
					continue
				}
				if err := survived(dir, acked, made, true); err != nil {
					t.Fatalf("%s, number %d, %v: %v", label, nth, errno, err)
				}
			}
		}
	}
	t.Logf("labels: %v", counts)
}
