package blob

import (
	"bytes"
	"errors"
	"io"
	iofs "io/fs"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestRopeRead(t *testing.T) {
	s := newStore(t)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, sizes := range [][]int{{}, {0}, {5}, {0, 3, 0, 0, 1, 0}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {70_000, 3, 100_000}} {
		var rope Rope
		var want []byte
		for _, n := range sizes {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			rope = append(rope, Part{put(t, s, string(b))[0], int64(n)})
			want = append(want, b...)
		}
		r := s.OpenRope(rope)
		if r.Size() != int64(len(want)) || rope.Size() != r.Size() {
			t.Errorf("%v: size %d and %d, want %d", sizes, r.Size(), rope.Size(), len(want))
		}
		if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), want); err != nil {
			t.Errorf("%v: %v", sizes, err)
		}
		if n, err := r.ReadAt(make([]byte, 1), r.Size()); n != 0 || err != io.EOF {
			t.Errorf("%v: read at the end: %d, %v", sizes, n, err)
		}
		if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
			t.Errorf("%v: read at -1 is no error", sizes)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.ReadAt(make([]byte, 1), 0); len(want) > 0 && !errors.Is(err, os.ErrClosed) {
			t.Errorf("%v: read after close: %v", sizes, err)
		}
	}
}

func TestRopeParallel(t *testing.T) {
	s := newStore(t)
	var rope Rope
	var want strings.Builder
	var parts []string
	for i := range 40 {
		parts = append(parts, strings.Repeat(string(rune('A'+i)), 100+i))
		want.WriteString(parts[i])
	}
	for i, d := range put(t, s, parts...) {
		rope = append(rope, Part{d, int64(len(parts[i]))})
	}
	before := openFiles(t)
	r := s.OpenRope(rope)
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 0))
			b := make([]byte, 700)
			for range 200 {
				off := rng.Int64N(r.Size() + 10)
				n, err := r.ReadAt(b[:rng.IntN(len(b))], min(off, r.Size()))
				if err != nil && err != io.EOF {
					t.Error(err)
				}
				off = min(off, r.Size())
				if string(b[:n]) != want.String()[off:off+int64(n)] {
					t.Errorf("wrong bytes at %d", off)
				}
			}
		})
	}
	wg.Wait()
	if n := openFiles(t) - before; n > ropeFiles {
		t.Errorf("%d files stay open, want at most %d", n, ropeFiles)
	}
	r.Close()
	if n := openFiles(t) - before; n != 0 {
		t.Errorf("%d files leak", n)
	}
}

// openFiles counts this process's descriptors.
func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("cannot count descriptors:", err)
	}
	return len(names)
}

func TestRopeBadPart(t *testing.T) {
	s := newStore(t)
	ds := put(t, s, "good", "short")
	for _, tt := range []struct {
		rope Rope
		want error
	}{
		{Rope{{ds[0], 4}, {Sum([]byte("missing")), 7}}, iofs.ErrNotExist},
		{Rope{{ds[0], 4}, {ds[1], 7}}, ErrCorrupt},
		{Rope{{ds[0], 4}, {ds[1], 1}}, ErrCorrupt},
	} {
		r := s.OpenRope(tt.rope)
		b := make([]byte, 5)
		if n, err := r.ReadAt(b, 0); n != 4 || string(b[:n]) != "good" || !errors.Is(err, tt.want) {
			t.Errorf("got %q, %v, want good, %v", b[:n], err, tt.want)
		}
		r.Close()
	}
}

func TestDecodeRopeErrors(t *testing.T) {
	good := string(Rope{{Sum(nil), 0}, {Sum([]byte("hello")), 5}}.Append(nil))
	huge := string(Rope{{Sum(nil), 1<<63 - 1}, {Sum(nil), 1}}.Append(nil))
	for in, want := range map[string]string{
		"":                                "magic",
		"vrrp":                            "magic",
		"vrrq\x01\x00":                    "magic",
		"vrrp\x02\x00":                    "version 2",
		"vrrp\x01":                        "number of parts",
		"vrrp\x01\x80\x00":                "number of parts", // 0 in two bytes
		"vrrp\x01\xff\xff\xff\xff\x0f":    "do not fit",
		good[:len(good)-1]:                "do not fit",
		good + "\x00":                     "follows",
		good[:len(good)-1] + "\x80":       "bad size",
		good[:len(good)-1] + "\x85\x00":   "bad size",
		huge:                              "bad size",
		good[:5] + "\x01" + good[6:]:      "follows",
		"vrrp\x01\x01" + good[6:6+32]:     "do not fit",
		"vrrp\x01\x00trailing":            "follows",
		strings.ToUpper("vrrp") + "\x01x": "magic",
	} {
		if r, err := DecodeRope([]byte(in)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v, want %q", in, r, err, want)
		}
	}
}

func TestRopeCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Rope
		for i := range rapid.IntRange(0, 50).Draw(t, "parts") {
			r = append(r, Part{Sum([]byte{byte(i)}), rapid.Int64Range(0, 1<<50).Draw(t, "size")})
		}
		got, err := DecodeRope(r.Append(nil))
		if err != nil || len(got) != len(r) || len(r) > 0 && !reflect.DeepEqual(got, r) {
			t.Fatalf("got %v, %v, want %v", got, err, r)
		}
	})
}

func FuzzDecodeRope(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("vrrp\x01\x00"))
	f.Add(Rope{{Sum(nil), 0}, {Sum([]byte("hello")), 5}}.Append(nil))
	f.Add(Rope{{Sum(nil), 1 << 62}}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRope(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if again := r.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("two encodings of one rope: %x and %x", b, again)
		}
		if r.Size() < 0 {
			t.Fatal("negative size")
		}
	})
}
