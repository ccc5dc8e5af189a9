package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// needMount skips a test where nothing can be mounted.
func needMount(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip(err)
	}
}

// mountParams are those of scripts that mount: whatever they leave running or mounted is ended after them.
func mountParams(dir string) testscript.Params {
	p := params(dir)
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		env.Defer(func() {
			store := filepath.Join(env.WorkDir, "store")
			if pid := lockHolder(store); pid > 0 {
				fmt.Fprintf(os.Stderr, "a story left daemon %d: ending it\n", pid)
				_ = unix.Kill(pid, unix.SIGKILL)
			}
			_ = unix.Unmount(filepath.Join(env.WorkDir, "mnt"), unix.MNT_DETACH)
		})
		return setup(env)
	}
	p.Cmds["daemon"] = cmdDaemon
	p.Cmds["notify"] = cmdNotify
	return p
}

// TestMounted runs the stories of testdata/mount, which mount.
func TestMounted(t *testing.T) {
	needMount(t)
	t.Parallel()
	testscript.Run(t, mountParams("testdata/mount"))
}

// TestScriptsWithDaemon runs the stories both_* of testdata/script again with a daemon: the same commands, the same answers.
func TestScriptsWithDaemon(t *testing.T) {
	needMount(t)
	t.Parallel()
	stories, err := filepath.Glob("testdata/script/both_*.txt")
	if err != nil || len(stories) == 0 {
		t.Fatal("no stories both_*.txt", err)
	}
	dir := t.TempDir()
	for _, name := range stories {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(b), "exec vrepofs init\n", "exec vrepofs init\nmkdir mnt\nexec vrepofs mount mnt\n", 1)
		head, files, found := strings.Cut(text, "\n-- ")
		text = head + "\nexec vrepofs status\nstdout 'daemon +process'\nexec vrepofs umount mnt\n! exists store/socket\n"
		if found {
			text += "\n-- " + files
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := mountParams(dir)
	p.UpdateScripts = false
	testscript.Run(t, p)
}

// lockHolder is the process that has a store open, or 0.
func lockHolder(store string) int {
	b, err := os.ReadFile(filepath.Join(store, "lock"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(first)
	if pid > 0 && unix.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

// cmdDaemon waits for the end of the store's daemon, which may be sent a signal first: daemon wait, daemon kill TERM.
func cmdDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: daemon wait | daemon kill SIGNAL")
	}
	pid := lockHolder(ts.MkAbs("store"))
	if pid == 0 {
		if args[0] == "wait" {
			return // it was quicker
		}
		ts.Fatalf("no daemon")
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH && args[0] == "wait" {
		return
	}
	ts.Check(err)
	defer unix.Close(fd)
	if args[0] == "kill" {
		ts.Check(unix.PidfdSendSignal(fd, unix.SignalNum("SIG"+args[1]), nil, 0))
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int((30 * time.Second).Milliseconds()))
	for err == unix.EINTR {
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int((30 * time.Second).Milliseconds()))
	}
	ts.Check(err)
	if n == 0 {
		ts.Fatalf("daemon %d goes on", pid)
	}
}

// cmdNotify plays systemd: notify listen makes NOTIFY_SOCKET, notify got LINE wants the next message to have that line.
func cmdNotify(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case !neg && len(args) == 1 && args[0] == "listen":
		name := ts.MkAbs("notify.socket")
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		ts.Check(err)
		ts.Defer(func() { conn.Close() })
		ts.Setenv("NOTIFY_SOCKET", name)
		listening.Lock()
		defer listening.Unlock()
		listening.at[name] = conn
	case !neg && len(args) == 2 && args[0] == "got":
		listening.Lock()
		conn := listening.at[ts.Getenv("NOTIFY_SOCKET")]
		listening.Unlock()
		ts.Check(conn.SetReadDeadline(time.Now().Add(30 * time.Second)))
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		ts.Check(err)
		for line := range strings.SplitSeq(string(b[:n]), "\n") {
			if line == args[1] {
				return
			}
		}
		ts.Fatalf("message is %q, want a line %q", b[:n], args[1])
	default:
		ts.Fatalf("usage: notify listen | notify got LINE")
	}
}

// listening are the sockets of cmdNotify, by path: scripts have no other place for what lives longer than a command.
var listening = notifySockets{at: map[string]*net.UnixConn{}}

type notifySockets struct {
	sync.Mutex
	at map[string]*net.UnixConn
}
