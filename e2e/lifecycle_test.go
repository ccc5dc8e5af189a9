package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vrepofs/ctl"
)

// status asks a box's daemon how it is.
func (b *box) status() *ctl.Status {
	b.Helper()
	var s ctl.Status
	b.json(&s, "status")
	return &s
}

// leftovers tells what a daemon that has ended should not have left.
func (b *box) leftovers() string {
	b.Helper()
	var left []string
	if mounted(b.mnt) {
		left = append(left, "a mount")
	}
	if _, err := os.Lstat(filepath.Join(b.store, "socket")); err == nil {
		left = append(left, "a socket")
	}
	if names, err := os.ReadDir(filepath.Join(b.store, "incoming")); err != nil || len(names) > 0 {
		left = append(left, fmt.Sprint("incoming: ", names, err))
	}
	if b.status().Daemon != nil { // in process: the lock is free
		left = append(left, "a daemon")
	}
	return strings.Join(left, ", ")
}

// descriptors is how many files a process has open.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// useHard reads everything several times from many processes, while a tag moves.
func (b *box) useHard() {
	b.Helper()
	for range 3 {
		b.sh(`for i in 1 2 3 4 5 6 7 8; do (find $MNT -type f -print0 | xargs -0 -n 20 sha256sum >/dev/null; cd $MNT/tags/dev/x86_64/Packages && ls -lR >/dev/null) & done; wait`)
		b.ok("tag", "remove", "base", "Zebra++-0-0.1")
		b.sh("ls $MNT/tags/dev/x86_64/Packages")
		b.ok("tag", "add", "base", "Zebra++-0-0.1")
	}
}

// TestNothingLeaks uses a mount hard and compares the daemon with itself before: files, goroutines; then it ends and leaves nothing.
func TestNothingLeaks(t *testing.T) {
	b := newBox(t)
	b.fill()
	d := b.mount()
	pid := d.cmd.Process.Pid
	b.useHard()
	first := descriptors(t, pid)
	for range 3 {
		b.useHard()
	}
	if last := descriptors(t, pid); last > first+3 {
		t.Errorf("%d files open, %d after a quarter of the work", last, first)
	}
	s := b.status()
	if m := s.Mount; m.OpenFiles != 0 || m.Composing != 0 || m.ComposeErrors != 0 || m.Errors != 0 || m.BlobErrors != 0 || m.NoteErrors != 0 || m.RegisterErrors != 0 || m.BlobReads != 0 {
		t.Errorf("counters: %+v", m)
	}
	b.umount()
	if left := b.leftovers(); left != "" {
		t.Errorf("left behind: %s", left)
	}
	// SIGQUIT makes Go print every goroutine. Count those of a daemon that has just begun and of one that has worked.
	goroutines := func(work bool) int {
		d, ready := b.start()
		if !ready {
			t.Fatal(d.log.String())
		}
		b.daemon = d
		if work {
			b.useHard()
		}
		d.signal(syscall.SIGQUIT)
		<-d.end
		n := strings.Count(d.log.String(), "\ngoroutine ")
		if n < 5 {
			t.Fatalf("SIGQUIT printed %d goroutines:\n%s", n, d.log.String())
		}
		return n
	}
	idle, used := goroutines(false), goroutines(true)
	t.Logf("%d files open; %d goroutines in an idle daemon, %d after work", first, idle, used)
	if used > idle+24 { // readers of requests: as many as were served at once
		t.Errorf("%d goroutines, %d when idle", used, idle)
	}
}

// TestTheDead kills a daemon and mounts over what it left.
func TestTheDead(t *testing.T) {
	b := newBox(t)
	b.fill()
	b.mount()
	want := b.sh("cd $MNT && find . -type f | sort | xargs -d '\\n' sha256sum")
	b.daemon.kill()
	if r := b.try("ls $MNT/repos"); r.code == 0 || !strings.Contains(r.err, "not connected") {
		t.Errorf("ls of a dead mount: %+v", r)
	}
	b.ok("tag", "create", "without", "--arch", "x86_64")
	b.mount()
	same(t, "the tree after recovery", b.sh("cd $MNT && find . -type f | grep -v without | sort | xargs -d '\\n' sha256sum"), want)
	if n := strings.Count(b.sh("cat /proc/self/mountinfo"), " "+b.mnt+" "); n != 1 {
		t.Errorf("%d mounts lie on the mountpoint, want 1", n)
	}
	b.umount()
	if left := b.leftovers(); left != "" {
		t.Errorf("left behind: %s", left)
	}
	// umount takes a dead mount away, too.
	b.mount()
	b.daemon.kill()
	b.ok("umount", b.mnt)
	if mounted(b.mnt) {
		t.Error("umount left a dead mount")
	}
}

