package fs

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"vrepofs/tree"
)

// graceSource has a tree place "now@3" as now, with earlier generations now@2 and now@1, which are looked at for left.
func graceSource(t *testing.T, left *atomic.Int64) *memSource {
	src := newSource(t)
	roots := map[int]tree.Entry{
		1: src.makeTree(t, 100, map[string]tree.Entry{"Packages/a/a-1.rpm": src.rpm(t, "a-1"), "Packages/a/old.rpm": src.rpm(t, "old"), "Packages/z/z-1.rpm": src.rpm(t, "z-1"), "repodata/1-primary": src.rope(100, []byte("one"))}),
		2: src.makeTree(t, 200, map[string]tree.Entry{"Packages/a/a-2.rpm": src.rpm(t, "a-2"), "Packages/z/z-2.rpm": src.rpm(t, "z-2"), "Packages/z/deep/x": src.file(t, 7, "x"), "repodata/2-primary": src.rope(200, []byte("two")), "link": link(3, "x")}),
		3: src.makeTree(t, 300, map[string]tree.Entry{"Packages/a/a-3.rpm": src.rpm(t, "a-3"), "repodata/3-primary": src.rope(300, []byte("three"))}),
	}
	src.setLevel("", Level{Live: true, Children: []Child{{Name: "now", Key: "now@3", Tree: true, Grace: true, Mtime: 300}}})
	for i := 1; i <= 3; i++ {
		key := fmt.Sprint("now@", i)
		src.setTree(key, roots[i])
		if i < 3 {
			src.places[key] = Child{Key: key, Tree: true, Grace: true, Mtime: roots[i].Mtime}
		}
	}
	hide := func(key, dir string, at tree.Entry) {
		for name := range strings.SplitSeq(dir, "/") {
			v, err := tree.Get(src.Mem, at.Digest, name)
			must(t, err)
			at, err = tree.DecodeEntry(v)
			must(t, err)
		}
		src.setTree(key+"/"+dir, at)
		src.places[key+"/"+dir] = Child{Key: key + "/" + dir, Tree: true, Grace: true, Hidden: true, Mtime: at.Mtime}
	}
	hide("now@3~2", "Packages/z", roots[2])
	hide("now@3~1", "Packages/z", roots[1])
	src.earlier = func(key, dir, name string) ([]Earlier, error) {
		first := 2
		if strings.HasPrefix(key, "now@3~2") {
			first = 1
			dir = strings.Trim("Packages/z/"+dir, "/")
		}
		if left.Load() <= 0 || strings.HasPrefix(key, "now@2") {
			return nil, nil
		}
		var out []Earlier
		for i := first; i > 0; i-- {
			out = append(out, Earlier{Key: fmt.Sprint("now@", i), Root: roots[i], Dir: dir, Left: time.Duration(left.Load()), Hidden: strings.TrimSuffix(fmt.Sprintf("now@3~%d/%s", i, dir), "/")})
		}
		return out, nil
	}
	return src
}

