package repodata

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"vrepofs/rpm"
)

// sharedData is the directory of real test material. It skips the test where there is none.
func sharedData(t testing.TB) string {
	t.Helper()
	const dir = "../../shared/data"
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real test material: %v", err)
	}
	return dir
}

// filesNamed returns the files below dir whose base name holds part.
func filesNamed(t testing.TB, dir, part string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(d.Name(), part) {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// readAll returns the uncompressed content of a file.
func readAll(t testing.TB, name string) ([]byte, error) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := DecompressLimit(f, 1<<30)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// joinPackages returns the packages that the three files in dir describe, in primary's order.
func joinPackages(t testing.TB, dir string) ([]*rpm.Package, error) {
	t.Helper()
	files := map[string][]rpm.File{}
	logs := map[string][]rpm.Changelog{}
	var pkgs []*rpm.Package
	for _, kind := range []string{"filelists", "other", "primary"} {
		raw, err := readAll(t, filepath.Join(dir, kind+".xml.gz"))
		if err != nil {
			return nil, err
		}
		r := bytes.NewReader(raw)
		switch kind {
		case "filelists":
			err = ReadFilelists(r, func(p *FilelistsPackage) error {
				files[p.PkgID] = slices.Clone(p.Files)
				return nil
			})
		case "other":
			err = ReadOther(r, func(p *OtherPackage) error {
				l := slices.Clone(p.Changelogs)
				slices.Reverse(l)
				logs[p.PkgID] = l
				return nil
			})
		case "primary":
			err = ReadPrimary(r, func(p *PrimaryPackage) error {
				c := clonePackage(&p.Package)
				c.Files, c.Changelogs = files[p.Checksum.Hex], logs[p.Checksum.Hex]
				pkgs = append(pkgs, c)
				return nil
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return pkgs, nil
}

func clonePackage(p *rpm.Package) *rpm.Package {
	c := *p
	for _, l := range []*[]rpm.Dep{&c.Provides, &c.Requires, &c.Conflicts, &c.Obsoletes, &c.Recommends, &c.Suggests, &c.Supplements, &c.Enhances} {
		*l = slices.Clone(*l)
	}
	c.Files = slices.Clone(c.Files)
	return &c
}
