package ctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fsType is the type of our mounts in mountinfo.
const fsType = "fuse.vrepofs"

// Unmounted says how a mount was taken away.
type Unmounted struct {
	Mountpoint string `json:"mountpoint"`
	PID        int    `json:"pid,omitempty"` // of the daemon that served it, if it is known
	// Busy says that processes were inside: the mount is gone from its path, and the daemon serves them until the last leaves.
	Busy bool `json:"busy"`
}

// Unmount takes a mount of vrepofs away and waits until its daemon, if it is that of the store in root, has ended. A
// mount whose daemon is dead is detached.
func Unmount(ctx context.Context, root, mountpoint string) (*Unmounted, error) {
	mp, err := resolveMountpoint(mountpoint)
	if err != nil {
		return nil, err
	}
	if root, err = filepath.Abs(root); err != nil {
		return nil, err
	}
	if c, err := dialSocket(ctx, root); err == nil {
		defer c.Close()
		if s, err := c.Status(ctx, false); err == nil && s.Daemon != nil && s.Daemon.Mountpoint == mp {
			return c.unmount(ctx, mp)
		}
	}
	mounted, err := isMounted(mp)
	if err != nil {
		return nil, err
	}
	if !mounted {
		return nil, fmt.Errorf("unmount %s: no vrepofs is mounted there: %w", mp, iofs.ErrNotExist)
	}
	out := &Unmounted{Mountpoint: mp}
	if err := takeAway(mp, false); err != nil {
		out.Busy = true // or dead
		if err := takeAway(mp, true); err != nil {
			return nil, fmt.Errorf("unmount %s: %w", mp, err)
		}
	}
	return out, nil
}

// unmount asks the daemon to end and waits for its process.
func (c *Client) unmount(ctx context.Context, mp string) (*Unmounted, error) {
	// Opened before the daemon is asked: its number cannot be another process's by then.
	process, err := unix.PidfdOpen(c.pid, 0)
	if err == nil {
		defer unix.Close(process)
	}
	stopped, serr := c.StopDaemon(ctx)
	if serr != nil {
		return nil, serr
	}
	out := &Unmounted{Mountpoint: mp, PID: stopped.PID, Busy: stopped.Busy}
	if stopped.Busy || err != nil {
		return out, nil
	}
	if err := waitProcess(ctx, process, drainTime+10*time.Second); err != nil {
		return nil, fmt.Errorf("%s is unmounted, but the daemon (process %d) goes on: %w", mp, stopped.PID, err)
	}
	return out, nil
}

// waitProcess waits until the process of a pidfd has ended.
func waitProcess(ctx context.Context, pidfd int, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		// A pidfd is readable when its process has ended (pidfd_open(2)). The timeout is for ctx.
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 100)
		switch {
		case n > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return os.NewSyscallError("poll", err)
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return os.ErrDeadlineExceeded
		}
	}
}

// resolveMountpoint returns the absolute path of a mountpoint without symbolic links. It does not look at the mountpoint
// itself, which may be a dead mount.
func resolveMountpoint(mountpoint string) (string, error) {
	mp, err := filepath.Abs(mountpoint)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(mp); err == nil {
		return resolved, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(mp))
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.Base(mp)), nil
}

// isMounted reports whether the topmost mount on a path is ours.
func isMounted(mp string) (bool, error) {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false, err
	}
	ours := false
	for line := range strings.SplitSeq(string(info), "\n") {
		// 36 35 98:0 /root /mount\040point rw,noatime shared:1 - fuse.vrepofs vrepofs rw (proc_pid_mountinfo(5))
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if ok && len(fields) > 4 {
			if at, err := strconv.Unquote(`"` + strings.ReplaceAll(fields[4], `"`, `\"`) + `"`); err == nil && at == mp {
				ours = strings.HasPrefix(after, fsType+" ")
			}
		}
	}
	return ours, nil
}

// takeAway unmounts; lazy detaches a busy or dead mount.
func takeAway(mp string, lazy bool) error {
	if os.Geteuid() == 0 {
		flags := unix.UMOUNT_NOFOLLOW
		if lazy {
			flags |= unix.MNT_DETACH
		}
		return os.NewSyscallError("umount2", unix.Unmount(mp, flags))
	}
	args := []string{"-u", mp}
	if lazy {
		args = []string{"-u", "-z", mp}
	}
	out, err := exec.Command("fusermount3", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("fusermount3: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
