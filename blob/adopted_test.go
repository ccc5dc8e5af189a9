package blob

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vrepofs/disk"
	"vrepofs/disk/disktest"
)

// adopt puts a file of the user's into s by a hard link and returns its name.
func adopt(t testing.TB, s *Store, content string) (string, Digest) {
	t.Helper()
	f := userFile(t, s.root, content)
	d := Sum([]byte(content))
	l := newLease(t, s)
	if err := l.Place(f, d, int64(len(content)), Hardlink); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	return f.Name(), d
}

func TestAdoptedIsTheUsersFile(t *testing.T) {
	s := newStore(t)
	f := userFile(t, s.root, "mine")
	if err := f.Chmod(0o640); err != nil {
		t.Fatal(err)
	}
	l := newLease(t, s)
	d := Sum([]byte("mine"))
	if err := l.Place(f, d, 4, Hardlink); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	a, _ := f.Stat()
	b, err := os.Stat(s.Path(d))
	if err != nil || !os.SameFile(a, b) || b.Mode() != 0o640 {
		t.Errorf("not the user's file as it was: %v, %v", b, err)
	}
}

// TestAdoptedChanged changes the user's file behind the store's back. Right bytes are opened, wrong ones never.
func TestAdoptedChanged(t *testing.T) {
	write := func(content string, keepTimes bool) func(*testing.T, string) {
		return func(t *testing.T, name string) {
			fi, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_TRUNC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString(content); err != nil {
				t.Fatal(err)
			}
			if keepTimes {
				if err := os.Chtimes(name, time.Time{}, fi.ModTime()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, name string)
		good   bool
	}{
		{"nothing", func(*testing.T, string) {}, true},
		{"mode", func(t *testing.T, n string) { os.Chmod(n, 0o600) }, true},
		{"times", func(t *testing.T, n string) { os.Chtimes(n, time.Unix(1, 0), time.Unix(1, 0)) }, true},
		{"another link", func(t *testing.T, n string) { os.Link(n, n+"x") }, true},
		{"the user's link removed", func(t *testing.T, n string) { os.Remove(n) }, true},
		{"the user's file replaced", func(t *testing.T, n string) { os.Remove(n); os.WriteFile(n, []byte("other"), 0o600) }, true},
		{"rewritten with the same bytes", write("content", false), true},
		{"a byte changed", write("c0ntent", false), false},
		{"a byte changed, mtime set back", write("c0ntent", true), false},
		{"appended", write("content and more", false), false},
		{"truncated", write("", true), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			name, d := adopt(t, s, "content")
			beside, err := Open(s.root, disk.OS{}) // another process, say
			if err != nil {
				t.Fatal(err)
			}
			read(t, beside, d)
			tt.change(t, name)
			for i, s := range []*Store{s, beside, s} {
				f, err := s.Open(d)
				if tt.good {
					if err != nil {
						t.Fatalf("open %d: %v", i, err)
					}
					f.Close()
					continue
				}
				if !errors.Is(err, ErrCorrupt) {
					t.Fatalf("open %d: %v, want %v", i, err, ErrCorrupt)
				}
				if s.Has(d) || newLease(t, s).Has(d) {
					t.Error("a corrupt blob is said to be there")
				}
			}
			put(t, s, "content") // comes back
			for _, s := range []*Store{s, beside} {
				if got := read(t, s, d); got != "content" {
					t.Errorf("got %q", got)
				}
			}
			if _, err := os.Stat(s.badPath(d)); err == nil {
				t.Error("the bad file stays")
			}
		})
	}
}

// TestAdoptedHashedOnce: a changed but right file is hashed at one Open and recorded, then trusted by all.
func TestAdoptedHashedOnce(t *testing.T) {
	s := newStore(t)
	name, d := adopt(t, s, "content")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	// Its ctime has to be older than racyTime to be recorded: wait for the clock to pass, as it does in the field.
	var st unix.Stat_t
	for unix.Stat(s.Path(d), &st) == nil && racyAt(st.Ctim.Nano()) {
	}
	read(t, s, d)
	for _, s := range []*Store{s, must(Open(s.root, disk.OS{}))} {
		if ok, err := s.unchanged(d, st); !ok || err != nil {
			t.Errorf("not recorded: %v, %v", ok, err)
		}
	}
}

// TestUnrecordedLink: a blob with a second link is not trusted though nobody recorded it.
func TestUnrecordedLink(t *testing.T) {
	s := newStore(t)
	d := put(t, s, "content")[0]
	other := filepath.Join(s.root, "other")
	if err := os.Link(s.Path(d), other); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, d); got != "content" {
		t.Fatal(got)
	}
	os.Chmod(other, 0o600)
	if err := os.WriteFile(other, []byte("CONTENT"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(d); !errors.Is(err, ErrCorrupt) {
		t.Errorf("open: %v", err)
	}
}

func TestAdoptAcrossFileSystems(t *testing.T) {
	s := newStore(t)
	f := userFile(t, disktest.Scratch(t), "content")
	var a, b unix.Stat_t
	if unix.Fstat(int(f.Fd()), &a) != nil || unix.Stat(s.root, &b) != nil || a.Dev == b.Dev {
		t.Skip("no second file system to try it with")
	}
	l := newLease(t, s)
	d := Sum([]byte("content"))
	err := l.Place(f, d, 7, Hardlink)
	if !errors.Is(err, unix.EXDEV) || !strings.Contains(err.Error(), f.Name()) || !strings.Contains(err.Error(), "file system of the store") {
		t.Errorf("got %v", err)
	}
	for _, how := range []How{Reflink, Copy} {
		if err := l.Place(f, d, 7, how); err != nil {
			t.Errorf("%v: %v", how, err)
		}
	}
	if err := l.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestAdoptedChangedBeforeFlush: what the user does between Place and Flush is seen.
func TestAdoptedChangedBeforeFlush(t *testing.T) {
	s := newStore(t)
	f := userFile(t, s.root, "content")
	l := newLease(t, s)
	d := Sum([]byte("content"))
	if err := l.Place(f, d, 7, Hardlink); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("C"), 0); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(context.Background()); !errors.Is(err, ErrChanged) {
		t.Errorf("flush: %v, want %v", err, ErrChanged)
	}
	if s.Has(d) {
		t.Error("it is there")
	}
}

func TestPlaceChanged(t *testing.T) {
	for _, how := range []How{Copy, Reflink, Hardlink} {
		s := newStore(t)
		l := newLease(t, s)
		f := userFile(t, s.root, "content")
		before, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		d := Sum([]byte("content"))
		if err := l.Place(f, d, 6, how); !errors.Is(err, ErrChanged) {
			t.Errorf("%v, other size: %v", how, err)
		}
		if _, err := f.WriteAt([]byte("C"), 0); err != nil {
			t.Fatal(err)
		}
		if err := l.PlaceUnchanged(f, before, d, how); !errors.Is(err, ErrChanged) {
			t.Errorf("%v, changed since: %v", how, err)
		}
		if err := l.Place(f, d, 7, how); !errors.Is(err, ErrChanged) {
			t.Errorf("%v, changed just now: %v", how, err)
		}
		// Another file under its name: the open one is the right one, but only a copy can be had of it.
		if _, err := f.WriteAt([]byte("c"), 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(f.Name()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name(), []byte("CONTENT"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := l.Place(f, d, 7, how); (how == Hardlink) != errors.Is(err, ErrChanged) || how != Hardlink && err != nil {
			t.Errorf("%v, replaced: %v", how, err)
		}
		if err := l.Place(must(os.Open(s.root)), d, 7, how); err == nil {
			t.Errorf("%v: a directory is placed", how)
		}
		if err := l.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		if s.Has(d) != (how != Hardlink) {
			t.Errorf("%v: there %v", how, s.Has(d))
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAdoptionTable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "adopted")
	a, b := newAdoptions(dir, disk.OS{}), newAdoptions(dir, disk.OS{})
	key := func(prefix, rest uint64) (d Digest) {
		binary.LittleEndian.PutUint64(d[:], prefix)
		binary.LittleEndian.PutUint64(d[8:], rest)
		return d
	}
	want := map[Digest]adoption{}
	check := func(when string) {
		t.Helper()
		for name, a := range map[string]*adoptions{"writer": a, "other": b, "fresh": newAdoptions(dir, disk.OS{})} {
			for d, w := range want {
				if got, ok, err := a.get(d); got != w || ok != (w != adoption{}) || err != nil {
					t.Errorf("%s, %s: %s: got %v, %v, %v, want %v", when, name, d.Short(), got, ok, err, w)
				}
			}
			if _, ok, err := a.get(key(3, 99)); ok || err != nil {
				t.Errorf("%s, %s: unknown digest found: %v", when, name, err)
			}
		}
	}
	check("empty")
	add := func(a *adoptions, rows ...adoptionRow) {
		t.Helper()
		if err := a.add(rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			want[r.Digest] = r.adoption
		}
	}
	// Three digests share their first 8 bytes.
	add(a, adoptionRow{key(1, 1), adoption{1, 2, 3, 4}}, adoptionRow{key(1, 2), adoption{5, 6, 7, 8}}, adoptionRow{key(2, 1), adoption{-1, 0, 0, 1}})
	check("first")
	add(b, adoptionRow{key(1, 3), adoption{9, 9, 9, 9}}, adoptionRow{key(1, 1), adoption{10, 2, 3, 4}}, adoptionRow{key(1, 2), adoption{11, 2, 3, 4}})
	check("by the other, again")
	add(a, adoptionRow{key(2, 1), adoption{}}, adoptionRow{key(1, 3), adoption{}})
	check("taken back")
	// A torn row, then more.
	f := must(os.OpenFile(a.path(), os.O_WRONLY|os.O_APPEND, 0))
	f.Write(adoptionRow{key(7, 7), adoption{1, 1, 1, 1}}.append(nil)[:40])
	f.Close()
	check("torn")
	add(b, adoptionRow{key(8, 8), adoption{1, 1, 1, 1}})
	check("after a torn row")
	// A row goes bad: of its digest nothing is known that a file could agree with.
	f = must(os.OpenFile(a.path(), os.O_WRONLY, 0))
	f.WriteAt([]byte("!"), 4*rowSize+50) // the row of (1, 1)
	f.Close()
	if got, ok, err := a.get(key(1, 1)); !ok || err != nil || got.size != -1 {
		t.Errorf("bad row: %v, %v, %v", got, ok, err)
	}
	var many []adoptionRow
	for i := range uint64(3000) {
		many = append(many, adoptionRow{key(100+i, 0), adoption{int64(i), 1, 1, 1}})
	}
	delete(want, key(1, 1))
	add(a, many...)
	check("many")
}

func FuzzParseRow(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, rowSize))
	f.Add(adoptionRow{Sum(nil), adoption{1, 2, 3, 4}}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := parseRow(b); ok && !reflect.DeepEqual(r.append(nil), b) {
			t.Fatalf("%x is read as %v", b, r)
		}
	})
}
