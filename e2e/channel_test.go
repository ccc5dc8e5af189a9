package e2e

import (
	"strings"
	"testing"
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
