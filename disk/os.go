package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// OS is the FS of the running system. The zero value is ready; it holds no state. Labels are ignored.
type OS struct{}

var _ FS = OS{}

// OpenFile opens name for writing; the descriptor is closed on exec. A directory may be opened with os.O_RDONLY.
func (OS) OpenFile(_, name string, flag int, perm os.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Mkdir makes one directory.
func (OS) Mkdir(_, name string, perm os.FileMode) error { return os.Mkdir(name, perm) }

// Rename moves old over new. Unlike os.Rename it does not look first whether new is a directory, which costs as much as renaming.
func (OS) Rename(_, old, new string) error {
	for {
		err := unix.Rename(old, new)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &os.LinkError{Op: "rename", Old: old, New: new, Err: err}
		}
	}
}

// Link makes new a hard link to old; a symbolic link at old is followed, unlike with os.Link.
func (OS) Link(_, old, new string) error {
	if err := unix.Linkat(unix.AT_FDCWD, old, unix.AT_FDCWD, new, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: old, New: new, Err: err}
	}
	return nil
}

// Remove removes a file or an empty directory.
func (OS) Remove(_, name string) error { return os.Remove(name) }

// SyncDir makes the names in a directory durable.
func (OS) SyncDir(_, name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// SyncFS opens name and calls syncfs(2).
func (OS) SyncFS(label, name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return osFile{d}.SyncFS(label)
}

// osFile adds the labelled operations to *os.File. Its embedded ReadFrom lets io.Copy use copy_file_range(2), and
// its Write and Close are those of package os.
type osFile struct{ *os.File }

var (
	_ File          = osFile{}
	_ io.ReaderFrom = osFile{}
)

func (f osFile) Sync(string) error { return f.retry("fdatasync", unix.Fdatasync) }

func (f osFile) SyncFS(string) error { return f.retry("syncfs", unix.Syncfs) }

func (f osFile) Truncate(_ string, size int64) error { return f.File.Truncate(size) }

func (f osFile) Chmod(_ string, mode os.FileMode) error { return f.File.Chmod(mode) }

// Clone calls ioctl(FICLONE). The errors by which ioctl_ficlone(2) says "not these two files" become
// errors.ErrUnsupported; the errno stays visible to errors.Is too.
func (f osFile) Clone(_ string, src *os.File) error {
	err := f.retry("clone", func(fd int) error { return unix.IoctlFileClone(fd, int(src.Fd())) })
	runtime.KeepAlive(src)
	for _, no := range []error{unix.EOPNOTSUPP, unix.EXDEV, unix.EINVAL, unix.ENOTTY, unix.ENOSYS, unix.ETXTBSY, unix.EPERM} {
		if errors.Is(err, no) {
			return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
		}
	}
	return err
}

// retry calls op until no signal interrupts it: EINTR means that nothing was decided, so this is no retry of a failed sync.
func (f osFile) retry(name string, op func(fd int) error) error {
	for {
		err := op(int(f.Fd()))
		runtime.KeepAlive(f.File)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: name, Path: f.Name(), Err: err}
		}
	}
}
