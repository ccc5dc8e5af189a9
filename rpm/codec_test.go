package rpm

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// packages generates packages with every field set to something.
var packages = rapid.Custom(func(t *rapid.T) *Package {
	p := &Package{}
	str := rapid.String()
	for i, s := range p.strings() {
		*s = str.Draw(t, fmt.Sprint("string ", i))
	}
	dep := rapid.Custom(func(t *rapid.T) Dep {
		return Dep{str.Draw(t, "name"), rapid.Uint32().Draw(t, "flags"), str.Draw(t, "evr")}
	})
	for i, l := range p.deps() {
		*l = none(rapid.SliceOfN(dep, 0, 4).Draw(t, fmt.Sprint("deps ", i)))
	}
	p.Files = none(rapid.SliceOf(rapid.Custom(func(t *rapid.T) File {
		return File{
			Dir: rapid.SampledFrom([]string{"", "/", "/usr/", "/usr/bin/", "\xff/"}).Draw(t, "dir"), Base: str.Draw(t, "base"),
			Mode: rapid.Uint16().Draw(t, "mode"), Flags: rapid.Uint32().Draw(t, "flags"),
		}
	})).Draw(t, "files"))
	p.Changelogs = none(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Changelog {
		return Changelog{rapid.Int64().Draw(t, "time"), str.Draw(t, "author"), str.Draw(t, "text")}
	}), 0, 3).Draw(t, "changelogs"))
	p.SignatureKeyIDs = none(rapid.SliceOfN(str, 0, 2).Draw(t, "keys"))
	copy(p.PkgID[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "pkgid"))
	copy(p.RPMID[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "rpmid"))
	for i, n := range []*int64{&p.FileSize, &p.BuildTime, &p.HeaderStart, &p.HeaderEnd} {
		*n = rapid.Int64().Draw(t, fmt.Sprint("int ", i))
	}
	p.InstalledSize, p.ArchiveSize = rapid.Uint64().Draw(t, "installed"), rapid.Uint64().Draw(t, "archive")
	p.Format = rapid.Uint8().Draw(t, "format")
	return p
})

func none[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := packages.Draw(t, "package")
		enc := AppendPackage([]byte("before"), p)
		if !bytes.HasPrefix(enc, []byte("before")) {
			t.Fatal("what was in dst is gone")
		}
		got, err := DecodePackage(enc[6:])
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, p) {
			t.Fatalf("got %+v, want %+v", got, p)
		}
		// Over what was there before: nothing of it may stay.
		again := packages.Draw(t, "the package before")
		if err := again.Decode(enc[6:]); err != nil {
			t.Fatal(err)
		}
		for _, l := range again.deps() {
			*l = none(*l)
		}
		again.Files, again.Changelogs, again.SignatureKeyIDs = none(again.Files), none(again.Changelogs), none(again.SignatureKeyIDs)
		if !reflect.DeepEqual(again, p) {
			t.Fatalf("decoded over another: got %+v, want %+v", again, p)
		}
	})
}

// TestCodecCoversEveryField fails when a field is added to Package but not to its binary form.
func TestCodecCoversEveryField(t *testing.T) {
	p := &Package{}
	fill(reflect.ValueOf(p).Elem())
	got, err := DecodePackage(AppendPackage(nil, p))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v, want %+v", got, p)
	}
}

// fill sets everything below v to something that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.String:
		v.SetString("text")
	case reflect.Int64:
		v.SetInt(-7)
	default:
		v.SetUint(7)
	}
}

// TestDecodeExample pins the bytes that the package comment shows: a change of them needs a new version.
func TestDecodeExample(t *testing.T) {
	p := &Package{NEVRA: NEVRA{"a", EVR{"", "1", "2"}, "noarch"}, FileSize: 100, Format: 4}
	enc := AppendPackage(nil, p)
	want := "\x01\x04" + strings.Repeat("\x00", 64) + "\xc8\x01\x00\x00\x00" + "\x00\x00" +
		"\x01a\x00\x011\x012\x06noarch" + strings.Repeat("\x00", 14) + strings.Repeat("\x00", 8) + "\x00\x00" + "\x00" + "\x00"
	if string(enc) != want {
		t.Errorf("got %q, want %q", enc, want)
	}
}

// TestDecodeHostile: cut anywhere, or with any one byte changed, a record is an error or a package, never a panic.
func TestDecodeHostile(t *testing.T) {
	enc := AppendPackage(nil, samplePackage(3))
	for n := range enc {
		if _, err := DecodePackage(enc[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	if _, err := DecodePackage(append(bytes.Clone(enc), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
	for i := range enc {
		for _, v := range [...]byte{0, 1, 0x7f, 0x80, 0xff} {
			b := bytes.Clone(enc)
			b[i] = v
			if _, err := DecodePackage(b); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("byte %d = %x: %v", i, v, err)
			}
		}
	}
	for name, b := range map[string][]byte{
		"empty":         {},
		"version":       {9},
		"huge list":     append(append([]byte{1, 4}, make([]byte, 64+6+19)...), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
		"endless":       append(append([]byte{1, 4}, make([]byte, 64)...), bytes.Repeat([]byte{0xff}, 12)...),
		"huge string":   append(append([]byte{1, 4}, make([]byte, 64+6)...), 0xff, 0xff, 0xff, 0xff, 0x0f, 'a'),
		"no such dir":   append(append([]byte{1, 4}, make([]byte, 64+6+19+8+1)...), 1, 5, 0, 0, 0, 0, 0),
		"number beyond": append(append([]byte{1, 4}, make([]byte, 64)...), bytes.Repeat([]byte{0xff}, 9)...),
	} {
		if p, err := DecodePackage(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func FuzzDecodePackage(f *testing.F) {
	f.Add(AppendPackage(nil, &Package{}))
	f.Add(AppendPackage(nil, samplePackage(5)))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePackage(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		again, err := DecodePackage(AppendPackage(nil, p))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
	})
}

// samplePackage has n files in a directory for every eight of them.
func samplePackage(n int) *Package {
	p := &Package{
		NEVRA: NEVRA{"sample", EVR{"1", "1.3.1", "4.fc42"}, "x86_64"}, FileSize: 1 << 20, BuildTime: 1_700_000_000, Format: 4,
		Summary: "A sample", Description: strings.Repeat("A sample of a package. ", 20), SourceRPM: "sample-1.3.1-4.fc42.src.rpm",
		SignatureKeyIDs: []string{"0123456789abcdef"},
	}
	for i := range 20 {
		p.Requires = append(p.Requires, Dep{fmt.Sprintf("libsample%d.so.1()(64bit)", i), SenseFindRequires, ""})
		p.Provides = append(p.Provides, Dep{fmt.Sprintf("libsample%d.so.1()(64bit)", i), SenseFindProvides | SenseEqual, "1:1.3.1-4"})
		p.Changelogs = append(p.Changelogs, Changelog{1_600_000_000 + int64(i), "Some One <one@example.org> - 1-1", "- a change"})
	}
	for i := range n {
		p.Files = append(p.Files, File{fmt.Sprintf("/usr/share/sample/part-%d/", i/8), fmt.Sprintf("file-%d.html", i), 0o100644, FileDoc})
	}
	return p
}

func BenchmarkDecodePackage(b *testing.B) {
	enc := AppendPackage(nil, samplePackage(150))
	b.SetBytes(int64(len(enc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodePackage(enc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendPackage(b *testing.B) {
	p := samplePackage(150)
	buf := AppendPackage(nil, p)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendPackage(buf[:0], p)
	}
}
