package repodata

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"vrepofs/rpm"
)

// countPackages reads a metadata file and returns the number of records.
func countPackages(kind string, r io.Reader) (n int, err error) {
	switch kind {
	case "primary":
		err = ReadPrimary(r, func(*PrimaryPackage) error { n++; return nil })
	case "filelists":
		err = ReadFilelists(r, func(*FilelistsPackage) error { n++; return nil })
	case "other":
		err = ReadOther(r, func(*OtherPackage) error { n++; return nil })
	}
	return n, err
}

// wrongCounts are the files of the shared data whose packages= is not the number of their records, by a part of their path.
var wrongCounts = []string{
	"10.2-updates-subset/", "data/extensions/", "unknown_element_01-", "/repos-repomd/",
}

// badFiles are the files of the shared data that are no metadata, by a part of their path, with a part of the error.
var badFiles = map[string]string{
	"/ZCHUNK/repodata/":            "no element at all", // empty placeholders
	"error_00-":                    "has no ",           // names and checksums left out
	"no_pkgid-":                    "has no pkgid",
	"multiple_warnings_00-primary": `"foobar", not a number`,
	"multiple_warnings_00-other":   `"xxx", not a number`,
	"-primary.xml.zck":             "unsupported operation",
	"-filelists.xml.zck":           "unsupported operation",
	"-other.xml.zck":               "unsupported operation",
}

func TestReadShared(t *testing.T) {
	declared := regexp.MustCompile(`packages="(\d+)"`)
	files, packages, refused := 0, 0, 0
	for _, kind := range []string{"primary", "filelists", "other"} {
		for _, name := range filesNamed(t, sharedData(t), kind+".xml") {
			if strings.Contains(name, "testrepos/appstream/") {
				continue // TestReadAppStream
			}
			n := 0
			raw, err := readAll(t, name)
			if err == nil {
				n, err = countPackages(kind, bytes.NewReader(raw))
			}
			if err != nil {
				i := slices.IndexFunc(slices.Collect(maps.Keys(badFiles)), func(part string) bool {
					return strings.Contains(name, part) && strings.Contains(err.Error(), badFiles[part])
				})
				if i < 0 {
					t.Errorf("%s: %v", name, err)
				}
				refused++
				continue
			}
			files++
			packages += n
			m := declared.FindSubmatch(raw)
			if m == nil {
				t.Errorf("%s: no packages=", name)
				continue
			}
			want, _ := strconv.Atoi(string(m[1]))
			if n != want && !slices.ContainsFunc(wrongCounts, func(part string) bool { return strings.Contains(name, part) }) {
				t.Errorf("%s: %d records, it says %d", name, n, want)
			}
		}
	}
	t.Logf("%d files with %d records read, %d refused", files, packages, refused)
	if files < 200 {
		t.Errorf("%d files, want at least 200", files)
	}
}

