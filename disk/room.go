package disk

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Reserve is how much of its file system a store leaves free for what it must still write when everything else is refused:
// Badger writes tables through mappings of files with holes, and where the disk is full that is a SIGBUS, which no Go program
// survives (2 of 15 daemons died so on a tmpfs that was filled while they compacted). On a small file system it is an eighth.
const Reserve = 64 << 20

// CheckRoom refuses to begin writing where little is left: its error wraps ENOSPC if the file system that holds dir has fewer
// free bytes than the part of the Reserve that share divides it by. 1 is for whatever a user asks for; records of a few
// bytes that reading needs may use all but a fourth. It asks the kernel, which takes a microsecond.
func CheckRoom(dir string, share int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	free, size := int64(st.Bavail)*st.Bsize, int64(st.Blocks)*st.Bsize
	if want := min(Reserve, size/8) / share; free < want {
		return fmt.Errorf("%s: %d MiB are free and %d are kept in reserve: %w", dir, free>>20, want>>20, unix.ENOSPC)
	}
	return nil
}
