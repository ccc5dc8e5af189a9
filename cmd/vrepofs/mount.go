package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vrepofs/ctl"
	"vrepofs/store"
)

// readyText is what a daemon writes to the descriptor of --ready-fd once it serves.
const readyText = "ready\n"

func (a *app) mountVerb() *cobra.Command {
	var (
		m          mountFlags
		foreground bool
		readyFD    int
		logFile    string
	)
	cmd := &cobra.Command{
		Use:   "mount MNT [FLAGS]",
		Short: "Serve the store: the mount and the control socket",
		Long: `Mounts the store on the directory MNT and starts a daemon that serves it, until vrepofs umount, umount(8), or SIGTERM.
The command comes back when the mount can be used. While the daemon runs, every other command talks to it over
STORE/socket, which the store's owner and group may open. Only the store's owner can mount it. Its log is STORE/daemon.log.

As root the mount is for all users and the kernel reads RPMs itself (passthrough, Linux 6.9). As a normal user it goes through
fusermount3: for that user alone unless --allow-other, and slower. What a killed daemon left at MNT is cleared away.

With --foreground it does not go into the background, logs to stderr, and tells a service manager when it is ready:
by sd_notify(3), or with a line on the descriptor of --ready-fd.

Called as mount.vrepofs, it is the helper of mount(8): mount -t vrepofs STORE MNT, and a line in /etc/fstab.`,
		Example: `  vrepofs mount /mnt/repos
  vrepofs mount /mnt/repos --foreground               # in a unit of systemd with Type=notify
  vrepofs mount /mnt/repos --foreground --ready-fd 3  # under s6 or a script of your own`,
		Args: exactly("MNT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("allow-other") {
				m.allowOther = os.Geteuid() == 0
			}
			if !foreground && (readyFD >= 0 || logFile != "") {
				return wrong(cmd, "--ready-fd goes with --foreground")
			}
			if !foreground {
				return a.mountInBackground(args[0], m)
			}
			return a.serve(cmd, args[0], m, readyFD, logFile)
		},
	}
	cmd.Flags().BoolVar(&m.allowOther, "allow-other", false, "let all users read the mount (root: always, unless --allow-other=false)")
	cmd.Flags().BoolVar(&m.noExec, "noexec", false, "let nothing in the mount be executed")
	cmd.Flags().StringVar(&m.context, "context", "", "SELinux `CONTEXT` of every file, such as system_u:object_r:httpd_sys_content_t:s0 (root)")
	cmd.Flags().BoolVar(&foreground, "foreground", false, "stay in the foreground")
	cmd.Flags().IntVar(&readyFD, "ready-fd", -1, "when ready write a line to descriptor `N` and close it")
	cmd.Flags().StringVar(&logFile, "log-file", "", "once ready, log to this `FILE`")
	cmd.Flags().Lookup("ready-fd").DefValue = ""
	for _, hidden := range []string{"log-file"} {
		cmd.Flags().Lookup(hidden).Hidden = true
	}
	return cmd
}

// mountFlags say how the kernel is to mount.
type mountFlags struct {
	allowOther, noExec bool
	context            string
}

// args are the flags for a daemon that is started with them.
func (m mountFlags) args() []string {
	out := []string{"--allow-other=" + strconv.FormatBool(m.allowOther)}
	if m.noExec {
		out = append(out, "--noexec")
	}
	if m.context != "" {
		out = append(out, "--context="+m.context)
	}
	return out
}

// serve is the daemon's process.
func (a *app) serve(cmd *cobra.Command, mountpoint string, m mountFlags, readyFD int, logFile string) error {
	var ready *os.File
	if readyFD >= 0 {
		if _, err := unix.FcntlInt(uintptr(readyFD), unix.F_GETFD, 0); err != nil {
			return wrong(cmd, "--ready-fd %d: not open", readyFD)
		}
		unix.CloseOnExec(readyFD)
		ready = os.NewFile(uintptr(readyFD), "ready")
		defer ready.Close()
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	return ctl.Serve(cmd.Context(), ctl.ServeOptions{
		Store: a.store, Mountpoint: mountpoint, Version: versionText(), Log: log,
		AllowOther: m.allowOther, NoExec: m.noExec, Context: m.context,
		Open: store.Options{AcceptClock: a.acceptClock, Command: "vrepofs mount " + quote(mountpoint), Log: log},
		Ready: func() error {
			if logFile != "" {
				if err := redirect(logFile); err != nil {
					return err
				}
			}
			if ready == nil {
				return nil
			}
			if _, err := io.WriteString(ready, readyText); err != nil {
				log.Warn("nobody waits for readiness any more", "error", err)
			}
			return ready.Close()
		},
	})
}

// redirect makes a file standard output and error, of panics too, so that the daemon holds nothing of whoever started it.
func redirect(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	defer f.Close()
	for _, fd := range []int{1, 2} {
		if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	return nil
}

// mountInBackground starts this program again as the daemon and waits until it serves. Until then the daemon talks to our
// stderr, so that its errors are seen.
func (a *app) mountInBackground(mountpoint string, m mountFlags) error {
	root, err := filepath.Abs(a.store)
	if err != nil {
		return err
	}
	mp, err := filepath.Abs(mountpoint)
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	args := []string{"mount", mp, "--foreground", "--ready-fd=3", "--store=" + root,
		"--log-file=" + filepath.Join(root, "daemon.log")}
	args = append(args, m.args()...)
	if a.acceptClock {
		args = append(args, "--accept-clock")
	}
	daemon := &exec.Cmd{
		Path:        "/proc/self/exe",                     // this very program, even if its file was replaced meanwhile
		Args:        append([]string{"vrepofs"}, args...), // not our own name, which may be mount.vrepofs
		Dir:         "/",
		Stderr:      os.Stderr,
		ExtraFiles:  []*os.File{w}, // descriptor 3
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = daemon.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	a.forget() // an impatient ^C ends the waiting; the daemon is in a session of its own
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if string(text) != readyText {
		err := daemon.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == exitFailed {
			return errSilent // it has said why
		}
		return fmt.Errorf("the daemon ended before it was ready: %v", err)
	}
	if a.json {
		return a.printJSON(map[string]any{"store": root, "mountpoint": mp, "pid": daemon.Process.Pid})
	}
	fmt.Fprintf(a.out, "mounted %s on %s (process %d)\n", root, mp, daemon.Process.Pid)
	return nil
}

func (a *app) umountVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "umount MNT",
		Aliases: []string{"unmount"},
		Short:   "Take the mount away and end its daemon",
		Long: `Takes the mount away from MNT and waits until its daemon has ended. If processes are inside, the mount is detached:
MNT is empty at once, and the daemon goes on serving those processes until the last one leaves. The mount of a killed
daemon is detached.`,
		Example: "  vrepofs umount /mnt/repos",
		Args:    exactly("MNT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := ctl.Unmount(cmd.Context(), a.store, args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(u)
			}
			if u.Busy && u.PID != 0 {
				fmt.Fprintf(a.talk, "vrepofs: processes are still inside; process %d serves them until the last one leaves\n", u.PID)
			}
			fmt.Fprintf(a.out, "unmounted %s\n", strings.TrimSuffix(u.Mountpoint, "/"))
			return nil
		},
	}
}
