package e2e

import (
	"fmt"
	"strings"
	"testing"

	"vrepofs/testrpm"
)

// TestRsyncOfAChannel mirrors channels/production through promotions and a rollback: each run moves what changed and nothing else, and the
// mirror has the right bytes with nothing but sizes and times to go by.
func TestRsyncOfAChannel(t *testing.T) {
	rsyncs(t, func(t *testing.T, rsync string) {
		b := newBox(t)
		specs := b.fill()
		b.ok("repo", "import", "ext", b.rpms("ext", specs[:3]...))
		b.mount()
		b.ok("channel", "set", "staging/9/dev/os", "dev/x86_64")
		b.ok("channel", "set", "staging/9/ext/os", "ext")
		b.ok("channel", "promote", "staging", "production")
		mirror := func() string {
			t.Helper()
			out := b.sh(rsync + " -aH --delete --itemize-changes $MNT/channels/production/ mirror/")
			b.sh("diff -r $MNT/channels/production mirror")
			same(t, "the mirror's sums and the channel's", b.sh("cd mirror; find . -type f | sort | xargs sha256sum"),
				b.sh("cd $MNT/channels/production; find . -type f | sort | xargs sha256sum"))
			return out
		}
		mirror()
		same(t, "a second run", mirror(), "")
		b.ok("channel", "promote", "staging", "production")
		same(t, "a run after a promotion of the same", mirror(), "")
		sums := b.sh("cd mirror; find . -name '*-primary.xml*' | sort")

		b.ok("tag", "remove", "base", "Zebra++-0-0.1")
		b.ok("channel", "set", "staging/9/dev/os", "dev/x86_64")
		b.ok("channel", "promote", "staging", "production")
		for _, line := range strings.Split(mirror(), "\n") {
			path := line[strings.LastIndexByte(line, ' ')+1:]
			if strings.Contains(path, "ext/") || strings.HasPrefix(line, ">f") && !strings.Contains(path, "/repodata/") {
				t.Errorf("after one package was removed the mirror moved: %s", line)
			}
		}
		b.ok("channel", "rollback", "production")
		for _, line := range strings.Split(mirror(), "\n") {
			if strings.Contains(line, "ext/") || strings.HasPrefix(line, ">f") && strings.HasSuffix(line, ".rpm") && !strings.Contains(line, "Zebra") {
				t.Errorf("after the rollback the mirror moved: %s", line)
			}
		}
		same(t, "metadata after the rollback", b.sh("cd mirror; find . -name '*-primary.xml*' | sort"), sums)
	})
}

// TestMirrorRewrittenInPlace mirrors with -H a mount in which one repository is published many times, and lets createrepo_c and worse rewrite
// the metadata of one copy: no other copy may feel it. Packages are links to one file; metadata, though the same bytes, is not.
func TestMirrorRewrittenInPlace(t *testing.T) {
	needs(t, "rsync", "createrepo_c")
	b := newBox(t)
	specs := b.fill()
	b.mount()
	b.ok("channel", "set", "staging/a/os", "r")
	b.ok("channel", "set", "staging/b/os", "r")
	b.ok("channel", "promote", "staging", "production")
	b.ok("channel", "set", "production/dev/os", "dev/x86_64")
	b.sh("rsync -aH $MNT/ mirror/ && cd mirror && cmp channels/production/a/os/repodata/repomd.xml channels/production/b/os/repodata/repomd.xml")
	same(t, "metadata that is linked", b.sh("find mirror -path '*/repodata/*' -type f -links +1"), "")
	if n := b.sh("find mirror -name '*.rpm' -links +3 | wc -l"); n == "0" {
		t.Error("no package is linked: this test shows nothing")
	}
	others := func() string {
		return b.sh("cd mirror && find . -path ./channels/production/a -prune -o -type f -print | sort | xargs -d '\\n' sha256sum; find . -type f -printf '%P %T@\\n' | grep -v production/a/ | sort")
	}
	before := others()
	b.rpms("mirror/channels/production/a/os/Packages/n", testrpm.Spec{Name: "new"})
	b.sh("createrepo_c --update --no-database mirror/channels/production/a/os")
	same(t, "packages after createrepo_c", b.counts(b.path("mirror/channels/production/a/os")), fmt.Sprintf("packages=%q", fmt.Sprint(len(specs)+1)))
	same(t, "everything else after createrepo_c", others(), before)
	b.sh("rsync -aH --delete $MNT/channels/production/a/ mirror/channels/production/a/ && for f in mirror/channels/production/a/os/repodata/*; do chmod u+w $f && echo damaged >$f; done")
	same(t, "everything else after each file was written to", others(), before)
	same(t, "what a run of rsync repairs", b.sh("rsync -aHi --delete $MNT/ mirror/ | grep -v /repodata/ || true"), "")
	b.sh("diff -r $MNT mirror")
}
