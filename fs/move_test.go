package fs

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vrepofs/tree"
)

// tagSource is a Source with one tag, tags/f40, that moves through generations: all files of a generation hold its number.
type tagSource struct {
	*memSource
	t     *testing.T
	files int
	gen   int
}

func newTagSource(t *testing.T, files int) *tagSource {
	s := &tagSource{memSource: newSource(t), t: t, files: files}
	s.setLevel("", Level{Live: true, Children: []Child{{Name: "tags", Key: "tags"}}})
	s.next()
	return s
}

// key of the tag at a generation.
func (s *tagSource) key(gen int) string { return fmt.Sprintf("tags@%d/f40", gen) }

// next swaps the pointer; the kernel is not told.
func (s *tagSource) next() int {
	s.gen++
	files := map[string]tree.Entry{"gen": s.file(s.t, int64(s.gen), fmt.Sprint(s.gen))}
	for i := range s.files {
		name := fmt.Sprintf("Packages/%c/package-%d.rpm", 'a'+i%26, i)
		if i%10 == 0 {
			files[name] = s.rpm(s.t, fmt.Sprintf("stable package %d\n", i))
		} else {
			files[name] = s.rpm(s.t, fmt.Sprintf("generation %d of %d\n", s.gen, i))
		}
	}
	files[fmt.Sprintf("GENERATION-%d", s.gen)] = link(1, "gen")
	key := s.key(s.gen)
	s.setTree(key+"/x86_64", s.makeTree(s.t, int64(s.gen), files))
	s.setLevel(key, Level{Children: []Child{{Name: "x86_64", Key: key + "/x86_64", Tree: true, Mtime: int64(s.gen)}}})
	s.setLevel("tags", Level{Live: true, Children: []Child{{Name: "f40", Key: key, Mtime: int64(s.gen)}}})
	c := s.places["tags"]
	c.Mtime = int64(s.gen)
	s.mu.Lock()
	s.places["tags"] = c
	s.mu.Unlock()
	return s.gen
}

func (s *tagSource) move(rebound bool) Move {
	return Move{Parent: "tags", Name: "f40", Rebound: rebound}
}

// TestNoStaleLookup: after Moved has returned no stat of another process sees the old generation: 0 of 1,500.
func TestNoStaleLookup(t *testing.T) {
	for _, rebound := range []bool{false, true} {
		t.Run(fmt.Sprint("rebound ", rebound), func(t *testing.T) {
			src := newTagSource(t, 0)
			f := mountSource(t, src, Options{})
			// Readers that keep the names busy all the while, by path.
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for range 2 {
				load := f.child("ask", "tags/f40/x86_64/gen", "forever")
				var errs strings.Builder
				load.Stderr = &errs
				must(t, load.Start())
				wg.Go(func() { load.Wait(); equal(t, "errors of a reader under load", errs.String(), "") })
				wg.Go(func() { <-stop; load.Process.Kill() })
			}
			ask := startAsker(t, f, "tags/f40/x86_64/gen")
			list := startAsker(t, f, "tags")
			rounds := 300
			if rebound || os.Getenv("VREPOFS_LONG") != "" {
				rounds = 1500
			}
			stale := 0
			for range rounds {
				gen := src.next()
				f.fs.Moved([]Move{src.move(rebound)})
				if got := ask.ask(); got != fmt.Sprint(gen) {
					stale++
				}
				if gen%10 == 0 {
					if got, want := list.ask(), fmt.Sprintf("mtime %d: f40", gen); got != want {
						t.Errorf("the parent: got %q, want %q", got, want)
					}
				}
			}
			close(stop)
			wg.Wait()
			ask.end()
			list.end()
			equal(t, "stale lookups", stale, 0)
			s := f.fs.Stats()
			if s.Moves != uint64(rounds) || s.NoteErrors != 0 || s.EntryNotes == 0 || s.NotifySeconds <= 0 {
				t.Errorf("stats: %+v", s)
			}
			t.Logf("%d moves, %d of them cached, %d LOOKUPs", s.Moves, s.EntryNotes, s.Ops["lookup"])
		})
	}
}

