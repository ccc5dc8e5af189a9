package repodata_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/repodata"
	"vrepofs/rpm"
)

// perMember is how many packages the views have in a member.
const perMember = 64

// realRepository links some hundreds of real RPMs into dir/Packages and returns them by href, sorted.
func realRepository(t *testing.T, dir string) (hrefs []string, pkgs map[string]*rpm.Package) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join(sharedDir, "fixtures/rpm-software-management+ci-dnf-stack@8d1420a79"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err != nil {
		t.Skipf("no real RPMs: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "Packages"), 0o777); err != nil {
		t.Fatal(err)
	}
	pkgs = map[string]*rpm.Package{}
	seen := map[[32]byte]bool{}
	err = filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		href := "Packages/" + d.Name()
		if err != nil || !strings.HasSuffix(name, ".rpm") || pkgs[href] != nil {
			return err
		}
		p, err := inspect(t, name)
		if err != nil || seen[p.PkgID] {
			return err
		}
		seen[p.PkgID] = true
		pkgs[href] = p
		return os.Symlink(name, filepath.Join(dir, href))
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(pkgs)), pkgs
}

// writeRepodata writes the repodata of the packages into dir/repodata as views have it: gzip members, no open-checksum.
func writeRepodata(t *testing.T, dir string, hrefs []string, pkgs map[string]*rpm.Package) {
	t.Helper()
	c, err := repodata.NewCompressor(repodata.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "repodata"), 0o777); err != nil {
		t.Fatal(err)
	}
	md := repodata.Repomd{Revision: "1700000000"}
	for _, k := range []struct {
		name       string
		head, tail []byte
	}{
		{"primary", repodata.PrimaryHead(len(hrefs)), repodata.PrimaryTail()},
		{"filelists", repodata.FilelistsHead(len(hrefs)), repodata.FilelistsTail()},
		{"other", repodata.OtherHead(len(hrefs)), repodata.OtherTail()},
	} {
		file := c.Member(nil, k.head)
		for part := range slices.Chunk(hrefs, perMember) {
			var raw []byte
			for _, href := range part {
				switch p := pkgs[href]; k.name {
				case "primary":
					st, err := os.Stat(filepath.Join(dir, href))
					if err != nil {
						t.Fatal(err)
					}
					raw = repodata.AppendPrimary(raw, p, repodata.Place{Href: href, FileTime: st.ModTime().Unix()})
				case "filelists":
					raw = repodata.AppendFilelists(raw, p)
				case "other":
					raw = repodata.AppendOther(raw, p, repodata.Options{})
				}
			}
			file = c.Member(file, raw)
		}
		file = c.Member(file, k.tail)
		rec := repodata.NewRecord(k.name)
		sum := sha256.Sum256(file)
		rec.ChecksumType, rec.Checksum = "sha256", hex.EncodeToString(sum[:])
		rec.Href = "repodata/" + rec.Checksum + "-" + k.name + ".xml.gz"
		rec.Size, rec.Timestamp = int64(len(file)), 1700000000
		if err := os.WriteFile(filepath.Join(dir, rec.Href), file, 0o666); err != nil {
			t.Fatal(err)
		}
		md.Records = append(md.Records, rec)
	}
	if err := os.WriteFile(filepath.Join(dir, "repodata/repomd.xml"), md.Marshal(), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestClients lets the real readers of repodata read ours and createrepo_c's of the same RPMs: they must see the same.
func TestClients(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	hrefs, pkgs := realRepository(t, ours)
	writeRepodata(t, ours, hrefs, pkgs)
	realRepository(t, theirs)
	run(t, "createrepo_c", "-q", "--no-database", theirs)
	t.Logf("%d packages", len(hrefs))

	t.Run("python", func(t *testing.T) {
		if got := python(t, ours, theirs); got != fmt.Sprint(len(hrefs)) {
			t.Errorf("python createrepo_c compared %s packages, want %d", got, len(hrefs))
		}
	})
	t.Run("dnf", func(t *testing.T) {
		for _, query := range [][]string{
			{"--qf", "%{name} %{epoch}:%{version}-%{release}.%{arch} %{relativepath} %{sourcerpm} %{size} %{buildtime} %{license} %{summary}"},
			{"--qf", "%{name} %{provides} %{requires} %{obsoletes} %{conflicts} %{recommends} %{suggests} %{supplements} %{enhances}"},
			{"-l"}, {"--changelogs"},
		} {
			got, want := dnf(t, ours, query...), dnf(t, theirs, query...)
			if got != want || strings.Count(got, "\n") < 20 {
				t.Errorf("%v: %d lines, of createrepo_c's %d", query, strings.Count(got, "\n"), strings.Count(want, "\n"))
			}
		}
	})
	t.Run("mergerepo_c", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "merged")
		run(t, "mergerepo_c", "--no-database", "--all", "--repo", ours, "--repo", theirs, "-o", out)
		both := map[string]bool{}
		for _, p := range pkgs {
			n := p.NEVRA
			if n.Epoch == "" {
				n.Epoch = "0"
			}
			both[n.String()] = true
		}
		if got := len(metadataIn(t, out)("primary").Children); got != len(both) {
			t.Errorf("merged: %d packages, want %d", got, len(both))
		}
	})
	t.Run("createrepo_c --update", func(t *testing.T) {
		log := run(t, "sh", "-c", `createrepo_c -v --no-database --update "$1" 2>&1`, "sh", ours)
		if hits := strings.Count(log, "CACHE HIT"); hits != len(hrefs) {
			t.Errorf("%d of %d packages were taken from our repodata\n%.2000s", hits, len(hrefs), log)
		}
		for _, kind := range []string{"primary", "filelists", "other"} {
			got, want := metadataIn(t, ours)(kind), metadataIn(t, theirs)(kind)
			sortByName(got)
			sortByName(want)
			if d := diff("", got, want); d != nil && !strings.HasSuffix(d.place, "@packages") {
				t.Errorf("%s after --update: %s: got %q, want %q", kind, d.place, d.got, d.want)
			}
		}
	})
}

