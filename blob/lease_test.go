package blob

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vrepofs/disk"
	"vrepofs/disk/disktest"
)

// TestMain lets the test binary be the child process of TestProcesses and TestKill.
func TestMain(m *testing.M) {
	switch os.Getenv("VREPOFS_BLOB_CHILD") {
	case "":
		os.Exit(m.Run())
	case "loop":
		childLoop(os.Getenv("VREPOFS_BLOB_ROOT"), os.Getenv("VREPOFS_BLOB_SEED"))
	default:
		os.Exit(2)
	}
}

// childLoop puts the contents "0", "1", … in flushes of all sizes and prints each count that is flushed.
func childLoop(root, seed string) {
	n, _ := strconv.Atoi(seed)
	rng := rand.New(rand.NewPCG(uint64(n), 0))
	s := must(Open(root, disk.OS{}))
	if err := s.Recover(); err != nil {
		panic(err)
	}
	l := must(s.NewLease())
	for done := 0; done < 2000; {
		for range 1 + rng.IntN(3*syncEach) {
			c := childContent(done)
			switch {
			case done%5 == 0:
				f := must(os.OpenFile(filepath.Join(root, fmt.Sprint("user", seed, "-", done)), os.O_RDWR|os.O_CREATE, 0o600))
				must(f.WriteString(c))
				if err := l.Place(f, Sum([]byte(c)), int64(len(c)), Hardlink); err != nil {
					panic(err)
				}
				f.Close()
			case done%5 < 3:
				must(l.Write([]byte(c)))
			default:
				_, _, err := l.Copy(strings.NewReader(c))
				if err != nil {
					panic(err)
				}
			}
			done++
		}
		if err := l.Flush(context.Background()); err != nil {
			panic(err)
		}
		fmt.Println(done)
	}
	if err := l.Close(); err != nil {
		panic(err)
	}
}

func childContent(i int) string { return fmt.Sprint("content ", i, strings.Repeat(" ", i%300)) }

// child starts this binary as childLoop. Its flushed counts arrive in the channel, which is closed with its output.
func child(t *testing.T, root string, seed int) (*exec.Cmd, <-chan int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "VREPOFS_BLOB_CHILD=loop", "VREPOFS_BLOB_ROOT="+root, fmt.Sprint("VREPOFS_BLOB_SEED=", seed))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ch := make(chan int, 4000)
	go func() {
		defer close(ch)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			n, err := strconv.Atoi(sc.Text())
			if err != nil {
				t.Errorf("child says %q", sc.Text())
			}
			ch <- n
		}
	}()
	return cmd, ch
}

func flushed(n int) (ds []Digest) {
	for i := range n {
		ds = append(ds, Sum([]byte(childContent(i))))
	}
	return ds
}

// TestKill kills a process that puts blobs, at random moments, over one store.
func TestKill(t *testing.T) {
	rounds := 20
	if os.Getenv("VREPOFS_LONG") != "" {
		rounds = 200
	}
	rng := rand.New(rand.NewPCG(3, 3))
	root := disktest.Scratch(t)
	for round := range rounds {
		if round%5 == 0 {
			root = disktest.Scratch(t)
		}
		cmd, counts := child(t, root, round)
		last := 0
		for range rng.IntN(12) { // so many flushes, then at any moment of the next
			last = max(last, <-counts)
		}
		// Not an event that could be awaited: any moment will do.
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for n := range counts {
			last = max(last, n)
		}
		cmd.Wait()
		if err := checkRecovered(root, flushed(last)); err != nil {
			t.Fatalf("round %d, after %d blobs: %v", round, last, err)
		}
	}
}

// TestProcesses lets two processes put the same blobs at once.
func TestProcesses(t *testing.T) {
	root := disktest.Scratch(t)
	a, as := child(t, root, 1)
	b, bs := child(t, root, 2)
	for range as {
	}
	for range bs {
	}
	if err := errors.Join(a.Wait(), b.Wait()); err != nil {
		t.Fatal(err)
	}
	if err := checkRecovered(root, flushed(2000)); err != nil {
		t.Fatal(err)
	}
}

