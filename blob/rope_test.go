package blob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	iofs "io/fs"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
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
			rope = append(rope, Part{Digest: put(t, s, string(b))[0], Size: int64(n)})
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
		rope = append(rope, Part{Digest: d, Size: int64(len(parts[i]))})
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
		{Rope{{Digest: ds[0], Size: 4}, {Digest: Sum([]byte("missing")), Size: 7}}, iofs.ErrNotExist},
		{Rope{{Digest: ds[0], Size: 4}, {Digest: ds[1], Size: 7}}, ErrCorrupt},
		{Rope{{Digest: ds[0], Size: 4}, {Digest: ds[1], Size: 1}}, ErrCorrupt},
		// Slices of a blob that is shorter, or longer, than they say.
		{Rope{{Digest: ds[0], Size: 4}, {Digest: ds[1], Offset: 4, Size: 2}}, ErrCorrupt},
		{Rope{{Digest: ds[0], Size: 4}, {Digest: ds[1], Offset: 9, Size: 1}}, ErrCorrupt},
		{Rope{{Digest: ds[0], Size: 4}, {Digest: ds[1], Offset: 1, Size: 1, Rest: 2}}, ErrCorrupt},
		{Rope{{Digest: ds[0], Size: 4}, {Digest: ds[1], Offset: 1 << 62, Size: 1, Rest: 1<<62 - 2}}, ErrCorrupt},
		{Rope{{Digest: ds[0], Size: 4}, {Digest: ds[0], Offset: 3, Size: 2}}, ErrCorrupt}, // of a blob that is open already
	} {
		r := s.OpenRope(tt.rope)
		b := make([]byte, 5)
		if n, err := r.ReadAt(b, 0); n != 4 || string(b[:n]) != "good" || !errors.Is(err, tt.want) {
			t.Errorf("got %q, %v, want good, %v", b[:n], err, tt.want)
		}
		r.Close()
	}
}

// TestRopeSlices: through random slices of a few blobs a rope reads as their concatenation, with few files open.
func TestRopeSlices(t *testing.T) {
	s := newStore(t)
	blobs := []string{"", "a", "hello, world", strings.Repeat("0123456789", 1000)}
	digests := put(t, s, blobs...)
	rapid.Check(t, func(rt *rapid.T) {
		var rope Rope
		var want []byte
		for range rapid.IntRange(0, 20).Draw(rt, "parts") {
			i := rapid.IntRange(0, len(blobs)-1).Draw(rt, "blob")
			from := rapid.IntRange(0, len(blobs[i])).Draw(rt, "from")
			to := rapid.IntRange(from, len(blobs[i])).Draw(rt, "to")
			rope = append(rope, Part{digests[i], int64(to - from), int64(from), int64(len(blobs[i]) - to)})
			want = append(want, blobs[i][from:to]...)
		}
		decoded, err := DecodeRope(rope.Append(nil))
		if err != nil {
			rt.Fatal(err)
		}
		r := s.OpenRope(decoded)
		defer r.Close()
		if r.Size() != int64(len(want)) || rope.Size() != r.Size() {
			rt.Fatalf("size %d and %d, want %d", r.Size(), rope.Size(), len(want))
		}
		if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), want); err != nil {
			rt.Fatal(err)
		}
		if len(r.files) > len(blobs) {
			rt.Fatalf("%d files are open of %d blobs", len(r.files), len(blobs))
		}
		for i, d := range rope.Blobs() {
			if !slices.ContainsFunc(rope, func(p Part) bool { return p.Digest == d }) || slices.Contains(rope.Blobs()[:i], d) {
				rt.Fatalf("blobs %v", rope.Blobs())
			}
		}
		for _, p := range rope {
			if !slices.Contains(rope.Blobs(), p.Digest) {
				rt.Fatalf("%s is not in %v", p.Digest.Short(), rope.Blobs())
			}
		}
	})
}

