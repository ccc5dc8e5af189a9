package index

import (
	"testing"
)

// Invariants 6 and 8: what a row says never changes, serials have no gaps, and a name's later contents have later times.
func TestAddFile(t *testing.T) {
	c := &clock{now: 5000}
	x := mustOpen(t, newStore(t), Options{Now: c.Now})
	for i, s := range []struct {
		digest, name string
		mtime        int64
		wantSerial   uint64
		wantMtime    int64
		wantName     string
	}{
		{"A", "a.rpm", 0, 1, 5000, "a.rpm"},        // the stamp
		{"B", "b.rpm", 100, 2, 100, "b.rpm"},       // upstream's time
		{"A", "a.rpm", 77, 1, 5000, "a.rpm"},       // known
		{"C", "b.rpm", 50, 3, 101, "b.rpm"},        // raised above B
		{"D", "b.rpm", 100, 4, 102, "b.rpm"},       // raised above C
		{"E", "b.rpm", 9000, 5, 9000, "b.rpm"},     // newer anyway
		{"A", "c.rpm", 0, 1, 5000, "a.rpm"},        // known under a further name …
		{"F", "c.rpm", 10, 6, 5001, "c.rpm"},       // … counts there
		{"B", "c.rpm", 0, 2, 100, "b.rpm"},         // an older one there changes nothing
		{"G", "c.rpm", 10, 7, 5002, "c.rpm"},       //
		{"H", "c.rpm", 5003, 8, 5003, "c.rpm"},     //
		{"I", "unseen.rpm", 1, 9, 1, "unseen.rpm"}, //
	} {
		if i%2 == 0 {
			x = reopen(t, x)
		}
		got := addFile(t, x, FileRow{Digest: sum(s.digest), Size: 7, Mtime: s.mtime, Name: s.name, Serial: 999})
		want := FileRow{Serial: s.wantSerial, Digest: sum(s.digest), Size: 7, Mtime: s.wantMtime, Name: s.wantName}
		if got != want {
			t.Errorf("step %d: got %+v, want %+v", i, got, want)
		}
		if byD, err := x.FileByDigest(want.Digest); err != nil || byD != want {
			t.Errorf("step %d: by digest %+v, %v", i, byD, err)
		}
		if byS, err := x.File(want.Serial); err != nil || byS != want {
			t.Errorf("step %d: by serial %+v, %v", i, byS, err)
		}
	}
	// The same inside one commit.
	mustCommit(t, x, Op{Apply: func(tx *Tx) error {
		for i, name := range []string{"n.rpm", "n.rpm", "m.rpm"} {
			f, err := tx.AddFile(FileRow{Digest: sum(string(rune('p' + min(i, 1)))), Mtime: 3, Name: name})
			if err != nil {
				return err
			}
			if want := int64(3 + min(i, 1)); f.Mtime != want || f.Serial != uint64(10+min(i, 1)) {
				t.Errorf("%d: %+v, want mtime %d", i, f, want)
			}
		}
		if f, err := tx.File(sum("q")); err != nil || f.Serial != 11 {
			t.Errorf("file of this commit is %v, %v", f, err)
		}
		f, err := tx.AddFile(FileRow{Digest: sum("r"), Mtime: 3, Name: "m.rpm"})
		if f.Mtime != 5 {
			t.Errorf("got %+v, want mtime 5", f)
		}
		return err
	}})
	n := uint64(0)
	for f, err := range x.Files() {
		if n++; err != nil || f.Serial != n {
			t.Errorf("file %d is %v, %v", n, f, err)
		}
	}
	if n != 12 {
		t.Errorf("%d files", n)
	}
	sameAsRebuilt(t, x)
}

// AddFiles gives rows ahead of a commit; the commit gets the same ones, and so does a rebuild.
func TestAddFilesAhead(t *testing.T) {
	c := &clock{now: 5000}
	x := mustOpen(t, newStore(t), Options{Now: c.Now})
	known := addFile(t, x, FileRow{Digest: sum("A"), Name: "a.rpm"})
	c.set(4000)
	rows, err := x.AddFiles([]FileRow{
		{Digest: sum("A"), Name: "a.rpm"}, {Digest: sum("B"), Name: "b.rpm"}, {Digest: sum("C"), Name: "b.rpm", Mtime: 7}, {Digest: sum("A"), Name: "c.rpm"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []FileRow{known, {2, sum("B"), 0, 5000, "b.rpm"}, {3, sum("C"), 0, 5001, "b.rpm"}, known}
	for i := range want {
		if rows[i] != want[i] {
			t.Errorf("row %d is %+v, want %+v", i, rows[i], want[i])
		}
		if got := addFile(t, x, FileRow{Digest: want[i].Digest, Name: want[i].Name}); got != want[i] {
			t.Errorf("row %d in a commit is %+v, want %+v", i, got, want[i])
		}
	}
	if got := addFile(t, x, FileRow{Digest: sum("D"), Name: "c.rpm", Mtime: 1}); got.Serial != 4 || got.Mtime != 5001 {
		t.Errorf("next file is %+v", got)
	}
	if rows, err := x.AddFiles([]FileRow{{Digest: sum("E"), Name: "e.rpm"}, {Digest: sum("F")}}); err == nil {
		t.Errorf("a file without a name is %v", rows)
	}
	if _, err := x.FileByDigest(sum("E")); err == nil {
		t.Error("a call that failed left a file behind")
	}
	sameAsRebuilt(t, x)
}
