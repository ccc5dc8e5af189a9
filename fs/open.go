package fs

import (
	"errors"
	iofs "io/fs"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"vrepofs/tree"
)

// Open opens a file. What is a blob the kernel reads itself (passthrough); a rope, or a blob whose registration failed, is
// served by READ and stays in the page cache for ever. No FLUSH is wanted at close, which saves a message.
func (f *FS) Open(cancel <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	f.stats.ops[opOpen].Add(1)
	if input.Flags&syscall.O_ACCMODE != syscall.O_RDONLY || input.Flags&syscall.O_TRUNC != 0 {
		return fuse.EROFS
	}
	id := nodeID(input.NodeId)
	o, err := f.open(cancel, id)
	if err != nil {
		if !errors.Is(err, errInterrupted) {
			f.stats.blobErrors.Add(1)
		}
		return f.openStatus(id, err)
	}
	out.Fh = o.fh
	switch {
	case o.kernel:
		f.stats.passthrough.Add(1)
		out.BackingID = o.id
		out.OpenFlags = fuse.FOPEN_PASSTHROUGH | fuse.FOPEN_NOFLUSH
	case o.rope != nil:
		f.stats.ropes.Add(1)
		out.OpenFlags = fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH
	default:
		f.stats.fallback.Add(1)
		out.OpenFlags = fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH
	}
	return fuse.OK
}

var (
	errIsDir  = errors.New("is a directory")
	errIsLink = errors.New("is a symbolic link")
)

func (f *FS) open(cancel <-chan struct{}, id nodeID) (*object, error) {
	node := nodeID(0)
	if id.isRPM() {
		node = id
		if o, ok, err := f.files.openNode(cancel, id); ok || err != nil {
			return o, err
		}
	}
	e, err := f.entry(cancel, id)
	if err != nil {
		return nil, err
	}
	switch e.Kind {
	case tree.KindFile, tree.KindRope:
		return f.files.open(cancel, objectKey{e.Digest, e.Kind == tree.KindRope}, e.Size, node)
	case tree.KindText:
		return f.files.openText(e.Target), nil
	case tree.KindDir:
		return nil, errIsDir
	default:
		return nil, errIsLink
	}
}

// openStatus is status for the content of a listed file: what is missing there is damage, not an absent name.
func (f *FS) openStatus(id nodeID, err error) fuse.Status {
	if errors.Is(err, iofs.ErrNotExist) || errors.Is(err, iofs.ErrPermission) || errors.Is(err, iofs.ErrInvalid) {
		f.logOnce(err.Error(), "fs: open of %v: %v; answered EIO", id, err)
		return fuse.EIO
	}
	return f.status("open", id, err)
}

// Release undoes one Open, when the last descriptor and the last mapping of it are gone.
func (f *FS) Release(cancel <-chan struct{}, input *fuse.ReleaseIn) {
	f.stats.ops[opRelease].Add(1)
	f.files.release(input.Fh)
}

// Read serves ropes, and blobs where there is no passthrough.
func (f *FS) Read(cancel <-chan struct{}, input *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	f.stats.ops[opRead].Add(1)
	id := nodeID(input.NodeId)
	o := f.files.get(input.Fh)
	if o == nil || o.kernel {
		return nil, fuse.EBADF
	}
	if o.rope == nil {
		f.stats.rpmReads.Add(1)
	}
	n, err := o.readAt(buf, int64(input.Offset))
	if err != nil {
		return nil, f.openStatus(id, err)
	}
	f.stats.readBytes.Add(uint64(n))
	return fuse.ReadResultData(buf[:n]), fuse.OK
}
