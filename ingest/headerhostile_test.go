package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
)

// hostileTable is what a file may claim, and a part of the reason for which it is refused.
func hostileTable() map[string]struct {
	raw    []byte
	reason string
} {
	const payload = "payload"
	good := rawHeader(63, plainTags()...)
	sig := signatureOf(good, payload)
	type c = struct {
		raw    []byte
		reason string
	}
	// whole packs a main header that is bad in itself, with digests that agree.
	whole := func(main []byte) []byte { return rawRPM(signatureOf(main, payload), main, payload) }
	// with packs a main header of the plain tags and these.
	with := func(tags ...rawTag) []byte { return whole(rawHeader(63, plainTags(tags...)...)) }
	// patch overwrites bytes of a good package at an offset from its main header.
	patch := func(at int, v ...uint32) []byte {
		main := bytes.Clone(good)
		for i, n := range v {
			binary.BigEndian.PutUint32(main[at+4*i:], n)
		}
		return whole(main)
	}
	patchSig := func(at int, v ...uint32) []byte {
		s := bytes.Clone(sig)
		for i, n := range v {
			binary.BigEndian.PutUint32(s[at+4*i:], n)
		}
		return rawRPM(s, good, payload)
	}
	lead := func(at int, v byte) []byte {
		b := rawRPM(sig, good, payload)
		b[at] = v
		return b
	}
	const first, second = introSize, introSize + entrySize // index entries: the region, the name
	trailer := len(good) - regionSize
	return map[string]c{
		"nothing":          {nil, "truncated: the file has 0 bytes, the lead alone takes 96"},
		"text":             {[]byte(strings.Repeat("not an rpm ", 20)), "bad lead magic 6e6f7420"},
		"major 2":          {lead(4, 2), "package version 2 is not supported"},
		"major 5":          {lead(4, 5), "package version 5"},
		"signature type":   {lead(79, 1), "illegal signature type 1"},
		"only a lead":      {lead(4, 3)[:leadSize], "truncated: the file has 96 bytes, the signature header starts at 96"},
		"signature magic":  {patchSig(0, 0x8eade802), "bad signature header magic 8eade802"},
		"signature tags":   {patchSig(8, 33), "the signature header claims 33 tags, at most 32"},
		"signature data":   {patchSig(12, 64<<20+1), "at most 67108864 are allowed"},
		"signature long":   {patchSig(12, 1<<20), "truncated: the file has"},
		"no tags":          {patch(8, 0), "the header has no tags"},
		"magic":            {patch(0, 0x8eade801, 1), "bad header magic 8eade80100000001"},
		"64 Ki tags":       {patch(8, 0x10000), "the header claims 65536 tags, at most 65535"},
		"4 Gi tags":        {patch(8, 0xffffffff), "the header claims 4294967295 tags"},
		"tags wrap":        {patch(8, 0x10000001), "the header claims 268435457 tags"}, // × 16 is 16 in 32 bits
		"256 MiB":          {patch(12, 1<<28), "the header claims 268435456 bytes of data"},
		"4 GiB":            {patch(12, 0xffffffff), "the header claims 4294967295 bytes of data"},
		"all but 256 MiB":  {patch(8, 0xffff, 1<<28-1), "less than 268435456 are allowed"},
		"255 MiB":          {patch(12, 255<<20), "truncated: the file has"},
		"region type":      {patch(first+4, 6), "bad region tag"},
		"region count":     {patch(first+12, 17), "bad region tag"},
		"region offset":    {patch(first+8, 1<<20), "region trailer at 1048576 is outside"},
		"region offset <0": {patch(first+8, 0xfffffff0), "region trailer at -16 is outside"},
		"trailer tag":      {patch(trailer, 62), "bad region trailer"},
		"trailer offset":   {patch(trailer+8, 0xffffffff), "does not fit"},
		"trailer positive": {patch(trailer+8, 16), "does not fit"},
		"trailer too big":  {patch(trailer+8, 0x80000000), "does not fit"},
		"trailer smaller":  {patch(trailer+8, 0xffffffe0), "region covers 2 tags"},
		"second region":    {patch(second, 63), "no such tag"},
		"negative tag":     {patch(second, 0xffffffff), "no such tag"},
		"type 0":           {patch(second+4, 0), "no such type"},
		"type 10":          {patch(second+4, 10), "no such type"},
		"type -1":          {patch(second+4, 0xffffffff), "no such type"},
		"offset":           {patch(second+8, 1<<20), "outside of the header"},
		"offset <0":        {patch(second+8, 0xffffffff), "overlaps"},
		"offset min":       {patch(second+8, 0x80000000), "overlaps"},
		"overlap":          {patch(second+entrySize+8, 1), "overlaps the one before it"},
		"count 0":          {patch(second+12, 0), "nothing in it"},
		"count <0":         {patch(second+12, 0xffffffff), "nothing in it"},
		"two strings":      {patch(second+12, 2), "more than one string"},
		"many numbers":     {patch(second+4, 4, 0, 0x40000001), "outside of the header"}, // × 4 is 4 in 32 bits
		"many longs":       {patch(second+4, 5, 0, 0x20000001), "outside of the header"},
		"many strings":     {patch(second+4, 8, 0, 0x7fffffff), "a string does not end"},
		"misaligned":       {patch(second+4, 4, 1, 1), "misaligned"},
		"no end of string": {whole(rawHeader(0, append(plainTags(), rawTag{1064, typeString, 1, []byte("4.0")})...)), "a string does not end"},

		"name a number":    {with(u32(tagName, 1)), "header tag 1000"},
		"no name":          {with(str(tagName, "")), "the header has no name"},
		"no version":       {with(str(tagVersion, "")), "the header has no version"},
		"no release":       {with(str(tagRelease, "")), "the header has no release"},
		"no arch":          {with(str(tagArch, "")), "the header has no architecture"},
		"epoch a string":   {with(str(tagEpoch, "1")), "header tag 1003"},
		"flags a string":   {with(strs(1047, "a"), str(1112, "x"), strs(1113, "")), "header tag 1112"},
		"fewer versions":   {with(strs(1047, "a", "b"), u32(1112, 0, 0), strs(1113, "")), "1047 and 1113 do not fit together: 2 and 1"},
		"more flags":       {with(strs(1047, "a"), u32(1112, 0, 0), strs(1113, "")), "1047 and 1112 do not fit together: 1 and 2"},
		"directory":        {with(u32(tagDirIndexes, 7), strs(tagBaseNames, "a"), strs(tagDirNames, "/")), "in directory 7 of 1"},
		"no directories":   {with(u32(tagDirIndexes, 0), strs(tagBaseNames, "a")), "in directory 0 of 0"},
		"no indexes":       {with(strs(tagBaseNames, "a"), strs(tagDirNames, "/")), "1117 and 1116 do not fit together: 1 and 0"},
		"modes":            {with(u32(tagFileModes, 1, 2), u32(tagDirIndexes, 0), strs(tagBaseNames, "a"), strs(tagDirNames, "/")), "1117 and 1030"},
		"file flags":       {with(u32(tagFileFlags, 1, 2), u32(tagDirIndexes, 0), strs(tagBaseNames, "a"), strs(tagDirNames, "/")), "1117 and 1037"},
		"old names' modes": {with(strs(tagOldFileNames, "/a"), u32(tagFileModes, 1, 2)), "1027 and 1030"},
		"changelog":        {with(u32(tagChangelogTime, 1, 2), strs(tagChangelogName, "a"), strs(tagChangelogText, "b")), "1080 and 1081"},
	}
}

