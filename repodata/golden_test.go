package repodata

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vrepofs/rpm"
)

var update = flag.Bool("update", false, "write the golden files")

// goldenPackages are packages that meet every rule of the writer once.
func goldenPackages() []*rpm.Package {
	const ge, eq = rpm.SenseGreater | rpm.SenseEqual, rpm.SenseEqual
	plain := &rpm.Package{
		NEVRA:   rpm.NEVRA{Name: "plain", EVR: rpm.EVR{Version: "1.0", Release: "1"}, Arch: "noarch"},
		PkgID:   sha256.Sum256([]byte("plain")),
		Summary: "Nothing special", Description: "Two\nlines.", License: "MIT", SourceRPM: "plain-1.0-1.src.rpm",
		FileSize: 4711, BuildTime: 1700000000, InstalledSize: 12, ArchiveSize: 34, HeaderStart: 280, HeaderEnd: 2000,
		FileName: "plain-1.0-1.noarch.rpm",
		Provides: []rpm.Dep{{Name: "plain", Flags: eq, EVR: "1.0-1"}},
	}
	rich := &rpm.Package{
		NEVRA:   rpm.NEVRA{Name: "rich", EVR: rpm.EVR{Epoch: "2", Version: "3.4~rc1^git5", Release: "6.fc42"}, Arch: "x86_64"},
		PkgID:   sha256.Sum256([]byte("rich")),
		Summary: "caf\xe9 \x80in ISO 8859-1", Description: "Grüße 東京 <&>\"' \x01\x0b\uFFFE\x7f \r\n end", Packager: "A <a@b.c>",
		URL: "http://example.org/?a=1&b=2", License: "GPLv2+ and MIT", Vendor: "V", Group: "Unspecified", BuildHost: "host",
		SourceRPM: "rich-3.4~rc1^git5-6.fc42.src.rpm", FileName: "rich+x-3.4~rc1^git5-6.fc42.x86_64.rpm",
		FileSize: 1 << 33, BuildTime: 1700000001, InstalledSize: 1 << 34, ArchiveSize: 1 << 35, HeaderStart: 4504, HeaderEnd: 7517,
		Provides: []rpm.Dep{
			{Name: "rich", Flags: eq, EVR: "2:3.4~rc1^git5-6.fc42"}, {Name: "rich(x86-64)", Flags: eq, EVR: "2:3.4~rc1^git5-6.fc42"},
			{Name: "self", Flags: eq, EVR: "1"}, {Name: "bad epoch", Flags: eq, EVR: "x:1"}, {Name: ""},
		},
		Requires: []rpm.Dep{
			{Name: "rpmlib(CompressedFileNames)", Flags: rpm.SenseRpmlib | rpm.SenseLess | eq, EVR: "3.0.4-1"},
			{Name: "/bin/sh", Flags: rpm.SenseInterp | rpm.SenseScriptPost}, {Name: "/bin/sh", Flags: rpm.SenseInterp},
			{Name: "/usr/bin/rich"}, // its own file
			{Name: "/usr/share/rich/"},
			{Name: "libc.so.6()(64bit)"}, {Name: "libc.so.6(GLIBC_2.4)(64bit)"}, {Name: "libc.so.6(GLIBC_2.14)(64bit)"},
			{Name: "self", Flags: eq, EVR: "1"}, {Name: "self", Flags: ge, EVR: "1"}, {Name: "self", Flags: ge, EVR: "1"},
			{Name: "weak", Flags: rpm.SenseMissingOK | ge, EVR: "1"},
			{Name: "(a if (b or c))"}, {Name: "pre", Flags: rpm.SensePrereq},
		},
		Conflicts:   []rpm.Dep{{Name: "c", Flags: rpm.SenseLess, EVR: "0:2"}},
		Obsoletes:   []rpm.Dep{{Name: "o", Flags: rpm.SenseLess | eq, EVR: "2-3-4"}},
		Recommends:  []rpm.Dep{{Name: "r"}},
		Suggests:    []rpm.Dep{{Name: "s", Flags: rpm.SenseGreater, EVR: ":1"}},
		Supplements: []rpm.Dep{{Name: "(x and y)"}},
		Enhances:    []rpm.Dep{{Name: "e"}},
		Files: []rpm.File{
			{Dir: "/etc/", Base: "rich.conf", Mode: 0o100644, Flags: rpm.FileConfig}, {Dir: "/etc/", Base: "rich.d", Mode: 0o040755},
			{Dir: "/usr/bin/", Base: "rich", Mode: 0o100755}, {Dir: "/usr/lib/", Base: "sendmail", Mode: 0o120777},
			{Dir: "/usr/share/", Base: "a & b", Mode: 0o100644}, {Dir: "/usr/share/", Base: "\xe9", Mode: 0o100644},
			{Dir: "/var/log/", Base: "rich.log", Mode: 0o100644, Flags: rpm.FileGhost},
			{Dir: "/var/log/", Base: "rich", Mode: 0o040755, Flags: rpm.FileGhost},
		},
		Changelogs: []rpm.Changelog{
			{Time: 1700000000, Author: "A <a@b.c> - 2:3.4-6  ", Text: "- newest"}, {Time: 1700000000, Author: "A", Text: "- same day"},
			{Time: 1700000000, Author: "A", Text: "- same day too"}, {Time: 1600000000, Author: " ", Text: ""},
		},
	}
	for i := range 9 {
		rich.Changelogs = append(rich.Changelogs, rpm.Changelog{Time: int64(1500000000 - i), Author: "B", Text: "- old"})
	}
	source := &rpm.Package{
		NEVRA: rpm.NEVRA{Name: "source", EVR: rpm.EVR{Epoch: "0", Version: "1", Release: "1"}, Arch: "nosrc"},
		PkgID: sha256.Sum256([]byte("source")), FileName: "source-1-1.nosrc.rpm",
		Requires: []rpm.Dep{{Name: "gcc", Flags: ge, EVR: "14"}},
		Files:    []rpm.File{{Base: "source.spec", Mode: 0o100644, Flags: rpm.FileSpec}},
	}
	return []*rpm.Package{plain, rich, source, {}}
}