// TestConcurrentPuts lets goroutines share leases of two stores over one directory.
func TestConcurrentPuts(t *testing.T) {
	a := newStore(t)
	b := must(Open(a.root, disk.OS{}))
	leases := []*Lease{newLease(t, a), newLease(t, a), newLease(t, b)}
	var wg sync.WaitGroup
	for g := range 12 {
		wg.Go(func() {
			l := leases[g%len(leases)]
			for i := range 40 {
				c := fmt.Sprint("content ", (i*7+g)%50)
				d := Sum([]byte(c))
				var err error
				switch (i + g) % 4 {
				case 0:
					_, err = l.Write([]byte(c))
				case 1:
					_, _, err = l.Copy(strings.NewReader(c))
				case 2:
					err = l.Place(userFile(t, a.root, c), d, int64(len(c)), Hardlink)
				case 3:
					err = l.Place(userFile(t, a.root, c), d, int64(len(c)), Copy)
				}
				if err != nil {
					t.Error(err)
				}
				if !l.Has(d) {
					t.Errorf("%q is not there", c)
				}
				if i%10 == 9 {
					if err := l.Flush(context.Background()); err != nil {
						t.Error(err)
					}
					if in, err := b.Stat(d); err != nil || in.Size != int64(len(c)) {
						t.Errorf("%q after its flush: %v, %v", c, in, err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := a.VerifyAll(context.Background(), 2, nil); err != nil {
		t.Error(err)
	}
	for i := range 50 {
		if c := fmt.Sprint("content ", i); read(t, b, Sum([]byte(c))) != c {
			t.Errorf("%q is wrong", c)
		}
	}
}

func TestRecoverLeavesTheLivingAlone(t *testing.T) {
	s := newStore(t)
	l := newLease(t, s)
	d, err := l.Write([]byte("alive"))
	if err != nil {
		t.Fatal(err)
	}
	// A dead lease, one that died before it wrote, and a stray file.
	for _, name := range []string{"9-dead", "9-empty"} {
		if err := os.Mkdir(filepath.Join(s.incoming(), name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"9-dead/1", "stray"} {
		if err := os.WriteFile(filepath.Join(s.incoming(), name), []byte("x"), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(s.incoming())
	if len(left) != 1 || left[0].Name() != filepath.Base(l.dir) {
		t.Errorf("left: %v", left)
	}
	if err := l.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, d); got != "alive" {
		t.Error(got)
	}
}

// TestNewLeaseAgainstRecover makes leases while others clean up.
func TestNewLeaseAgainstRecover(t *testing.T) {
	s := newStore(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := s.Recover(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for i := range 200 {
		l, err := s.NewLease()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Write([]byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestClose(t *testing.T) {
	s := newStore(t)
	before := openFiles(t)
	l := newLease(t, s)
	d, err := l.Write([]byte("dropped"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if s.Has(d) || l.Has(d) {
		t.Error("it was not dropped")
	}
	if _, err := l.Write([]byte("x")); !errors.Is(err, iofs.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if err := l.Flush(context.Background()); !errors.Is(err, iofs.ErrClosed) {
		t.Errorf("flush after close: %v", err)
	}
	if left, _ := os.ReadDir(s.incoming()); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if n := openFiles(t); n != before {
		t.Errorf("%d descriptors, %d before", n, before)
	}
}

func TestFlushCancelled(t *testing.T) {
	s := newStore(t)
	l := newLease(t, s)
	d, err := l.Write([]byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := l.Flush(context.Background()); err != nil || !s.Has(d) {
		t.Errorf("afterwards: %v", err)
	}
}

// TestUmask: blobs are readable to all whatever the umask says.
func TestUmask(t *testing.T) {
	s := newStore(t)
	old := unix.Umask(0o077)
	d := put(t, s, "content")[0]
	unix.Umask(old)
	if fi, err := os.Stat(s.Path(d)); err != nil || fi.Mode() != 0o444 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}

// TestFewOpenFiles: a big batch does not keep a descriptor per blob.
func TestFewOpenFiles(t *testing.T) {
	s := newStore(t)
	l := newLease(t, s)
	before := openFiles(t)
	for i := range 200 {
		if _, err := l.Write([]byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if n := openFiles(t) - before; n > syncEach {
			t.Fatalf("%d files are open", n)
		}
	}
	if err := l.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := openFiles(t) - before; n != 0 {
		t.Errorf("%d files stay open", n)
	}
}

func TestLeaseOpen(t *testing.T) {
	s := newStore(t)
	l, err := s.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d, err := l.Write([]byte("pending"))
	if err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"before Flush", "after"} {
		f, err := l.Open(d)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		b, err := io.ReadAll(f)
		f.Close()
		if err != nil || string(b) != "pending" {
			t.Errorf("%s: %q, %v", when, b, err)
		}
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Open(Sum([]byte("never put"))); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("a blob that is not there: %v", err)
	}
}

// TestLeaseAppend: what is on its way in and what is there is read back, by the size that it has only.
func TestLeaseAppend(t *testing.T) {
	s := newStore(t)
	there := put(t, s, "there")[0]
	l, err := s.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	long := strings.Repeat("pending", 400_000)
	pending, err := l.Write([]byte(long))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // before and after Flush
		for _, tt := range []struct {
			d    Digest
			size int64
			want string
			err  error
		}{
			{there, 5, "there", nil},
			{pending, int64(len(long)), long, nil},
			{there, 4, "", ErrCorrupt},
			{there, 6, "", ErrCorrupt},
			{there, 1 << 62, "", ErrCorrupt},
			{there, -1, "", ErrCorrupt},
			{Sum([]byte("missing")), 7, "", iofs.ErrNotExist},
		} {
			b, err := l.Append([]byte("x"), tt.d, tt.size)
			if !errors.Is(err, tt.err) || err == nil && string(b) != "x"+tt.want {
				t.Errorf("%s, size %d: %d bytes, %v, want %d, %v", tt.d.Short(), tt.size, len(b), err, len(tt.want)+1, tt.err)
			}
		}
		if err := l.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
