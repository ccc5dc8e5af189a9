package fs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vrepofs/blob"
	"vrepofs/tree"
)

// Ring 2: a real mount. What reads it are child processes.

// oneTree mounts a tree as /snap.
func oneTree(t testing.TB, src *memSource, files map[string]tree.Entry, o Options) *fixture {
	src.setTree("snap", src.makeTree(t, 1_700_000_000, files))
	src.setLevel("", Level{Live: true, Children: []Child{{Name: "snap", Key: "snap", Tree: true, Mtime: 1_700_000_000}}})
	return mountSource(t, src, o)
}

func bigContent(n int, seed uint64) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i+8 <= n; i += 8 {
		v := rng.Uint64()
		for k := range 8 {
			b[i+k] = byte(v >> (8 * k))
		}
	}
	return b
}

// TestBigDirectory: 60,000 names, with small getdents buffers too: each once.
func TestBigDirectory(t *testing.T) {
	const n = 60_000
	src := newSource(t)
	files := map[string]tree.Entry{}
	for i := range n {
		files[fmt.Sprintf("package-%06d.rpm", i)] = tree.Entry{Kind: tree.KindFile, RPM: true, Serial: uint64(i + 1), Digest: [32]byte{1}}
	}
	f := oneTree(t, src, files, Options{})
	for _, size := range []int{512, 4096, 32768, 1 << 20} {
		lines := strings.Split(strings.TrimSuffix(mustRun(t, f.child("getdents", "snap", strconv.Itoa(size))), "\n"), "\n")
		if len(lines) != n+2 || lines[0] != "4 ." || lines[1] != "4 .." {
			t.Fatalf("buffer of %d: %d entries, the first %q", size, len(lines), lines[:2])
		}
		slices.Sort(lines)
		if u := slices.Compact(lines); len(u) != n+2 {
			t.Errorf("buffer of %d: %d different entries", size, len(u))
		}
	}
	equal(t, "find", f.sh(`find snap -type f | sort -u | wc -l`), "60000\n")
	s := f.fs.Stats()
	equal(t, "readdir without plus", s.Ops["readdir"], 0)
	// The kernel may drop its cache at any time (another test does so); it does not each time.
	asked := int64(-1)
	for try := 0; try < 5 && asked != 0; try++ {
		before := f.fs.Stats().Ops["readdirplus"]
		f.sh(`ls -f snap >/dev/null`)
		asked = int64(f.fs.Stats().Ops["readdirplus"] - before)
	}
	equal(t, "READDIRPLUS of a cached listing", asked, int64(0))
}

// TestSeekdir: telldir and seekdir find every entry again, in a tree and in a live level.
func TestSeekdir(t *testing.T) {
	src := newSource(t)
	files := map[string]tree.Entry{}
	level := Level{Live: true, Children: []Child{{Name: "snap", Key: "snap", Tree: true}}}
	for i := range 500 {
		files[fmt.Sprint("f", i)] = link(1, "x")
		level.Children = append(level.Children, Child{Name: fmt.Sprint("l", i), Key: fmt.Sprint("l", i), Symlink: "y"})
	}
	src.setTree("snap", src.makeTree(t, 1, files))
	src.setLevel("", level)
	f := mountSource(t, src, Options{})
	mustRun(t, f.child("seekdir", ".", "503"))
	mustRun(t, f.child("seekdir", "snap", "502"))
}

// childSeekdir reads a directory entry by entry, then seeks to each entry's offset in random order.
func childSeekdir(args []string) error {
	want, _ := strconv.Atoi(args[1])
	for range 2 { // the second time from the kernel's cache
		fd, err := unix.Open(args[0], unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		type at struct {
			off  int64
			name string
		}
		var all []at
		off := int64(0)
		for {
			entries, err := getdents(fd, 4096)
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				break
			}
			for _, e := range entries {
				all = append(all, at{off, e.name})
				off = e.off
			}
		}
		if len(all) != want {
			return fmt.Errorf("%d entries, want %d", len(all), want)
		}
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, a := range all {
			if _, err := unix.Seek(fd, a.off, 0); err != nil {
				return err
			}
			entries, err := getdents(fd, 4096)
			if err != nil || len(entries) == 0 || entries[0].name != a.name {
				return fmt.Errorf("at %d: %v, %v; want %s", a.off, entries, err, a.name)
			}
		}
		unix.Close(fd)
	}
	return nil
}

