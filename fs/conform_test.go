package fs

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// childTestfs runs the standard library's conformance test of file systems on a directory.
func childTestfs(args []string) error {
	return fstest.TestFS(os.DirFS(args[0]), args[1:]...)
}

// TestConformance: names that are listed can be opened and agree with stat, by the standard library's test; d_ino is st_ino,
// "." and ".." are what they should be, and tar, cp and du find nothing odd.
func TestConformance(t *testing.T) {
	f := mountSource(t, smallSource(t), Options{})
	mustRun(t, f.child("testfs", ".", "repos/fedora/README", "repos/fedora/20260101T000000Z/Packages/a/ab-1-1.x86_64.rpm",
		"repos/fedora/20260101T000000Z/repodata/repomd.xml", "tags/f40/x86_64/repodata/repomd.xml"))
	equal(t, "d_ino and st_ino", f.sh(`ls -aiR . | grep -v : | awk 'NF == 2 && $2 != "." && $2 != ".." {print $1, $2}' | sort`),
		f.sh(`find . -mindepth 1 -printf '%i %f\n' | sort`))
	equal(t, "..", f.sh(`cd repos/fedora/2*/Packages; stat -c %i ..; ls -ai | awk '$2 == ".." {print $1}'`),
		strings.Repeat(f.sh(`stat -c %i repos/fedora/2*Z`), 2))
	dst := t.TempDir()
	f.sh(`tar -cf - . | tar -xf - -C "$1"; diff -r . "$1"; test "$(du -s --apparent-size . | cut -f1)" -gt 0`, dst)
	equal(t, "links in tar", f.sh(`cd "$1"; find . -samefile tags/f40/x86_64/Packages/a/abc-1-1.x86_64.rpm | wc -l`, dst), "2\n")
	dst = t.TempDir()
	f.sh(`cp -a . "$1"; diff -r . "$1"`, dst)
	equal(t, "getcwd", f.sh(`cd repos/fedora/latest/Packages/a; cd ..; pwd -P`), f.path("repos/fedora/20260101T000000Z/Packages")+"\n")
}
