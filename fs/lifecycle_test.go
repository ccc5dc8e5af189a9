package fs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childTB lets a child process build a Source.
type childTB struct{ dir string }

func (childTB) Helper()           {}
func (childTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
func (c childTB) TempDir() string { return c.dir }

// childDaemon mounts smallSource at args[0] with blobs in args[1], prints "ready", and serves until SIGTERM and the last reader.
func childDaemon(args []string) error {
	log.SetFlags(0)
	f, err := Mount(context.Background(), args[0], smallSource(childTB{args[1]}), Options{AllowOther: os.Geteuid() == 0})
	if err != nil {
		return err
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("ready")
	select {
	case <-term:
		if err := f.Unmount(); err != nil {
			return err
		}
		fmt.Println("unmounted")
	case <-f.Done():
	}
	if err := f.Wait(context.Background()); err != nil {
		return err
	}
	fmt.Println("ended")
	return nil
}

// daemon is a childDaemon that is ready.
type daemon struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *bufio.Reader
	errs *strings.Builder
	mnt  string
}

func startDaemon(t *testing.T, mnt string) *daemon {
	t.Helper()
	d := &daemon{t: t, cmd: childCommand("daemon", mnt, t.TempDir()), errs: &strings.Builder{}, mnt: mnt}
	d.cmd.Stderr = d.errs
	out, err := d.cmd.StdoutPipe()
	must(t, err)
	d.out = bufio.NewReader(out)
	must(t, d.cmd.Start())
	t.Cleanup(func() { unix.Unmount(mnt, unix.MNT_DETACH) })
	d.expect("ready")
	return d
}

func (d *daemon) expect(want string) {
	d.t.Helper()
	line, err := d.out.ReadString('\n')
	if err != nil || line != want+"\n" {
		d.cmd.Process.Kill()
		d.cmd.Wait()
		d.t.Fatalf("daemon says %q, %v; want %q\n%s", line, err, want, d.errs.String())
	}
}

func (d *daemon) kill() {
	d.t.Helper()
	must(d.t, d.cmd.Process.Kill())
	d.cmd.Wait()
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{`/a\040b\134c\011`: "/a b\\c\t", `/plain`: "/plain", `/x\04`: `/x\04`, `\999`: `\999`} {
		equal(t, in, unescape(in), want)
	}
}

const readme = "repos/fedora/README"

func TestMountRefuses(t *testing.T) {
	needMount(t)
	src := smallSource(t)
	full := t.TempDir()
	must(t, os.WriteFile(filepath.Join(full, "precious"), nil, 0o644))
	live := mountSource(t, src, Options{})
	for _, c := range []struct{ mnt, want string }{
		{filepath.Join(full, "none"), "no such file or directory"},
		{filepath.Join(full, "precious"), "not a directory"},
		{full, `not empty ("precious" is in it)`},
		{live.mnt, "already mounted"},
	} {
		m, err := Mount(t.Context(), c.mnt, src, Options{})
		if err == nil {
			m.Unmount()
			t.Errorf("%s is mounted", c.mnt)
		} else if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "mount "+c.mnt+": ") {
			t.Errorf("%s: %v, want %q", c.mnt, err, c.want)
		}
	}
	equal(t, "the live one", live.sh(`cat `+readme), "read me\n")
}

// TestDeadMount: what kill -9 leaves at the mount point, even twice, is detached by the next Mount; path with a space.
func TestDeadMount(t *testing.T) {
	needMount(t)
	mnt := filepath.Join(t.TempDir(), "mount point")
	must(t, os.Mkdir(mnt, 0o755))
	for range 2 {
		d := startDaemon(t, mnt)
		b, err := exec.Command("cat", filepath.Join(mnt, readme)).Output()
		equal(t, "while alive", fmt.Sprint(string(b), err), "read me\n<nil>")
		d.kill()
		var sb unix.Statfs_t
		if err := unix.Statfs(mnt, &sb); err != unix.ENOTCONN {
			t.Fatalf("the mount is not dead: %v", err)
		}
	}
	d := startDaemon(t, mnt)
	must(t, d.cmd.Process.Signal(syscall.SIGTERM))
	d.expect("unmounted")
	d.expect("ended")
	must(t, d.cmd.Wait())
	info, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	if strings.Contains(string(info), "mount\\040point") {
		t.Error("something is left mounted")
	}
}

