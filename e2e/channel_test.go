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

// TestPromoteUnderReaders promotes and rolls back while rsync, rooted in the channel, and readers inside of it go on: every copy is one
// generation of both repositories. rsync 3.5.0 resolves its source twice (strace: chdir of the path and lstat, then openat of the path
// again) and compares the inodes; when the name moves in between it exits with 23, "Too many levels of symbolic links", and has
// copied nothing. That is counted, not a failure: it cannot mix.
func TestPromoteUnderReaders(t *testing.T) {
	needs(t, "rsync")
	b := newBox(t)
	for g := range 2 {
		specs := []testrpm.Spec{{Name: "app", Version: fmt.Sprint(g)}, {Name: "lib", Summary: fmt.Sprint("generation ", g)}}
		b.ok("repo", "import", "one", b.rpms(fmt.Sprint("one", g), specs...))
		b.ok("repo", "import", "two", b.rpms(fmt.Sprint("two", g), specs...))
		b.ok("channel", "set", fmt.Sprintf("g%d/one/os", g), "one")
		b.ok("channel", "set", fmt.Sprintf("g%d/two/os", g), "two")
	}
	b.ok("channel", "promote", "g0", "production")
	b.mount()
	stop := make(chan struct{})
	failed := make(chan string, 1)
	go func() {
		defer close(failed)
		refused := 0
		for n := 0; ; n++ {
			select {
			case <-stop:
				t.Logf("%d runs of rsync, %d of which refused at once", n, refused)
				if n-refused < 3 {
					failed <- fmt.Sprintf("only %d copies", n-refused)
				}
				return
			default:
			}
			const script = `rm -rf copy; rsync -aH $MNT/channels/production/ copy/ && cd copy && ls one/os/Packages/a two/os/Packages/a && sha256sum */os/Packages/l/*.rpm | cut -c1-64 | uniq | wc -l`
			r := b.try(script)
			if r.code != 0 && strings.Contains(r.err, "Too many levels of symbolic links") {
				refused++
				if left := b.try("ls -A copy"); left.out != "" {
					failed <- "a refused run copied " + left.out
					return
				}
				continue
			}
			out := strings.Fields(r.out)
			if r.code != 0 || len(out) != 5 || out[1] != out[3] || out[4] != "1" {
				failed <- fmt.Sprintf("copy %d: exit %d, %q %s", n, r.code, r.out, r.err)
				return
			}
		}
	}()
	for i := range times(30, 1000) {
		b.ok("channel", "promote", fmt.Sprintf("g%d", i%2), "production")
		if i%5 == 1 {
			b.ok("channel", "rollback", "production")
		}
	}
	close(stop)
	if text := <-failed; text != "" {
		t.Error(text)
	}
}