// TestRead: sequential, random and mapped reads of RPMs, verbatim files and ropes; only ropes cost READs.
func TestRead(t *testing.T) {
	src := newSource(t)
	content := bigContent(5<<20+12345, 1)
	f := oneTree(t, src, map[string]tree.Entry{
		"a.rpm":  src.rpm(t, string(content)),
		"b.file": src.file(t, 5, string(content[1:])),
		"c.rope": src.rope(6, content[2:]),
	}, Options{})
	ref := filepath.Join(t.TempDir(), "ref")
	must(t, os.WriteFile(ref, content, 0o644))
	for i, name := range []string{"a.rpm", "b.file"} {
		mustRun(t, f.child("compare", "snap/"+name, ref, strconv.Itoa(i)))
	}
	equal(t, "READs of blobs", f.fs.Stats().Ops["read"], 0)
	mustRun(t, f.child("compare", "snap/c.rope", ref, "2"))
	s := f.fs.Stats()
	if s.Ops["read"] == 0 || s.BlobReads != 0 {
		t.Errorf("READs: %d, of blobs %d", s.Ops["read"], s.BlobReads)
	}
	// Closed and opened again, a rope comes from the page cache; unless somebody drops it just then.
	cached := false
	for range 5 {
		before := f.fs.Stats().Ops["read"]
		mustRun(t, f.child("compare", "snap/c.rope", ref, "2"))
		cached = cached || f.fs.Stats().Ops["read"] == before
	}
	equal(t, "the rope stays cached", cached, true)
}

// childCompare compares a file with a reference from an offset on: read whole, at random places, and mapped.
func childCompare(args []string) error {
	skip, _ := strconv.Atoi(args[2])
	want, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	want = want[skip:]
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, 100_000)
	for range 200 {
		off := rand.Int64N(int64(len(want)))
		n, err := file.ReadAt(buf[:rand.IntN(len(buf))], off)
		if n == 0 && err != nil || !bytes.Equal(buf[:n], want[off:off+int64(n)]) {
			return fmt.Errorf("%d bytes at %d differ, %v", n, off, err)
		}
	}
	got, err := os.ReadFile(args[0])
	if err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("content differs, %v", err)
	}
	m, err := unix.Mmap(int(file.Fd()), 0, len(want), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	if !bytes.Equal(m, want) {
		return fmt.Errorf("mapping differs")
	}
	return unix.Munmap(m)
}