// TestEarlier holds what is found of earlier generations, under which ids, for how long, and that it is not listed.
func TestEarlier(t *testing.T) {
	var left atomic.Int64
	left.Store(int64(time.Hour))
	src := graceSource(t, &left)
	f := newFS(src, Options{Logf: t.Logf})
	serial := func(key string) uint32 {
		n, err := src.PlaceSerial(key)
		must(t, err)
		return n
	}
	for _, c := range []struct {
		path  string
		place string // of which it is a file
		mode  uint32
	}{
		{"now/Packages/a/a-1.rpm", "", uint32(syscall.S_IFREG | 0o444)}, {"now/Packages/a/a-2.rpm", "", uint32(syscall.S_IFREG | 0o444)}, {"now/Packages/a/old.rpm", "", uint32(syscall.S_IFREG | 0o444)},
		{"now/repodata/1-primary", "now@1", uint32(syscall.S_IFREG | 0o444)}, {"now/repodata/2-primary", "now@2", uint32(syscall.S_IFREG | 0o444)}, {"now/link", "now@2", uint32(syscall.S_IFLNK | 0o777)},
		{"now/Packages/z", "now@3~2/Packages/z", uint32(syscall.S_IFDIR | 0o111)}, {"now/Packages/z/z-1.rpm", "", uint32(syscall.S_IFREG | 0o444)},
	} {
		out := resolve(t, f, c.path)
		id := nodeID(out.NodeId)
		equal(t, c.path+": mode", out.Attr.Mode, c.mode)
		equal(t, c.path+": valid", out.EntryValid, 60)
		equal(t, c.path+": is an RPM", id.isRPM(), c.place == "")
		if c.place != "" {
			equal(t, c.path+": place", id.serial(), serial(c.place))
		}
		var attr fuse.AttrOut
		if st := newFS(src, Options{}).GetAttr(nil, &fuse.GetAttrIn{InHeader: header(id)}, &attr); !st.Ok() || attr.Attr != out.Attr {
			t.Errorf("%s: getattr in another process: %v, %+v, want %+v", c.path, st, attr.Attr, out.Attr)
		}
	}
	equal(t, "time of a file of the first generation", resolve(t, f, "now/repodata/1-primary").Mtime, 100)

	// In a directory that is hidden everything is, and what is in it needs no look at the clock: its own name has one.
	equal(t, "in a hidden directory", resolve(t, f, "now/Packages/z/z-2.rpm").EntryValid, forever)
	equal(t, "a directory in it", resolve(t, f, "now/Packages/z/deep").Attr.Mode, uint32(syscall.S_IFDIR|0o111))
	for _, path := range []string{"now/Packages/z", "now/Packages/z/deep"} {
		id := nodeID(resolve(t, f, path).NodeId)
		equal(t, path+": opendir", f.OpenDir(nil, &fuse.OpenIn{InHeader: header(id)}, &fuse.OpenOut{}), fuse.EACCES)
		l := fuse.NewDirEntryList(make([]byte, 4096), 0)
		equal(t, path+": readdirplus", f.ReadDirPlus(nil, &fuse.ReadIn{InHeader: header(id)}, l), fuse.EACCES)
	}
	var names []string
	for _, dir := range []string{"now", "now/Packages", "now/Packages/a", "now/repodata"} {
		for _, e := range listDir(t, f, nodeID(resolve(t, f, dir).NodeId), 4096, nil)[2:] {
			names = append(names, e.Name)
		}
	}
	equal(t, "listed", strings.Join(names, " "), "Packages repodata a a-3.rpm 3-primary")

	// Shorter than a minute; then nothing; and what is absent is cached.
	left.Store(int64(1500 * time.Millisecond))
	out := resolve(t, f, "now/repodata/1-primary")
	equal(t, "valid", fmt.Sprint(out.EntryValid, out.EntryValidNsec), "1 500000000")
	left.Store(0)
	for _, name := range []string{"1-primary", "none"} {
		out, st := lookup(f, nodeID(resolve(t, f, "now/repodata").NodeId), name)
		if !st.Ok() || out.NodeId != 0 || out.EntryValid != forever {
			t.Errorf("%s after its time: %v %+v", name, st, out)
		}
	}
	s := f.Stats()
	equal(t, "compositions", s.Compositions, 2) // of now@3, and of the hidden directory, which this source does not give a Root
	equal(t, "errors", s.Errors, 0)
	if s.EarlierFound == 0 || s.EarlierAbsent != 2 {
		t.Errorf("%d found in earlier generations, %d absent", s.EarlierFound, s.EarlierAbsent)
	}
}

// TestEarlierDamaged holds that an earlier generation that cannot be read is skipped, logged, and not remembered as absent.
func TestEarlierDamaged(t *testing.T) {
	var left atomic.Int64
	left.Store(int64(time.Hour))
	src := graceSource(t, &left)
	whole := src.earlier
	src.earlier = func(key, dir, name string) ([]Earlier, error) {
		l, err := whole(key, dir, name)
		l[0].Root.Digest[0] ^= 1
		return l, err
	}
	log := &logBuffer{t: t}
	f := newFS(src, Options{Logf: log.logf})
	resolve(t, f, "now/repodata/1-primary")
	repodata := nodeID(resolve(t, f, "now/repodata").NodeId)
	for range 2 {
		if out, st := lookup(f, repodata, "2-primary"); st != fuse.ENOENT {
			t.Errorf("what only a damaged generation has: %v %+v", st, out)
		}
	}
	equal(t, "lines logged", strings.Count(log.String(), "\n"), 1)
	resolve(t, f, "now/repodata/3-primary")
}