func TestReadAppStream(t *testing.T) {
	f, err := os.Open(appStream(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Decompress(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	seen := map[[32]byte]bool{}
	err = ReadPrimary(r, func(p *PrimaryPackage) error {
		if p.PkgID == ([32]byte{}) || p.Version == "" || p.Arch == "" || p.FileSize == 0 || p.HeaderEnd == 0 || p.BuildTime == 0 {
			t.Errorf("%s: something is missing: %+v", p.Href, p.Place)
		}
		seen[p.PkgID] = true
		return nil
	})
	if err != nil || len(seen) != 17649 {
		t.Errorf("%d packages, %v; want 17649", len(seen), err)
	}
}

// TestReadRepomd reads every repomd.xml of the shared data, and reads again what Marshal writes of it.
func TestReadRepomd(t *testing.T) {
	bad := map[string]string{
		"missing_type-repomd.xml": "has no type",
		"libdnf/data/tests/gpg-":  "outside of the root element", // no XML
	}
	n := 0
	for _, name := range filesNamed(t, sharedData(t), "repomd.xml") {
		if !strings.HasSuffix(name, ".xml") {
			continue // signatures and keys
		}
		raw, err := readAll(t, name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseRepomd(bytes.NewReader(raw))
		if err != nil {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(bad)), func(part string) bool {
				return strings.Contains(name, part) && strings.Contains(err.Error(), bad[part])
			}) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		n++
		if got, want := len(m.Records), bytes.Count(raw, []byte("<data ")); got != want {
			t.Errorf("%s: %d records, want %d", name, got, want)
		}
		again, err := ParseRepomd(bytes.NewReader(m.Marshal()))
		if err != nil {
			t.Errorf("%s: our own: %v", name, err)
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Errorf("%s: written and read: %s", name, d)
		}
	}
	t.Logf("%d repomd.xml", n)
	if n < 80 {
		t.Errorf("%d repomd.xml, want at least 80", n)
	}
}

const primarySample = `<?xml version="1.0" encoding='utf-8'?>
<!-- a comment with <tags> -->
<ns0:metadata xmlns:ns0="http://linux.duke.edu/metadata/common" xmlns:r = 'http://linux.duke.edu/metadata/rpm' packages="1">
<ns0:package type="rpm"><?pi with > in it?>
  <ns0:name>f&#111;o</ns0:name><ns0:arch>x86_64</ns0:arch>
  <ns0:version rel='2"' epoch="1" ver="1.0&amp;"/>
  <ns0:checksum type="sha256" pkgid="YES">
    000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
  </ns0:checksum>
  <ns0:summary>a<b>not this</b> <![CDATA[<c> & ]] ]]>&#x65;</ns0:summary>
  <ns0:description></ns0:description>
  <ns0:time build="2.75" file="3"></ns0:time>
  <ns0:size archive="6" package="4" installed="5"/>
  <ns0:location href="a&#9;b/c.rpm" xml:base="http://x/?a&amp;b"/>
  <unknown><deep/></unknown>
  <ns0:format>
    <r:license>` + "tab\there\r\nthere" + `</r:license>
    <r:sourcerpm>foo.src.rpm</r:sourcerpm>
    <r:header-range start="10" end="20"/>
    <r:provides><r:entry name="foo" flags="EQ" epoch="1" ver="1.0" rel="2"/><r:entry name="bar" ver=""/></r:provides>
    <r:requires>
      <r:entry name="x" flags="GE" epoch="0" ver="2:3" pre="1"/>
      <r:entry name="y" flags="LT" ver="2"/>
    </r:requires>
    <ns0:file>/usr/bin/foo</ns0:file><ns0:file type="dir">/etc</ns0:file><ns0:file type="ghost">x</ns0:file>
  </ns0:format>
</ns0:package >
</ns0:metadata>
<!-- the end -->
`

func TestReadPrimary(t *testing.T) {
	want := &PrimaryPackage{
		Package: rpm.Package{
			NEVRA:   rpm.NEVRA{Name: "foo", EVR: rpm.EVR{Epoch: "1", Version: "1.0&", Release: `2"`}, Arch: "x86_64"},
			Summary: "a <c> & ]] e", License: "tab\there\nthere", SourceRPM: "foo.src.rpm",
			FileName: "c.rpm", FileSize: 4, InstalledSize: 5, ArchiveSize: 6, BuildTime: 2, HeaderStart: 10, HeaderEnd: 20,
			Provides: []rpm.Dep{{Name: "foo", Flags: rpm.SenseEqual, EVR: "1:1.0-2"}, {Name: "bar"}},
			Requires: []rpm.Dep{
				{Name: "x", Flags: rpm.SenseGreater | rpm.SenseEqual | rpm.SensePrereq, EVR: "0:2:3"},
				{Name: "y", Flags: rpm.SenseLess, EVR: "2"},
			},
			Files: []rpm.File{
				{Dir: "/usr/bin/", Base: "foo"}, {Dir: "/", Base: "etc", Mode: rpm.ModeDir}, {Base: "x", Flags: rpm.FileGhost},
			},
		},
		Place:    Place{Href: "a\tb/c.rpm", XMLBase: "http://x/?a&b", FileTime: 3},
		Checksum: Checksum{Type: "sha256", Hex: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
	}
	for i := range want.PkgID {
		want.PkgID[i] = byte(i)
	}
	for name, r := range map[string]io.Reader{
		"whole":     strings.NewReader(primarySample),
		"one byte":  iotest.OneByteReader(strings.NewReader(primarySample)),
		"BOM":       strings.NewReader("\xEF\xBB\xBF" + primarySample),
		"data, EOF": iotest.DataErrReader(strings.NewReader(primarySample)),
	} {
		n := 0
		err := ReadPrimary(r, func(p *PrimaryPackage) error {
			n++
			if d := cmp.Diff(want, p); d != "" {
				t.Errorf("%s: %s", name, d)
			}
			return nil
		})
		if err != nil || n != 1 {
			t.Errorf("%s: %d packages, %v", name, n, err)
		}
	}
}

func TestReadLatin1(t *testing.T) {
	const head = "<?xml version='1.0' encoding='ISO-8859-1'?><otherdata><package pkgid='1' name='\xe9'>"
	err := ReadOther(strings.NewReader(head+"<changelog author='\xfc' date='1'>\xdf</changelog></package></otherdata>"), func(p *OtherPackage) error {
		want := []rpm.Changelog{{Time: 1, Author: "ü", Text: "ß"}}
		if p.Name != "é" || !slices.Equal(p.Changelogs, want) {
			t.Errorf("got %q, %+v", p.Name, p.Changelogs)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestReadStops holds that the callback's error ends the reading and comes back.
func TestReadStops(t *testing.T) {
	stop := errors.New("stop")
	raw := string(FilelistsHead(2)) + strings.Repeat("<package pkgid='1'/>\n", 2) + string(FilelistsTail())
	n := 0
	err := ReadFilelists(strings.NewReader(raw), func(*FilelistsPackage) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("after %d packages: %v, want %v", n, err, stop)
	}
	gone := errors.New("connection lost")
	_, err = countPackages("other", io.MultiReader(strings.NewReader("<otherdata>"), iotest.ErrReader(gone)))
	if !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
}

// TestRoundTrip holds that what the Append functions write is read as it was, but for what repodata does not carry.
func TestRoundTrip(t *testing.T) {
	pkgs, err := joinPackages(t, filepath.Join(sharedData(t), "oracle/createrepo_c-repodata"))
	if err != nil {
		t.Fatal(err)
	}
	pkgs = append(pkgs, goldenPackages()[:3]...) // the last one has no name, which is not read
	var primary, filelists, other []byte
	for _, p := range pkgs {
		primary = AppendPrimary(primary, p, Place{Href: "x/" + p.FileName})
		filelists = AppendFilelists(filelists, p)
		other = AppendOther(other, p, Options{ChangelogLimit: -1})
	}
	var primary2, filelists2, other2 []byte
	err = ReadPrimary(wrap(PrimaryHead(0), primary, PrimaryTail()), func(p *PrimaryPackage) error {
		primary2 = AppendPrimary(primary2, &p.Package, p.Place)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pkgid := func(s string) (d [32]byte) {
		for i := range d {
			n, err := strconv.ParseUint(s[2*i:2*i+2], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			d[i] = byte(n)
		}
		return d
	}
	err = ReadFilelists(wrap(FilelistsHead(0), filelists, FilelistsTail()), func(p *FilelistsPackage) error {
		filelists2 = AppendFilelists(filelists2, &rpm.Package{NEVRA: p.NEVRA, PkgID: pkgid(p.PkgID), Files: p.Files})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = ReadOther(wrap(OtherHead(0), other, OtherTail()), func(p *OtherPackage) error {
		slices.Reverse(p.Changelogs)
		other2 = AppendOther(other2, &rpm.Package{NEVRA: p.NEVRA, PkgID: pkgid(p.PkgID), Changelogs: p.Changelogs}, Options{ChangelogLimit: -1})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind      string
		got, want []byte
	}{{"primary", primary2, primary}, {"filelists", filelists2, filelists}, {"other", other2, other}} {
		got, want := strings.Split(string(c.got), "\n"), strings.Split(string(c.want), "\n")
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Errorf("%s, line %d: got %q, want %q", c.kind, i, got[min(i, len(got)-1)], want[i])
				break
			}
		}
	}
}

func wrap(head, records, tail []byte) io.Reader {
	return io.MultiReader(bytes.NewReader(head), bytes.NewReader(records), bytes.NewReader(tail))
}