func TestGolden(t *testing.T) {
	pkgs := goldenPackages()
	primary, filelists, other := PrimaryHead(len(pkgs)), FilelistsHead(len(pkgs)), OtherHead(len(pkgs))
	for i, p := range pkgs {
		pl := Place{Href: "Packages/p/" + p.FileName, FileTime: 1700000000 + int64(i)}
		if i == 2 {
			pl.XMLBase = "http://example.org/a&b/"
		}
		primary = AppendPrimary(primary, p, pl)
		filelists = AppendFilelists(filelists, p)
		other = AppendOther(other, p, Options{})
	}
	repomd := &Repomd{
		Revision: "1700000000", Content: []string{"binary-x86_64"}, Repo: []string{"r & s"},
		Distro: []Distro{{CPEID: "cpe:/o:x:y:1", Name: "X"}, {Name: "Y"}},
	}
	rec := NewRecord("primary")
	rec.Checksum, rec.ChecksumType, rec.Href, rec.Size, rec.Timestamp = "12ab", "sha256", "repodata/12ab-primary.xml.gz", 0, 1700000000
	full := Record{
		Type: "filelists_zck", Checksum: "1", ChecksumType: "sha256", OpenChecksum: "2", OpenChecksumType: "sha512", HeaderChecksum: "3",
		HeaderChecksumType: "sha1", Href: "r/x", XMLBase: "http://b/", Size: 1, OpenSize: 2, HeaderSize: 3, Timestamp: 4, DatabaseVersion: 10,
	}
	repomd.Records = []Record{rec, full}
	for name, got := range map[string][]byte{
		"primary.xml": append(primary, PrimaryTail()...), "filelists.xml": append(filelists, FilelistsTail()...),
		"other.xml": append(other, OtherTail()...), "repomd.xml": repomd.Marshal(),
	} {
		golden(t, name, got)
	}
	again, err := ParseRepomd(bytes.NewReader(repomd.Marshal()))
	if d := cmp.Diff(repomd, again); err != nil || d != "" {
		t.Errorf("repomd read again: %v %s", err, d)
	}
}

// golden compares got with a file in testdata; -update writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (if this is meant, raise RendererVersion and run with -update): %s", name, d)
	}
}

// TestCompressorBytes holds that the compressors write what they wrote when CompressorVersion was set.
func TestCompressorBytes(t *testing.T) {
	raw := []byte(strings.Repeat("<rpm:entry name=\"libz.so.1()(64bit)\"/>\n<file>/usr/share/doc/zlib/README</file>\n", 500))
	for i := range 20000 {
		raw = append(raw, "0123456789abcdef"[(i*i+i/7)%16])
	}
	var sums []byte
	for _, f := range []Format{Gzip, Zstd} {
		c, err := NewCompressor(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range [][]byte{raw, raw[:100], nil} {
			sum := sha256.Sum256(c.Member(nil, part))
			sums = append(sums, hex.EncodeToString(sum[:])+" "+f.Extension()+"\n"...)
		}
	}
	golden(t, "compressor.sha256", sums)
}
