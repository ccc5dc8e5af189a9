package fs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const (
	fsType = "fuse.vrepofs"
	// maxRead is the largest READ, in bytes.
	maxRead = 1 << 20
	// maxBackground is how many readahead requests may be under way.
	maxBackground = 64
	// maxStacked is how many dead mounts at one place are detached.
	maxStacked = 64
)

// Mount shows src at mountpoint, an existing empty directory, and serves it until the kernel lets go of it. What a killed
// daemon has left there is detached first. As root it opens /dev/fuse and mounts itself; as a normal user it uses fusermount3,
// and the kernel then refuses passthrough. ctx is for mounting only.
func Mount(ctx context.Context, mountpoint string, src Source, o Options) (*FS, error) {
	f, err := mount(ctx, mountpoint, src, o)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", mountpoint, err)
	}
	return f, nil
}

func mount(ctx context.Context, mountpoint string, src Source, o Options) (*FS, error) {
	mp, err := filepath.Abs(mountpoint)
	if err != nil {
		return nil, err
	}
	if mp, err = prepare(mp, o.withDefaults().Logf); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := newFS(src, o)
	f.mountpoint = mp
	if err := f.attach(); err != nil {
		f.cancel()
		return nil, err
	}
	go f.serve()
	go f.notes.run(f.done)
	return f, nil
}

// prepare checks the mountpoint and frees it of dead mounts. It returns its path without symbolic links.
func prepare(mp string, logf func(string, ...any)) (string, error) {
	mp, err := realPath(mp)
	if err != nil {
		return "", err
	}
	for dead := 0; ; dead++ { // they can be stacked
		typ, err := mountType(mp)
		if err != nil {
			return "", err
		}
		var sb unix.Statfs_t
		// statfs always asks the daemon; stat is answered from the cache long after it has died.
		err = unix.Statfs(mp, &sb)
		if err == nil && typ == fsType {
			return "", errors.New("already mounted: unmount it first")
		}
		if !errors.Is(err, unix.ENOTCONN) {
			break
		}
		if typ != fsType {
			return "", fmt.Errorf("a dead mount of type %q is there, which is not ours", typ)
		}
		if dead == maxStacked {
			return "", fmt.Errorf("more than %d dead mounts are stacked there", maxStacked)
		}
		logf("fs: %s: detaching what a killed daemon left", mp)
		if err := detach(mp); err != nil {
			return "", fmt.Errorf("detach the dead mount: %w", err)
		}
	}
	st, err := os.Stat(mp)
	if err != nil {
		return "", err
	}
	if !st.IsDir() {
		return "", syscall.ENOTDIR
	}
	names, err := os.ReadDir(mp)
	if err != nil {
		return "", err
	}
	if len(names) > 0 {
		return "", fmt.Errorf("the directory is not empty (%q is in it)", names[0].Name())
	}
	return mp, nil
}

// realPath returns a path without symbolic links. It looks at what is mounted there only if the last name is a link.
func realPath(path string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, filepath.Base(path))
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSymlink != 0 {
		return filepath.EvalSymlinks(path)
	}
	return path, nil
}

// mountType returns the type of the topmost mount on exactly mp, or "" if there is none.
func mountType(mp string) (string, error) {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	typ := ""
	for line := range strings.SplitSeq(string(info), "\n") {
		// 36 35 98:0 /root /mount\040point rw,noatime shared:1 - ext4 /dev/sda rw (proc_pid_mountinfo(5))
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if ok && len(fields) > 4 && unescape(fields[4]) == mp {
			typ, _, _ = strings.Cut(after, " ")
		}
	}
	return typ, nil
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// attach mounts and speaks INIT with the kernel.
func (f *FS) attach() error {
	opts := &fuse.MountOptions{
		AllowOther:               f.opt.AllowOther,
		Options:                  []string{"ro", "default_permissions"},
		FsName:                   f.opt.Source,
		Name:                     "vrepofs",
		MaxWrite:                 maxRead,
		MaxBackground:            maxBackground,
		EnableSymlinkCaching:     true,
		ExplicitDataCacheControl: true, // data never changes
		DisableSplice:            true, // what is served by READ is copied anyway, and pipes are descriptors
		DisabledCapabilities:     fuse.CAP_READDIRPLUS_AUTO,
		Logger:                   log.New(logWriter{f.opt.Logf}, "", 0),
	}
	at := f.mountpoint
	if os.Geteuid() == 0 {
		var err error
		if at, err = f.mountDevice(); err != nil {
			return err
		}
	} else {
		f.helper = true
		if f.opt.Context != "" {
			return errors.New("an SELinux context needs root: fusermount3 passes none on")
		}
		if f.opt.NoExec {
			opts.Options = append(opts.Options, "noexec")
		}
		if strings.ContainsAny(opts.FsName, `,\\`) {
			opts.FsName = "vrepofs" // fusermount3 would take it for several options
		}
	}
	server, err := fuse.NewServer(f, at, opts)
	if err != nil {
		if f.device != nil {
			f.device.Close()
			unix.Unmount(f.mountpoint, unix.MNT_DETACH)
		}
		return err
	}
	f.server = server
	return nil
}

// mountDevice opens /dev/fuse and mounts it. The descriptor stays ours, for notifications that go-fuse lacks; go-fuse is given
// a duplicate by the path that it returns.
func (f *FS) mountDevice() (string, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open /dev/fuse: %w", err)
	}
	flags, data, err := f.opt.kernel(fd)
	if err == nil {
		err = os.NewSyscallError("mount", unix.Mount(f.opt.Source, f.mountpoint, fsType, flags, data))
		if f.opt.Context != "" && errors.Is(err, unix.EINVAL) {
			err = fmt.Errorf("%w (this kernel takes no SELinux context, or not this one: %s)", err, f.opt.Context)
		}
	}
	if err != nil {
		unix.Close(fd)
		return "", err
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		unix.Unmount(f.mountpoint, unix.MNT_DETACH)
		unix.Close(fd)
		return "", os.NewSyscallError("dup", err)
	}
	f.device = os.NewFile(uintptr(fd), "/dev/fuse")
	return fmt.Sprintf("/dev/fd/%d", dup), nil
}

