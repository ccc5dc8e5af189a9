package e2e

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// daemon is a running `vrepofs mount --foreground`.
type daemon struct {
	cmd *exec.Cmd
	log safeBuffer
	end chan struct{} // closed when the process has ended
	err error         // of Wait, once end is closed
}

// safeBuffer is a buffer that a process writes while a test reads.
type safeBuffer struct {
	mu sync.Mutex
	// mu guards b.
	b bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// reset forgets what was written.
func (s *safeBuffer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Reset()
}

// start starts a daemon and returns whether it became ready; when not, it has ended.
func (b *box) start(args ...string) (*daemon, bool) {
	b.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	d := &daemon{end: make(chan struct{})}
	d.cmd = exec.Command(program, append([]string{"mount", b.mnt, "--foreground", "--ready-fd=3"}, args...)...)
	d.cmd.Env, d.cmd.Dir, d.cmd.ExtraFiles = b.env(), b.dir, []*os.File{w}
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	err = d.cmd.Start()
	w.Close()
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.end)
	}()
	text, err := io.ReadAll(r) // ends when the daemon is ready or has ended
	if err != nil {
		b.Fatal(err)
	}
	if string(text) == "ready\n" {
		return d, true
	}
	<-d.end
	return d, false
}

// mount starts the box's daemon.
func (b *box) mount(args ...string) *daemon {
	b.Helper()
	d, ready := b.start(args...)
	if !ready {
		b.Fatalf("the daemon is not ready: %v\n%s", d.err, d.log.String())
	}
	b.daemon = d
	b.Cleanup(func() {
		log := d.log.String()
		for _, bad := range []string{"panic", "fatal error", "DATA RACE", "level=ERROR"} {
			if strings.Contains(log, bad) && !b.Failed() && (bad != "level=ERROR" || !b.wantErrors) {
				b.Errorf("the daemon's log says %q:\n%s", bad, log)
			}
		}
		if b.Failed() {
			b.Logf("the daemon's log:\n%s", log)
		}
	})
	return d
}

// kill ends a daemon the hard way and waits for it.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.end
}

// umount ends the box's daemon the usual way.
func (b *box) umount() {
	b.Helper()
	b.ok("umount", b.mnt)
	<-b.daemon.end
	if b.daemon.err != nil {
		b.Errorf("the daemon ended with %v\n%s", b.daemon.err, b.daemon.log.String())
	}
	b.daemon = nil
}

// signal sends a signal to the daemon.
func (d *daemon) signal(s syscall.Signal) { _ = d.cmd.Process.Signal(s) }
