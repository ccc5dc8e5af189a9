package closure_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vrepofs/closure"
	"vrepofs/repodata"
	"vrepofs/rpm"
	"vrepofs/testrpm"
)

// repository is what the repodata in dir says.
func repository(t *testing.T, dir string) []*rpm.Package {
	t.Helper()
	files := map[string][]rpm.File{}
	var packages []*rpm.Package
	for _, kind := range []string{"filelists", "primary"} {
		names, _ := filepath.Glob(filepath.Join(dir, "repodata", "*"+kind+".xml*"))
		if len(names) != 1 {
			t.Skipf("%s has %d files of %s", dir, len(names), kind)
		}
		f, err := os.Open(names[0])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := repodata.Decompress(f)
		if err != nil {
			t.Fatal(err)
		}
		if kind == "filelists" {
			err = repodata.ReadFilelists(r, func(p *repodata.FilelistsPackage) error {
				files[p.PkgID] = slices.Clone(p.Files)
				return nil
			})
		} else {
			err = repodata.ReadPrimary(r, func(p *repodata.PrimaryPackage) error {
				packages = append(packages, &rpm.Package{
					NEVRA: p.NEVRA, Provides: slices.Clone(p.Provides), Requires: slices.Clone(p.Requires),
					Files: append(slices.Clone(p.Files), files[p.Checksum.Hex]...),
				})
				return nil
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return packages
}

// repoclosure asks dnf what is unmet in a repository. Modules are left out: dnf would hide their packages.
func repoclosure(t *testing.T, dir string) map[string]bool {
	t.Helper()
	copied, root := t.TempDir(), t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	repomd := filepath.Join(copied, "repodata", "repomd.xml")
	text, err := os.ReadFile(repomd)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?s)<data type="(modules|updateinfo|group(_gz)?|other)">.*?</data>`).ReplaceAll(text, nil)
	if err := os.WriteFile(repomd, text, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dnf", "-q", "--installroot="+root, "--setopt=cachedir="+root+"/cache", "--setopt=reposdir="+root, "--setopt=logdir="+root,
		"--forcearch=x86_64", "--setopt=module_platform_id=platform:x", "--repofrompath=r,file://"+copied, "--repo=r", "repoclosure")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && !strings.Contains(stderr.String(), "Repoclosure ended") {
		t.Fatalf("dnf repoclosure: %v\n%s", err, stderr.Bytes())
	}
	found, name := map[string]bool{}, ""
	for line := range strings.SplitSeq(string(out), "\n") {
		if rest, ok := strings.CutPrefix(line, "package: "); ok {
			name = strings.TrimSuffix(rest, " from r")
		} else if req, ok := strings.CutPrefix(line, "    "); ok && !strings.HasSuffix(name, ".src") {
			found[oneForm(name+" requires "+req)] = true
		}
	}
	return found
}

// oneForm writes versions without an epoch of 0, and no parentheses around one name.
func oneForm(s string) string {
	s = regexp.MustCompile(`([ -])0:`).ReplaceAllString(s, "$1")
	return regexp.MustCompile(`requires \(([^ ()]*)\)$`).ReplaceAllString(s, "requires $1")
}

// compare compares a repository's problems with what dnf repoclosure says.
func compare(t *testing.T, dir string) {
	packages := repository(t, dir)
	sides := slices.Repeat([]closure.Side{closure.After}, len(packages))
	problems, err := closure.New(t.Context(), sides, func(i int) (*rpm.Package, error) { return packages[i], nil })
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, p := range problems {
		got[oneForm(p.String())] = true
	}
	want := repoclosure(t, dir)
	for _, s := range slices.Sorted(maps.Keys(got)) {
		if !want[s] {
			t.Errorf("dnf does not say: %s", s)
		}
	}
	for _, s := range slices.Sorted(maps.Keys(want)) {
		if !got[s] && !strings.Contains(s, " if ") { // dnf wants A of "A if B" whether there is a B or not
			t.Errorf("only dnf says: %s", s)
		}
	}
	t.Logf("%d packages, %d unmet requirements", len(packages), len(got))
}

func TestRepoclosure(t *testing.T) {
	if exec.Command("dnf", "repoclosure", "--help").Run() != nil {
		t.Skip("dnf repoclosure is not installed (dnf-plugins-core)")
	}
	t.Run("generated", func(t *testing.T) {
		t.Parallel()
		if _, err := exec.LookPath("createrepo_c"); err != nil {
			t.Skip("createrepo_c is not installed")
		}
		compare(t, generated(t))
	})
	for _, pattern := range []string{
		"fixtures/osbuild+osbuild/test/data/testrepos/appstream",
		"fixtures/rpm-software-management+ci-dnf-stack*/dnf-behave-tests/fixtures/repos/dnf-ci-fedora",
		"fixtures/rpm-software-management+ci-dnf-stack*/dnf-behave-tests/fixtures/repos/*rich*",
	} {
		dirs, _ := filepath.Glob(filepath.Join("../../shared/data", pattern))
		if len(dirs) == 0 {
			t.Logf("%s is not there", pattern)
		}
		for _, dir := range dirs {
			t.Run(filepath.Base(dir), func(t *testing.T) {
				if testing.Short() && strings.Contains(dir, "osbuild") {
					t.Skip("17,649 packages")
				}
				t.Parallel()
				compare(t, dir)
			})
		}
	}
}

// generated makes a repository of random dependencies: versions of every form, files, and rich ones.
func generated(t *testing.T) string {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	name := func() string {
		return pick("p0", "p1", "p2", "p3", "v0", "v1", "v2", "libv.so.1()(64bit)", "none", "none2")
	}
	versioned := func(ops ...string) string {
		return name() + " " + pick(ops...) + " " + pick("1", "1.0", "1-1", "2", "1:1", "1:1-2", "0:2-1", "1.0~rc1", "3", "2^git-1")
	}
	simple := func() string {
		if rng.IntN(2) == 0 {
			return name()
		}
		return versioned("<", "<=", "=", ">=", ">")
	}
	rich := func(a, b, c string) string {
		switch rng.IntN(7) {
		case 0:
			return fmt.Sprintf("(%s and %s)", a, b)
		case 1:
			return fmt.Sprintf("(%s or %s)", a, b)
		case 2:
			return fmt.Sprintf("(%s with %s)", a, b)
		case 3:
			return fmt.Sprintf("(%s without %s)", a, b)
		case 4:
			return fmt.Sprintf("(%s and %s and %s)", a, b, c)
		case 5:
			return fmt.Sprintf("(%s or (%s and %s))", a, b, c)
		}
		return fmt.Sprintf("(%s and (%s or %s))", a, b, c)
	}
	var specs []testrpm.Spec
	for i := range 150 {
		s := testrpm.Spec{Name: fmt.Sprintf("p%d", i), Version: pick("1", "2", "1.0"), Release: pick("1", "2"), Arch: pick("x86_64", "noarch"), Epoch: pick("", "", "1")}
		for range rng.IntN(3) {
			s.Provides = append(s.Provides, pick(name(), versioned("=")))
		}
		if i%3 == 0 {
			s.Files = append(s.Files, testrpm.File{Path: fmt.Sprintf("/usr/lib/tool%d", i%9), Size: 1})
		}
		for range 8 {
			switch rng.IntN(4) {
			case 0:
				s.Requires = append(s.Requires, fmt.Sprintf("/usr/lib/tool%d", rng.IntN(12)))
			case 1:
				s.Requires = append(s.Requires, rich(simple(), simple(), simple()))
			default:
				s.Requires = append(s.Requires, simple())
			}
		}
		specs = append(specs, s)
	}
	dir := t.TempDir()
	if _, err := testrpm.Write(dir, specs...); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("createrepo_c", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("createrepo_c: %v\n%s", err, out)
	}
	return dir
}
