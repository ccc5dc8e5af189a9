package fs

import (
	"context"
	"log"
	"os"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Options of a mount. The zero value of each field means what its comment says.
type Options struct {
	AllowOther     bool                             // other users may read; as a normal user this needs user_allow_other in /etc/fuse.conf
	NoPassthrough  bool                             // serve blobs by READ even where the kernel could read them itself
	Source         string                           // what mountinfo and df call the file system's source; "": "vrepofs"
	NoExec         bool                             // the kernel executes no file of the mount
	Context        string                           // SELinux context of every file (context= of mount(8)); needs root and a kernel with SELinux; "": none
	StatfsDir      string                           // a directory of the store's file system, whose space statfs reports; "" reports none
	ComposeTimeout time.Duration                    // how long a reader waits for a composition before EAGAIN; 0: 30 s
	Composers      int                              // calls of Source.Tree at once; 0: 2
	IdleBackingIDs int                              // backing ids kept for blobs that nobody has open; 0: 16,384; negative: none
	DirCacheBytes  int64                            // memory for loaded directories; 0: 32 MiB
	Logf           func(format string, args ...any) // talk; nil: package log

	register func(fd int) (int32, error) // replaces the kernel's registration of a backing file, for tests of its failure
}

const (
	defaultComposeTimeout = 30 * time.Second
	defaultComposers      = 2
	defaultIdleBackingIDs = 16384
	defaultDirCacheBytes  = 32 << 20
	maxEarlier            = 16384 // some 300 bytes each
	levelCacheBytes       = 16 << 20
	maxPlaces             = 16384 // decoded place ids, some 150 bytes each
)

func (o Options) withDefaults() Options {
	if o.ComposeTimeout == 0 {
		o.ComposeTimeout = defaultComposeTimeout
	}
	if o.Composers <= 0 {
		o.Composers = defaultComposers
	}
	switch {
	case o.IdleBackingIDs == 0:
		o.IdleBackingIDs = defaultIdleBackingIDs
	case o.IdleBackingIDs < 0:
		o.IdleBackingIDs = 0
	}
	if o.DirCacheBytes <= 0 {
		o.DirCacheBytes = defaultDirCacheBytes
	}
	if o.Source == "" {
		o.Source = "vrepofs"
	}
	if o.Logf == nil {
		o.Logf = log.Printf
	}
	return o
}

// FS is one mount of a Source. Its methods named after requests are called by go-fuse and are not for others; Moved, Drop,
// Stats, Unmount, Wait and Done are, from any goroutine that serves no request.
type FS struct {
	fuse.RawFileSystem // answers ENOSYS to what is not implemented here

	src        Source
	opt        Options
	mountpoint string
	helper     bool // mounted through fusermount3
	expire     bool // the kernel knows FUSE_EXPIRE_ONLY and we hold the descriptor

	device *os.File // our own descriptor of the connection; nil when fusermount3 mounted
	server *fuse.Server
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when the kernel has let go and everything is given back

	noPassthrough string // why blobs are served by READ; "" if the kernel reads them
	stats         counters
	composer      *composer
	dirs          *dirCache
	levels        *levels
	places        *lru[nodeID, place]
	earlier       *lru[string, pastDir] // directories of earlier generations by key and path
	files         *files
	notes         *notifier

	logMu sync.Mutex
	// logMu guards logged.
	logged map[string]bool

	unmountMu sync.Mutex // one Unmount at a time
	detached  bool       // guarded by unmountMu
}

// place is what never changes about a place.
type place struct {
	key    string
	tree   bool   // a tree place; else a level, symbolic link or file
	grace  bool   // Child.Grace
	hidden bool   // Child.Hidden
	parent nodeID // the level that holds it; the root's is itself
}

func newFS(src Source, o Options) *FS {
	o = o.withDefaults()
	f := &FS{RawFileSystem: fuse.NewDefaultRawFileSystem(), src: src, opt: o, done: make(chan struct{})}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.composer = newComposer(f.ctx, src, o, &f.stats)
	f.dirs = newDirCache(src, f.composer, o.DirCacheBytes)
	f.levels = newLevels(src, levelCacheBytes)
	f.places = newLRU[nodeID](maxPlaces, func(place) int64 { return 1 })
	f.earlier = newLRU[string](maxEarlier, func(pastDir) int64 { return 1 })
	f.files = newFiles(src, o.IdleBackingIDs, &f.stats)
	f.notes = newNotifier(f)
	return f
}

// String names the file system to go-fuse.
func (f *FS) String() string { return "vrepofs" }

// place decodes a place's id.
func (f *FS) place(id nodeID) (place, error) {
	if p, ok := f.places.get(id); ok {
		return p, nil
	}
	p := place{parent: rootID}
	if id != rootID {
		var err error
		if p.key, err = f.src.PlaceKey(id.serial()); err != nil {
			return place{}, err
		}
	}
	c, err := f.src.Child(p.key)
	if err != nil {
		return place{}, err
	}
	p.tree, p.grace, p.hidden = c.Tree, c.Grace, c.Hidden
	if id != rootID {
		if p.parent, err = keyID(f.src, c.Parent); err != nil {
			return place{}, err
		}
	}
	f.places.put(id, p)
	return p, nil
}

// isPlace says whether an id is a place itself, not something inside.
func (n nodeID) isPlace() bool { return n == rootID || !n.isRPM() && n.ordinal() == 0 }
