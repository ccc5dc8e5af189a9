package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/ingest"
	"vrepofs/testrpm"
)

func newLease(t *testing.T) (*blob.Store, *blob.Lease) {
	t.Helper()
	s, err := blob.Open(t.TempDir(), disk.OS{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return s, l
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func names(sources []ingest.Source) string {
	var out []string
	for _, s := range sources {
		out = append(out, s.Name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestScan(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"a.rpm", "sub/b.rpm", "sub/deep/c.src.rpm", "notes.txt", "other/odd name"} {
		write(t, filepath.Join(dir, n), []byte("x"))
	}
	link := filepath.Join(dir, "link.rpm")
	if err := os.Symlink("sub/b.rpm", link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		paths []string
		want  string
	}{
		{[]string{dir}, "a.rpm link.rpm sub/b.rpm sub/deep/c.src.rpm"},
		{[]string{dir + "/sub", dir + "/a.rpm"}, "a.rpm b.rpm deep/c.src.rpm"},
		{[]string{dir + "/other/odd name"}, "odd name"}, // an argument is an RPM whatever its name
	} {
		p, err := ingest.Scan(c.paths, false)
		if err != nil || names(p.RPMs) != c.want || p.Repository != "" || len(p.Others) > 0 {
			t.Errorf("Scan(%q): %q, %v; want %q", c.paths, names(p.RPMs), err, c.want)
		}
	}
	if _, err := ingest.Scan([]string{dir + "/other"}, false); !errors.Is(err, iofs.ErrNotExist) || !strings.Contains(err.Error(), "no RPM file") {
		t.Errorf("a directory without RPMs: %v", err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "sub", "dangling.rpm")); err != nil {
		t.Fatal(err)
	}
	if _, err := ingest.Scan([]string{dir}, false); err == nil || !strings.Contains(err.Error(), "leads nowhere") {
		t.Errorf("a dangling link: %v", err)
	}
}

func TestScanRepositories(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/r/repodata/repomd.xml", []byte("<repomd/>"))
	write(t, dir+"/r/a.rpm", nil)
	write(t, dir+"/b.rpm", nil)
	p, err := ingest.Scan([]string{dir + "/r"}, false)
	if err != nil || p.Repository != dir+"/r" || names(p.RPMs) != "a.rpm" || names(p.Others) != "repodata/repomd.xml" {
		t.Errorf("a repository alone: %+v, %v", p, err)
	}
	for _, paths := range [][]string{{dir}, {dir + "/r", dir + "/b.rpm"}} {
		if _, err := ingest.Scan(paths, false); !errors.Is(err, iofs.ErrInvalid) || !strings.Contains(err.Error(), "--regenerate") {
			t.Errorf("Scan(%q): %v, want a word about --regenerate", paths, err)
		}
		if p, err := ingest.Scan(paths, true); err != nil || len(p.RPMs) != 2 || p.Repository != "" {
			t.Errorf("Scan(%q) with regenerate: %+v, %v", paths, p, err)
		}
	}
}

func TestReadInOrderAndBad(t *testing.T) {
	dir := t.TempDir()
	var specs []testrpm.Spec
	for i := range 40 {
		specs = append(specs, testrpm.Spec{Name: fmt.Sprintf("p%02d", i), Files: []testrpm.File{{Path: "/x", Size: (40 - i) * 1000}}})
	}
	if _, err := testrpm.Write(dir, specs...); err != nil {
		t.Fatal(err)
	}
	good := testrpm.Build(testrpm.Spec{Name: "cut"})
	write(t, dir+"/p07-cut.rpm", good[:len(good)-1])
	write(t, dir+"/p30-magic.rpm", bytes.Repeat([]byte("x"), 5000))
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	write(t, dir+"/p31-flipped.rpm", flipped)
	plan, err := ingest.Scan([]string{dir}, false)
	if err != nil {
		t.Fatal(err)
	}
	s, lease := newLease(t)
	var got []string
	var last ingest.Progress
	bad, err := ingest.Read(t.Context(), lease, plan.RPMs, ingest.Options{How: blob.Copy, Workers: 4, Progress: func(p ingest.Progress) { last = p }},
		func(r ingest.RPM) error { got = append(got, r.Package.Name); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 40 || !slices.IsSorted(got) {
		t.Errorf("good ones in order %v", got)
	}
	if last.Files != 43 || last.Bytes != plan.Bytes {
		t.Errorf("progress ends at %+v of 43 files, %d bytes", last, plan.Bytes)
	}
	report := (&ingest.BadFilesError{Files: bad}).Error()
	for _, want := range []string{"3 bad RPM file(s)", "p07-cut.rpm: truncated", "p30-magic.rpm: bad lead magic", "p31-flipped.rpm: "} {
		if !strings.Contains(report, want) {
			t.Errorf("report does not say %q:\n%s", want, report)
		}
	}
	if err := lease.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range s.All() {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 40 {
		t.Errorf("%d blobs in the store, want 40", n)
	}
}

func TestReadEndsWithItsCaller(t *testing.T) {
	dir := t.TempDir()
	if _, err := testrpm.Write(dir, testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	plan, err := ingest.Scan([]string{dir}, false)
	if err != nil {
		t.Fatal(err)
	}
	_, lease := newLease(t)
	stop := errors.New("stop")
	if _, err := ingest.Read(t.Context(), lease, plan.RPMs, ingest.Options{}, func(ingest.RPM) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the callback's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ingest.Read(ctx, lease, plan.RPMs, ingest.Options{}, func(ingest.RPM) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}

// repository makes a directory with two RPMs and createrepo_c's repodata.
func repository(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("createrepo_c"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	if _, err := testrpm.Write(dir, testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("createrepo_c", append(args, "--quiet", dir)...).CombinedOutput()
	if err != nil {
		t.Fatalf("createrepo_c: %v %s", err, out)
	}
	return dir
}

// keep reads a repository as an import that keeps it verbatim does.
func keep(t *testing.T, dir string) ([]ingest.File, error) {
	t.Helper()
	plan, err := ingest.Scan([]string{dir}, false)
	if err != nil {
		t.Fatal(err)
	}
	_, lease := newLease(t)
	m, err := ingest.ReadMetadata(dir)
	if err != nil {
		return nil, err
	}
	mtimes := map[string]int64{}
	bad, err := ingest.Read(t.Context(), lease, plan.RPMs, ingest.Options{}, func(r ingest.RPM) error {
		mtimes[r.Name] = m.CheckRPM(r)
		return nil
	})
	if err != nil || len(bad) > 0 {
		t.Fatalf("read: %v, %v", err, bad)
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	for _, r := range plan.RPMs {
		if st, err := os.Stat(r.Path); err != nil || mtimes[r.Name] != st.ModTime().Unix() {
			t.Errorf("%s: file time %d, want the file's, %v", r.Name, mtimes[r.Name], st.ModTime())
		}
	}
	return m.ReadOthers(t.Context(), lease, plan.Others, ingest.Options{})
}

func TestVerbatimAgrees(t *testing.T) {
	for _, args := range [][]string{{"--no-database"}, {"--checksum", "sha512"}, {"--checksum", "sha1", "--simple-md-filenames"}} {
		dir := repository(t, args...)
		files, err := keep(t, dir)
		if err != nil {
			t.Errorf("%v: %v", args, err)
		}
		for _, f := range files {
			named := f.Name != "repodata/repomd.xml" && !slices.Contains(args, "--simple-md-filenames")
			if f.Named != named {
				t.Errorf("%v: %s: its name determines its content: %v, want %v", args, f.Name, f.Named, named)
			}
		}
	}
}

func TestVerbatimDisagrees(t *testing.T) {
	find := func(dir, pattern string) string {
		m, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(m) != 1 {
			t.Fatalf("%s: %v, %v", pattern, m, err)
		}
		return m[0]
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		change func(dir string)
		want   []string
	}{
		{"an RPM more", func(dir string) { write(t, dir+"/extra.rpm", testrpm.Build(testrpm.Spec{Name: "extra"})) },
			[]string{"extra.rpm is not listed in primary"}},
		{"an RPM less", func(dir string) { must(os.Remove(find(dir, "a-*.rpm"))) },
			[]string{"a-1.0-1.x86_64.rpm is listed in primary and not there"}},
		{"another RPM", func(dir string) {
			write(t, find(dir, "a-*.rpm"), testrpm.Build(testrpm.Spec{Name: "a", Summary: "other bytes"}))
		},
			[]string{"a-1.0-1.x86_64.rpm has", "primary says"}},
		{"metadata changed", func(dir string) {
			name := find(dir, "repodata/*-other.xml.gz")
			b, err := os.ReadFile(name)
			must(err)
			b[len(b)-1] ^= 1
			write(t, name, b)
		}, []string{"other: repodata/", "has sha256", "repodata says"}},
		{"metadata gone", func(dir string) { must(os.Remove(find(dir, "repodata/*-filelists.xml.gz"))) }, []string{"filelists: ", "is not there"}},
		{"href outside", func(dir string) {
			name := find(dir, "repodata/repomd.xml")
			b, err := os.ReadFile(name)
			must(err)
			write(t, name, bytes.ReplaceAll(b, []byte(`href="repodata/`), []byte(`href="../repodata/`)))
		}, []string{"location: "}},
		{"repomd.xml cut", func(dir string) {
			name := find(dir, "repodata/repomd.xml")
			must(os.Truncate(name, 300))
		}, []string{"repomd.xml"}},
	} {
		dir := repository(t, "--no-database")
		c.change(dir)
		_, err := keep(t, dir)
		if !errors.Is(err, ingest.ErrDisagree) {
			t.Errorf("%s: %v, want ErrDisagree", c.name, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", c.name, err, w)
			}
		}
	}
}
