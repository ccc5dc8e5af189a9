package index

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vrepofs/disk"
)

// lock is the flock on STORE/lock. The kernel drops it when the process ends in whatever way; the file's content only says who
// holds it.
type lock struct{ f disk.File }

// takeLock locks the store for this process or returns ErrLocked at once.
func takeLock(root string, o Options) (*lock, error) {
	name := filepath.Join(root, "lock")
	f, err := o.FS.OpenFile("index.lock.open", name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, fmt.Errorf("%w by %s", ErrLocked, holder(name))
	}
	if err == nil {
		err = f.Truncate("index.lock.truncate", 0)
	}
	if err == nil {
		_, err = fmt.Fprintf(f, "%d\n%s\n", os.Getpid(), strings.ReplaceAll(o.Command, "\n", " "))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return &lock{f}, nil
}

// holder says who holds the lock, as far as the file tells.
func holder(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return "another process"
	}
	pid, command, ok := strings.Cut(string(b), "\n")
	if _, err := strconv.Atoi(pid); err != nil || !ok {
		return "another process"
	}
	return fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(command))
}

// release gives the lock up. The content goes first, so that it never names a process that is gone while another holds it.
func (l *lock) release() {
	_ = l.f.Truncate("index.lock.truncate", 0)
	_ = l.f.Close()
}

// commandLine is this process's command line as one string.
func commandLine() string { return strings.Join(os.Args, " ") }