// TestEarlierIsNoWayAroundARestriction holds that what only some might enter in an earlier generation is found only below the same
// restriction in the present.
func TestEarlierIsNoWayAroundARestriction(t *testing.T) {
	src := newSource(t)
	files := func(n int) map[string]tree.Entry {
		return map[string]tree.Entry{fmt.Sprint("f", n): src.file(t, 1, fmt.Sprint(n)), fmt.Sprint("sub", n, "/x"): src.file(t, 1, "x")}
	}
	open := src.makeTree(t, 1, files(0))
	closed, other := src.makeTree(t, 2, files(1)).Restrict(0o550, 7), src.makeTree(t, 2, files(2)).Restrict(0o550, 8)
	earlier := src.makeTree(t, 3, map[string]tree.Entry{"p/open": open, "p/closed": closed, "p/other": other})
	now := src.makeTree(t, 4, map[string]tree.Entry{
		"p/open": src.makeTree(t, 1, nil).Restrict(0o550, 7), "p/closed": src.makeTree(t, 1, files(9)).Restrict(0o550, 7), "p/other": src.makeTree(t, 1, files(9)),
	})
	src.setTree("now@2", now)
	src.setTree("now@1", earlier)
	src.setLevel("", Level{Live: true, Children: []Child{{Name: "now", Key: "now@2", Tree: true, Grace: true}}})
	src.earlier = func(key, dir, name string) ([]Earlier, error) {
		return []Earlier{{Key: "now@1", Root: earlier, Dir: dir, Left: time.Hour, Hidden: "now@2~1/" + dir}}, nil
	}
	f := newFS(src, Options{Logf: t.Logf})
	for path, found := range map[string]bool{
		"now/p/open/f0": true, "now/p/closed/f1": true, "now/p/closed/sub1": true, "now/p/other/f2": false, "now/p/other/sub2": false,
	} {
		i := strings.LastIndexByte(path, '/')
		out, st := lookup(f, nodeID(resolve(t, f, path[:i]).NodeId), path[i+1:])
		if !st.Ok() || (out.NodeId != 0) != found {
			t.Errorf("%s: %v, node %d, want found: %v", path, st, out.NodeId, found)
		}
	}
}

// TestEarlierInTheKernel holds that a name ends by itself in a mounted directory, that it opens until then, and that misses cost the daemon
// one look each.
func TestEarlierInTheKernel(t *testing.T) {
	var left atomic.Int64
	left.Store(int64(100 * time.Millisecond))
	src := graceSource(t, &left)
	f := mountSource(t, src, Options{})
	equal(t, "read", f.sh("cd now; cat repodata/2-primary Packages/a/a-1.rpm Packages/z/z-1.rpm Packages/z/deep/x"), "twoa-1z-1x")
	equal(t, "listed", f.sh("cd now; echo $(find . -type f)"), "./Packages/a/a-3.rpm ./repodata/3-primary\n")
	stay := exec.Command("sh", "-c", "cd now/Packages/z && echo there && read go; cat z-2.rpm")
	stay.Dir = f.mnt
	in, err := stay.StdinPipe()
	must(t, err)
	out, err := stay.StdoutPipe()
	must(t, err)
	must(t, stay.Start())
	r := bufio.NewReader(out)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	left.Store(0)
	waitFor(t, "the end of a name", func() bool {
		out, err := f.trySh("cat now/repodata/2-primary")
		if err != nil && !strings.Contains(out, "No such file") {
			t.Fatal(out)
		}
		return err != nil
	})
	for _, name := range []string{"Packages/a/a-1.rpm", "Packages/z/z-1.rpm", "Packages/z/z-2.rpm"} {
		waitFor(t, "the end of "+name, func() bool { _, err := f.trySh("stat now/" + name); return err != nil })
	}
	must(t, in.Close())
	rest, err := io.ReadAll(r)
	must(t, err)
	equal(t, "a process in a hidden directory reads", string(rest), "z-2")
	must(t, stay.Wait())
	before := f.fs.Stats().Ops["lookup"]
	f.sh("cd now/repodata; i=0; while [ $i -lt 100 ]; do [ ! -e absent$((i % 10)) ] || exit 1; i=$((i+1)); done")
	if n := f.fs.Stats().Ops["lookup"] - before; n > 20 { // 10, but for what the kernel drops
		t.Errorf("%d lookups for 100 looks at 10 absent names", n)
	}
}
