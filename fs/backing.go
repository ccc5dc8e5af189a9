package fs

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"vrepofs/blob"
)

// files are the contents that are open, and the backing ids of blobs that lately were. There is one object per content,
// whatever number of nodes and opens share it, and all opens of a blob are served one way at a time: the kernel answers EIO to
// an open that mixes passthrough with READ on one node, or two backing ids (LIMITS).
type files struct {
	src      Source
	maxIdle  int
	stats    *counters
	register func(fd int) (int32, error) // nil: no passthrough
	// unregister gives a backing id back; the kernel keeps its file until then.
	unregister func(id int32)

	mu sync.Mutex
	// mu guards the rest and the fields of objects that say so.
	byKey  map[objectKey]*object
	byNode map[nodeID]*object // RPM nodes, for opens that ask nothing of the Source
	byFh   map[uint64]*object
	lastFh uint64
	idle   *list.List // of *object, passthrough ones with no opens, the newest in front
	opens  int
	ids    int
}

// objectKey is a content: a blob's own bytes, or what the rope in it describes.
type objectKey struct {
	digest blob.Digest
	rope   bool
}

// object is one content. What ready guards is set before ready is closed and constant afterwards.
type object struct {
	key  objectKey
	size int64
	fh   uint64
	node nodeID // the RPM's node, or 0

	ready  chan struct{}
	err    error
	kernel bool     // passthrough: the kernel reads, with backing id id
	id     int32    // if kernel
	file   *os.File // a blob served by READ
	rope   Rope
	path   string // of the blob
	seen   atomic.Pointer[identity]

	opens int           // guarded by files.mu
	idle  *list.Element // guarded by files.mu
}

// identity tells a file from what may take its path later.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

func identityOf(st *unix.Stat_t) *identity {
	return &identity{uint64(st.Dev), st.Ino, st.Size, st.Mtim, st.Ctim}
}

func newFiles(src Source, maxIdle int, c *counters) *files {
	return &files{
		src: src, maxIdle: maxIdle, stats: c,
		byKey: map[objectKey]*object{}, byNode: map[nodeID]*object{}, byFh: map[uint64]*object{}, idle: list.New(),
	}
}

var errReplaced = errors.New("the blob's file was replaced or changed while it is open")

// open returns the object of a content, which is opened if it is not. Each success must be paired with a release. node is the
// RPM's node, or 0.
func (t *files) open(cancel <-chan struct{}, key objectKey, size int64, node nodeID) (*object, error) {
	for {
		t.mu.Lock()
		o := t.byKey[key]
		if o == nil {
			return t.create(key, size, node)
		}
		t.takeLocked(o)
		t.mu.Unlock()
		if again, err := t.check(cancel, o, size); err != nil {
			return nil, err
		} else if !again {
			return o, nil
		}
	}
}

// openNode is open for an RPM node that has an object; ok is false if it has none (any more).
func (t *files) openNode(cancel <-chan struct{}, node nodeID) (o *object, ok bool, err error) {
	t.mu.Lock()
	o = t.byNode[node]
	if o == nil {
		t.mu.Unlock()
		return nil, false, nil
	}
	t.takeLocked(o)
	t.mu.Unlock()
	again, err := t.check(cancel, o, o.size)
	return o, !again, err
}

// takeLocked counts an open.
func (t *files) takeLocked(o *object) {
	o.opens++
	t.opens++
	if o.idle != nil {
		t.idle.Remove(o.idle)
		o.idle = nil
	}
}

// patience is how long an open waits for another's load of the blob before a signal may end it. Loading takes microseconds,
// but for an adopted file that must be hashed again; an open of a local file is not interrupted by a timer or a child's end.
const patience = 200 * time.Millisecond

// wait waits until an object is ready; false means that the request was cancelled.
func (o *object) wait(cancel <-chan struct{}) bool {
	select {
	case <-o.ready:
		return true
	default:
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-o.ready:
		return true
	case <-t.C:
	}
	select {
	case <-o.ready:
		return true
	case <-cancel:
		return false
	}
}

