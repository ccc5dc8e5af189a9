package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// errnos is the one table from errors to errnos, by errors.Is, first match first. What it lacks is EIO and logged.
//
// ESTALE is not in it on purpose: the kernel answers it by walking the path again with LOOKUP_REVAL, which revalidates moving
// names without the parent's lock, and then a move can be missed for ever (MOVING: the EXPIRE race).
var errnos = []struct {
	is    error
	errno fuse.Status
}{
	{errInterrupted, fuse.EINTR},
	{errTimeout, fuse.EAGAIN},
	{errIsDir, fuse.EISDIR},
	{errIsLink, fuse.Status(syscall.ELOOP)},
	{iofs.ErrNotExist, fuse.ENOENT},
	{iofs.ErrPermission, fuse.EACCES},
	{iofs.ErrInvalid, fuse.EINVAL},
	{syscall.ENOMEM, fuse.Status(syscall.ENOMEM)},
	{syscall.EMFILE, fuse.Status(syscall.EMFILE)},
	{syscall.ENFILE, fuse.Status(syscall.ENFILE)},
	{context.Canceled, fuse.Status(syscall.ENODEV)}, // only when the mount ends
	{context.DeadlineExceeded, fuse.EAGAIN},
	{os.ErrDeadlineExceeded, fuse.EAGAIN},
}

var (
	// errInterrupted: the caller got a signal while it waited.
	errInterrupted = errors.New("interrupted")
	// errTimeout: a composition takes longer than Options.ComposeTimeout; it goes on.
	errTimeout = errors.New("still composing")
	// errSize: a blob is not as long as the tree says.
	errSize = errors.New("size differs from what the tree says")
	// errNode: a node id that means nothing.
	errNode = errors.New("unknown node id")
)

// status turns err into an errno. what and id say for the log what was wanted; they are used only for an error that is not
// in the table, and each of its texts is logged once.
func (f *FS) status(what string, id nodeID, err error) fuse.Status {
	if err == nil {
		return fuse.OK
	}
	for _, e := range errnos {
		if errors.Is(err, e.is) {
			return e.errno
		}
	}
	f.logOnce(err.Error(), "fs: %s of %v: %v; answered EIO", what, id, err)
	return fuse.EIO
}

// maxLogged bounds the memory of logOnce.
const maxLogged = 1024

// logOnce logs a line unless one with the same key was logged before. Beyond maxLogged keys it begins anew.
func (f *FS) logOnce(key, format string, args ...any) {
	f.stats.errors.Add(1)
	f.logMu.Lock()
	if f.logged == nil || len(f.logged) >= maxLogged {
		f.logged = map[string]bool{}
	}
	seen := f.logged[key]
	f.logged[key] = true
	f.logMu.Unlock()
	if !seen {
		f.opt.Logf(format, args...)
	}
}