func TestHostile(t *testing.T) {
	for name, c := range hostileTable() {
		t.Run(name, func(t *testing.T) {
			p, err := ReadPackage(bytes.NewReader(c.raw), int64(len(c.raw)))
			if p != nil || !errors.Is(err, ErrBadRPM) || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("got %v, want %q", err, c.reason)
			}
			if _, same := inspect(bytes.NewReader(c.raw), int64(len(c.raw))); same == nil || same.Error() != err.Error() {
				t.Errorf("Inspect says %v, ReadPackage %v", same, err)
			}
		})
	}
}

// TestTruncated cuts a package at every byte, and tells ReadPackage and Inspect of it or not.
func TestTruncated(t *testing.T) {
	raw := packRPM(t, "cut", 3, 300)
	whole, err := inspect(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		cut := raw[:n]
		if _, err := inspect(bytes.NewReader(cut), int64(n)); !errors.Is(err, ErrBadRPM) || !strings.HasPrefix(err.Error(), "truncated: ") {
			t.Fatalf("Inspect of the first %d bytes of %d: %v", n, len(raw), err)
		}
		if _, err := inspect(bytes.NewReader(cut), int64(len(raw))); !errors.Is(err, ErrBadRPM) || !strings.HasPrefix(err.Error(), "truncated while it was read") {
			t.Fatalf("Inspect of a file that shrinks to %d bytes: %v", n, err)
		}
		_, err := ReadPackage(bytes.NewReader(cut), int64(n))
		if int64(n) < whole.HeaderEnd && !errors.Is(err, ErrBadRPM) || int64(n) >= whole.HeaderEnd && err != nil {
			t.Fatalf("ReadPackage of the first %d bytes of %d: %v", n, len(raw), err)
		}
	}
	if _, err := inspect(bytes.NewReader(append(bytes.Clone(raw), 0)), int64(len(raw)+1)); err == nil || !strings.HasPrefix(err.Error(), "too long: ") {
		t.Errorf("a byte too many: %v", err)
	}
}

