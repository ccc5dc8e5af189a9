package fs

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Move says that a name of a live level is bound to another place than before, is new, or is gone.
type Move struct {
	Parent string // key of the live level, e.g. "tags"
	Name   string // e.g. "f40"
	// Rebound promises that the name was bound to one directory, is now bound to another, and will never be bound to the
	// former again. It lets the kernel expire the entry in microseconds instead of freeing all that is cached below it while
	// lookups in the parent wait (2–3 µs for each name). Without that promise expiring has a race (MOVING §2): a late
	// answer could renew the old binding.
	Rebound bool
}

// Moved tells the kernel of changes that the Source already shows, and returns when every later lookup, of any process, sees
// them. Calls that come together are told together. It must not be called from a method of the Source or with a lock held that
// one of them takes: the kernel waits for lookups in the parent, and the process could then not even be killed.
func (f *FS) Moved(moves []Move) {
	if len(moves) > 0 {
		f.notes.tell(moves)
	}
}

// notifier is the one goroutine that writes notifications. It holds no lock while it does.
type notifier struct {
	f    *FS
	wake chan struct{} // capacity 1

	mu sync.Mutex
	// mu guards the rest.
	queue   []Move
	waiting []chan struct{}
	closed  bool
}

func newNotifier(f *FS) *notifier { return &notifier{f: f, wake: make(chan struct{}, 1)} }

func (n *notifier) tell(moves []Move) {
	done := make(chan struct{})
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.queue = append(n.queue, moves...)
	n.waiting = append(n.waiting, done)
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
	<-done
}

// run serves until the mount has ended.
func (n *notifier) run(ended <-chan struct{}) {
	for {
		var over bool
		select {
		case <-n.wake:
		case <-ended:
			over = true
		}
		n.mu.Lock()
		moves, waiting := n.queue, n.waiting
		n.queue, n.waiting = nil, nil
		n.closed = over
		n.mu.Unlock()
		if !over {
			start := time.Now()
			n.f.notify(moves)
			n.f.stats.notifyTime.Add(int64(time.Since(start)))
		}
		for _, w := range waiting {
			close(w)
		}
		if over {
			return
		}
	}
}

// notify tells the kernel: first the names, then their parents, whose mtime and listing changed even where the name was not
// cached (MOVING §2: without it the parent's mtime stayed old 30 times of 30).
func (f *FS) notify(moves []Move) {
	slices.SortStableFunc(moves, func(a, b Move) int {
		if a.Parent != b.Parent {
			return strings.Compare(a.Parent, b.Parent)
		}
		return strings.Compare(a.Name, b.Name)
	})
	for i := 0; i < len(moves); {
		parent, err := keyID(f.src, moves[i].Parent)
		j := i
		for ; j < len(moves) && moves[j].Parent == moves[i].Parent; j++ {
			if err != nil {
				continue
			}
			m := moves[j]
			for j+1 < len(moves) && moves[j+1].Parent == m.Parent && moves[j+1].Name == m.Name {
				j++
				m.Rebound = m.Rebound && moves[j].Rebound
			}
			f.noteEntry(parent, m)
		}
		if err != nil {
			f.logOnce(err.Error(), "fs: move in %s not told: %v", moves[i].Parent, err)
		} else {
			f.stats.inodeNotes.Add(1)
			f.noteResult("inode", moves[i].Parent, f.server.InodeNotify(uint64(parent), -1, 0))
		}
		i = j
	}
}

func (f *FS) noteEntry(parent nodeID, m Move) {
	f.stats.moves.Add(1)
	var st fuse.Status
	if m.Rebound && f.expire {
		st = f.expireEntry(parent, m.Name)
	} else {
		st = f.server.EntryNotify(uint64(parent), m.Name)
	}
	if st.Ok() {
		f.stats.entryNotes.Add(1)
	}
	f.noteResult("entry", m.Parent+"/"+m.Name, st)
}

// noteResult takes "not cached" and "no longer mounted" for success.
func (f *FS) noteResult(what, name string, st fuse.Status) {
	switch st {
	case fuse.OK, fuse.ENOENT, fuse.ENODEV, fuse.EBADF, fuse.Status(syscall.ENOTCONN):
	default:
		f.stats.noteErrs.Add(1)
		f.opt.Logf("fs: %s notification of %q: %v", what, name, st)
	}
}

// expireEntry writes FUSE_NOTIFY_INVAL_ENTRY with FUSE_EXPIRE_ONLY, for which go-fuse has no call (linux/fuse.h: struct
// fuse_out_header, struct fuse_notify_inval_entry_out).
func (f *FS) expireEntry(parent nodeID, name string) fuse.Status {
	const (
		notifyInvalEntry = 3
		expireOnly       = 1
	)
	le := binary.NativeEndian
	b := make([]byte, 32, 32+len(name)+1)
	le.PutUint32(b[4:], notifyInvalEntry) // in place of the error; unique, at 8, is 0
	le.PutUint64(b[16:], uint64(parent))
	le.PutUint32(b[24:], uint32(len(name)))
	le.PutUint32(b[28:], expireOnly)
	b = append(append(b, name...), 0)
	le.PutUint32(b, uint32(len(b)))
	_, err := f.device.Write(b)
	return fuse.ToStatus(err)
}
