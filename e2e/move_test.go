package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	iofs "io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vrepofs/testrpm"
)

// manifest tells everything of a directory that a copy keeps: names, sizes, times, targets, content.
func manifest(dir string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s %d", rel, fi.Mode().Type(), fi.ModTime().Unix())
		if fi.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x", sha256.Sum256(content))
		}
		b.WriteByte('\n')
		return nil
	})
	return b.String(), err
}

// mover moves tag "dev" of a box all the time: groups of builds go and come.
type mover struct {
	b      *box
	stop   context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex
	events []string      // mu guards it: events at which the tag has moved
	moved  chan struct{} // holds one when the tag has moved since somebody looked
	err    error         // of the command that failed, once done is closed
}

const (
	moverGroups = 4
	moverSize   = 30 // builds in a group
)

// newMover fills a store with a tag of moverGroups × moverSize builds and mounts it.
func newMover(t testing.TB) (*box, [][]string) {
	b := newBox(t)
	var specs []testrpm.Spec
	var groups [][]string
	for g := range moverGroups {
		var nvrs []string
		for i := range moverSize {
			s := testrpm.Spec{Name: fmt.Sprintf("%c%c-pkg%02d", 'a'+g, 'a'+i%26, i), Files: []testrpm.File{{Path: fmt.Sprintf("/usr/share/%d-%d", g, i), Size: 20000}}}
			specs = append(specs, s)
			nvrs = append(nvrs, s.NVR())
		}
		groups = append(groups, nvrs)
	}
	b.ok("build", "import", b.rpms("rpms", specs...))
	b.ok("tag", "create", "dev", "--arch", "x86_64", "--open")
	for _, g := range groups {
		b.ok(append([]string{"tag", "add", "dev"}, g...)...)
	}
	return b, groups
}

// startMover begins to move. Each round takes one group out and puts it in again, so neighbours differ in a quarter of everything.
func startMover(b *box, groups [][]string) *mover {
	ctx, cancel := context.WithCancel(context.Background())
	m := &mover{b: b, stop: cancel, done: make(chan struct{}), moved: make(chan struct{}, 1)}
	b.Cleanup(func() { cancel(); <-m.done })
	go func() {
		defer close(m.done)
		for i := 0; ctx.Err() == nil; i++ {
			verb := []string{"remove", "add"}[i%2]
			c := exec.Command(program, append([]string{"tag", verb, "dev"}, groups[i/2%len(groups)]...)...)
			c.Env, c.Dir = b.env(), b.dir
			out, err := c.CombinedOutput()
			fields := strings.Fields(string(out)) // "event 17  2026-11-21 …"
			if err != nil || len(fields) < 2 || fields[0] != "event" {
				m.err = fmt.Errorf("%v: %v: %s", c.Args[:4], err, out)
				return
			}
			m.mu.Lock()
			m.events = append(m.events, fields[1])
			m.mu.Unlock()
			select {
			case m.moved <- struct{}{}:
			default:
			}
		}
	}()
	return m
}

// count is how often the tag has moved.
func (m *mover) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

// end ends moving and returns, for each generation that there was, its manifest and event.
func (m *mover) end(t testing.TB, first string) map[string]string {
	t.Helper()
	m.stop()
	<-m.done
	if m.err != nil {
		t.Fatal(m.err)
	}
	generations := map[string]string{}
	for _, event := range append([]string{first}, m.events...) {
		text, err := manifest(filepath.Join(m.b.mnt, "at", event, "tags/dev/x86_64"))
		if err != nil {
			t.Fatalf("generation of event %s: %v", event, err)
		}
		generations[text] = event
	}
	return generations
}

// lastEvent is the number of the store's last event.
func (b *box) lastEvent() string {
	b.Helper()
	var s struct{ Head struct{ Event uint64 } }
	b.json(&s, "status")
	return fmt.Sprint(s.Head.Event)
}

// copies makes n copies while the tag moves and holds that each is one generation. copyTo copies to a directory.
func copiesInFlight(t *testing.T, b *box, groups [][]string, n int, copyTo func(i int, dst string) error) {
	t.Helper()
	first := b.lastEvent()
	m := startMover(b, groups)
	moved := 0
	var copies []string
	for i := range n {
		dst := b.path(fmt.Sprint("copy", i))
		before := m.count()
		if err := copyTo(i, dst); err != nil {
			t.Errorf("copy %d: %v", i, err)
		}
		if m.count() > before {
			moved++
		}
		text, err := manifest(dst)
		if err != nil {
			t.Fatal(err)
		}
		copies = append(copies, text)
		if err := os.RemoveAll(dst); err != nil {
			t.Fatal(err)
		}
	}
	generations := m.end(t, first)
	if len(generations) != len(m.events)+1 {
		t.Errorf("%d generations of %d events: their trees must all differ (repomd.xml has another time)", len(generations), len(m.events)+1)
	}
	seen := map[string]bool{}
	for i, text := range copies {
		event, ok := generations[text]
		if !ok {
			t.Errorf("copy %d is no generation: %d lines", i, strings.Count(text, "\n"))
		}
		seen[event] = true
	}
	t.Logf("%d copies, %d of them with a move in flight, %d moves, %d different generations copied", n, moved, len(m.events), len(seen))
	if moved < n/4 || len(seen) < 2 {
		t.Errorf("the tag moved during %d of %d copies only: this test shows nothing", moved, n)
	}
}

