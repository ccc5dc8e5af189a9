package fs

import (
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// The mount is read-only, so the kernel asks none of what follows in this file down to writes' end; each answers EROFS if it
// does all the same.

func (f *FS) refuse() fuse.Status {
	f.stats.ops[opWrite].Add(1)
	return fuse.EROFS
}

// SetAttr answers EROFS.
func (f *FS) SetAttr(<-chan struct{}, *fuse.SetAttrIn, *fuse.AttrOut) fuse.Status { return f.refuse() }

// Mknod answers EROFS.
func (f *FS) Mknod(<-chan struct{}, *fuse.MknodIn, string, *fuse.EntryOut) fuse.Status {
	return f.refuse()
}

// Mkdir answers EROFS.
func (f *FS) Mkdir(<-chan struct{}, *fuse.MkdirIn, string, *fuse.EntryOut) fuse.Status {
	return f.refuse()
}

// Unlink answers EROFS.
func (f *FS) Unlink(<-chan struct{}, *fuse.InHeader, string) fuse.Status { return f.refuse() }

// Rmdir answers EROFS.
func (f *FS) Rmdir(<-chan struct{}, *fuse.InHeader, string) fuse.Status { return f.refuse() }

// Rename answers EROFS.
func (f *FS) Rename(<-chan struct{}, *fuse.RenameIn, string, string) fuse.Status { return f.refuse() }

// Link answers EROFS.
func (f *FS) Link(<-chan struct{}, *fuse.LinkIn, string, *fuse.EntryOut) fuse.Status {
	return f.refuse()
}

// Symlink answers EROFS.
func (f *FS) Symlink(<-chan struct{}, *fuse.InHeader, string, string, *fuse.EntryOut) fuse.Status {
	return f.refuse()
}

// SetXAttr answers EROFS.
func (f *FS) SetXAttr(<-chan struct{}, *fuse.SetXAttrIn, string, []byte) fuse.Status {
	return f.refuse()
}

// RemoveXAttr answers EROFS.
func (f *FS) RemoveXAttr(<-chan struct{}, *fuse.InHeader, string) fuse.Status { return f.refuse() }

// Create answers EROFS.
func (f *FS) Create(<-chan struct{}, *fuse.CreateIn, string, *fuse.CreateOut) fuse.Status {
	return f.refuse()
}

// Tmpfile answers EROFS.
func (f *FS) Tmpfile(<-chan struct{}, *fuse.CreateIn, *fuse.CreateOut) fuse.Status {
	return f.refuse()
}

// Write answers EROFS.
func (f *FS) Write(<-chan struct{}, *fuse.WriteIn, []byte) (uint32, fuse.Status) {
	return 0, f.refuse()
}

// Writev answers EROFS.
func (f *FS) Writev(<-chan struct{}, *fuse.WriteIn, [][]byte) (uint32, fuse.Status) {
	return 0, f.refuse()
}

// CopyFileRange answers EROFS.
func (f *FS) CopyFileRange(<-chan struct{}, *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	return 0, f.refuse()
}

// Fallocate answers EROFS.
func (f *FS) Fallocate(<-chan struct{}, *fuse.FallocateIn) fuse.Status { return f.refuse() }

// Fsync has nothing to do.
func (f *FS) Fsync(<-chan struct{}, *fuse.FsyncIn) fuse.Status { return fuse.OK }

// StatFs reports the space of the store's file system, so that df shows what imports have left. That the mount is read-only
// the kernel adds itself.
func (f *FS) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	f.stats.ops[opStatFs].Add(1)
	*out = fuse.StatfsOut{Bsize: blockSize, Frsize: blockSize, NameLen: 255}
	if f.opt.StatfsDir == "" {
		return fuse.OK
	}
	var st unix.Statfs_t
	if err := unix.Statfs(f.opt.StatfsDir, &st); err != nil {
		return f.status("statfs", rootID, err)
	}
	out.Blocks, out.Bfree, out.Bavail, out.Files, out.Ffree = st.Blocks, st.Bfree, st.Bavail, st.Files, st.Ffree
	out.Bsize, out.Frsize = uint32(st.Bsize), uint32(st.Frsize)
	return fuse.OK
}