// TestFlippedBits changes each byte: nothing of main header and payload can change unnoticed, and nothing panics.
func TestFlippedBits(t *testing.T) {
	raw := packRPM(t, "flip", 2, 100)
	whole, err := inspect(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for _, bit := range [...]byte{0x01, 0x80} {
			raw[i] ^= bit
			_, err := inspect(bytes.NewReader(raw), int64(len(raw)))
			raw[i] ^= bit
			if err == nil && int64(i) >= whole.HeaderStart || err != nil && !errors.Is(err, ErrBadRPM) {
				t.Fatalf("byte %d changed: %v", i, err)
			}
		}
	}
}

// vast is a file of n bytes that begins with b and is zero after that. It counts what was asked for.
type vast struct {
	b     []byte
	n     int64
	asked int64
}

func (v *vast) ReadAt(p []byte, off int64) (int, error) {
	v.asked += int64(len(p))
	if off >= v.n {
		return 0, io.EOF
	}
	clear(p)
	if off < int64(len(v.b)) {
		copy(p, v.b[off:])
	}
	return len(p), nil
}

// TestMemory: a claim costs nothing, whatever the file's size; at most the first read is made.
func TestMemory(t *testing.T) {
	for _, name := range []string{"4 GiB", "4 Gi tags", "tags wrap", "256 MiB", "all but 256 MiB", "signature data", "255 MiB"} {
		raw := hostileTable()[name].raw
		for _, size := range []int64{int64(len(raw)), 1 << 40} {
			if name == "255 MiB" && size == 1<<40 {
				continue // rpm allows it, and such a file has them
			}
			f := &vast{b: raw, n: size}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := ReadPackage(f, size)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrBadRPM) {
				t.Errorf("%s in %d bytes: %v", name, size, err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 4*firstRead || f.asked > 2*firstRead {
				t.Errorf("%s in %d bytes: %d bytes allocated, %d read", name, size, n, f.asked)
			}
		}
	}
}

func TestReadErrors(t *testing.T) {
	broken := errors.New("input/output error")
	for _, size := range []int64{1000, smallFile + 1} {
		if _, err := inspect(readerAt(func([]byte, int64) (int, error) { return 0, broken }), size); !errors.Is(err, broken) || errors.Is(err, ErrBadRPM) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	raw := packRPM(t, "large", 2, smallFile+pieceSize)
	half := readerAt(func(p []byte, off int64) (int, error) {
		if off > smallFile {
			return 0, broken
		}
		return bytes.NewReader(raw).ReadAt(p, off)
	})
	if _, err := inspect(half, int64(len(raw))); !errors.Is(err, broken) || errors.Is(err, ErrBadRPM) {
		t.Errorf("an error in the payload: %v", err)
	}
	if _, err := inspect(bytes.NewReader(raw[:smallFile]), int64(len(raw))); !errors.Is(err, ErrBadRPM) || !strings.HasPrefix(err.Error(), "truncated while it was read") {
		t.Errorf("a large file that shrinks: %v", err)
	}
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if _, err := Inspect(dir); !errors.Is(err, ErrBadRPM) || err.Error() != "not a regular file" {
		t.Errorf("a directory: %v", err)
	}
}

type readerAt func([]byte, int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// FuzzReadPackage: whatever the bytes, there is a package or a reason, and Inspect accepts no more than ReadPackage.
func FuzzReadPackage(f *testing.F) {
	f.Add(packRPM(f, "seed", 2, 64))
	f.Add(rawRPM(rawHeader(0, u32(sigSize, 1)), rawHeader(0, plainTags(strs(tagOldFileNames, "/a/b"))...), ""))
	for _, c := range hostileTable() {
		f.Add(c.raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := ReadPackage(bytes.NewReader(b), int64(len(b)))
		if err != nil && (!errors.Is(err, ErrBadRPM) || strings.Contains(err.Error(), "cannot be parsed")) {
			t.Fatalf("go-rpmutils saw what the check should have refused: %v", err)
		}
		p, inspectErr := inspect(bytes.NewReader(b), int64(len(b)))
		if err != nil && inspectErr == nil || inspectErr == nil && p.FileSize != int64(len(b)) {
			t.Fatalf("ReadPackage: %v, Inspect: %v", err, inspectErr)
		}
	})
}

// FuzzHeader puts hostile headers behind digests that agree, where the checks below the digests are reached.
func FuzzHeader(f *testing.F) {
	f.Add(rawHeader(63, plainTags()...))
	f.Add(rawHeader(0, plainTags(strs(tagOldFileNames, "/a/b"))...))
	f.Fuzz(func(t *testing.T, main []byte) {
		b := rawRPM(signatureOf(main, "x"), main, "x")
		if _, err := ReadPackage(bytes.NewReader(b), int64(len(b))); err != nil && (!errors.Is(err, ErrBadRPM) || strings.Contains(err.Error(), "cannot be parsed")) {
			t.Fatalf("go-rpmutils saw what the check should have refused: %v", err)
		}
	})
}