// asker is a child that looks at a path each time it is asked.
type asker struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startAsker(t *testing.T, f *fixture, path string) *asker {
	t.Helper()
	a := &asker{t: t, cmd: f.child("ask", path)}
	var err error
	a.in, err = a.cmd.StdinPipe()
	must(t, err)
	out, err := a.cmd.StdoutPipe()
	must(t, err)
	a.out = bufio.NewReader(out)
	must(t, a.cmd.Start())
	return a
}

func (a *asker) ask() string {
	a.t.Helper()
	_, err := io.WriteString(a.in, "?\n")
	must(a.t, err)
	line, err := a.out.ReadString('\n')
	must(a.t, err)
	return strings.TrimSuffix(line, "\n")
}

func (a *asker) end() {
	a.in.Close()
	must(a.t, a.cmd.Wait())
}

// childAsk answers each line of input with what a file holds, or a directory's mtime and names. With "forever" it looks
// without end and says nothing.
func childAsk(args []string) error {
	look := func() (string, error) {
		st, err := os.Stat(args[0])
		if err != nil {
			return "", err
		}
		if !st.IsDir() {
			b, err := os.ReadFile(args[0])
			return string(b), err
		}
		names, err := os.ReadDir(args[0])
		s := fmt.Sprintf("mtime %d:", st.ModTime().Unix())
		for _, n := range names {
			s += " " + n.Name()
		}
		return s, err
	}
	if len(args) > 1 {
		for {
			if _, err := look(); err != nil {
				return err
			}
		}
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		s, err := look()
		if err != nil {
			s = err.Error()
		}
		fmt.Println(s)
	}
	return nil
}

// TestRsyncSeesOneGeneration: copies rooted at the moving name, made while it moves, are each one generation, with exit 0.
func TestRsyncSeesOneGeneration(t *testing.T) {
	src := newTagSource(t, 300)
	f := mountSource(t, src, Options{})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				src.next()
				f.fs.Moved([]Move{src.move(n%2 == 0)})
			}
		}
	})
	copies := 6
	if os.Getenv("VREPOFS_LONG") != "" {
		copies = 40
	}
	generations := map[string]bool{}
	for range copies {
		dst := t.TempDir()
		f.sh(`rsync -a tags/f40/ "$1/"`, dst)
		gen, err := os.ReadFile(filepath.Join(dst, "x86_64/gen"))
		must(t, err)
		generations[string(gen)] = true
		want := 0
		err = filepath.WalkDir(filepath.Join(dst, "x86_64/Packages"), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			want++
			b, err := os.ReadFile(path)
			if s := string(b); !strings.HasPrefix(s, "stable ") && !strings.HasPrefix(s, "generation "+string(gen)+" ") {
				t.Errorf("a copy of generation %s has %q", gen, s)
			}
			return err
		})
		must(t, err)
		equal(t, "packages", want, 300)
		if _, err := os.Lstat(filepath.Join(dst, "x86_64/GENERATION-"+string(gen))); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("%d generations seen by %d copies, %d moves", len(generations), copies, f.fs.Stats().Moves)
}

// TestStandingInside: a working directory, an open directory and an open file stay in their generation while the name moves.
func TestStandingInside(t *testing.T) {
	src := newTagSource(t, 50)
	f := mountSource(t, src, Options{})
	a := f.child("stand", "tags/f40/x86_64")
	in, err := a.StdinPipe()
	must(t, err)
	outPipe, err := a.StdoutPipe()
	must(t, err)
	out := bufio.NewReader(outPipe)
	must(t, a.Start())
	for i := range 31 {
		if i > 0 { // it has answered once, so it is inside
			src.next()
			f.fs.Moved([]Move{src.move(i%2 == 0)})
		}
		if i%10 == 9 {
			must(t, os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0))
		}
		_, err := io.WriteString(in, "?\n")
		must(t, err)
		line, err := out.ReadString('\n')
		must(t, err)
		if want := "1 1 1 GENERATION-1 Packages gen\n"; line != want {
			t.Fatalf("after %d moves: %q, want %q", i, line, want)
		}
	}
	in.Close()
	must(t, a.Wait())
	equal(t, "by path", f.sh(`cat tags/f40/x86_64/gen`), "31")
}

