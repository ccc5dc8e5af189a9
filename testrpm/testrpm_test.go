package testrpm

import (
	"bytes"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var specs = []Spec{
	{Name: "plain"},
	{Name: "epoch", Epoch: "2", Version: "1.0~rc1", Release: "3.el9", Arch: "noarch"},
	{Name: "full", Arch: "aarch64", SourceRPM: "bundle-7-1.src.rpm",
		Provides: []string{"libfull.so.1()(64bit)"}, Requires: []string{"plain >= 1.0", "(a or b)", "rpmlib(CompressedFileNames) <= 3.0.4-1"},
		Conflicts: []string{"old < 2"}, Obsoletes: []string{"older <= 1:2-3"}, Recommends: []string{"r"}, Suggests: []string{"s"},
		Supplements: []string{"(x and y)"}, Enhances: []string{"e = 1"},
		Files: []File{
			{Path: "/etc/full.conf", Config: true, Body: []byte("a=b\n")},
			{Path: "/usr/bin/full", Mode: 0o755, Size: 3000},
			{Path: "/usr/share/full", Mode: 0o40755},
			{Path: "/usr/share/full/link", Mode: 0o120777, Body: []byte("../full")},
			{Path: "/var/log/full.log", Ghost: true},
		},
		Changelog: []Change{{Time: BuildTime, Author: "A <a@example.org> - 1.0-1", Text: "- second"}, {Time: BuildTime - 86400, Author: "A <a@example.org>", Text: "- first"}}},
	{Name: "plain", Arch: "src", Requires: []string{"gcc"}, Files: []File{{Path: "plain.spec", Body: []byte("Name: plain\n")}}},
	{Name: "zstd", Compressor: "zstd:1", Files: []File{{Path: "/usr/bin/zstd-test", Size: 10}}},
	{Name: "signed", Signature: FakeSignature(0x1234567890abcdef, 1), Files: []File{{Path: "/usr/bin/signed", Size: 10}}},
}

func TestEqualSpecsGiveEqualBytes(t *testing.T) {
	for _, s := range specs {
		if !bytes.Equal(Build(s), Build(s)) {
			t.Errorf("%s: two builds differ", s.FileName())
		}
	}
}

func TestSignedCopiesDifferInTheSignatureOnly(t *testing.T) {
	s := specs[len(specs)-1]
	a := Build(s)
	s.Signature = FakeSignature(0xfedcba0987654321, 1)
	b := Build(s)
	tail := func(rpm []byte) []byte {
		sig, err := parseHeader(rpm, leadSize)
		if err != nil {
			t.Fatal(err)
		}
		return rpm[(sig.end+7)&^7:]
	}
	if bytes.Equal(a, b) || !bytes.Equal(tail(a), tail(b)) {
		t.Errorf("files equal: %v, from the main header on equal: %v; want false, true", bytes.Equal(a, b), bytes.Equal(tail(a), tail(b)))
	}
}

// needs skips the test when a tool of scripts/apt.txt is not installed.
func needs(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("%s is not installed (scripts/setup installs it)", tool)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestRPMAccepts(t *testing.T) {
	needs(t, "rpm")
	paths, err := Write(t.TempDir(), specs...)
	if err != nil {
		t.Fatal(err)
	}
	db := t.TempDir() // a fresh rpm database: no keys, none of this machine's packages
	for i, path := range paths {
		// A signature without its key is no failure of the digests, so they are asked for alone.
		if out := run(t, "rpm", "--dbpath", db, "-K", "--nosignature", path); !strings.Contains(out, "digests OK") {
			t.Errorf("rpm -K %s: got %q, want digests OK", filepath.Base(path), out)
		}
		got := run(t, "rpm", "--dbpath", db, "-qp", "--nosignature", "--qf", "%{NAME} %{EPOCH} %{VERSION} %{RELEASE} %{SOURCERPM} %{SOURCEPACKAGE}", path)
		s := specs[i].withDefaults()
		epoch, source, isSource := s.Epoch, s.SourceRPM, "(none)"
		if epoch == "" {
			epoch = "(none)"
		}
		if s.isSource() {
			source, isSource = "(none)", "1"
		}
		if want := strings.Join([]string{s.Name, epoch, s.Version, s.Release, source, isSource}, " "); got != want {
			t.Errorf("rpm -qp %s: got %q, want %q", filepath.Base(path), got, want)
		}
	}
	if out := run(t, "rpm", "--dbpath", db, "-qp", "--supplements", "--enhances", "--requires", "--provides", "--changelog", "--nosignature", paths[2]); !strings.Contains(out, "(x and y)") ||
		!strings.Contains(out, "e = 1") || !strings.Contains(out, "full = 1.0-1") || !strings.Contains(out, "- first") {
		t.Errorf("rpm -qp of the full package lacks something:\n%s", out)
	}
	if out := run(t, "rpm", "--dbpath", db, "-qp", "--nosignature", "--qf", "%{RSAHEADER:pgpsig}", paths[len(paths)-1]); !strings.Contains(out, "1234567890abcdef") {
		t.Errorf("signature of %s: got %q, want key id 1234567890abcdef", paths[len(paths)-1], out)
	}
}

func TestRPMInstalls(t *testing.T) {
	needs(t, "rpm")
	if os.Getuid() != 0 {
		t.Skip("rpm --root needs root")
	}
	root := t.TempDir()
	paths, err := Write(t.TempDir(), specs[4], specs[0])
	if err != nil {
		t.Fatal(err)
	}
	run(t, "rpm", append([]string{"--root", root, "-i", "--nosignature", "--ignorearch"}, paths...)...)
	got, err := os.ReadFile(filepath.Join(root, "usr/bin/zstd-test"))
	if err != nil || !bytes.Equal(got, Content("zstd-1.0-1.x86_64/usr/bin/zstd-test", 10)) {
		t.Errorf("installed content %x, %v; want that of Content", got, err)
	}
}

func TestCreaterepoReads(t *testing.T) {
	needs(t, "createrepo_c")
	dir := t.TempDir()
	if _, err := Write(dir, specs...); err != nil {
		t.Fatal(err)
	}
	run(t, "createrepo_c", "--general-compress-type=gz", "--simple-md-filenames", "--no-database", "-q", dir)
	var primary struct {
		Packages []struct {
			Name string `xml:"name"`
			Arch string `xml:"arch"`
		} `xml:"package"`
	}
	if err := xml.Unmarshal([]byte(run(t, "zcat", filepath.Join(dir, "repodata/primary.xml.gz"))), &primary); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, p := range primary.Packages {
		got[p.Name+"."+p.Arch] = true
	}
	for _, s := range specs {
		s = s.withDefaults()
		if !got[s.Name+"."+s.Arch] {
			t.Errorf("createrepo_c lists no %s.%s; it lists %v", s.Name, s.Arch, got)
		}
	}
}

func TestSmallIsCached(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "small")
	const n, mean = 60, 16 << 10
	if err := Small(dir, n, mean); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if len(list) != n || total < n*mean*7/10 || total > n*mean*13/10 {
		t.Errorf("%d files, %d bytes; want %d files, about %d bytes", len(list), total, n, n*mean)
	}
	first := filepath.Join(dir, list[0].Name())
	before, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := Small(dir, n, mean); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(first); err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the second call wrote %s again", first)
	}
}