// check waits until an object that was taken is ready and looks whether its blob is still the same. If not it lets go of it,
// and says to try again if nobody else has it open. After an error the object is released.
func (t *files) check(cancel <-chan struct{}, o *object, size int64) (again bool, err error) {
	if !o.wait(cancel) {
		t.releaseObject(o)
		return false, errInterrupted
	}
	switch {
	case o.err != nil:
		err = o.err
	case o.size != size:
		err = fmt.Errorf("blob %s: %d bytes: %w", o.key.digest.Short(), o.size, errSize)
	case o.key.rope || o.unchanged():
		return false, nil
	default:
		var same bool
		if same, err = t.reopen(o); same {
			return false, nil
		}
		// Give the object up if this is its only open, so that the next look finds the new file.
		t.mu.Lock()
		again = err == nil && o.opens == 1
		t.mu.Unlock()
		if err == nil {
			err = fmt.Errorf("blob %s: %w", o.key.digest.Short(), errReplaced)
		}
	}
	t.mu.Lock()
	o.opens--
	t.opens--
	drop := o.opens == 0
	if drop {
		t.forgetLocked(o)
	}
	t.mu.Unlock()
	if drop {
		t.destroy(o)
	}
	if again && drop {
		return true, nil
	}
	return false, err
}

// unchanged looks at the blob's path: a blob that was set aside, truncated or replaced is not served from an id that the
// kernel still has. It costs one stat, 1 of some 12 µs of an open.
func (o *object) unchanged() bool {
	var st unix.Stat_t
	if unix.Stat(o.path, &st) != nil {
		return false
	}
	seen := o.seen.Load()
	return st.Ino == seen.ino && st.Size == seen.size && st.Mtim == seen.mtime && st.Ctim == seen.ctime && uint64(st.Dev) == seen.dev
}

// reopen has the Source look at a blob whose file is not as it was: somebody may have linked it or changed its mode, which
// does no harm, or its content, which the Source finds out where it cares to. same says that it is the same file and well.
func (t *files) reopen(o *object) (same bool, err error) {
	file, st, err := t.openBlob(o)
	if err != nil {
		return false, err
	}
	defer file.Close()
	now, seen := identityOf(&st), o.seen.Load()
	if now.dev != seen.dev || now.ino != seen.ino {
		return false, nil
	}
	o.seen.Store(now)
	return true, nil
}

// openBlob opens the blob of an object and checks its size.
func (t *files) openBlob(o *object) (*os.File, unix.Stat_t, error) {
	d := o.key.digest
	var st unix.Stat_t
	file, err := t.src.Open(d)
	if err != nil {
		return nil, st, fmt.Errorf("blob %s: %w", d.Short(), err)
	}
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		file.Close()
		return nil, st, fmt.Errorf("blob %s: %w", d.Short(), os.NewSyscallError("fstat", err))
	}
	if st.Size != o.size {
		file.Close()
		return nil, st, fmt.Errorf("blob %s: %d bytes, want %d: %w", d.Short(), st.Size, o.size, errSize)
	}
	return file, st, nil
}

// create makes the object of a content; t.mu is held and given back.
func (t *files) create(key objectKey, size int64, node nodeID) (*object, error) {
	t.lastFh++
	o := &object{key: key, size: size, fh: t.lastFh, node: node, ready: make(chan struct{})}
	t.byKey[key] = o
	t.byFh[o.fh] = o
	if node.isRPM() {
		t.byNode[node] = o
	}
	t.takeLocked(o)
	t.mu.Unlock()

	o.err = fmt.Errorf("blob %s: opening it did not end", key.digest.Short()) // if load panics
	defer func() {
		if o.err != nil {
			t.mu.Lock()
			o.opens--
			t.opens--
			t.forgetLocked(o)
			t.mu.Unlock()
		}
		close(o.ready)
	}()
	if o.err = t.load(o); o.err != nil {
		return nil, o.err
	}
	return o, nil
}

