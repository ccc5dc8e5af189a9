package blob

import (
	"bytes"
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vrepofs/disk"
)

func newStore(t testing.TB) *Store {
	t.Helper()
	return newStoreAt(t, t.TempDir())
}

func newStoreAt(t testing.TB, root string) *Store {
	t.Helper()
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Open(root, disk.OS{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newLease(t testing.TB, s *Store) *Lease {
	t.Helper()
	l, err := s.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// put stores contents by one lease and flushes it.
func put(t testing.TB, s *Store, contents ...string) []Digest {
	t.Helper()
	l := newLease(t, s)
	var ds []Digest
	for _, c := range contents {
		d, err := l.Write([]byte(c))
		if err != nil {
			t.Fatal(err)
		}
		ds = append(ds, d)
	}
	if err := l.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	return ds
}

func read(t testing.TB, s *Store, d Digest) string {
	t.Helper()
	f, err := s.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPut(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 20_000)
	for _, tt := range []struct {
		name string
		put  func(t *testing.T, l *Lease, content string) Digest
	}{
		{"Write", func(t *testing.T, l *Lease, c string) Digest {
			d, err := l.Write([]byte(c))
			if err != nil {
				t.Fatal(err)
			}
			return d
		}},
		{"Copy", func(t *testing.T, l *Lease, c string) Digest {
			d, n, err := l.Copy(strings.NewReader(c))
			if err != nil || n != int64(len(c)) {
				t.Fatal(n, err)
			}
			return d
		}},
		{"Place Copy", placeBy(Copy)},
		{"Place Reflink", placeBy(Reflink)},
		{"Place Hardlink", placeBy(Hardlink)},
	} {
		for _, c := range []string{"", "hello", big} {
			t.Run(tt.name, func(t *testing.T) {
				s := newStore(t)
				l := newLease(t, s)
				d := tt.put(t, l, c)
				if want := Sum([]byte(c)); d != want {
					t.Errorf("digest %s, want %s", d, want)
				}
				if !l.Has(d) {
					t.Error("the lease does not have what it put")
				}
				if _, err := s.Open(d); !errors.Is(err, iofs.ErrNotExist) {
					t.Errorf("open before flush: %v, want %v", err, iofs.ErrNotExist)
				}
				tt.put(t, l, c) // again
				if err := l.Flush(context.Background()); err != nil {
					t.Fatal(err)
				}
				tt.put(t, l, c) // and again
				if err := l.Flush(context.Background()); err != nil {
					t.Fatal(err)
				}
				if got := read(t, s, d); got != c {
					t.Errorf("got %d bytes, want %d", len(got), len(c))
				}
				in, err := s.Stat(d)
				if want := (Info{d, int64(len(c)), strings.HasSuffix(tt.name, "link") && !strings.Contains(tt.name, "Ref")}); err != nil || in != want {
					t.Errorf("stat: got %v, %v, want %v", in, err, want)
				}
				if fi, _ := os.Stat(s.Path(d)); !in.Adopted && fi.Mode() != 0o444 {
					t.Errorf("mode %v, want 0444", fi.Mode())
				}
				if err := s.Verify(context.Background(), d); err != nil {
					t.Error(err)
				}
				if left, _ := os.ReadDir(l.dir); len(left) != 0 {
					t.Errorf("left in the lease: %v", left)
				}
			})
		}
	}
}

func placeBy(how How) func(t *testing.T, l *Lease, c string) Digest {
	return func(t *testing.T, l *Lease, c string) Digest {
		f := userFile(t, filepath.Dir(l.s.root), c)
		d := Sum([]byte(c))
		if err := l.Place(f, d, int64(len(c)), how); err != nil {
			t.Fatal(err)
		}
		return d
	}
}

// userFile makes a file that an importer could have found and opens it for reading.
func userFile(t testing.TB, dir, content string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(dir, "user")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAll(t *testing.T) {
	s := newStore(t)
	put(t, s, "a", "b", "c", "")
	if err := os.WriteFile(filepath.Join(s.shard(0x11), "stray"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var ds []Digest
	strays := 0
	for d, err := range s.All() {
		if err != nil {
			strays++
			continue
		}
		ds = append(ds, d)
	}
	if len(ds) != 4 || strays != 1 {
		t.Fatalf("%d blobs and %d strays, want 4 and 1", len(ds), strays)
	}
	for i := range ds[1:] {
		if bytes.Compare(ds[i][:], ds[i+1][:]) >= 0 {
			t.Errorf("not ascending: %s, %s", ds[i], ds[i+1])
		}
	}
}

const (
	errIO      = syscall.EIO
	errNoSpace = syscall.ENOSPC
)
