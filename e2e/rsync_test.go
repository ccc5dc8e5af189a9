package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"vrepofs/testrpm"
)

// rsyncs are the programs to test with: the installed one, and the one that Debian 12 was released with.
func rsyncs(t *testing.T, f func(t *testing.T, rsync string)) {
	t.Run("installed", func(t *testing.T) {
		needs(t, "rsync")
		f(t, "rsync")
	})
	t.Run("3.2.7", func(t *testing.T) {
		old := os.Getenv("VREPOFS_RSYNC327")
		if _, err := exec.LookPath(old); err != nil {
			lacking(t, "no second rsync (VREPOFS_RSYNC327=%q, which `make test` sets and scripts/setup fills)", old)
		}
		f(t, old)
	})
}

// TestRsyncTwice copies the whole mount with -H: every RPM is carried once and lies in the copy as links to one file; the second
// run moves nothing; after a change only what is new is moved.
func TestRsyncTwice(t *testing.T) {
	rsyncs(t, func(t *testing.T, rsync string) {
		b := newBox(t)
		specs := b.fill()
		b.ok("repo", "import", "r", b.rpms("second", append(specs[1:5:5], testrpm.Spec{Name: "app", Version: "3"})...))
		b.mount()
		copyAll := rsync + " -aH --delete --itemize-changes --stats $MNT/ copy/"
		transferred := func(out string) string {
			for line := range strings.SplitSeq(out, "\n") {
				if n, ok := strings.CutPrefix(line, "Number of regular files transferred: "); ok {
					return n
				}
			}
			return out
		}
		// 7 RPMs (6 and a new app), and repomd.xml and three files of 2 snapshots and 4 views. A file of equal content at another path
		// is another file.
		same(t, "files moved", transferred(b.sh(copyAll)), fmt.Sprint(7+4*6))
		b.sh("diff -r $MNT copy")
		same(t, "inodes of RPMs in the copy", b.sh(`find copy -name '*.rpm' -printf '%i\n' | sort -u | wc -l`), "7")
		same(t, "links kept as in the mount", b.sh(`cd copy && for i in $(find . -name '*.rpm' -printf '%i\n' | sort -u); do find . -inum $i -printf '%p ' | tr ' ' '\n' | sort | tr '\n' ' '; echo; done | sort`),
			b.sh(`cd $MNT && for i in $(find . -name '*.rpm' -printf '%i\n' | sort -u); do find . -inum $i -printf '%p ' | tr ' ' '\n' | sort | tr '\n' ' '; echo; done | sort`))
		again := b.sh(copyAll)
		if items, _, _ := strings.Cut(again, "\n\n"); transferred(again) != "0" || strings.Contains(items, "Packages") {
			t.Errorf("the second run moved something:\n%s", again)
		}
		same(t, "with checksums nothing differs either", b.sh(rsync+" -aHcn --delete --itemize-changes $MNT/ copy/"), "")
		b.umount()
		b.mount()
		same(t, "nor with another daemon", b.sh(rsync+" -aHn --delete --itemize-changes $MNT/ copy/"), "")
		b.ok("tag", "remove", "base", "Zebra++-0-0.1")
		out := b.sh(copyAll)
		// repomd.xml and three files of base/x86_64 and dev/x86_64. The src views are other generations with the same content.
		if got := transferred(out); got != "8" && got != "10" {
			t.Errorf("after a tag moved: %s files moved, want those of two views' repodata\n%s", got, out)
		}
		if strings.Contains(out, ".rpm\n") && !strings.Contains(out, "*deleting   tags/dev/x86_64/Packages/z/Zebra++-0-0.1.x86_64.rpm") {
			t.Errorf("after a tag moved:\n%s", out)
		}
		b.sh("diff -r $MNT copy")
	})
}

// TestRsyncOfSnapshots copies one repository snapshot by snapshot, each against the one before by --link-dest, as a mirror does.
func TestRsyncOfSnapshots(t *testing.T) {
	rsyncs(t, func(t *testing.T, rsync string) {
		b := newBox(t)
		var ids []string
		for v := 1; v <= 3; v++ {
			b.ok("repo", "import", "r", b.rpms(fmt.Sprint("v", v), testrpm.Spec{Name: "same"}, testrpm.Spec{Name: "other"}, testrpm.Spec{Name: "new", Version: fmt.Sprint(v)}))
		}
		b.mount()
		ids = strings.Fields(b.sh("cd $MNT/repos/r && ls -d 2*"))
		if len(ids) != 3 {
			t.Fatalf("snapshots: %q", ids)
		}
		last := ""
		for i, id := range ids {
			arg := ""
			if last != "" {
				arg = "--link-dest=../" + last
			}
			out := b.sh(fmt.Sprintf("mkdir -p copies && %s -aH --itemize-changes %s $MNT/repos/r/%s/ copies/%s/ | grep '^>f' || true", rsync, arg, id, id))
			want := 4 + 3 // repomd.xml and three, and the RPMs
			if i > 0 {
				want = 4 + 1
			}
			if got := len(strings.Split(out, "\n")); got != want {
				t.Errorf("snapshot %d: %d files moved, want %d:\n%s", i, got, want, out)
			}
			b.sh(fmt.Sprintf("diff -r $MNT/repos/r/%s copies/%s", id, id))
			last = id
		}
		same(t, "inodes of RPMs over all copies", b.sh(`find copies -name '*.rpm' -printf '%i\n' | sort -u | wc -l`), "5")
	})
}