// TestBusyUnmount: SIGTERM with readers inside frees the path at once, serves them until they leave, then ends.
func TestBusyUnmount(t *testing.T) {
	needMount(t)
	mnt := t.TempDir()
	d := startDaemon(t, mnt)
	inside := childCommand("ask", "README")
	inside.Dir = filepath.Join(mnt, "repos/fedora")
	in, err := inside.StdinPipe()
	must(t, err)
	out, err := inside.StdoutPipe()
	must(t, err)
	must(t, inside.Start())
	r := bufio.NewReader(out)
	must(t, d.cmd.Process.Signal(syscall.SIGTERM))
	d.expect("unmounted")
	names, err := os.ReadDir(mnt)
	if err != nil || len(names) > 0 {
		t.Errorf("the path shows %v, %v", names, err)
	}
	for range 3 {
		_, err := io.WriteString(in, "?\n")
		must(t, err)
		line, err := r.ReadString('\n')
		must(t, err)
		equal(t, "inside", line, "read me\n")
		_, _ = r.ReadString('\n')
	}
	in.Close()
	must(t, inside.Wait())
	d.expect("ended")
	must(t, d.cmd.Wait())
}

// TestForeignUnmount: somebody's umount ends the mount as well.
func TestForeignUnmount(t *testing.T) {
	f := mountSource(t, smallSource(t), Options{})
	f.sh(`ls`)
	must(t, unix.Unmount(f.mnt, 0))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, f.fs.Wait(ctx))
	must(t, f.fs.Unmount())
}

// TestNormalUser: as nobody, through fusermount3, without passthrough, which it says.
func TestNormalUser(t *testing.T) {
	needMount(t)
	bin, err := exec.LookPath("fusermount3")
	if err != nil {
		t.Skip("needs fusermount3")
	}
	if st, err := os.Stat(bin); err != nil || st.Mode()&os.ModeSetuid == 0 {
		t.Skip("fusermount3 is not setuid root")
	}
	const nobody = 65534
	// The test binary and the directories must be reachable by nobody, and so must /dev/fuse, which is not everywhere: so in
	// a mount namespace of its own, with another node.
	dir, err := os.MkdirTemp("/tmp", "vrepofs-nobody-")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chmod(dir, 0o755))
	exe, mnt, blobs, device := filepath.Join(dir, "fs.test"), filepath.Join(dir, "mnt"), filepath.Join(dir, "blobs"), filepath.Join(dir, "fuse")
	must(t, exec.Command("cp", os.Args[0], exe).Run())
	if err := unix.Mknod(device, unix.S_IFCHR, int(unix.Mkdev(10, 229))); err != nil {
		t.Skipf("needs mknod: %v", err)
	}
	must(t, os.Chmod(device, 0o666))
	for _, p := range []string{mnt, blobs} {
		must(t, os.Mkdir(p, 0o755))
		must(t, os.Chown(p, nobody, nobody))
	}
	const asNobody = "setpriv --reuid 65534 --regid 65534 --clear-groups"
	space := exec.Command("unshare", "--mount", "sh", "-euc", `mount --bind "$1" /dev/fuse; echo; exec cat`, "sh", device)
	spaceIn, err := space.StdinPipe()
	must(t, err)
	spaceOut, err := space.StdoutPipe()
	must(t, err)
	must(t, space.Start())
	defer func() { spaceIn.Close(); space.Wait() }()
	if n, _ := spaceOut.Read(make([]byte, 1)); n == 0 {
		t.Skip("needs unshare --mount")
	}
	run := func(args ...string) *exec.Cmd {
		enter := append([]string{"-t", fmt.Sprint(space.Process.Pid), "-m"}, strings.Fields(asNobody)...)
		cmd := exec.Command("nsenter", append(enter, args...)...)
		cmd.Dir = "/"
		return cmd
	}
	start := func() *daemon {
		d := &daemon{t: t, cmd: run(exe, mnt, blobs), errs: &strings.Builder{}, mnt: mnt}
		d.cmd.Env = append(os.Environ(), childEnv+"=daemon")
		d.cmd.Stderr = d.errs
		out, err := d.cmd.StdoutPipe()
		must(t, err)
		d.out = bufio.NewReader(out)
		must(t, d.cmd.Start())
		d.expect("ready")
		return d
	}
	d := start()
	equal(t, "find", mustRun(t, run("sh", "-c", `find "$1" | wc -l; cat "$1/`+readme+`"`, "sh", mnt)), "24\nread me\n")
	d.kill()
	d = start() // the dead mount is detached
	equal(t, "again", mustRun(t, run("cat", mnt+"/"+readme)), "read me\n")
	must(t, d.cmd.Process.Signal(syscall.SIGTERM))
	d.expect("unmounted")
	d.expect("ended")
	must(t, d.cmd.Wait())
	if !strings.Contains(d.errs.String(), "no passthrough: needs root") {
		t.Errorf("it does not say that there is no passthrough:\n%s", d.errs.String())
	}
}
