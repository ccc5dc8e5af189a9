package journal

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vrepofs/disk"
	"vrepofs/disk/disktest"
)

// commit returns a small record; its numbers follow from n.
func commit(n int) *Record {
	return &Record{
		Kind: Commit, Seq: uint64(n), Stamp: int64(1000 + n), Clock: 1000, Root: d(fmt.Sprint("root", n)),
		Rows: []Row{{Command: fmt.Sprint("command ", n)}}, FirstSerial: 1, FirstPlace: 1,
		Nodes: [][]byte{bytes.Repeat([]byte{byte(n)}, 10*n)},
	}
}

func newJournal(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(disktest.Scratch(t), "journal")
	if err := Create(dir, disk.OS{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open opens a journal and returns it with all its records and the Marks of their ends.
func open(t testing.TB, dir string, o Options) (*Journal, []*Record, []Mark) {
	t.Helper()
	j, recs, marks, err := tryOpen(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, recs, marks
}

func tryOpen(dir string, o Options) (j *Journal, recs []*Record, marks []Mark, err error) {
	if o.FS == nil {
		o.FS = disk.OS{}
	}
	o.Replay = func(r *Record, m Mark) error {
		recs, marks = append(recs, r), append(marks, m)
		return nil
	}
	j, err = Open(dir, o)
	return j, recs, marks, err
}

// appendSync appends records one by one, each with a sync.
func appendSync(t testing.TB, j *Journal, recs ...*Record) {
	t.Helper()
	for _, r := range recs {
		if _, err := j.Append(r); err != nil {
			t.Fatal(err)
		}
		if err := j.Sync(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAppendReopen(t *testing.T) {
	dir := newJournal(t)
	var want []*Record
	for n := 1; n <= 40; n++ {
		j, got, marks := open(t, dir, Options{Limit: 2000})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("before record %d (-want +got):\n%s", n, diff)
		}
		if len(marks) > 0 {
			mid := marks[len(marks)/2]
			k, rest, _, err := tryOpen(dir, Options{From: mid})
			if err != nil || len(rest) != len(marks)-len(marks)/2-1 {
				t.Fatalf("from %v: %d records, %v", mid, len(rest), err)
			}
			k.Close()
		}
		appendSync(t, j, commit(n))
		want = append(want, commit(n))
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Append(commit(n)); !errors.Is(err, ErrClosed) {
			t.Fatalf("append after close: %v", err)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) < 3 {
		t.Errorf("%d files, want some", len(files))
	}
	if err := Create(dir, disk.OS{}); !errors.Is(err, iofs.ErrExist) {
		t.Errorf("create over it: %v", err)
	}
}

func TestBatchOverSeveralFiles(t *testing.T) {
	dir := newJournal(t)
	j, _, _ := open(t, dir, Options{Limit: 1000})
	var want []*Record
	for n := 1; n <= 30; n++ {
		want = append(want, commit(n))
	}
	marks, err := j.Append(want...)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, got, again := open(t, dir, Options{})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(marks, again); diff != "" {
		t.Errorf("marks (-append +open):\n%s", diff)
	}
}

// build makes a journal of n synced records and returns its only file's content and the ends of the records.
func build(t *testing.T, n int) (content []byte, ends []Mark) {
	t.Helper()
	dir := newJournal(t)
	j, _, _ := open(t, dir, Options{})
	for i := 1; i <= n; i++ {
		appendSync(t, j, commit(i))
		ends = append(ends, j.End())
	}
	j.Close()
	content, err := os.ReadFile(path(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	return content, ends
}

// lay writes a journal with one file.
func lay(t *testing.T, content []byte) string {
	t.Helper()
	dir := disktest.Scratch(t)
	if err := os.WriteFile(path(dir, 1), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A file that ends anywhere inside its last record, or has zeros from there on, loses that record only, and goes on.
func TestTornTailAtEveryByte(t *testing.T) {
	content, ends := build(t, 3)
	from, to := int(ends[1].Offset), int(ends[2].Offset)
	for cut := from; cut < to; cut++ {
		for _, tail := range [][]byte{nil, make([]byte, to-cut), make([]byte, 5000)} {
			torn := append(bytes.Clone(content[:cut]), tail...)
			if bytes.Equal(torn, content) {
				continue // the last byte is a zero
			}
			dir := lay(t, torn)
			j, recs, _ := open(t, dir, Options{})
			if len(recs) != 2 || j.Err() != nil || j.End() != ends[1] {
				t.Fatalf("cut at %d, %d zeros: %d records, end %v, %v", cut, len(tail), len(recs), j.End(), j.Err())
			}
			appendSync(t, j, commit(3))
			j.Close()
			if got, _ := os.ReadFile(path(dir, 1)); !bytes.Equal(got, content) {
				t.Fatalf("cut at %d: the file differs after the record was appended again", cut)
			}
			if tail != nil {
				continue
			}
			// The caller knows better: those bytes were a record.
			j, recs, _ = open(t, lay(t, torn), Options{Known: ends[2].Position})
			if cut > from && (!errors.Is(j.Err(), ErrDamaged) || len(recs) != 2) {
				t.Fatalf("cut at %d below a known end: %v", cut, j.Err())
			}
		}
	}
}

// A flipped bit in a record that was durable when a later one was written is damage; one in the last record looks like a tear
// unless the caller knows better.
func TestFlippedByteInEveryRecord(t *testing.T) {
	content, ends := build(t, 4)
	rec := 0
	for at := 0; at < len(content); at++ {
		for at >= int(ends[rec].Offset) {
			rec++
		}
		bad := bytes.Clone(content)
		bad[at] ^= 1 << (at % 8)
		dir := lay(t, bad)
		j, recs, _, err := tryOpen(dir, Options{Known: ends[3].Position})
		if err != nil {
			t.Fatal(err)
		}
		var de *DamageError
		if err := j.Err(); !errors.As(err, &de) || !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d: %v", at, err)
		}
		want := int64(0)
		if at >= fileHeader {
			want = fileHeader
			if rec > 0 {
				want = ends[rec-1].Offset
			}
		}
		if de.Offset != want || !strings.HasSuffix(de.File, "000001") {
			t.Fatalf("byte %d: damage is at %d of %s, want %d", at, de.Offset, de.File, want)
		}
		if at < fileHeader && len(recs) > 0 || at >= fileHeader && len(recs) != rec {
			t.Fatalf("byte %d in record %d: %d records are read", at, rec, len(recs))
		}
		if _, err := j.Append(commit(9)); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d: append: %v", at, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path(dir, 1)); !bytes.Equal(got, bad) {
			t.Fatalf("byte %d: the damaged file was changed", at)
		}
		if rec < 3 && at >= fileHeader {
			j, _, _ := open(t, dir, Options{})
			if !errors.Is(j.Err(), ErrDamaged) {
				t.Fatalf("byte %d: without a known end: %v", at, j.Err())
			}
			j.Close()
		}
	}
}

// Records that were appended without a sync may reach the disk in any order: a whole one behind a torn one is no damage.
func TestTornRecordBeforeWholeUnsynced(t *testing.T) {
	dir := newJournal(t)
	j, _, _ := open(t, dir, Options{})
	appendSync(t, j, commit(1))
	marks, err := j.Append(commit(2), commit(3))
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	content, _ := os.ReadFile(path(dir, 1))
	clear(content[marks[0].Offset-20 : marks[0].Offset])
	j, recs, _ := open(t, lay(t, content), Options{})
	if len(recs) != 1 || j.Err() != nil {
		t.Errorf("%d records, %v", len(recs), j.Err())
	}
}

func TestDamageBetweenFiles(t *testing.T) {
	make3 := func() (string, []Mark) {
		dir := newJournal(t)
		j, _, _ := open(t, dir, Options{Limit: 300})
		var marks []Mark
		for n := 1; n <= 6; n++ {
			appendSync(t, j, commit(n))
			marks = append(marks, j.End())
		}
		j.Close()
		return dir, marks
	}
	for _, c := range []struct {
		name string
		harm func(dir string) error
		want string // in the error; "" means that the journal is whole
		err  error  // of Open
	}{
		{"nothing", func(string) error { return nil }, "", nil},
		{"a file that is none of ours", func(dir string) error { return os.WriteFile(filepath.Join(dir, ".000002.Ab1"), nil, 0o644) }, "", nil},
		{"no middle file", func(dir string) error { return os.Remove(path(dir, 2)) }, "missing", nil},
		{"no first file", func(dir string) error { return os.Remove(path(dir, 1)) }, "missing", nil},
		{"no file", func(dir string) error {
			for n := range uint32(9) {
				os.Remove(path(dir, n))
			}
			return nil
		}, "", iofs.ErrNotExist},
		{"short middle file", func(dir string) error { return os.Truncate(path(dir, 2), fileHeader+9) }, "record header", nil},
		{"middle file ends with a record", func(dir string) error { return os.Truncate(path(dir, 2), fileHeader) }, "the file follows", nil},
		{"files swapped", func(dir string) error { return os.Rename(path(dir, 3), path(dir, 2)) }, "number 3, want 2", nil},
		{"last file's header was being made", func(dir string) error { return os.WriteFile(path(dir, 99), nil, 0o644) }, "missing", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, _ := make3()
			if err := c.harm(dir); err != nil {
				t.Fatal(err)
			}
			j, _, _, err := tryOpen(dir, Options{Limit: 300})
			if c.err != nil {
				if !errors.Is(err, c.err) {
					t.Fatalf("got %v, want %v", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if got := fmt.Sprint(j.Err()); c.want == "" && j.Err() != nil || !strings.Contains(got, c.want) {
				t.Errorf("got %v, want %q", j.Err(), c.want)
			}
		})
	}
}

// A crash while the next file is being made leaves it empty, short or zero.
func TestTornFileHeader(t *testing.T) {
	for n := 0; n <= fileHeader; n += 8 {
		dir := newJournal(t)
		j, _, _ := open(t, dir, Options{})
		appendSync(t, j, commit(1))
		end := j.End()
		j.Close()
		b := appendFileHeader(nil, 2, end.Digest)
		for _, content := range [][]byte{b[:n], append(bytes.Clone(b[:n]), make([]byte, fileHeader-n)...)} {
			if err := os.WriteFile(path(dir, 2), content, 0o644); err != nil {
				t.Fatal(err)
			}
			j, recs, _ := open(t, dir, Options{})
			if len(recs) != 1 || j.Err() != nil {
				t.Fatalf("%d bytes of a header: %d records, %v", n, len(recs), j.Err())
			}
			appendSync(t, j, commit(2))
			j.Close()
			j, recs, _ = open(t, dir, Options{From: end})
			if len(recs) != 1 || j.Err() != nil || j.End().File != 2 {
				t.Fatalf("%d bytes of a header, then a record: %d records, end %v, %v", n, len(recs), j.End(), j.Err())
			}
			j.Close()
		}
	}
}

func TestNewerRecordIsNotCutOff(t *testing.T) {
	content, ends := build(t, 2)
	content[ends[0].Offset+4] = recVersion + 1
	dir := lay(t, content)
	j, _, _ := open(t, dir, Options{})
	if err := j.Err(); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "version 2, want 1") {
		t.Errorf("got %v", err)
	}
	j.Close()
	if got, _ := os.ReadFile(path(dir, 1)); !bytes.Equal(got, content) {
		t.Error("the file was changed")
	}
}

func TestMismatch(t *testing.T) {
	content, ends := build(t, 2)
	dir := lay(t, content)
	for _, m := range []Mark{
		{Position{1, ends[0].Offset}, d("other")},
		{Position{1, ends[0].Offset + 1}, ends[0].Digest},
		{Position{1, ends[1].Offset + 1000}, ends[1].Digest},
		{Position{2, fileHeader}, ends[1].Digest},
		{Position{1, fileHeader}, ends[0].Digest},
		{Position{1, 3}, ends[0].Digest},
	} {
		if _, _, _, err := tryOpen(dir, Options{From: m}); !errors.Is(err, ErrMismatch) {
			t.Errorf("%v: %v", m, err)
		}
	}
}

func TestCreateCompletesInterrupted(t *testing.T) {
	for _, n := range []int{0, 10, fileHeader} {
		dir := t.TempDir()
		if err := os.WriteFile(path(dir, 1), appendFileHeader(nil, 1, d(""))[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Create(dir, disk.OS{}); err != nil {
			t.Fatal(err)
		}
		if j, recs, _ := open(t, dir, Options{}); len(recs) != 0 || j.Err() != nil {
			t.Errorf("%d bytes: %v", n, j.Err())
		}
	}
}
