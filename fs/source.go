package fs

import (
	"context"
	"io"
	"os"
	"time"

	"vrepofs/blob"
	"vrepofs/tree"
)

// Source is what a mount shows. The package compose implements it over a store; tests implement it in memory.
//
// A place is a directory, or a small file or symbolic link outside of any tree, with a textual key. A key names one content
// for ever (a live level excepted, whose children come and go), and one position in the mount: the kernel moves a process
// that stands in a directory when the same node id turns up under another parent (measured; so "repos/fedora/X" below "at/17"
// needs a key of its own). The root's key is "".
//
// All methods are called concurrently, from request handlers that hold no lock, so they may block only as each one says.
// Errors become errnos by the table of errno.go.
type Source interface {
	// Child describes the place of a key; Name may be left empty. It never composes. iofs.ErrNotExist if there is none (any
	// more).
	Child(key string) (Child, error)
	// Find returns the child of a level by name, listed or not. It may read the index but never composes, and should not cost
	// what listing the level would. iofs.ErrNotExist if there is none.
	Find(key, name string) (Child, error)
	// Level lists the level of a key. It never composes. A Source should return the same *Level while nothing changed: what
	// the mount derives from it is kept by that pointer. iofs.ErrNotExist if there is no such level.
	Level(key string) (*Level, error)
	// Tree returns the root of a tree place, an entry of kind Dir. It may be slow (composition); each call has its own
	// goroutine, at most Options.Composers run at once and never two for one key. ctx ends when the mount does.
	Tree(ctx context.Context, key string) (tree.Entry, error)
	// Earlier returns where a name that a tree place lacks is looked for, the first wins: in the directory of path dir ("" is the
	// place itself) of a place whose Child says Grace; for a Hidden place the generation that it is of comes first. It never composes, and costs little: it is asked at every such miss. For
	// one place it may only ever leave out more, as time goes by: that a name is in none of them is remembered.
	Earlier(key, dir, name string) ([]Earlier, error)
	// PlaceSerial returns the durable number of a key, never 0, giving it one if need be.
	PlaceSerial(key string) (uint32, error)
	// PlaceKey returns the key of a number that PlaceSerial gave, or iofs.ErrNotExist.
	PlaceKey(serial uint32) (string, error)
	// RPM returns what an inode serial (tree.Entry.Serial) names, or iofs.ErrNotExist.
	RPM(serial uint64) (File, error)
	// Open opens a blob. The size of what is opened is checked by the mount. The file's Name must be its path: the mount
	// looks there at each later open whether it is still the same file.
	Open(d blob.Digest) (*os.File, error)
	// OpenRope opens the content that the rope in blob d describes; the error is not nil if that is not size bytes.
	OpenRope(d blob.Digest, size int64) (Rope, error)
	// Node fetches a tree node, as in tree.Reader.
	Node(d blob.Digest) ([]byte, error)
	// Xattrs returns extended attributes by full name ("user.vrepofs.digest"). key and path say where: the place and the path
	// inside it, "" for the place itself; for RPM files, whose inodes all places share, key is "". e is the entry, which for a
	// place itself is the zero Entry. It does no I/O to speak of and may return nil.
	Xattrs(key, path string, e tree.Entry) map[string]string
}

// Rope is an open generated file. ReadAt is called concurrently.
type Rope interface {
	io.ReaderAt
	io.Closer
}

// File is an RPM blob as the kernel sees it.
type File struct {
	Digest blob.Digest
	Size   int64 // bytes
	Mtime  int64 // seconds since 1970 UTC
}

// Level is a small directory outside of trees. The owner must not change it once returned.
type Level struct {
	// Live says that names may come, go or be bound to other places while the directory stays the same: the kernel keeps no
	// listing, and FS.Moved must be told of each change.
	Live bool
	// Children are what is listed, in any order, without duplicates.
	Children []Child
}

// Child is one name of a level and the place it is bound to.
type Child struct {
	// Name in its level, e.g. "f40".
	Name string
	// Key of the place, e.g. "tags@17/f40". Never empty: for a symbolic link or file it names the content too, e.g.
	// "repos/fedora/latest@20261121T043000Z", since attributes are a function of the key alone.
	Key string
	// Parent is the key of the level that holds the place, "" for the root. Only used for the inode number of "..".
	Parent string
	// Tree says that the child is a tree place. If it is false and Symlink and File are unset the child is a level.
	Tree bool
	// Root of a tree place, where it is known without composing: readers of it wait for no composition. Else nil. A place can be
	// restricted (tree.Entry.Perm) by its Root only.
	Root *tree.Entry
	// Grace says of a tree place that names that it lacks are looked for in earlier generations (Source.Earlier).
	Grace bool
	// Hidden says of a tree place that it is a directory of an earlier generation that no listing shows, nor its own: it can be
	// walked through by name (mode 0111) and not be listed (EACCES, which rsync --delete does not take for an empty directory).
	Hidden bool
	// Mtime of the child, seconds since 1970 UTC; a live level's grows with each change of its names. A tree place's root
	// directory has this mtime, whatever its tree says, since it must be known without composing.
	Mtime int64
	// Symlink is the target of a symbolic link.
	Symlink string
	// File is a small file outside of trees, of kind File, Rope or Text. Its Mtime counts, not the child's.
	File *tree.Entry
}

// Earlier is a directory of an earlier generation in which a name is looked for.
type Earlier struct {
	Key    string        // of the earlier generation's tree place, "channels@17": files that are found are files of that place
	Root   tree.Entry    // its root
	Dir    string        // path of the directory in it, "production/9/os/Packages"
	Hidden string        // what the key of the place begins with that a directory found there is: + "/" + name
	Left   time.Duration // for how long, above 0
}
