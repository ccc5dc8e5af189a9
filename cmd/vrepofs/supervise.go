package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// superviseVerb is the supervisor of a gate. Descriptor 3 is a socket to whoever wants the gate, 4 the plan.
func (a *app) superviseVerb() *cobra.Command {
	return &cobra.Command{
		Use:    gateVerb + " -- CMD",
		Short:  "Run a gate; vrepofs calls this itself",
		Long:   "Runs a gate and kills what it leaves. vrepofs calls this itself.",
		Hidden: true,
		Args:   exactly("CMD"),
		RunE:   func(_ *cobra.Command, args []string) error { a.forget(); return supervise(args[0]) },
	}
}

// supervise runs a command and says at descriptor 3 how it ended, once nothing that it started is left. When the other end of the
// socket ends it kills everything.
func supervise(command string) error {
	for fd, want := range map[int]uint32{3: unix.S_IFSOCK, 4: unix.S_IFREG} {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != want {
			return fmt.Errorf("descriptor %d is not what it is to be: vrepofs calls this itself", fd)
		}
		unix.CloseOnExec(fd)
	}
	socket := os.NewFile(3, "gate")
	// The shell is to be killed when this thread ends, and what loses its parent is to become a child of ours.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	stdin, err := os.Open("/proc/self/fd/4") // from its beginning
	if err != nil {
		return err
	}
	shell := exec.Command("/bin/sh", "-c", command)
	shell.Stdin, shell.Stdout, shell.Stderr = stdin, os.Stdout, os.Stderr
	shell.Env = append(os.Environ(), fmt.Sprintf("VREPOFS_PLAN=/proc/%d/fd/4", os.Getpid()))
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := shell.Start(); err != nil {
		return err
	}
	stdin.Close()
	go func() {
		io.Copy(io.Discard, socket) // until the other end ends, however it does
		unix.Kill(-shell.Process.Pid, unix.SIGKILL)
	}()
	_ = shell.Wait() // its state says how it ended
	unix.Kill(-shell.Process.Pid, unix.SIGKILL)
	if err := killChildren(); err != nil {
		return err
	}
	_, err = io.WriteString(socket, describe(shell.ProcessState))
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}

// killChildren kills every child of this process, and those that become its children because their parent died, until there is none.
func killChildren() error {
	for {
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil {
			return err
		}
		for _, name := range stats {
			if pid, parent := readStat(name); parent == os.Getpid() {
				unix.Kill(pid, unix.SIGKILL)
			}
		}
		switch _, err := unix.Wait4(-1, nil, 0, nil); err {
		case nil, unix.EINTR:
		case unix.ECHILD:
			return nil
		default:
			return os.NewSyscallError("wait4", err)
		}
	}
}

// readStat reads a process's own number and its parent's; 0 and 0 when it has gone (proc(5): pid (comm) state ppid).
func readStat(name string) (pid, parent int) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, 0
	}
	open, shut := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || shut < open {
		return 0, 0
	}
	rest := bytes.Fields(b[shut+1:])
	if len(rest) < 2 {
		return 0, 0
	}
	pid, _ = strconv.Atoi(string(bytes.TrimSpace(b[:open])))
	parent, _ = strconv.Atoi(string(rest[1]))
	return pid, parent
}
