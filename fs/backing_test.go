package fs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"vrepofs/blob"
)

// kernelIDs stands for the kernel's table of backing ids.
type kernelIDs struct {
	mu    sync.Mutex
	last  int32
	files map[int32]string // what each is registered for
	fail  func() bool
}

func (k *kernelIDs) register(fd int) (int32, error) {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil && k.fail() {
		return 0, syscall.EMFILE
	}
	k.last++
	k.files[k.last] = name
	return k.last, nil
}

func (k *kernelIDs) unregister(id int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.files[id]; !ok {
		panic("unregistered twice")
	}
	delete(k.files, id)
}

func withKernel(f *FS) *kernelIDs {
	k := &kernelIDs{files: map[int32]string{}}
	f.files.register, f.files.unregister = k.register, k.unregister
	return k
}

func openNode(f *FS, id nodeID) (fuse.OpenOut, fuse.Status) {
	var out fuse.OpenOut
	st := f.Open(nil, &fuse.OpenIn{InHeader: header(id)}, &out)
	return out, st
}

func rpmNode(t testing.TB, s *memSource, content string) nodeID {
	return rpmID(s.rpm(t, content).Serial)
}

// TestBackingIDs: one id per blob while it is open, kept when idle, the oldest idle one given back beyond the bound.
func TestBackingIDs(t *testing.T) {
	src := newSource(t)
	f := newFS(src, Options{IdleBackingIDs: 2})
	k := withKernel(f)
	n := make([]nodeID, 5)
	for i := range n {
		n[i] = rpmNode(t, src, fmt.Sprint("content ", i))
	}
	open := func(i int) fuse.OpenOut {
		t.Helper()
		out, st := openNode(f, n[i])
		if !st.Ok() || out.OpenFlags != fuse.FOPEN_PASSTHROUGH|fuse.FOPEN_NOFLUSH {
			t.Fatalf("open %d: %v %+v", i, st, out)
		}
		return out
	}
	release := func(o fuse.OpenOut) { f.Release(nil, &fuse.ReleaseIn{Fh: o.Fh}) }
	a, b := open(0), open(0)
	equal(t, "one id", a.BackingID, b.BackingID)
	release(a)
	var others []fuse.OpenOut
	for i := 1; i < 5; i++ {
		others = append(others, open(i))
	}
	equal(t, "ids, all open", len(k.files), 5)
	for _, o := range others {
		release(o)
	}
	equal(t, "ids: one open and two idle", len(k.files), 3)
	equal(t, "still open", open(0).BackingID, a.BackingID)
	calls := src.entryCalls.Load()
	release(open(4))
	equal(t, "an open of an idle one asks the Source", src.entryCalls.Load()-calls, 0)
	s := f.Stats()
	equal(t, "stats", fmt.Sprint(s.BackingIDs, s.OpenFiles, s.Registered, s.Evicted), "3 2 5 2")
	f.Drop(blob.Sum([]byte("content 0")), blob.Sum([]byte("content 4")), blob.Sum([]byte("none")))
	s = f.Stats()
	equal(t, "after Drop of an open, an idle and an unknown one", fmt.Sprint(s.BackingIDs, s.OpenFiles), "2 2")
}

// TestFallback: a registration that fails concerns this open and those that join it.
func TestFallback(t *testing.T) {
	src := newSource(t)
	f := newFS(src, Options{})
	k := withKernel(f)
	fail := true
	k.fail = func() bool { return fail }
	node := rpmNode(t, src, "some content")
	a, st := openNode(f, node)
	equal(t, "open", st, fuse.OK)
	equal(t, "flags", a.OpenFlags, fuse.FOPEN_KEEP_CACHE|fuse.FOPEN_NOFLUSH)
	fail = false
	b, _ := openNode(f, node)
	equal(t, "the second, while the first is open", b.OpenFlags, a.OpenFlags)
	other, _ := openNode(f, rpmNode(t, src, "other content"))
	equal(t, "another blob", other.OpenFlags&fuse.FOPEN_PASSTHROUGH, fuse.FOPEN_PASSTHROUGH)
	buf := make([]byte, 100)
	r, st := f.Read(nil, &fuse.ReadIn{InHeader: header(node), Fh: a.Fh, Offset: 5}, buf)
	equal(t, "read", st, fuse.OK)
	got, _ := r.Bytes(nil)
	equal(t, "read", string(got), "content")
	f.Release(nil, &fuse.ReleaseIn{Fh: a.Fh})
	f.Release(nil, &fuse.ReleaseIn{Fh: b.Fh})
	c, _ := openNode(f, node)
	equal(t, "when it is closed", c.OpenFlags&fuse.FOPEN_PASSTHROUGH, fuse.FOPEN_PASSTHROUGH)
	s := f.Stats()
	equal(t, "stats", fmt.Sprint(s.FallbackOpens, s.PassthroughOpens, s.RegisterErrors, s.BlobReads), "2 2 1 1")
	equal(t, "reason", s.FallbackReason, "register backing file: too many open files")
}