// TestManyReaders: 64 threads read the same and different files at once, with backing ids evicted all the time.
func TestManyReaders(t *testing.T) {
	for _, o := range []Options{{IdleBackingIDs: 3}, {NoPassthrough: true}} {
		t.Run(fmt.Sprint("passthrough ", !o.NoPassthrough), func(t *testing.T) {
			src := newSource(t)
			files := map[string]tree.Entry{}
			for i := range 20 {
				files[fmt.Sprintf("d%d/f%d", i%3, i)] = src.rpm(t, strings.Repeat(fmt.Sprint(i), 10_000))
				files[fmt.Sprintf("other/f%d", i)] = src.rpm(t, strings.Repeat(fmt.Sprint(i), 10_000))
			}
			f := oneTree(t, src, files, o)
			equal(t, "digests of 40 names", mustRun(t, f.child("readers", "snap", "64")), "20\n")
			waitFor(t, "the last release", func() bool { return f.fs.Stats().OpenFiles == 0 })
			if s := f.fs.Stats(); o.NoPassthrough != (s.BlobReads > 0) || o.NoPassthrough != (s.Evicted == 0) {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

// childReaders reads all files of a directory from many threads, each in an order of its own, and prints how many different
// contents there are. Each file must have one content whoever reads it.
func childReaders(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	var mu sync.Mutex
	sums := map[string]blob.Digest{}
	different := map[blob.Digest]bool{}
	errs := make(chan error, n)
	for range n {
		go func() {
			var paths []string
			err := filepath.WalkDir(args[0], func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					paths = append(paths, path)
				}
				return err
			})
			rand.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
			for _, p := range paths {
				b, e := os.ReadFile(p)
				sum := blob.Sum(b)
				mu.Lock()
				if old, ok := sums[p]; e == nil && ok && old != sum {
					e = fmt.Errorf("%s has two contents", p)
				}
				sums[p], different[sum] = sum, true
				mu.Unlock()
				if e != nil {
					err = e
				}
			}
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			return err
		}
	}
	fmt.Println(len(different))
	return nil
}

// TestHardLinks: rsync -aH sends each RPM once, whatever number of names it has in whatever snapshots.
func TestHardLinks(t *testing.T) {
	src := newSource(t)
	var cs []Child
	for g := range 4 {
		files := map[string]tree.Entry{"repomd.xml": src.file(t, int64(g), fmt.Sprint("generation ", g))}
		for i := range 30 {
			files[fmt.Sprintf("Packages/p%d.rpm", i)] = src.rpm(t, strings.Repeat(fmt.Sprint("package ", i, "\n"), 1000))
		}
		key := fmt.Sprint("snap", g)
		src.setTree(key, src.makeTree(t, int64(g), files))
		cs = append(cs, Child{Name: key, Key: key, Tree: true, Mtime: int64(g)})
	}
	src.setLevel("", Level{Live: true, Children: cs})
	f := mountSource(t, src, Options{})
	dst := t.TempDir()
	out := f.sh(`rsync -aH --stats ./ "$1/"`, dst)
	if !strings.Contains(out, "Number of regular files transferred: 34\n") {
		t.Errorf("rsync -aH sent not each of 34 files once:\n%s", out)
	}
	equal(t, "links", f.sh(`cd "$1"; find . -type f -links 4 | wc -l`, dst), "120\n")
	equal(t, "the second run", strings.TrimSpace(f.sh(`rsync -aHi --checksum ./ "$1/"`, dst)), "")
	f.sh(`diff -r . "$1"`, dst)
}

func TestOddNames(t *testing.T) {
	src := newSource(t)
	names := []string{"a b", "\xff\xfe latin", "ä€😀", "-rf", "*", "'\"", "back\\slash", ".hidden", "...", strings.Repeat("x", 255), "+%20", "~"}
	files := map[string]tree.Entry{}
	for _, n := range names {
		files[n] = src.file(t, 1, "content of "+n)
	}
	f := oneTree(t, src, files, Options{})
	got := strings.Split(strings.TrimSuffix(f.sh(`find snap -mindepth 1 -printf '%P\0'`), "\x00"), "\x00")
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("listed %q", got)
	}
	for _, n := range names {
		equal(t, n, f.sh(`cat "./snap/$1"`, n), "content of "+n)
	}
	out, err := f.trySh(`stat "snap/$1"`, strings.Repeat("x", 256))
	if err == nil || !strings.Contains(out, "too long") {
		t.Errorf("a name of 256 bytes: %v %s", err, out)
	}
}

func TestWritesFail(t *testing.T) {
	f := mountSource(t, smallSource(t), Options{})
	for _, script := range []string{
		`echo x > new`, `echo x >> repos/fedora/README`, `: > repos/fedora/latest/GPG-KEY`, `mkdir tags/new`, `rm repos/fedora/README`,
		`rmdir tags/f40`, `mv tags tags2`, `ln repos/fedora/README l`, `ln -s x l`, `chmod 777 tags`, `touch tags`, `chown 1 tags`,
		`truncate -s 0 repos/fedora/latest/GPG-KEY`, `setfattr -n user.x -v y tags`, `setfattr -x user.vrepofs.origin tags`, `mknod p p`,
	} {
		out, err := f.trySh(script)
		if err == nil || !strings.Contains(out, "Read-only file system") {
			t.Errorf("%s: %v %s", script, err, out)
		}
	}
	equal(t, "flags", f.sh(`findmnt -no OPTIONS,FSTYPE,SOURCE -M . | tr ' ' '\n' | grep -v '^$'`),
		"ro,nosuid,nodev,relatime,user_id=0,group_id=0,default_permissions,allow_other,max_read=1048576\nfuse.vrepofs\nvrepofs\n")
}

func TestXattrKernel(t *testing.T) {
	f := mountSource(t, smallSource(t), Options{})
	equal(t, "all", f.sh(`getfattr -d repos/fedora/20260101T000000Z/GPG-KEY | sort | grep .`), fmt.Sprintf(
		"# file: repos/fedora/20260101T000000Z/GPG-KEY\nuser.vrepofs.digest=%q\nuser.vrepofs.origin=%q\n",
		blob.Sum([]byte("key\n")), "repos/fedora/20260101T000000Z:GPG-KEY"))
	equal(t, "of a view", f.sh(`getfattr --only-values -n user.vrepofs.origin tags/f40/x86_64`), "tags@17/f40/x86_64:")
	equal(t, "compositions for it", f.fs.Stats().Compositions, 1)
	out, err := f.trySh(`getfattr -n user.other tags`)
	if err == nil || !strings.Contains(out, "No such attribute") {
		t.Errorf("%v: %s", err, out)
	}
	// ls asks for attributes of the first file and takes the answer for all.
	before := f.fs.Stats().Ops["getxattr"]
	f.sh(`ls -l repos/fedora/20260101T000000Z/ >/dev/null`)
	if n := f.fs.Stats().Ops["getxattr"] - before; n > 2 {
		t.Errorf("ls -l of 4 files costs %d GETXATTRs", n)
	}
}

func TestStatfs(t *testing.T) {
	src := smallSource(t)
	f := mountSource(t, src, Options{StatfsDir: src.blobs})
	equal(t, "name length, type", f.sh(`stat -f -c '%l %T' .`), "255 fuseblk\n")
	var want unix.Statfs_t
	must(t, unix.Statfs(src.blobs, &want))
	equal(t, "blocks", f.sh(`stat -f -c '%b %S' .`), fmt.Sprintf("%d %d\n", want.Blocks, want.Frsize))
}

// TestDamage: a missing and a short blob are EIO, theirs only.
func TestDamage(t *testing.T) {
	src := newSource(t)
	gone, short, good := src.rpm(t, "gone"), src.file(t, 1, "shorter than before"), src.rpm(t, "good")
	must(t, os.Remove(src.path(gone.Digest)))
	must(t, os.Truncate(src.path(short.Digest), 3))
	f := oneTree(t, src, map[string]tree.Entry{"gone": gone, "short": short, "good": good}, Options{})
	for _, name := range []string{"gone", "short"} {
		out, err := f.trySh(`cat snap/` + name)
		if err == nil || !strings.Contains(out, "Input/output error") {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	equal(t, "good", f.sh(`cat snap/good; ls snap | wc -l`), "good3\n")
	equal(t, "errors", f.fs.Stats().BlobErrors, 2)
}

// TestFallbackKernel: while registration fails files are read all the same, and mixing is never seen.
func TestFallbackKernel(t *testing.T) {
	src := newSource(t)
	var fail atomic.Bool
	var mounted atomic.Pointer[FS]
	register := func(fd int) (int32, error) {
		if fail.Load() {
			return 0, syscall.EMFILE
		}
		return registerWith(mounted.Load(), fd)
	}
	f := oneTree(t, src, map[string]tree.Entry{"a": src.rpm(t, "content a"), "b": src.rpm(t, "content b")}, Options{register: register})
	mounted.Store(f.fs)
	fail.Store(true)
	hold := f.child("hold", "snap/a")
	in, err := hold.StdinPipe()
	must(t, err)
	out, err := hold.StdoutPipe()
	must(t, err)
	must(t, hold.Start())
	_, err = out.Read(make([]byte, 1)) // it has the file open and mapped
	must(t, err)
	fail.Store(false)
	equal(t, "while it is open by READ", f.sh(`cat snap/a snap/b`), "content acontent b")
	s := f.fs.Stats()
	equal(t, "stats", fmt.Sprint(s.FallbackOpens, s.PassthroughOpens, s.RegisterErrors), "2 1 1")
	in.Close()
	must(t, hold.Wait())
	waitFor(t, "release", func() bool { return f.fs.Stats().OpenFiles == 0 })
	equal(t, "afterwards", f.sh(`cat snap/a`), "content a")
	equal(t, "passthrough opens", f.fs.Stats().PassthroughOpens, 2)
}

// childHold opens and maps a file, closes the descriptor, says so, and keeps the mapping until its input ends.
func childHold(args []string) error {
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	m, err := unix.Mmap(int(file.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	file.Close()
	fmt.Print(string(m[:1]))
	os.Stdin.Read(make([]byte, 1))
	return nil
}
