package fs

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"go.uber.org/goleak"
)

// Tests never touch the mount from the process that serves it: they start children, programs or this binary with
// childEnv set to the name of a function in children.
const childEnv = "VREPOFS_FS_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		fn := children[name]
		if fn == nil {
			os.Stderr.WriteString("no child " + name + "\n")
			os.Exit(2)
		}
		if err := fn(os.Args[1:]); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// needMount skips where mounting is not possible, and says why.
func needMount(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount(2)")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("needs /dev/fuse: %v", err)
	}
}

// fixture is a mounted memSource. When the test ends it is unmounted and must leave no descriptor and no goroutine behind.
type fixture struct {
	t   testing.TB
	fs  *FS
	mnt string
	log *logBuffer
}

// logBuffer keeps what a mount says.
type logBuffer struct {
	mu sync.Mutex
	t  testing.TB
	b  strings.Builder
}

func (l *logBuffer) logf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t.Logf(format, args...)
	l.b.WriteString(strings.TrimSpace(sprintf(format, args...)) + "\n")
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newSource(t tb) *memSource { return newMemSource(t.TempDir()) }

func mountSource(t testing.TB, src Source, o Options) *fixture {
	t.Helper()
	needMount(t)
	leak := goleak.IgnoreCurrent()
	before := openFDs(t)
	f := &fixture{t: t, mnt: t.TempDir(), log: &logBuffer{t: t}}
	o.Logf = f.log.logf
	o.AllowOther = true
	m, err := Mount(context.Background(), f.mnt, src, o)
	if err != nil {
		t.Fatal(err)
	}
	f.fs = m
	t.Cleanup(func() {
		f.unmount()
		if _, ok := t.(*testing.T); ok {
			if err := goleak.Find(leak); err != nil {
				t.Errorf("goroutines left: %v", err)
			}
			if after := openFDs(t); after > before {
				t.Errorf("open descriptors: %d before the mount, %d after it", before, after)
			}
		}
	})
	return f
}

func (f *fixture) unmount() {
	f.t.Helper()
	if err := f.fs.Unmount(); err != nil {
		f.t.Errorf("unmount: %v", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := f.fs.Wait(ctx); err != nil {
		f.t.Errorf("the mount does not end: %v", err)
	}
}

func openFDs(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range names {
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); !strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

// path joins names to the mount point.
func (f *fixture) path(names ...string) string {
	return filepath.Join(append([]string{f.mnt}, names...)...)
}

// sh runs a shell command with the mount point as working directory and returns its output. It must succeed.
func (f *fixture) sh(script string, args ...string) string {
	f.t.Helper()
	out, err := f.trySh(script, args...)
	if err != nil {
		f.t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return out
}

// trySh is sh that may fail; the output holds both streams.
func (f *fixture) trySh(script string, args ...string) (string, error) {
	cmd := exec.Command("sh", append([]string{"-euc", script, "sh"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Dir = f.mnt
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// child runs a function of children in a process of its own, with the mount point as working directory. It is killed when the
// test ends, or a failed test could not unmount.
func (f *fixture) child(name string, args ...string) *exec.Cmd {
	cmd := childCommand(name, args...)
	cmd.Dir = f.mnt
	f.t.Cleanup(func() {
		if cmd.Process != nil && cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return cmd
}

func childCommand(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	return cmd
}

func mustRun(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, errs.String())
	}
	return out.String()
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// registerWith registers a backing file with the mount's kernel.
func registerWith(f *FS, fd int) (int32, error) {
	id, errno := f.server.RegisterBackingFd(&fuse.BackingMap{Fd: int32(fd)})
	if errno != 0 {
		return 0, errno
	}
	return id, nil
}

// waitFor waits for what comes with no event to wait for: a message that the kernel sends when it likes.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s does not come", what)
		}
	}
}