// TestEndWhileSomebodyIsInside ends the daemon while a process is inside: the name is free at once, the process goes on reading, and
// the daemon ends when the process leaves.
func TestEndWhileSomebodyIsInside(t *testing.T) {
	for _, how := range []string{"SIGTERM", "umount"} {
		t.Run(how, func(t *testing.T) {
			b := newBox(t)
			b.fill()
			d := b.mount()
			reader := b.enter(b.mnt + "/tags/dev/x86_64/Packages")
			same(t, "before", reader.ask("cmp a/*.rpm $DIR/rpms/app-2.0-1.el9.x86_64.rpm"), "0")
			if how == "umount" {
				if r := b.vrepofs("umount", b.mnt); r.code != 0 || !strings.Contains(r.err, "still inside") {
					t.Errorf("umount: %+v", r)
				}
			} else {
				d.signal(syscall.SIGTERM)
				// It answers requests no more once it has detached; until then the mount is there.
				b.awaitUnmounted()
			}
			if names := b.sh("ls -A $MNT"); names != "" {
				t.Errorf("the mountpoint holds %q", names)
			}
			same(t, "what was not read before", reader.ask("cmp l/libthing-1.3* $DIR/rpms/libthing-1.3~rc2-4.el9.x86_64.rpm && find .. -type f | wc -l"), "9\n0")
			select {
			case <-d.end:
				t.Error("the daemon has ended though a process is inside")
			default:
			}
			if how == "SIGTERM" { // once is enough: it waits for a while first
				b.secondDaemon(d)
			}
			reader.leave()
			<-d.end
			if d.err != nil {
				t.Errorf("the daemon ended with %v\n%s", d.err, d.log.String())
			}
			b.daemon = nil
			if left := b.leftovers(); left != "" {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

// awaitUnmounted waits until nothing is mounted on the mountpoint. The kernel tells of changes: proc_pid_mountinfo(5), mounts(5).
func (b *box) awaitUnmounted() {
	b.Helper()
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for mounted(b.mnt) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}}, int(patience.Milliseconds()))
		if n == 0 || err != nil && !errors.Is(err, unix.EINTR) {
			b.Fatalf("%s is still mounted: %v", b.mnt, err)
		}
	}
}

// secondDaemon tries to serve a store that another daemon holds, which has no socket any more: it is told who has it.
func (b *box) secondDaemon(d *daemon) {
	b.Helper()
	r := b.vrepofs("mount", b.mnt, "--foreground")
	if r.code != 1 || !strings.Contains(r.err, fmt.Sprint(d.cmd.Process.Pid)) {
		b.Errorf("a second daemon: %+v, want a refusal that names process %d", r, d.cmd.Process.Pid)
	}
}

// TestSecondMountIsRefused names who has the store; so it does for a mountpoint in use.
func TestSecondMountIsRefused(t *testing.T) {
	b := newBox(t)
	d := b.mount()
	if err := os.Mkdir(b.path("mnt2"), 0o755); err != nil {
		t.Fatal(err)
	}
	holder := fmt.Sprint(d.cmd.Process.Pid)
	for _, args := range [][]string{{"mount", b.path("mnt2")}, {"mount", b.path("mnt2"), "--foreground"}, {"mount", b.mnt}} {
		r := b.vrepofs(args...)
		if r.code != 1 || !strings.Contains(r.err, holder) || !strings.Contains(r.err, b.mnt) {
			t.Errorf("vrepofs %s: exit %d, %s, want a refusal that names process %s and its mount", strings.Join(args, " "), r.code, r.err, holder)
		}
	}
	if r := b.vrepofs("index", "rebuild"); r.code != 1 || !strings.Contains(r.err, holder) {
		t.Errorf("index rebuild beside a daemon: %+v", r)
	}
	if mounted(b.path("mnt2")) {
		t.Error("the refused daemon left a mount")
	}
	if b.status().Daemon.PID != d.cmd.Process.Pid {
		t.Error("the first daemon serves no more")
	}
}

// TestWithAndWithoutADaemon asks the same questions both ways.
func TestWithAndWithoutADaemon(t *testing.T) {
	b := newBox(t)
	b.fill()
	b.ok("tag", "block", "dev", "data", "--note", "too big", "--label", "blocked")
	questions := [][]string{
		{"repo", "list"}, {"repo", "show", "r"}, {"snapshot", "list", "r"}, {"snapshot", "show", "r"}, {"snapshot", "show", "r@latest", "--rpms"},
		{"snapshot", "diff", "r", "r@latest"}, {"build", "list"}, {"build", "show", "libthing-1.3~rc2-4.el9"}, {"tag", "list"}, {"tag", "show", "dev"},
		{"tag", "show", "dev", "--inherited"}, {"tag", "show", "dev", "--at", "5"}, {"tag", "inherit", "list", "dev"}, {"log"}, {"verify"},
		// and what is refused
		{"tag", "show", "none"}, {"tag", "add", "dev", "none-1-1"}, {"tag", "create", "dev", "--arch", "x86_64"}, {"snapshot", "show", "r@20200101T000000Z"},
		{"tag", "inherit", "add", "dev", "dev", "--priority", "1"}, {"tag", "show", "dev", "--at", "99"}, {"build", "remove", "app-2.0-1.el9"}, {"tag", "create", "../x", "--arch", "x86_64"},
		{"repo", "import", "r", b.path("nowhere")}, {"repo", "import", "a/b", b.path("rpms")}, {"tag", "create", "t", "--arch", "pdp11/44"},
	}
	ask := func() []string {
		var answers []string
		for _, q := range questions {
			for _, args := range [][]string{q, append(q, "--json")} {
				r := b.vrepofs(args...)
				if r.code == 0 && len(args) > len(q) && !json.Valid([]byte(r.out)) {
					t.Errorf("%v: no JSON: %s", args, r.out)
				}
				answers = append(answers, fmt.Sprintf("%v: exit %d\n%s%s", args, r.code, r.out, r.err))
			}
		}
		return answers
	}
	alone := ask()
	b.mount()
	served := ask()
	for i := range alone {
		same(t, "with a daemon", served[i], alone[i])
	}
	// And a change made one way is seen the other way.
	b.ok("tag", "unblock", "dev", "data")
	before := b.ok("log", "--json")
	b.umount()
	same(t, "log", b.ok("log", "--json"), before)
}

// TestNormalUser mounts as a user without privileges, through fusermount3.
func TestNormalUser(t *testing.T) {
	needs(t, "fusermount3", "setpriv", "unshare")
	b := newBox(t)
	b.fill()
	want := b.sh("cd rpms && sha256sum * | cut -c-64 | sort -u")
	b.sh("chown -R 65534:65534 $VREPOFS_STORE $MNT && chmod 755 $(dirname " + program + ")")
	// In a mount namespace with a /dev/fuse that everybody may open, as udev makes it.
	script := b.write("as-nobody", `set -e
mknod fuse c 10 229 && chmod 666 fuse && mount --bind fuse /dev/fuse
as="setpriv --reuid 65534 --regid 65534 --clear-groups"
$as $PROGRAM mount $MNT >&2
$as find $MNT -name '*.rpm' -exec sha256sum {} + | cut -c-64 | sort -u
$as $PROGRAM status >status
if ls $MNT 2>/dev/null; then echo "root looks into the mount of a user who did not let others in"; fi
$as $PROGRAM umount $MNT >&2
`)
	same(t, "RPMs", b.sh("PROGRAM="+program+" unshare -m bash "+script), want)
	if s := b.sh("cat status"); !strings.Contains(s, "passthrough   OFF") || !strings.Contains(s, "for nobody alone") {
		t.Errorf("status does not say what this mount lacks:\n%s", s)
	}
	b.sh("chown -R 0:0 $VREPOFS_STORE")
	if left := b.leftovers(); left != "" {
		t.Errorf("left behind: %s", left)
	}
}