// sortByName sorts the records of a file; createrepo_c writes them as its workers finish.
func sortByName(root *element) {
	slices.SortFunc(root.Children, func(a, b *element) int {
		return strings.Compare(a.child("location").Attrs["href"]+a.Attrs["pkgid"], b.child("location").Attrs["href"]+b.Attrs["pkgid"])
	})
}

// dnf runs a repoquery over the repository in dir alone.
func dnf(t *testing.T, dir string, query ...string) string {
	t.Helper()
	tmp := t.TempDir()
	args := []string{
		"-q", "--repofrompath=r,file://" + dir, "--repo=r", "--setopt=reposdir=/dev/null", "--releasever=1", "--disableplugin=*",
		"--setopt=cachedir=" + tmp, "--setopt=logdir=" + tmp, "--setopt=persistdir=" + tmp, "--installroot=" + filepath.Join(tmp, "root"),
		"--setopt=module_platform_id=platform:x", "--setopt=optional_metadata_types=filelists,other", "repoquery",
	}
	return run(t, "dnf", append(args, query...)...)
}

// python loads both repositories with createrepo_c's Python binding and compares everything it has of every package. It
// prints the number of packages, or the first difference.
func python(t *testing.T, a, b string) string {
	t.Helper()
	const script = `
import sys, createrepo_c as c
def load(d):
    m = c.Metadata()
    m.locate_and_load_xml(d)
    return {k: m.get(k) for k in m.keys()}
a, b = load(sys.argv[1]), load(sys.argv[2])
if set(a) != set(b): sys.exit("different packages")
names = [n for n in dir(c.Package) if not n.startswith("_") and not callable(getattr(c.Package, n))]
for k in a:
    for n in names:
        if n not in ("location_base", "hdrid", "siggpg", "sigpgp") and getattr(a[k], n) != getattr(b[k], n):
            sys.exit("%s: %s: %r, %r" % (k, n, getattr(a[k], n), getattr(b[k], n)))
print(len(a))
`
	python := "/usr/bin/python3" // Debian's binding is for Debian's Python
	if _, err := os.Stat(python); err != nil {
		python = tool(t, "python3")
	}
	if err := exec.Command(python, "-c", "import createrepo_c").Run(); err != nil {
		t.Skip("no Python binding of createrepo_c")
	}
	return strings.TrimSpace(run(t, python, "-c", script, a, b))
}
