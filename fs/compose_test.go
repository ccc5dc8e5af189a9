package fs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vrepofs/tree"
)

type ctxt = context.Context

// slowSource has views v0, v1, … whose composition waits until gate is closed or the context ends.
type slowSource struct {
	*memSource
	gate         chan struct{}
	running, max atomic.Int64
	calls        atomic.Int64
}

func newSlowSource(t *testing.T, views int) *slowSource {
	s := &slowSource{memSource: newSource(t), gate: make(chan struct{})}
	root := s.makeTree(t, 1, map[string]tree.Entry{"file": s.file(t, 1, "composed")})
	var cs []Child
	for i := range views {
		key := fmt.Sprint("v", i)
		cs = append(cs, Child{Name: key, Key: key, Tree: true, Mtime: 1})
		s.setTreeFunc(key, func(ctx ctxt) (tree.Entry, error) {
			s.calls.Add(1)
			n := s.running.Add(1)
			defer s.running.Add(-1)
			for m := s.max.Load(); n > m && !s.max.CompareAndSwap(m, n); m = s.max.Load() {
			}
			select {
			case <-s.gate:
				return root, nil
			case <-ctx.Done():
				return tree.Entry{}, ctx.Err()
			}
		})
	}
	s.setLevel("", Level{Live: true, Children: cs})
	return s
}

// TestParentsDoNotCompose: listing and stat of a view compose nothing; a look inside does.
func TestParentsDoNotCompose(t *testing.T) {
	src := newSlowSource(t, 3)
	close(src.gate)
	f := mountSource(t, src, Options{})
	f.sh(`ls -l; stat v0 v1; test -d v2; find . -maxdepth 1 -ls >/dev/null; getfattr -d v1 >/dev/null`)
	equal(t, "compositions", f.fs.Stats().Compositions, 0)
	f.sh(`ls v0; cat v1/file; test ! -e v1/none`)
	equal(t, "compositions", f.fs.Stats().Compositions, 2)
}

// TestOneFlight: many readers of one view cause one composition, and of many views no more than Composers at once.
func TestOneFlight(t *testing.T) {
	src := newSlowSource(t, 6)
	f := mountSource(t, src, Options{Composers: 2})
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			if got, err := f.trySh(fmt.Sprintf(`cat v%d/file`, i%6)); err != nil || got != "composed" {
				t.Errorf("reader: %v, %s", err, got)
			}
		})
	}
	waitFor(t, "readers", func() bool { return f.fs.Stats().Composing == 6 && src.running.Load() == 2 })
	close(src.gate)
	wg.Wait()
	equal(t, "calls", src.calls.Load(), 6)
	equal(t, "at once", src.max.Load(), 2)
}

// TestKilledReader: SIGKILL ends a reader that waits for a composition; the work goes on.
func TestKilledReader(t *testing.T) {
	src := newSlowSource(t, 2)
	f := mountSource(t, src, Options{})
	for _, script := range []string{`exec cat v0/file`, `exec ls v1`} {
		before := f.fs.Stats().Composing
		reader := f.child("ask", strings.Fields(script)[2])
		reader.Stdin = strings.NewReader("?\n")
		if strings.Contains(script, "file") {
			reader.Args[1] = "v0/file"
		}
		must(t, reader.Start())
		waitFor(t, "composition", func() bool { return f.fs.Stats().Composing == before+1 })
		must(t, reader.Process.Kill())
		err := reader.Wait() // would never return if the kernel went on waiting
		if reader.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Errorf("%s: %v", script, err)
		}
	}
	s := f.fs.Stats()
	equal(t, "still composing", s.Composing, 2)
	if s.Interrupted == 0 {
		t.Error("nobody was interrupted")
	}
	close(src.gate)
	equal(t, "the next reader", f.sh(`cat v0/file v1/file`), "composedcomposed")
	equal(t, "calls", src.calls.Load(), 2)
}

// TestComposeTimeout: EAGAIN after the timeout; the work goes on, and who comes back later finds it done.
func TestComposeTimeout(t *testing.T) {
	src := newSlowSource(t, 1)
	f := mountSource(t, src, Options{ComposeTimeout: 30 * time.Millisecond})
	out, err := f.trySh(`cat v0/file`)
	if err == nil || !strings.Contains(out, "Resource temporarily unavailable") {
		t.Errorf("%v: %s", err, out)
	}
	equal(t, "timeouts", f.fs.Stats().Timeouts, 1)
	close(src.gate)
	waitFor(t, "composition", func() bool { return f.fs.Stats().Composing == 0 })
	equal(t, "later", f.sh(`cat v0/file`), "composed")
	equal(t, "calls", src.calls.Load(), 1)
}

// TestFailedComposition: an error of the Source is the reader's, and the next reader tries again.
func TestFailedComposition(t *testing.T) {
	src := newSlowSource(t, 2)
	close(src.gate)
	good := src.trees["v0"]
	var well atomic.Bool
	src.setTreeFunc("v0", func(ctx ctxt) (tree.Entry, error) {
		if !well.Load() {
			return tree.Entry{}, errors.New("no such luck")
		}
		return good(ctx)
	})
	src.setTreeFunc("v1", func(ctx ctxt) (tree.Entry, error) { panic("BUG: test") })
	f := mountSource(t, src, Options{})
	for _, v := range []string{"v0", "v1"} {
		out, err := f.trySh(`cat ` + v + `/file`)
		if err == nil || !strings.Contains(out, "Input/output error") {
			t.Errorf("%s: %v: %s", v, err, out)
		}
	}
	well.Store(true)
	equal(t, "again", f.sh(`cat v0/file`), "composed")
	equal(t, "errors", f.fs.Stats().ComposeErrors, 2)
	if !strings.Contains(f.log.String(), "no such luck") {
		t.Error("not logged")
	}
}

// TestUnmountWhileComposing: the composition is cancelled, its waiters get an error, nothing is left behind.
func TestUnmountWhileComposing(t *testing.T) {
	src := newSlowSource(t, 1)
	f := mountSource(t, src, Options{})
	done := make(chan string, 1)
	go func() { out, _ := f.trySh(`cat v0/file`); done <- out }()
	waitFor(t, "composition", func() bool { return f.fs.Stats().Composing == 1 })
	must(t, f.fs.Unmount())
	select {
	case <-f.fs.Done():
		t.Fatal("ended with a reader inside")
	default:
	}
	close(src.gate)
	equal(t, "the reader", <-done, "composed")
	<-f.fs.Done()
}