// load opens the content and, for a blob, registers it with the kernel.
func (t *files) load(o *object) error {
	d := o.key.digest
	if o.key.rope {
		r, err := t.src.OpenRope(d, o.size)
		if err != nil {
			return fmt.Errorf("rope %s: %w", d.Short(), err)
		}
		o.rope = r
		return nil
	}
	file, st, err := t.openBlob(o)
	if err != nil {
		return err
	}
	o.path = file.Name()
	o.seen.Store(identityOf(&st))
	if t.register == nil {
		o.file = file
		return nil
	}
	id, err := t.register(int(file.Fd()))
	if err != nil { // concerns this open, and those that join it
		t.stats.registerErrors.Add(1)
		why := fmt.Sprintf("register backing file: %v", err)
		t.stats.fallbackReason.Store(&why)
		o.file = file
		return nil
	}
	// The kernel has its own reference now, outside of the limit of open files.
	file.Close()
	t.stats.registered.Add(1)
	t.mu.Lock()
	t.ids++
	t.mu.Unlock()
	o.kernel, o.id = true, id
	return nil
}

// release undoes one open. A passthrough object stays, idle; the oldest idle one goes when there are too many.
func (t *files) release(fh uint64) {
	if o := t.get(fh); o != nil {
		t.releaseObject(o)
	}
}

func (t *files) releaseObject(o *object) {
	t.mu.Lock()
	o.opens--
	t.opens--
	var gone *object
	if o.opens == 0 && t.byFh[o.fh] == o { // whoever loaded it is done with it
		if o.kernel {
			o.idle = t.idle.PushFront(o)
			if t.idle.Len() > t.maxIdle {
				gone = t.idle.Back().Value.(*object)
				t.stats.evicted.Add(1)
			}
		} else {
			gone = o
		}
	}
	if gone != nil {
		t.forgetLocked(gone)
	}
	t.mu.Unlock()
	if gone != nil {
		t.destroy(gone)
	}
}

// forgetLocked takes an object out of the tables, so that the next open makes another.
func (t *files) forgetLocked(o *object) {
	if o.idle != nil {
		t.idle.Remove(o.idle)
		o.idle = nil
	}
	delete(t.byFh, o.fh)
	if t.byKey[o.key] == o {
		delete(t.byKey, o.key)
	}
	if o.node != 0 && t.byNode[o.node] == o {
		delete(t.byNode, o.node)
	}
}

// destroy gives back what a forgotten object holds. Nobody has it open, so the kernel may already be given another id.
func (t *files) destroy(o *object) {
	switch {
	case o.kernel:
		t.unregister(o.id)
		t.mu.Lock()
		t.ids--
		t.mu.Unlock()
	case o.file != nil:
		o.file.Close()
	case o.rope != nil:
		o.rope.Close()
	}
}

// get returns the object of a file handle that READ has.
func (t *files) get(fh uint64) *object {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byFh[fh]
}

// Drop gives back the backing ids of blobs that nobody has open: the kernel holds their files, so the space of deleted blobs
// would stay in use until their ids are evicted. Blobs that are open are left alone; the next open after a deletion fails.
func (f *FS) Drop(blobs ...blob.Digest) {
	t := f.files
	for _, d := range blobs {
		t.mu.Lock()
		o := t.byKey[objectKey{digest: d}]
		idle := o != nil && o.idle != nil
		if idle {
			t.forgetLocked(o)
		}
		t.mu.Unlock()
		if idle {
			t.destroy(o)
		}
	}
}

// closeAll gives everything back when the kernel has let go of the mount. Backing ids went with the connection.
func (t *files) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.byKey {
		if o.file != nil {
			o.file.Close()
		}
		if o.rope != nil {
			o.rope.Close()
		}
	}
	clear(t.byKey)
	clear(t.byFh)
	clear(t.byNode)
	t.idle.Init()
	t.opens, t.ids = 0, 0
}

func (t *files) count() (ids, opens int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ids, t.opens
}

// readAt reads len(p) bytes at off, fewer only at the end of the content; less than the tree promises is an error.
func (o *object) readAt(p []byte, off int64) (int, error) {
	if off >= o.size {
		return 0, nil
	}
	p = p[:min(int64(len(p)), o.size-off)]
	var r io.ReaderAt = o.rope
	if o.file != nil {
		r = o.file
	}
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = fmt.Errorf("blob %s: ends at %d: %w", o.key.digest.Short(), off+int64(n), errSize)
	}
	return 0, err
}
