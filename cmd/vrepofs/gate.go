package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// gate is one command that looks at a plan.
//
// Between this process and the shell stands a supervisor, which is this program again (superviseVerb): it holds the other end of a
// socket, and when that ends, because the gate's time is over or because this process was killed, it kills all that the command
// has started. So nothing is left, whatever dies first; and the plan is in its memory, not in a file that somebody would have to
// remove.
type gate struct {
	command string
	plan    []byte
	env     []string
	timeout time.Duration
	out     io.Writer // its output, cut in the middle
}

// How much of a gate's output is shown, in bytes.
const (
	shownHead = 64 << 10
	shownTail = 16 << 10
)

// killTime is how long the supervisor may take to kill and to reap.
const killTime = 10 * time.Second

// gateVerb is the hidden verb of the supervisor.
const gateVerb = "gate-run"

// run returns nil if the command ends with status 0 in time.
func (g *gate) run(ctx context.Context) error {
	plan, err := planFile(g.plan)
	if err != nil {
		return err
	}
	defer plan.Close()
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer ours.Close()
	out := &cutWriter{w: g.out}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"vrepofs", gateVerb, "--", g.command}
	cmd.Env = append(os.Environ(), g.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{theirs, plan} // descriptors 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = killTime
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return fmt.Errorf("cannot be started: %w", err)
	}
	said := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(ours) // what was said before an error counts
		said <- string(b)
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	late := time.NewTimer(g.timeout)
	defer late.Stop()
	var why error
	select {
	case err = <-ended:
	case <-late.C:
		why = fmt.Errorf("took longer than %v and was killed", g.timeout)
	case <-ctx.Done():
		why = fmt.Errorf("was interrupted and killed: %w", ctx.Err())
	}
	if why != nil {
		unix.Shutdown(int(ours.Fd()), unix.SHUT_WR)
		select {
		case err = <-ended:
		case <-time.After(killTime):
			cmd.Process.Kill()
			err = <-ended
		}
	}
	out.end()
	outcome := ""
	if err == nil {
		outcome = <-said
	}
	switch {
	case why != nil:
		return why
	case err != nil:
		return fmt.Errorf("was lost: its supervisor ended with %w", err)
	case outcome != "exit status 0":
		return fmt.Errorf("ended with %s", outcome)
	}
	return nil
}

// planFile is a file in memory that nobody can write to.
func planFile(b []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("vrepofs-plan", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "plan")
	if _, err = f.Write(b); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("plan for a gate: %w", err)
	}
	return f, nil
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "gate"), os.NewFile(uintptr(fds[1]), "supervisor"), nil
}

// cutWriter passes the first shownHead bytes on and keeps the last shownTail of what follows for end. It never fails: a gate must not
// be told that our terminal has gone.
type cutWriter struct {
	w io.Writer

	mu sync.Mutex
	// mu guards what follows: a supervisor that was given up may still write.
	passed, left int64
	last         []byte
}

func (c *cutWriter) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(b)
	if head := min(int64(len(b)), shownHead-c.passed); head > 0 {
		c.w.Write(b[:head])
		c.passed += head
		b = b[head:]
	}
	c.left += int64(len(b))
	if len(b) > shownTail {
		b = b[len(b)-shownTail:]
	}
	c.last = append(c.last, b...)
	if len(c.last) > 4*shownTail {
		c.last = append(c.last[:0], c.last[len(c.last)-shownTail:]...)
	}
	return n, nil
}

// end writes what was kept.
func (c *cutWriter) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last[max(0, len(c.last)-shownTail):]
	if out := c.left - int64(len(last)); out > 0 {
		fmt.Fprintf(c.w, "\n… %s of output left out …\n", showSize(out))
	}
	c.w.Write(last)
	c.last, c.left = nil, 0
}

// errGone: what a supervisor says when nobody listens any more.
var errGone = errors.New("whoever started the gate has gone")

// describe says how a process ended.
func describe(s *os.ProcessState) string {
	ws, ok := s.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return fmt.Sprintf("signal %d (%s)", ws.Signal(), strings.ToLower(ws.Signal().String()))
	}
	return fmt.Sprintf("exit status %d", s.ExitCode())
}