// TestDamagedBlob: missing, short, or changed under an idle backing id: EIO, for this file only, and well again with the blob.
func TestDamagedBlob(t *testing.T) {
	src := newSource(t)
	f := newFS(src, Options{Logf: t.Logf})
	k := withKernel(f)
	e := src.rpm(t, "precious content")
	path, node, good := src.path(e.Digest), rpmID(e.Serial), rpmNode(t, src, "good")
	check := func(what string, want fuse.Status) {
		t.Helper()
		out, st := openNode(f, node)
		equal(t, what, st, want)
		if st.Ok() {
			f.Release(nil, &fuse.ReleaseIn{Fh: out.Fh})
		}
		out, st = openNode(f, good)
		equal(t, "the good one: "+what, st, fuse.OK)
		f.Release(nil, &fuse.ReleaseIn{Fh: out.Fh})
	}
	restore := func() {
		os.Remove(path)
		must(t, os.WriteFile(path, []byte("precious content"), 0o644))
	}
	must(t, os.Rename(path, path+".away"))
	check("missing", fuse.EIO)
	restore()
	check("back", fuse.OK)
	must(t, os.Truncate(path, 3))
	check("truncated under an idle id", fuse.EIO)
	restore()
	check("back", fuse.OK)
	must(t, os.Remove(path))
	check("removed under an idle id", fuse.EIO)
	must(t, os.WriteFile(path, []byte("longer than the content was"), 0o644))
	check("long", fuse.EIO)
	restore()
	check("back", fuse.OK)

	out, _ := openNode(f, node)
	must(t, os.Link(path, path+".link"))
	check("linked while it is open", fuse.OK)
	must(t, os.Chmod(path, 0o400))
	check("chmod while it is open", fuse.OK)
	restore()
	check("replaced while it is open", fuse.EIO)
	f.Release(nil, &fuse.ReleaseIn{Fh: out.Fh})
	check("closed", fuse.OK)
	equal(t, "ids", len(k.files), 2)
	equal(t, "errors", f.Stats().BlobErrors, 5)
}

// TestBackingModel drives opens, releases and failures from many goroutines against what must hold: all that have a blob open
// at a time have it in one way, by one id, that the kernel has.
func TestBackingModel(t *testing.T) {
	src := newSource(t)
	f := newFS(src, Options{IdleBackingIDs: 3, Logf: t.Logf})
	k := withKernel(f)
	k.fail = func() bool { return rand.IntN(5) == 0 }
	const blobs = 8
	var nodes [blobs]nodeID
	for i := range nodes {
		nodes[i] = rpmNode(t, src, fmt.Sprint("blob ", i))
	}
	type held struct {
		fuse.OpenOut
		n int
	}
	var mu sync.Mutex
	var now [blobs]held // what is open; changed before a release and after an open, as in the kernel
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				i := rand.IntN(blobs)
				out, st := openNode(f, nodes[i])
				if !st.Ok() {
					t.Errorf("open: %v", st)
					return
				}
				mu.Lock()
				if h := now[i]; h.n > 0 && h.OpenOut != out {
					t.Errorf("blob %d is open as %+v and as %+v", i, h.OpenOut, out)
				}
				now[i] = held{out, now[i].n + 1}
				mu.Unlock()
				if out.OpenFlags&fuse.FOPEN_PASSTHROUGH != 0 {
					k.mu.Lock()
					if k.files[out.BackingID] == "" {
						t.Errorf("blob %d has an id that the kernel has not", i)
					}
					k.mu.Unlock()
				}
				mu.Lock()
				now[i].n--
				mu.Unlock()
				f.Release(nil, &fuse.ReleaseIn{Fh: out.Fh})
			}
		})
	}
	wg.Wait()
	s := f.Stats()
	equal(t, "open files", s.OpenFiles, 0)
	equal(t, "objects", len(f.files.byKey), len(k.files))
	equal(t, "idle", s.BackingIDs, len(k.files))
	if len(k.files) > 3 {
		t.Errorf("%d idle ids, at most 3", len(k.files))
	}
	if s.RegisterErrors == 0 || s.Evicted == 0 || s.Errors > 0 {
		t.Errorf("stats: %+v", s)
	}
}

func TestInterruptedOpen(t *testing.T) {
	src := newSource(t)
	f := newFS(src, Options{})
	e := src.rpm(t, "x")
	entered, leave := make(chan struct{}), make(chan struct{})
	f.files.register = func(int) (int32, error) { close(entered); <-leave; return 0, errors.New("no") }
	done := make(chan fuse.OpenOut)
	go func() { out, _ := openNode(f, rpmID(e.Serial)); done <- out }()
	<-entered
	cancel := make(chan struct{})
	close(cancel)
	equal(t, "interrupted", f.Open(cancel, &fuse.OpenIn{InHeader: header(rpmID(e.Serial))}, &fuse.OpenOut{}), fuse.EINTR)
	close(leave)
	out := <-done
	_, opens := f.files.count()
	equal(t, "opens", opens, 1)
	f.Release(nil, &fuse.ReleaseIn{Fh: out.Fh})
	equal(t, "objects", len(f.files.byKey), 0)
}

func BenchmarkOpenHandler(b *testing.B) {
	src := newSource(b)
	f := newFS(src, Options{})
	withKernel(f)
	node := rpmNode(b, src, "x")
	in := fuse.OpenIn{InHeader: header(node)}
	b.ReportAllocs()
	for b.Loop() {
		var out fuse.OpenOut
		f.Open(nil, &in, &out)
		f.Release(nil, &fuse.ReleaseIn{Fh: out.Fh})
	}
}
