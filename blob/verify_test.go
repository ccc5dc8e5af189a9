package blob

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"strings"
	"testing"
)

// spoil changes a blob's file behind the store's back.
func spoil(t *testing.T, s *Store, d Digest, content string) {
	t.Helper()
	if err := os.Remove(s.Path(d)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Path(d), []byte(content), 0o444); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyAll(t *testing.T) {
	s := newStore(t)
	var contents []string
	for i := range 50 {
		contents = append(contents, fmt.Sprint("content ", i))
	}
	ds := put(t, s, contents...)
	_, adopted := adopt(t, s, "adopted")
	if err := s.VerifyAll(context.Background(), 4, nil); err != nil {
		t.Fatal(err)
	}
	spoil(t, s, ds[3], "Content 3")
	spoil(t, s, ds[5], "")
	for range 2 { // the second time from where they were set aside
		got := map[Digest]error{}
		err := s.VerifyAll(context.Background(), 4, func(d Digest, err error) {
			if _, twice := got[d]; twice {
				t.Errorf("%s twice", d)
			}
			got[d] = err
		})
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "2 of 51") {
			t.Errorf("got %v", err)
		}
		for _, d := range append([]Digest{adopted}, ds...) {
			if bad := d == ds[3] || d == ds[5]; bad != errors.Is(got[d], ErrCorrupt) || !bad && got[d] != nil {
				t.Errorf("%s: %v", d, got[d])
			}
		}
		if len(got) != 51 {
			t.Errorf("%d reports", len(got))
		}
	}
	var ce *CorruptError
	if _, err := s.Open(ds[3]); !errors.As(err, &ce) || ce.Digest != ds[3] {
		t.Errorf("open: %v", err)
	}
	if _, err := s.Stat(ds[3]); !errors.Is(err, ErrCorrupt) {
		t.Errorf("stat: %v", err)
	}
	for d := range s.All() {
		if d == ds[3] {
			t.Error("a bad blob is listed")
		}
	}
	put(t, s, contents...)
	if err := s.VerifyAll(context.Background(), 1, nil); err != nil {
		t.Error(err)
	}
}

func TestVerify(t *testing.T) {
	s := newStore(t)
	d := put(t, s, "content")[0]
	spoil(t, s, d, "c0ntent")
	err := s.Verify(context.Background(), d)
	for _, want := range []string{d.String(), Sum([]byte("c0ntent")).String()} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if err := s.Verify(context.Background(), Sum(nil)); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.VerifyAll(ctx, 2, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestOpenSized(t *testing.T) {
	s := newStore(t)
	d := put(t, s, "content")[0]
	f, err := s.OpenSized(d, 7)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := s.OpenSized(d, 8); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "is 7 bytes long, want 8") {
		t.Errorf("got %v", err)
	}
	// A cut blob is noticed when it is put again with its size, and mended.
	spoil(t, s, d, "cont")
	put(t, s, "content")
	if got := read(t, s, d); got != "content" {
		t.Errorf("got %q", got)
	}
	// Neither a symbolic link nor a directory is a blob.
	os.Remove(s.Path(d))
	os.Symlink("/etc/passwd", s.Path(d))
	if f, err := s.Open(d); err == nil {
		f.Close()
		t.Error("a symbolic link is opened")
	}
	if _, err := s.Stat(d); !errors.Is(err, ErrCorrupt) {
		t.Errorf("symbolic link: %v", err)
	}
	if s.Has(d) {
		t.Error("a symbolic link counts")
	}
}
