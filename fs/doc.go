// Package fs shows trees and blobs as a read-only file system, by FUSE.
//
// It is not the layout of the mount: which levels, snapshots and views there are, and what they are called, is said by the
// Source that it is given. It knows no RPM, no tag and no Badger, and it changes nothing on disk.
//
// # Words
//
// A place is a directory with a textual key and a durable serial number. A level is a small place outside of trees ("", "repos",
// "tags@17/f40"); a live level's children come and go. A tree place is an immutable tree, which perhaps must be composed first
// ("tags@17/f40/x86_64"). Everything in a tree has an ordinal, its number in a walk. A node id is place and ordinal, or the
// serial of an RPM blob, which has one inode in all places (nodeid.go draws the bits):
//
//	repos/fedora/latest           place 12, ordinal 0                 0x0000000600000000
//	…/20261121T043000Z/Packages   place 9, ordinal 2                  0x0000000480000002
//	…/Packages/z/zlib-….rpm       RPM serial 5                        0x4000000000000005
//
// # Invariants
//
//   - A node id means the same for ever and in every process over the same store; attributes are a function of the id alone. So
//     the daemon keeps nothing per file, and FORGET is a no-op.
//   - No handler of a level composes or waits for a composition. One inside of a tree place does; it obeys signals and a timeout.
//   - A live directory inode never changes what a name below it means while a process is inside: a move binds the name to a new
//     directory with a new id, and Moved tells the kernel.
//   - All opens of one blob at a time are served one way, by passthrough or by READ.
//   - Notifications are written by one goroutine that holds no lock.
//   - Nothing is asked of the Source per entry of a tree's directory.
//
// # Caching
//
// The kernel caches everything for ever: names, attributes, listings (FOPEN_CACHE_DIR), link targets, data. Exceptions: listings
// of live levels, and absent names of any level. What changes is told: see Move. That goes for names that are found but not
// listed (Source.Find) too: once one was found it stays found until Moved says that it is gone.
//
// The kernel cannot tell blobs from each other by what is in them, but the mount looks at a blob's path at each open, so one that
// was set aside, cut or replaced is EIO even while the kernel still has its backing id.
//
// # Earlier generations
//
// A name that a directory of a tree place lacks may be found in earlier generations of the place, for a time (Source.Earlier). No
// listing shows it. A file found so has the node id that it has in its own generation, so its pages are still cached; a
// directory is a place of its own, since a directory's id appears at one path only, and has mode 0111: it can be walked through,
// not listed. Such a name is valid in the kernel until it expires and at most a minute, so a process that stays in a generation
// notices within a minute that the Source thinks otherwise, and one that walks to the name when the generation is bound anew.
// What is absent everywhere stays so, and is cached for ever as all absent names of trees. An earlier generation that
// cannot be read is skipped, and logged: it must not spoil the present.
//
// # Reading order
//
// source.go (what is shown), nodeid.go, dircache.go and level.go (from ids to directories), lookup.go, earlier.go, readdir.go, open.go and
// backing.go (requests), compose.go, notify.go, mount_linux.go.
package fs
