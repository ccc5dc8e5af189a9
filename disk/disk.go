package disk

import (
	"io"
	"os"
)

// FS is every file operation by which a store changes what is on disk. Each call carries a label that names the place in
// the program ("journal.append.sync"), so that a test can fail or record one named operation. Reading needs no FS: readers
// use package os.
//
// Implementations are safe for concurrent use. All paths are host paths. Errors are those of package os (*PathError,
// *LinkError), so errors.Is works with io/fs kinds and syscall.Errno.
type FS interface {
	// OpenFile opens name for writing with the flags and mode of os.OpenFile.
	OpenFile(label, name string, flag int, perm os.FileMode) (File, error)
	// Mkdir makes one directory; its parent must exist.
	Mkdir(label, name string, perm os.FileMode) error
	// Rename moves old over new within one file system.
	Rename(label, old, new string) error
	// Link makes new a hard link to old.
	Link(label, old, new string) error
	// Remove removes a file or an empty directory.
	Remove(label, name string) error
	// SyncDir makes the names in a directory durable (fsync of the directory).
	SyncDir(label, name string) error
	// SyncFS makes everything written so far to the file system that holds name durable (syncfs(2)). A write that failed in
	// the background and was already reported to somebody else is not reported again; File.SyncFS has no such gap.
	SyncFS(label, name string) error
}

// File is an open file that a store writes.
type File interface {
	io.Writer
	io.Closer
	// Name is the path that the file was opened with.
	Name() string
	// Fd is for ioctls such as FICLONE and for locks; it stays owned by the File.
	Fd() uintptr
	// Sync makes the file's data and size durable (fdatasync(2)). After an error the file's durable content is unknown: do
	// not retry.
	Sync(label string) error
	// SyncFS makes everything written so far to the file's file system durable and reports every write that failed since the
	// file was opened (Linux 5.8 and newer, fs/sync.c: syncfs). The file may be a directory.
	SyncFS(label string) error
	// Truncate sets the file's size.
	Truncate(label string, size int64) error
	// Chmod sets the mode bits.
	Chmod(label string, mode os.FileMode) error
	// Clone makes the file share src's data (FICLONE); errors.ErrUnsupported where the file system cannot.
	Clone(label string, src *os.File) error
}