// kernel returns the options as mount(2) takes them: flags, and the string that FUSE and the security module read.
func (o Options) kernel(fd int) (flags uintptr, data string, err error) {
	flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_RDONLY
	if o.NoExec {
		flags |= unix.MS_NOEXEC
	}
	data = fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,max_read=%d", fd, maxRead)
	if o.AllowOther {
		data += ",allow_other"
	}
	if o.Context != "" {
		// In quotes, because a context may hold commas: the categories of its range (mount(8)). The kernel takes them off.
		if strings.ContainsFunc(o.Context, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }) {
			return 0, "", fmt.Errorf("SELinux context %q: %w", o.Context, unix.EINVAL)
		}
		data += `,context="` + o.Context + `"`
	}
	return flags, data, nil
}

// Init is called by go-fuse once the kernel has said what it can do, before any other request.
func (f *FS) Init(server *fuse.Server) {
	can := server.KernelSettings().Flags64()
	f.expire = f.device != nil && can&fuse.CAP_HAS_EXPIRE_ONLY != 0
	switch {
	case f.opt.NoPassthrough:
		f.noPassthrough = "switched off"
	case f.opt.register != nil:
	case f.device == nil:
		f.noPassthrough = "needs root"
	case can&fuse.CAP_PASSTHROUGH == 0:
		f.noPassthrough = "the kernel cannot (Linux 6.9 can)"
	}
	if f.noPassthrough != "" {
		f.stats.fallbackReason.Store(&f.noPassthrough)
		if !f.opt.NoPassthrough {
			f.opt.Logf("fs: %s: no passthrough: %s; blobs are served by READ", f.mountpoint, f.noPassthrough)
		}
		return
	}
	f.files.unregister = func(id int32) { server.UnregisterBackingFd(id) }
	f.files.register = f.opt.register
	if f.files.register == nil {
		f.files.register = func(fd int) (int32, error) {
			id, errno := server.RegisterBackingFd(&fuse.BackingMap{Fd: int32(fd)})
			if errno != 0 {
				return 0, errno
			}
			return id, nil
		}
	}
}

// OnUnmount is called by go-fuse after the last request.
func (f *FS) OnUnmount() {}

// serve answers requests until the kernel lets go of the mount.
func (f *FS) serve() {
	f.server.Serve()
	f.cancel()
	f.composer.wait()
	f.files.closeAll()
	if f.device != nil {
		f.device.Close()
	}
	close(f.done)
}

// Unmount takes the mount away. If it is busy it is detached: its path is free at once, and those who are inside go on reading
// until they leave, so the process must not end before Wait returns. It is idempotent.
func (f *FS) Unmount() error {
	f.unmountMu.Lock()
	defer f.unmountMu.Unlock()
	select {
	case <-f.done:
		return nil
	default:
	}
	if f.detached {
		return nil
	}
	var err error
	if f.helper {
		err = fusermount("-u", f.mountpoint)
	} else {
		err = unix.Unmount(f.mountpoint, unix.UMOUNT_NOFOLLOW)
	}
	if err == nil {
		<-f.done
		return nil
	}
	if err := detach(f.mountpoint); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: detached by somebody else
		return fmt.Errorf("unmount %s: %w", f.mountpoint, err)
	}
	f.detached = true
	f.opt.Logf("fs: %s: busy, detached; served until the last reader leaves", f.mountpoint)
	return nil
}

// Done is closed when the mount has ended, by Unmount or by anybody's umount.
func (f *FS) Done() <-chan struct{} { return f.done }

// Wait returns when the mount has ended, or with ctx's error.
func (f *FS) Wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// detach takes a mount away from its path, busy or dead.
func detach(mp string) error {
	if os.Geteuid() == 0 {
		return os.NewSyscallError("umount2", unix.Unmount(mp, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW))
	}
	return fusermount("-u", "-z", mp)
}

func fusermount(args ...string) error {
	bin, err := exec.LookPath("fusermount3")
	if err != nil {
		return err
	}
	out, err := exec.Command(bin, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("fusermount3: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// logWriter gives go-fuse's log lines to Options.Logf.
type logWriter struct{ logf func(string, ...any) }

func (w logWriter) Write(p []byte) (int, error) {
	w.logf("fs: %s", bytes.TrimSpace(p))
	return len(p), nil
}
