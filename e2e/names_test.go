package e2e

import (
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"vrepofs/testrpm"
	"vrepofs/tree/treetest"
)

// fileNames makes names of RPM files from the table: those that Linux can give to a file, with the suffix that makes them RPMs.
func fileNames(table []treetest.Name) []treetest.Name {
	var out []treetest.Name
	for _, n := range table {
		if n.Name == "" || strings.ContainsAny(n.Name, "/\x00") {
			continue
		}
		if !strings.HasSuffix(n.Name, ".rpm") {
			n.Name += ".rpm"
		}
		if len(n.Name) <= 255 && n.Name != "..rpm" && n.Name != "...rpm" {
			out = append(out, n)
		}
	}
	return out
}

// TestFileNames imports RPM files with every name of the hostile table. The hostile ones are refused, each named; the odd ones lie in the
// mount under their own name, are described by repodata, and go through nginx, dnf and rsync.
func TestFileNames(t *testing.T) {
	needs(t, "nginx", "dnf", "rsync")
	b := newBox(t)
	rpm := func(name string, i int) string {
		dir := b.path("odd", fmt.Sprint(i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		body := testrpm.Build(testrpm.Spec{Name: fmt.Sprint("pkg", i), Files: []testrpm.File{{Path: fmt.Sprint("/usr/share/pkg", i)}}})
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	hostile, odd := fileNames(treetest.HostileNames()), []treetest.Name{{Name: "Näme mit Leerzeichen+plus~tilde^caret%41.rpm"}}
	for _, n := range fileNames(treetest.OddNames()) {
		if !utf8.ValidString(n.Name) {
			n.Why = "not UTF-8" // Linux takes it, XML does not
			hostile = append(hostile, n)
		} else {
			odd = append(odd, n)
		}
	}
	for i, n := range hostile {
		r := b.vrepofs("repo", "import", "hostile", rpm(n.Name, i))
		if r.code != 1 || !strings.Contains(r.err, n.Why) {
			t.Errorf("import of %q: exit %d, %q; want 1 and %q", n.Name, r.code, r.err, n.Why)
		}
		for _, c := range r.err {
			if c < ' ' && c != '\n' || c == 0x7f {
				t.Errorf("import of %q: the message has a control character: %q", n.Name, r.err)
				break
			}
		}
	}
	if n := b.status().Repos; n != 0 {
		t.Errorf("%d repos, want none", n)
	}
	var dirs []string
	for i, n := range odd {
		dirs = append(dirs, rpm(n.Name, 1000+i))
	}
	b.ok(append([]string{"repo", "import", "odd"}, dirs...)...)
	b.mount()
	if got, err := readRepository(b.mnt + "/repos/odd/latest"); err != nil || len(got) != len(odd) {
		t.Errorf("the snapshot has %d packages, %v; want %d", len(got), err, len(odd))
	}
	b.sh("rsync -aH $MNT/repos/odd/latest/ copy/ && diff -r $MNT/repos/odd/latest/ copy")
	web := b.nginx()
	got := b.dnfOK("odd", web+"/repos/odd/latest", "repoquery", "--available", "--qf=%{name} %{location}")
	if n := len(strings.Split(got, "\n")); n != len(odd) {
		t.Errorf("dnf lists %d packages, want %d:\n%s", n, len(odd), got)
	}
	var install []string
	for i := range odd {
		install = append(install, fmt.Sprint("pkg", 1000+i))
	}
	b.dnfOK("odd", web+"/repos/odd/latest", append([]string{"--installroot=" + b.path("root"), "install"}, install...)...)
	same(t, "installed", b.sh("rpm --root $DIR/root -qa | wc -l"), fmt.Sprint(len(install)))
}

// forge makes a repository whose only package says that it lies at href, and whose files agree with each other.
func (b *box) forge(name, href string) string {
	b.Helper()
	dir := b.path("forged", name, "repo")
	body := testrpm.Build(testrpm.Spec{Name: "victim"})
	var text strings.Builder
	if err := xml.EscapeText(&text, []byte(href)); err != nil {
		b.Fatal(err)
	}
	primary := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">
<package type="rpm"><name>victim</name><arch>x86_64</arch><version epoch="0" ver="1.0" rel="1"/><checksum type="sha256" pkgid="YES">%x</checksum>
<summary>s</summary><description>d</description><packager/><url/><time file="1" build="1"/><size package="%d" installed="0" archive="0"/>
<location href="%s"/><format><rpm:license>MIT</rpm:license></format></package></metadata>
`, sha256.Sum256(body), len(body), text.String())
	b.write(filepath.Join("forged", name, "repo/repodata/primary.xml"), primary)
	b.write(filepath.Join("forged", name, "repo/repodata/repomd.xml"), repomdOf("repodata/primary.xml", primary))
	// The file is there, wherever the href leads from inside the repository, the directory above, and beside.
	for _, at := range []string{"repo/a", "repo/Packages/a", "a", "etc/passwd"} {
		b.write(filepath.Join("forged", name, at), string(body))
	}
	return dir
}

func repomdOf(href, primary string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>
<data type="primary"><checksum type="sha256">%x</checksum><location href="%s"/><size>%d</size></data></repomd>
`, sha256.Sum256([]byte(primary)), href, len(primary))
}

// TestHrefs imports repositories whose repodata leads anywhere: none is followed, none is imported.
func TestHrefs(t *testing.T) {
	b := newBox(t)
	tried := 0
	for i, n := range treetest.HostilePaths() {
		dir := b.forge(fmt.Sprint("p", i), n.Name)
		r := b.vrepofs("repo", "import", "forged", dir)
		if r.code != 1 || r.err == "" || strings.Contains(r.err, "panic") {
			t.Errorf("href %.60q: exit %d, %q", n.Name, r.code, r.err)
		}
		tried++
	}
	for i, href := range []string{"../a", "/etc/passwd", "repodata/../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/primary.xml", "repodata/\tprimary.xml", ".nfs1", "", "repodata"} {
		dir := b.forge(fmt.Sprint("m", i), "a")
		primary, err := os.ReadFile(dir + "/repodata/primary.xml")
		if err != nil {
			t.Fatal(err)
		}
		b.write(fmt.Sprintf("forged/m%d/repo/repodata/repomd.xml", i), repomdOf(href, string(primary)))
		b.write(fmt.Sprintf("forged/m%d/a", i), string(primary)) // so that ../a would agree
		r := b.vrepofs("repo", "import", "forged", dir)
		if r.code != 1 || !strings.Contains(r.err, "primary") {
			t.Errorf("metadata at %q: exit %d, %q", href, r.code, r.err)
		}
		tried++
	}
	if n := b.status().Repos; n != 0 {
		t.Errorf("%d repos, want none", n)
	}
	t.Logf("%d forged repositories", tried)
	// The forger works: an honest href is imported, one level down and with a percent sign that is none of an escape.
	for i, href := range []string{"a.rpm", "Packages/100%-a.rpm", "ä b/c.rpm"} {
		dir := b.forge(fmt.Sprint("good", i), href)
		b.sh("rm -r forged/good" + fmt.Sprint(i) + "/repo/a forged/good" + fmt.Sprint(i) + "/repo/Packages")
		b.write(fmt.Sprintf("forged/good%d/repo/%s", i, href), string(testrpm.Build(testrpm.Spec{Name: "victim"})))
		if r := b.vrepofs("repo", "import", fmt.Sprint("good", i), dir); r.code != 0 {
			t.Errorf("href %q: exit %d, %s", href, r.code, r.err)
		}
	}
}

// TestNouns gives every noun every hostile name.
func TestNouns(t *testing.T) {
	b := newBox(t)
	dir := b.rpms("rpms", testrpm.Spec{Name: "a"})
	b.ok("build", "import", dir)
	b.ok("tag", "create", "t", "--arch", "x86_64", "--open")
	before := b.lastEvent()
	for _, n := range treetest.HostileNames() {
		if strings.Contains(n.Name, "\x00") {
			continue // no argument of a process has one
		}
		for _, args := range [][]string{
			{"repo", "import", "--", n.Name, dir}, {"tag", "create", "--arch", "x86_64", "--", n.Name}, {"tag", "create", "new", "--arch", n.Name},
			{"tag", "add", "t", "--", n.Name}, {"tag", "block", "t", "--", n.Name}, {"tag", "inherit", "add", "--priority", "1", "--", "t", n.Name},
			{"tag", "create", "labelled", "--arch", "x86_64", "--label=" + n.Name},
		} {
			if n.Name == "" && strings.HasPrefix(args[len(args)-1], "--label") {
				continue // no label
			}
			if r := b.vrepofs(args...); r.code != 1 && r.code != 2 || strings.Contains(r.err, "panic") {
				t.Errorf("vrepofs %.80q: exit %d, %s", args, r.code, r.err)
			}
		}
	}
	same(t, "last event", b.lastEvent(), before)
	b.mount()
	for _, n := range treetest.HostileNames() {
		if n.Name == "" || n.Name == "." || n.Name == ".." || strings.ContainsAny(n.Name, "/\x00") {
			continue
		}
		for _, at := range []string{"", "repos", "tags", "at", "tags/t", "tags/t/x86_64"} {
			if _, err := os.Lstat(b.mnt + "/" + at + "/" + n.Name); err == nil || !os.IsNotExist(err) && !strings.Contains(err.Error(), "name too long") {
				t.Errorf("stat of %s/%.40q: %v", at, n.Name, err)
			}
		}
	}
}
