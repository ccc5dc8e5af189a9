package journal

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vrepofs/blob"
)

func d(s string) blob.Digest { return blob.Sum([]byte(s)) }

// full has something in every field.
func full() *Record {
	return &Record{
		Kind: Commit, Seq: 7, Stamp: 1795262448, Clock: 1795262440, Root: d("root"),
		Rows:        []Row{{0, "repo import r", "first", "L1"}, {math.MaxUint32, "", "", ""}},
		FirstSerial: 1 << 40,
		Files:       []File{{d("f"), 95113, 1795262448, "zlib-1.3.1-4.fc42.x86_64.rpm"}, {d("g"), math.MaxInt64, math.MinInt64, "g.rpm"}},
		Seen:        []Seen{{3, "other.rpm"}},
		Memos:       []Memo{{d("recipe"), []byte("value")}, {d("empty"), []byte{}}},
		FirstPlace:  math.MaxUint32, Places: []string{"tags/el9/x86_64"},
		Nodes: [][]byte{[]byte("node"), {}},
	}
}

func TestBodyRoundTrip(t *testing.T) {
	for _, want := range []*Record{{Kind: Commit}, {Kind: Recording, Seq: math.MaxUint64, Stamp: math.MinInt64}, full()} {
		b := want.appendBody(nil)
		if int64(len(b)) > want.Size() {
			t.Errorf("Size is %d, the body has %d bytes", want.Size(), len(b))
		}
		got, err := decodeBody(want.Kind, b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("decoded differs (-want +got):\n%s", diff)
		}
		for n := range b {
			if _, err := decodeBody(want.Kind, b[:n]); err == nil {
				t.Errorf("the first %d of %d bytes decode", n, len(b))
			}
		}
		if _, err := decodeBody(want.Kind, append(b, 0)); err == nil {
			t.Error("a body with a byte too many decodes")
		}
	}
}

// The encoding is a format: FORMAT.md describes these very bytes.
func TestBodyBytes(t *testing.T) {
	r := &Record{Kind: Commit, Seq: 1, Stamp: 2, Clock: 2, Rows: []Row{{0, "init", "", ""}}, FirstSerial: 1, FirstPlace: 1}
	want := "01" + "04" + "04" + fmt.Sprintf("%064x", 0) + "01" + "00" + "04" + "696e6974" + "00" + "00" + "01" + "00" + "00" + "00" + "01" + "00" + "00"
	if got := fmt.Sprintf("%x", r.appendBody(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBodyRefuses(t *testing.T) {
	zero := make([]byte, 32)
	head := append([]byte{1, 2, 2}, zero...)
	for name, b := range map[string][]byte{
		"long zero":        append([]byte{0x80, 0x00}, head[1:]...),
		"overflow":         bytes.Repeat([]byte{0xff}, 11),
		"rows beyond end":  append(bytes.Clone(head), 0xff, 0xff, 0xff, 0xff, 0x0f),
		"uid too large":    append(bytes.Clone(head), 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0),
		"place too large":  append(bytes.Clone(head), 0, 1, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0),
		"files beyond end": append(bytes.Clone(head), 0, 1, 0xff, 0x7f),
	} {
		if _, err := decodeBody(Commit, b); err == nil {
			t.Errorf("%s: decodes", name)
		}
	}
}

// Whatever decodes is the one encoding of what it decodes to, and decoding takes memory in proportion to the input.
func FuzzBody(f *testing.F) {
	f.Add(full().appendBody(nil))
	f.Add((&Record{}).appendBody(nil))
	f.Add(bytes.Repeat([]byte{0xff}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeBody(Commit, b)
		if err != nil {
			return
		}
		if again := r.appendBody(nil); !bytes.Equal(again, b) {
			t.Errorf("%x decodes to what encodes as %x", b, again)
		}
		if items := len(r.Rows) + len(r.Files) + len(r.Seen) + len(r.Memos) + len(r.Places) + len(r.Nodes); items > len(b) {
			t.Errorf("%d items in %d bytes", items, len(b))
		}
	})
}

// The example of the package comment.
func TestStampExample(t *testing.T) {
	b := (&Record{Seq: 1, Stamp: 1795262448, Clock: 1795262448}).appendBody(nil)
	if got, want := fmt.Sprintf("%x", b[:11]), "01e09f8cb00de09f8cb00d"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
