package fs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"vrepofs/tree"
)

const (
	// forever is the timeout of what never changes, or of whose change the kernel is told: ten years in seconds.
	forever = 10 * 365 * 86400
	// generation of every node id: a node id is never used again for something else.
	generation = 1
	blockSize  = 4096
)

// dirMode is the mode of a directory that is not restricted. Everybody reads, nobody writes, and the files are not programs.
const dirMode = syscall.S_IFDIR | 0o555

// listBits are what a directory lacks that can be walked through and not be listed.
const listBits = 0o444

// fill sets the attributes of a node. They are a function of the node id alone, whatever place or generation the node was
// reached through: the kernel has one inode for it.
func fill(a *fuse.Attr, id nodeID, e *tree.Entry) {
	*a = fuse.Attr{Ino: uint64(id), Blksize: blockSize, Nlink: 1}
	t := uint64(e.Mtime)
	a.Atime, a.Mtime, a.Ctime = t, t, t
	a.Mode = mode(e.Kind) | e.Mode()
	a.Gid = e.Gid
	switch e.Kind {
	case tree.KindDir:
		// A link count of 1 says "unknown number of subdirectories" to find and fts, as on btrfs and overlayfs: the number is
		// not known before the directory is composed.
	case tree.KindSymlink:
		a.Size = uint64(len(e.Target))
	default:
		a.Size = uint64(e.Size)
		a.Blocks = (a.Size + 511) / 512
		if e.RPM {
			a.Nlink = 2 // makes rsync -H look at st_ino
		}
	}
}

// mode is the type of file of a kind.
func mode(k tree.Kind) uint32 {
	switch k {
	case tree.KindDir:
		return syscall.S_IFDIR
	case tree.KindSymlink:
		return syscall.S_IFLNK
	default:
		return syscall.S_IFREG
	}
}

// fillEntry answers LOOKUP or an entry of READDIRPLUS.
func fillEntry(out *fuse.EntryOut, id nodeID, e *tree.Entry) {
	out.NodeId = uint64(id)
	out.Generation = generation
	out.EntryValid = forever
	out.AttrValid = forever
	fill(&out.Attr, id, e)
}
