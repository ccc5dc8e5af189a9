package e2e

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPut puts what installers need into a published repository and reads it through the mount: at its path, with the repository around
// it, as of an event, and after the repository moved on.
func TestPut(t *testing.T) {
	needs(t, "getfattr", "rsync")
	b := newBox(t)
	specs := b.fill()
	b.write("treeinfo", "[general]\nfamily = Test\n")
	b.write("images/boot.iso", strings.Repeat("iso", 100000))
	b.write("images/pxeboot/vmlinuz", "kernel")
	b.sh("ln -s pxeboot/vmlinuz $DIR/images/vmlinuz; mkdir $DIR/images/empty; touch -d 2001-01-01 $DIR/images/boot.iso; cp " + b.rpms("some", specs[0]) + "/*.rpm $DIR/images/")
	b.mount()
	b.ok("channel", "set", "p/os", "dev/x86_64")
	b.ok("channel", "put", "p/os/.treeinfo", b.path("treeinfo"))
	b.ok("channel", "put", "p/os/images", b.path("images"))
	event := b.lastEvent()
	os := b.mnt + "/channels/p/os"
	b.sh("cmp treeinfo " + os + "/.treeinfo; diff -r images " + os + "/images; readlink " + os + "/images/vmlinuz; test -d " + os + "/images/empty; test -f " + os + "/repodata/repomd.xml")
	if got := b.sh("stat -c '%a %h' " + os + "/images/boot.iso " + os + "/images/*.rpm | sort -u"); got != "444 1" {
		t.Errorf("mode and links: %s", got)
	}
	if got := b.sh("cd $MNT/channels/p/os; getfattr --only-values -n user.vrepofs.origin .treeinfo"); !strings.HasPrefix(got, "files:") {
		t.Errorf("origin of what was put: %s", got)
	}
	b.sh("rsync -aH $MNT/channels/p/ mirror/; diff -r $MNT/channels/p mirror")
	stat := func() string { return b.sh("cd " + os + "; stat -c '%n %Y' .treeinfo images images/*") }
	before := stat()
	b.ok("tag", "remove", "base", "Zebra++-0-0.1")
	b.ok("channel", "set", "p/os", "dev/x86_64")
	same(t, "times of what stays in a repository that moves", stat(), before)
	for _, line := range strings.Split(b.sh("rsync -aH --delete --itemize-changes $MNT/channels/p/ mirror/"), "\n") {
		if strings.HasPrefix(line, ">f") && !strings.Contains(line, "repodata/") {
			t.Errorf("rsync moved: %s", line)
		}
	}
	b.ok("channel", "unset", "p/os/images")
	b.sh("test ! -e " + os + "/images; test -e " + os + "/.treeinfo; test -e $MNT/at/" + event + "/channels/p/os/images/boot.iso")
	b.ok("channel", "rollback", "p/os/images")
	b.sh("diff -r images " + os + "/images")
	b.ok("verify")
}

// TestPutIsBounded puts a file that is larger than the memory which the processes may have, and reads it back.
func TestPutIsBounded(t *testing.T) {
	needs(t, "python3")
	b := newBox(t)
	b.mount()
	b.sh("truncate -s 600M big.iso; printf end >>big.iso")
	// What the kernel says of a child begins with the memory of who started it (setmax_mm_hiwater_rss at exec), which must be little.
	r := b.finish(b.command("python3", "-c", `import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)`, program, "channel", "put", "isos/big.iso", b.path("big.iso")))
	if r.code != 0 {
		t.Fatalf("exit %d\n%s", r.code, r.err)
	}
	if rss, err := strconv.Atoi(strings.TrimSpace(r.out)); err != nil || rss > 150<<10 {
		t.Errorf("the client took %s KiB, %v", r.out, err)
	} else {
		t.Logf("600 MiB were put with %d MiB of memory", rss>>10)
	}
	b.sh("cmp big.iso $MNT/channels/isos/big.iso")
}

// TestKillWhilePutting kills the command at random moments while it puts a directory with large and small files: each time the
// path is what it was or what it was to be, and the next put has nothing of the one before to mind.
func TestKillWhilePutting(t *testing.T) {
	b := newBox(t)
	b.mount()
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	b.sh("mkdir a b; seq 1 200 >a/name; seq 2 300 >b/name; head -c 60M /dev/urandom >a/large; cp a/large b/large; printf x >>b/large")
	b.ok("channel", "put", "p/dir", b.path("a"))
	now, put, killed := "a", 0, 0
	for range times(12, 100) {
		next := map[string]string{"a": "b", "b": "a"}[now]
		c := b.command(program, "channel", "put", "p/dir", b.path(next))
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(rng.IntN(150)) * time.Millisecond) // a random moment is what is awaited here
		if err := c.Process.Kill(); err != nil && !strings.Contains(err.Error(), "finished") {
			t.Fatal(err)
		}
		if c.Wait() != nil {
			killed++
		} else {
			put++
		}
		// A request that was sent may still be at work: the next one comes behind it.
		b.ok("tag", "create", "t"+b.lastEvent(), "--arch", "x86_64")
		if r := b.try("diff -r " + next + " $MNT/channels/p/dir"); r.code == 0 {
			now = next
		}
		b.sh("diff -r " + now + " $MNT/channels/p/dir")
	}
	t.Logf("%d killed, %d done", killed, put)
	b.daemon.signal(syscall.SIGTERM)
	<-b.daemon.end
	b.daemon = nil
	b.ok("verify")
	b.mount()
	b.ok("channel", "put", "p/other", b.write("other", "text"))
	if left, err := os.ReadDir(b.store + "/incoming"); err != nil || len(left) > 0 {
		t.Errorf("incoming/ holds %v, %v", left, err)
	}
}