// childStand goes into a directory and says at each line of input what it sees there.
func childStand(args []string) error {
	if err := os.Chdir(args[0]); err != nil {
		return err
	}
	file, err := os.Open("gen")
	if err != nil {
		return err
	}
	dir, err := os.OpenRoot(".")
	if err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		held := make([]byte, 20)
		n, _ := file.ReadAt(held, 0)
		byName, err := os.ReadFile("gen")
		if err != nil {
			return err
		}
		byDir, err := dir.ReadFile("gen")
		if err != nil {
			return err
		}
		names, err := os.ReadDir(".")
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %s %s", held[:n], byName, byDir)
		for _, e := range names {
			line += " " + e.Name()
		}
		fmt.Println(line)
	}
	return nil
}

// TestNamesComeAndGo in a live level, with nothing stale in listings, lookups and absent names.
func TestNamesComeAndGo(t *testing.T) {
	src := newTagSource(t, 0)
	f := mountSource(t, src, Options{})
	equal(t, "before", f.sh(`ls tags; ls tags/new 2>&1 || :`), "f40\nls: cannot access 'tags/new': No such file or directory\n")
	set := func(mtime int64, names ...string) {
		var cs []Child
		for _, n := range names {
			cs = append(cs, Child{Name: n, Key: "tags/" + n, Symlink: "to-" + n})
		}
		src.setLevel("tags", Level{Live: true, Children: cs})
		src.mu.Lock()
		c := src.places["tags"]
		c.Mtime = mtime
		src.places["tags"] = c
		src.mu.Unlock()
	}
	set(100, "f40", "new")
	f.fs.Moved([]Move{{Parent: "tags", Name: "new"}, {Parent: "tags", Name: "f40"}})
	equal(t, "added", f.sh(`ls tags; readlink tags/new; stat -c %Y tags`), "f40\nnew\nto-new\n100\n")
	set(101, "f40")
	f.fs.Moved([]Move{{Parent: "tags", Name: "new"}})
	equal(t, "removed", f.sh(`ls tags; ls tags/new 2>&1 || :; stat -c %Y tags`), "f40\nls: cannot access 'tags/new': No such file or directory\n101\n")
}

// TestMoveWhileComposing: a move does not wait for a composition below the name, nor for anybody who waits for one.
func TestMoveWhileComposing(t *testing.T) {
	src := newTagSource(t, 0)
	hold := make(chan struct{})
	ready, _ := src.Tree(t.Context(), src.key(1)+"/x86_64")
	src.setTreeFunc(src.key(1)+"/x86_64", func(ctx ctxt) (tree.Entry, error) { <-hold; return ready, nil })
	f := mountSource(t, src, Options{})
	reader := exec.Command("cat", "tags/f40/x86_64/gen")
	reader.Dir = f.mnt
	var out strings.Builder
	reader.Stdout = &out
	must(t, reader.Start())
	waitFor(t, "composition", func() bool { return f.fs.Stats().Composing == 1 })
	for range 3 {
		src.next()
		f.fs.Moved([]Move{src.move(false)})
	}
	equal(t, "the new generation", f.sh(`cat tags/f40/x86_64/gen`), "4")
	close(hold)
	must(t, reader.Wait())
	equal(t, "the waiting reader", out.String(), "1")
}

// TestMovedCoalesces: calls that come together are all answered.
func TestMovedCoalesces(t *testing.T) {
	src := newTagSource(t, 0)
	f := mountSource(t, src, Options{})
	f.sh(`ls tags/f40`)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { f.fs.Moved([]Move{src.move(i%2 == 0), {Parent: "", Name: "tags"}}) })
	}
	wg.Wait()
	if n := f.fs.Stats().Moves; n == 0 || n > 200 {
		t.Errorf("%d notifications", n)
	}
	f.unmount()
	f.fs.Moved([]Move{src.move(false)}) // of no use, and no harm
}
