package merge_test

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/merge"
	"vrepofs/repodata"
)

// TestMergeOracle merges three real repositories, of which two share 219 packages with other content, and compares with what
// mergerepo_c 0.17.3 took.
func TestMergeOracle(t *testing.T) {
	const data = "../../shared/data/"
	dirs, err := filepath.Glob(data + "fixtures/rpm-software-management+ci-dnf-stack@*/dnf-behave-tests/fixtures/repos")
	if err != nil || len(dirs) != 1 {
		t.Skipf("the real repositories are not there: %v, %v", dirs, err)
	}
	x86 := merge.Place("x86_64", nil, merge.Contents{Multilib: []string{merge.MultilibAll}, Sources: true}) // -a x86_64,i686,src
	for _, c := range []struct {
		file  string
		mode  merge.Mode
		place *merge.Placement // nil: every arch
	}{
		{"koji", merge.ModeKoji, &x86}, {"kojisimple", merge.ModeSimple, &x86}, {"all", merge.ModeAll, nil}, {"default", merge.ModeRepo, nil},
	} {
		var repos []merge.Repo
		for _, name := range []string{"dnf-ci-priority-1", "dnf-ci-priority-2", "dnf-ci-fedora"} {
			repos = append(repos, readRepo(t, filepath.Join(dirs[0], name), c.mode))
		}
		rules := merge.Rules{Koji: true}
		if c.place != nil {
			rules.InArch = c.place.InArch
		}
		text, err := os.ReadFile(data + "oracle/merge/" + c.file + ".tsv")
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
				want = append(want, line)
			}
		}
		for _, p := range merge.Packages(repos, rules) {
			if k := repos[p.Repo].Packages[p.Index]; p.Fate == merge.Taken {
				got = append(got, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%x", k.Name, cmp.Or(k.Epoch, "0"), k.Version, k.Release, k.Arch, k.PkgID))
			}
		}
		if c.mode == merge.ModeRepo {
			// Of a name and arch that one repository has twice, mergerepo_c takes what comes first in a hash table.
			got, want = slices.DeleteFunc(got, twice(repos)), slices.DeleteFunc(want, twice(repos))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: took %d packages, mergerepo_c %d; only we: %v; only mergerepo_c: %v", c.file, len(got), len(want), without(got, want), without(want, got))
		}
	}
}

// twice tells lines of packages whose name and arch one of the repositories has more than once.
func twice(repos []merge.Repo) func(string) bool {
	n := map[string]int{}
	for i, r := range repos {
		for _, k := range r.Packages {
			n[fmt.Sprint(i, k.Name, " ", k.Arch)]++
		}
	}
	return func(line string) bool {
		f := strings.Split(line, "\t")
		for i := range repos {
			if n[fmt.Sprint(i, f[0], " ", f[4])] > 1 {
				return true
			}
		}
		return false
	}
}

// without returns what of a is not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// readRepo reads the primary file of a repository.
func readRepo(t *testing.T, dir string, mode merge.Mode) merge.Repo {
	t.Helper()
	files, err := filepath.Glob(dir + "/repodata/*primary.xml.[^z]*") // not .zck
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: primary: %v, %v", dir, files, err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := repodata.Decompress(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	r := merge.Repo{Name: filepath.Base(dir), Mode: mode}
	if err := repodata.ReadPrimary(z, func(p *repodata.PrimaryPackage) error {
		k := merge.Package{NEVRA: p.NEVRA, Source: p.SourceRPM, Time: p.FileTime}
		if _, err := hex.Decode(k.PkgID[:], []byte(p.Checksum.Hex)); err != nil {
			return err
		}
		r.Packages = append(r.Packages, k)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return r
}