// runIn runs a command to its end, wherever it is called from.
func runIn(b *box, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Env, c.Dir = b.env(), b.dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// rsyncOnce runs rsync until it has looked at its source without a move in between. rsync 3.5 goes to the source by chdir and opens it
// once more by its path, and when the two are not one inode it ends with "Too many levels of symbolic links" before it copies
// anything (strace; syscall.c, secure_relative_open). At a move every 30 ms that meets a few copies in a hundred.
func rsyncOnce(b *box, rsync, src, dst string) error {
	for try := 1; ; try++ {
		err := runIn(b, rsync, "-aH", src, dst+"/")
		if err == nil || try == 5 || !strings.Contains(err.Error(), "Too many levels of symbolic links") {
			return err
		}
		if names, rerr := os.ReadDir(dst); rerr != nil && !errors.Is(rerr, iofs.ErrNotExist) || len(names) > 0 {
			return fmt.Errorf("%w\nand it has copied %v, %v", err, names, rerr)
		}
	}
}

// TestRsyncInFlight copies a view that moves all the time: exit 0, and each copy is one generation, byte for byte, time for time.
func TestRsyncInFlight(t *testing.T) {
	rsyncs(t, func(t *testing.T, rsync string) {
		b, groups := newMover(t)
		b.mount()
		copiesInFlight(t, b, groups, times(12, 60), func(_ int, dst string) error {
			return rsyncOnce(b, rsync, b.mnt+"/tags/dev/x86_64/", dst)
		})
	})
}

// TestTarInFlight does the same with tar and with cp from inside.
func TestTarInFlight(t *testing.T) {
	b, groups := newMover(t)
	b.mount()
	copiesInFlight(t, b, groups, times(12, 60), func(i int, dst string) error {
		if i%2 == 0 {
			return runIn(b, "bash", "-c", "set -o pipefail; mkdir "+dst+" && tar -C $MNT/tags/dev/x86_64 -c . | tar -C "+dst+" -xp")
		}
		return runIn(b, "bash", "-c", "mkdir "+dst+" && cd $MNT/tags/dev/x86_64 && cp -a . "+dst)
	})
}

// TestRsyncdInFlight does the same through an rsync daemon whose modules are at and below the moving name. Without chroot only the
// newest rsync is safe: Debian 12's 3.2.7 opens the module's path anew for every file that it sends (strace: openat of the path,
// then of the rest, since its fix of CVE-2024-12086), so it sends what vanishes or mixes.
func TestRsyncdInFlight(t *testing.T) {
	rsyncs(t, func(t *testing.T, rsync string) {
		b, groups := newMover(t)
		b.mount()
		address := b.rsyncd(rsync, b.modules(), func(error) {}) // what went wrong the client hears, too
		sources := []string{"jail/x86_64/", "jailedview/"}
		if rsync == "rsync" {
			sources = append(sources, "tag/x86_64/", "view/")
		}
		copiesInFlight(t, b, groups, times(12, 60), func(i int, dst string) error {
			return rsyncOnce(b, rsync, "rsync://"+address+"/"+sources[i%len(sources)], dst)
		})
	})
}

// TestNginxInFlight asks nginx for metadata while the tag moves: every answer is 200 and a whole file of one generation.
func TestNginxInFlight(t *testing.T) {
	needs(t, "nginx", "curl")
	b, groups := newMover(t)
	b.mount()
	url := b.nginx() + "/tags/dev/x86_64/repodata/repomd.xml"
	first := b.lastEvent()
	m := startMover(b, groups)
	got := map[string]bool{}
	for i := 0; i < times(100, 1000) || m.count() < 10; i++ {
		got[b.sh("curl -sf "+url+" | sha256sum")] = true
	}
	m.end(t, first)
	known := map[string]bool{}
	for _, event := range append(m.events, first) {
		known[b.sh("sha256sum <$MNT/at/"+event+"/tags/dev/x86_64/repodata/repomd.xml")] = true
	}
	for sum := range got {
		if !known[sum] {
			t.Errorf("nginx sent a repomd.xml of no generation: %s", sum)
		}
	}
	t.Logf("%d moves, %d generations seen", len(m.events), len(got))
	if len(got) < 3 {
		t.Errorf("%d generations seen: this test shows nothing", len(got))
	}
}

// modules writes an rsyncd.conf with modules at and below a moving name, with chroot and without, and returns its path.
func (b *box) modules() string {
	b.Helper()
	return b.write("rsyncd.conf", fmt.Sprintf(`uid = 0
gid = 0
reverse lookup = no
[tag]
path = %[1]s/tags/dev
use chroot = no
[view]
path = %[1]s/tags/dev/x86_64
use chroot = no
[jail]
path = %[1]s/tags/dev
use chroot = yes
[jailedview]
path = %[1]s/tags/dev/x86_64
use chroot = yes
`, b.mnt))
}

// rsyncd serves the modules of an rsyncd.conf as inetd does, one rsync for each connection: there is nothing to wait for and no port
// to guess. failed is called for each that fails.
func (b *box) rsyncd(rsync, conf string, failed func(error)) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	b.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					b.Errorf("rsyncd: %v", err)
				}
				return
			}
			socket, err := conn.(*net.TCPConn).File()
			conn.Close()
			if err != nil {
				b.Errorf("rsyncd: %v", err)
				return
			}
			var log bytes.Buffer
			c := exec.Command(rsync, "--daemon", "--config="+conf, "--log-file="+b.path("rsyncd.log"))
			c.Env, c.Dir, c.Stdin, c.Stdout, c.Stderr = b.env(), "/", socket, socket, &log
			err = c.Start()
			socket.Close()
			if err != nil {
				b.Errorf("rsyncd: %v", err)
				return
			}
			wg.Go(func() {
				if err := c.Wait(); err != nil {
					failed(fmt.Errorf("rsyncd: %w\n%s", err, log.String()))
				}
			})
		}
	})
	return l.Addr().String()
}