// TestSameBytes: two ropes of one text are the same however they are cut, and another text of that length is not. What they share is not
// read.
func TestSameBytes(t *testing.T) {
	s := newStore(t)
	text := strings.Repeat("0123456789abc", 6000)
	other := text[:70_000] + "x" + text[70_001:]
	blobs := []string{text, text[:40_000], text[40_000:], "before" + text + "behind", other}
	digests := put(t, s, blobs...)
	// cut makes a rope of text, or of the other one, from random slices of random blobs.
	cut := func(rt *rapid.T, differ bool) (r Rope) {
		for at := 0; at < len(text); {
			i := rapid.IntRange(0, len(blobs)-2).Draw(rt, "blob")
			if differ {
				i = len(blobs) - 1
			}
			start := []int{0, 0, 40_000, -len("before"), 0}[i] // of the blob in the text
			left := min(start+len(blobs[i]), len(text)) - at
			if at < start || left <= 0 {
				continue
			}
			n := rapid.IntRange(min(left, 1000), left).Draw(rt, "size")
			r = append(r, Part{digests[i], int64(n), int64(at - start), int64(len(blobs[i]) - (at - start) - n)})
			at += n
		}
		return r
	}
	open := func(d Digest) (*os.File, error) { return s.Open(d) }
	rapid.Check(t, func(rt *rapid.T) {
		a, differ := cut(rt, false), rapid.Bool().Draw(rt, "differ")
		if same, err := SameBytes(open, a, cut(rt, differ)); err != nil || same == differ {
			rt.Fatalf("got %v, %v, want %v", same, err, !differ)
		}
	})
	missing := func(Digest) (*os.File, error) { return nil, iofs.ErrNotExist }
	whole := Rope{{Digest: digests[0], Size: int64(len(text))}}
	halves := Rope{{digests[0], 10, 0, int64(len(text)) - 10}, {digests[0], int64(len(text)) - 10, 10, 0}}
	for _, tt := range []struct {
		b    Rope
		want bool
		err  error
	}{
		{whole, true, nil},
		{halves, true, nil},
		{halves[:1], false, nil}, // of another size
		{Rope{{Digest: digests[4], Size: int64(len(text))}}, false, iofs.ErrNotExist},
	} {
		if same, err := SameBytes(missing, whole, tt.b); same != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%v: got %v, %v, want %v, %v", tt.b, same, err, tt.want, tt.err)
		}
	}
	long := Rope{{Digest: digests[1], Size: int64(len(text))}}
	if same, err := SameBytes(open, whole, long); same || !errors.Is(err, ErrCorrupt) {
		t.Errorf("a blob that is too short: %v, %v", same, err)
	}
	if same, err := SameBytes(missing, nil, nil); !same || err != nil {
		t.Errorf("nothing: %v, %v", same, err)
	}
}

func TestDecodeRopeErrors(t *testing.T) {
	good := string(Rope{{Digest: Sum(nil)}, {Digest: Sum([]byte("hello")), Size: 5}}.Append(nil))
	huge := string(Rope{{Digest: Sum(nil), Size: 1<<63 - 1}, {Digest: Sum(nil), Size: 1}}.Append(nil))
	sliced := string(Rope{{Sum([]byte("hello")), 3, 1, 1}}.Append(nil))
	slice := func(numbers ...uint64) string {
		b := []byte(sliced[:6+32])
		for _, n := range numbers {
			b = binary.AppendUvarint(b, n)
		}
		return string(b)
	}
	half := string(Rope{{Sum(nil), 1 << 62, 1, 0}}.Append(nil))[6:]
	for in, want := range map[string]string{
		"":                                "magic",
		"vrrp":                            "magic",
		"vrrq\x01\x00":                    "magic",
		"vrrp\x03\x00":                    "version 3",
		"vrrp\x02\x00":                    "without a slice",
		slice(0, 5, 0):                    "without a slice",
		sliced[:len(sliced)-1]:            "do not fit",
		slice(1, 3) + "\x80":              "bad size",
		slice(1, 3, 1, 0):                 "follows",
		slice(1<<62, 1<<62, 0):            "bad size",
		slice(1<<62, 1, 1<<62-1):          "bad size",
		slice(1<<64-1, 2, 0):              "bad size", // the offset behind the end wraps round
		slice(1, 1<<63, 0):                "bad size",
		slice(1, 1, 1<<64-1):              "bad size",
		"vrrp\x02\x02" + half + half:      "bad size", // each part is possible, the rope is too long
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
			p := Part{Digest: Sum([]byte{byte(i)}), Size: rapid.Int64Range(0, 1<<50).Draw(t, "size")}
			if rapid.Bool().Draw(t, "slice") {
				p.Offset, p.Rest = rapid.Int64Range(0, 1<<50).Draw(t, "offset"), rapid.Int64Range(0, 1<<50).Draw(t, "rest")
			}
			r = append(r, p)
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
	f.Add(Rope{{Digest: Sum(nil)}, {Digest: Sum([]byte("hello")), Size: 5}}.Append(nil))
	f.Add(Rope{{Digest: Sum(nil), Size: 1 << 62}}.Append(nil))
	f.Add([]byte("vrrp\x02\x00"))
	f.Add(Rope{{Digest: Sum(nil)}, {Sum([]byte("hello")), 3, 1, 1}}.Append(nil))
	f.Add(Rope{{Sum(nil), 1 << 61, 1 << 61, 1 << 62}}.Append(nil))
	f.Add(append([]byte("vrrp\x02\x01"), append(make([]byte, 32), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x00"...)...))
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
		for _, p := range r {
			if p.Size < 0 || p.Offset < 0 || p.Rest < 0 || p.BlobSize() < 0 {
				t.Fatalf("negative: %+v", p)
			}
		}
	})
}
