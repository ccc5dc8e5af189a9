package fs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"vrepofs/tree"
)

// Ring 1: request handlers without a kernel.

func header(id nodeID) fuse.InHeader { return fuse.InHeader{NodeId: uint64(id)} }

func lookup(f *FS, parent nodeID, name string) (fuse.EntryOut, fuse.Status) {
	var out fuse.EntryOut
	h := header(parent)
	st := f.Lookup(nil, &h, name, &out)
	return out, st
}

// resolve looks up a path from the root.
func resolve(t testing.TB, f *FS, path string) fuse.EntryOut {
	t.Helper()
	out := fuse.EntryOut{NodeId: uint64(rootID)}
	for name := range strings.SplitSeq(path, "/") {
		var st fuse.Status
		if out, st = lookup(f, nodeID(out.NodeId), name); !st.Ok() || out.NodeId == 0 {
			t.Fatalf("lookup %s at %s: %v, node %d", path, name, st, out.NodeId)
		}
	}
	return out
}

type dirent struct {
	fuse.DirEntry
	out fuse.EntryOut
}

// listDir reads a directory with answers of at most size bytes, calling between after each answer.
func listDir(t testing.TB, f *FS, id nodeID, size int, between func()) []dirent {
	t.Helper()
	var all []dirent
	off := uint64(0)
	for {
		l := fuse.NewDirEntryList(make([]byte, size), off)
		st := f.ReadDirPlus(nil, &fuse.ReadIn{InHeader: header(id), Offset: off}, l)
		if !st.Ok() {
			t.Fatalf("readdirplus %v at %d: %v", id, off, st)
		}
		entries, outs, err := fuse.ParseDirLookupEntries(l.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return all
		}
		for i := range entries {
			if entries[i].Off <= off || int64(entries[i].Off) < 0 {
				t.Fatalf("offset %d follows %d", entries[i].Off, off)
			}
			off = entries[i].Off
			all = append(all, dirent{entries[i], outs[i]})
		}
		if between != nil {
			between()
		}
	}
}

// TestNodesAreDurable walks a mount, and asks another one, with nothing cached, for each node in random order.
func TestNodesAreDurable(t *testing.T) {
	src := smallSource(t)
	f := newFS(src, Options{})
	type node struct {
		path string
		out  fuse.EntryOut
	}
	var nodes []node
	var walk func(id nodeID, path string)
	walk = func(id nodeID, path string) {
		for _, e := range listDir(t, f, id, 4096, nil) {
			if e.Name == "." || e.Name == ".." {
				equal(t, e.Name+" has no attributes", e.out.NodeId, 0)
				continue
			}
			p := path + "/" + e.Name
			got, st := lookup(f, id, e.Name)
			if !st.Ok() || got != e.out {
				t.Errorf("%s: lookup %v %+v, readdirplus %+v", p, st, got, e.out)
			}
			equal(t, p+": d_ino", e.Ino, e.out.Attr.Ino)
			equal(t, p+": d_type", e.Mode, e.out.Attr.Mode&syscall.S_IFMT)
			nodes = append(nodes, node{p, e.out})
			if e.Mode == syscall.S_IFDIR {
				walk(nodeID(e.out.NodeId), p)
			}
		}
	}
	walk(rootID, "")
	if len(nodes) != 23 {
		t.Errorf("%d nodes, want 23", len(nodes))
	}
	seen := map[uint64]string{}
	for _, n := range nodes {
		if other, ok := seen[n.out.NodeId]; ok && !nodeID(n.out.NodeId).isRPM() {
			t.Errorf("%s and %s have one node id", n.path, other)
		}
		seen[n.out.NodeId] = n.path
	}
	rand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	for _, n := range nodes {
		fresh := newFS(src, Options{})
		var out fuse.AttrOut
		if st := fresh.GetAttr(nil, &fuse.GetAttrIn{InHeader: header(nodeID(n.out.NodeId))}, &out); !st.Ok() {
			t.Errorf("%s: getattr: %v", n.path, st)
		} else if out.Attr != n.out.Attr {
			t.Errorf("%s: attributes %+v by lookup, %+v by getattr", n.path, n.out.Attr, out.Attr)
		}
	}
}

func TestDotDot(t *testing.T) {
	f := newFS(smallSource(t), Options{})
	for _, c := range [][2]string{
		{"repos/fedora", "repos"}, {"repos/fedora/20260101T000000Z", "repos/fedora"},
		{"repos/fedora/20260101T000000Z/Packages", "repos/fedora/20260101T000000Z"},
		{"repos/fedora/20260101T000000Z/Packages/a", "repos/fedora/20260101T000000Z/Packages"},
	} {
		self, parent := resolve(t, f, c[0]), resolve(t, f, c[1])
		l := listDir(t, f, nodeID(self.NodeId), 4096, nil)
		if l[0].Name != "." || l[0].Ino != self.Ino || l[1].Name != ".." || l[1].Ino != parent.Ino {
			t.Errorf("%s: %+v %+v, want inodes %d and %d", c[0], l[0].DirEntry, l[1].DirEntry, self.Ino, parent.Ino)
		}
	}
}

// TestReaddirAsksNothing: the Source is not asked per entry.
func TestReaddirAsksNothing(t *testing.T) {
	src := newSource(t)
	files := map[string]tree.Entry{}
	for i := range 3000 {
		files[fmt.Sprintf("f%05d", i)] = tree.Entry{Kind: tree.KindFile, RPM: true, Serial: uint64(i + 1), Digest: [32]byte{1}}
	}
	src.setTree("snap", src.makeTree(t, 1, files))
	src.setLevel("", Level{Children: []Child{{Name: "snap", Key: "snap", Tree: true}}})
	f := newFS(src, Options{})
	id := nodeID(resolve(t, f, "snap").NodeId)
	listDir(t, f, id, 4096, nil)
	before, reads := src.entryCalls.Load(), src.Stats().Reads
	equal(t, "entries", len(listDir(t, f, id, 4096, nil)), 3002)
	equal(t, "calls", src.entryCalls.Load()-before, 0)
	equal(t, "nodes read after the first listing", src.Stats().Reads, 0)
	if reads == 0 {
		t.Error("no node read at all")
	}
}

// TestLevelListingWhileNamesMove: whatever stays is listed once, whatever comes, goes or is rebound.
func TestLevelListingWhileNamesMove(t *testing.T) {
	src := newSource(t)
	set := func(gen int) {
		var cs []Child
		for i := range 200 {
			if i%2 == 0 {
				cs = append(cs, Child{Name: fmt.Sprintf("stays%d", i), Key: fmt.Sprintf("stays%d@%d", i, gen), Tree: true})
			} else if (i+gen)%3 == 0 {
				cs = append(cs, Child{Name: fmt.Sprintf("comes%d", i), Key: fmt.Sprintf("comes%d", i), Tree: true})
			}
		}
		rand.Shuffle(len(cs), func(i, j int) { cs[i], cs[j] = cs[j], cs[i] })
		src.setLevel("", Level{Live: true, Children: cs})
	}
	f := newFS(src, Options{})
	set(0)
	for round := range 20 {
		gen := round * 1000
		count := map[string]int{}
		for _, e := range listDir(t, f, rootID, 1000, func() { gen++; set(gen) }) {
			count[e.Name]++
		}
		for i := 0; i < 200; i += 2 {
			if n := count[fmt.Sprintf("stays%d", i)]; n != 1 {
				t.Fatalf("stays%d listed %d times", i, n)
			}
		}
		for name, n := range count {
			if n != 1 {
				t.Fatalf("%s listed %d times", name, n)
			}
		}
	}
}

func TestBufferTooSmall(t *testing.T) {
	f := newFS(smallSource(t), Options{})
	l := fuse.NewDirEntryList(make([]byte, 100), 2)
	equal(t, "status", f.ReadDirPlus(nil, &fuse.ReadIn{InHeader: header(rootID), Offset: 2}, l), fuse.EINVAL)
	l = fuse.NewDirEntryList(make([]byte, 4096), 0)
	equal(t, "readdir", f.ReadDir(nil, &fuse.ReadIn{InHeader: header(rootID)}, l), fuse.OK)
	entries, err := fuse.ParseDirEntries(l.Bytes())
	if err != nil || len(entries) != 4 {
		t.Errorf("readdir: %v, %v", entries, err)
	}
}

// TestNegative: absent names are cached inside of trees, and only there.
func TestNegative(t *testing.T) {
	src := smallSource(t)
	src.setLevel("at", Level{Live: true})
	src.unlisted["at"] = []Child{{Name: "17", Key: "tags@17/f40", Mtime: 7}}
	f := newFS(src, Options{})
	for _, c := range []struct {
		dir    string
		cached bool
	}{{"repos", false}, {"repos/fedora", false}, {"tags", false}, {"tags/f40", false}, {"tags/f40/x86_64", true}, {"tags/f40/x86_64/Packages", true}} {
		out, st := lookup(f, nodeID(resolve(t, f, c.dir).NodeId), "absent")
		if c.cached {
			if !st.Ok() || out.NodeId != 0 || out.EntryValid == 0 {
				t.Errorf("%s: %v %+v, want a cached negative answer", c.dir, st, out)
			}
		} else if st != fuse.ENOENT {
			t.Errorf("%s: %v, want ENOENT", c.dir, st)
		}
	}
	id, err := keyID(src, "at")
	must(t, err)
	src.places["at"] = Child{Name: "at", Key: "at"}
	if out, st := lookup(f, id, "17"); !st.Ok() || out.NodeId == 0 {
		t.Errorf("a name that is found but not listed: %v %+v", st, out)
	}
	if _, st := lookup(f, id, "18"); st != fuse.ENOENT {
		t.Errorf("a name that is not found: %v", st)
	}
	equal(t, "listed", len(listDir(t, f, id, 4096, nil)), 2)
}

func TestErrno(t *testing.T) {
	log := &logBuffer{t: t}
	f := newFS(newSource(t), Options{Logf: log.logf})
	for _, c := range []struct {
		err  error
		want fuse.Status
	}{
		{nil, fuse.OK},
		{fmt.Errorf("x: %w", iofs.ErrNotExist), fuse.ENOENT},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, fuse.ENOENT},
		{&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, fuse.EACCES},
		{fmt.Errorf("x: %w", errTimeout), fuse.EAGAIN},
		{errInterrupted, fuse.EINTR},
		{context.DeadlineExceeded, fuse.EAGAIN},
		{errors.New("novel"), fuse.EIO},
		{errors.New("novel"), fuse.EIO},
		{fmt.Errorf("load: %w", errSize), fuse.EIO},
	} {
		equal(t, fmt.Sprint(c.err), f.status("test", rootID, c.err), c.want)
	}
	equal(t, "lines logged", strings.Count(log.String(), "\n"), 2)
	equal(t, "errors", f.Stats().Errors, 3)
}

// TestUnknownNodes: ids that mean nothing are errors, never panics.
func TestUnknownNodes(t *testing.T) {
	src := smallSource(t)
	f := newFS(src, Options{Logf: t.Logf})
	resolve(t, f, "repos/fedora/20260101T000000Z")
	view, _ := keyID(src, "tags@17/f40/x86_64")
	file := resolve(t, f, "repos/fedora/20260101T000000Z/GPG-KEY")
	for _, id := range []nodeID{0, 2, 3 << 62, 1 << 63, rpmID(0), rpmID(1 << 40), placeID(9999, 0), placeID(9999, 7), view + 1000, view + maxOrdinal, nodeID(file.NodeId)} {
		var attr fuse.AttrOut
		if st := f.GetAttr(nil, &fuse.GetAttrIn{InHeader: header(id)}, &attr); st.Ok() && id != nodeID(file.NodeId) {
			t.Errorf("getattr %v: %+v", id, attr)
		}
		if _, st := lookup(f, id, "x"); st.Ok() {
			t.Errorf("lookup in %v succeeded", id)
		}
		if st := f.OpenDir(nil, &fuse.OpenIn{InHeader: header(id)}, &fuse.OpenOut{}); st.Ok() {
			t.Errorf("opendir %v succeeded", id)
		}
		h := header(id)
		if _, st := f.Readlink(nil, &h); st.Ok() {
			t.Errorf("readlink %v succeeded", id)
		}
	}
}

func TestXattr(t *testing.T) {
	src := smallSource(t)
	f := newFS(src, Options{})
	h := header(nodeID(resolve(t, f, "repos/fedora/20260101T000000Z/Packages").NodeId))
	const want = "repos/fedora/20260101T000000Z:Packages"
	n, st := f.GetXAttr(nil, &h, "user.vrepofs.origin", nil)
	equal(t, "probe", st, fuse.ERANGE)
	equal(t, "probe", int(n), len(want))
	_, st = f.GetXAttr(nil, &h, "user.vrepofs.origin", make([]byte, 3))
	equal(t, "short buffer", st, fuse.ERANGE)
	buf := make([]byte, 100)
	n, st = f.GetXAttr(nil, &h, "user.vrepofs.origin", buf)
	equal(t, "value", string(buf[:n]), want)
	equal(t, "value", st, fuse.OK)
	_, st = f.GetXAttr(nil, &h, "user.vrepofs.none", buf)
	equal(t, "none", st, fuse.ENODATA)
	_, st = f.GetXAttr(nil, &h, "user.other", buf)
	equal(t, "user.other", st, fuse.ENODATA)
	for _, name := range []string{"security.selinux", "security.capability", "system.posix_acl_access", "trusted.x"} {
		_, st = f.GetXAttr(nil, &h, name, buf)
		equal(t, name, st, fuse.Status(syscall.EOPNOTSUPP))
	}
	n, st = f.ListXAttr(nil, &h, buf)
	equal(t, "list", string(buf[:n]), "user.vrepofs.digest\x00user.vrepofs.origin\x00")
	equal(t, "list", st, fuse.OK)
}

func TestReadOnly(t *testing.T) {
	f := newFS(smallSource(t), Options{})
	id := nodeID(resolve(t, f, "repos/fedora/20260101T000000Z/GPG-KEY").NodeId)
	for _, flags := range []uint32{syscall.O_WRONLY, syscall.O_RDWR, syscall.O_RDONLY | syscall.O_TRUNC} {
		equal(t, "open", f.Open(nil, &fuse.OpenIn{InHeader: header(id), Flags: flags}, &fuse.OpenOut{}), fuse.EROFS)
	}
	h := header(id)
	for i, st := range []fuse.Status{
		f.SetAttr(nil, nil, nil), f.Mknod(nil, nil, "", nil), f.Mkdir(nil, nil, "", nil), f.Unlink(nil, &h, ""), f.Rmdir(nil, &h, ""),
		f.Rename(nil, nil, "", ""), f.Link(nil, nil, "", nil), f.Symlink(nil, &h, "", "", nil), f.SetXAttr(nil, nil, "", nil),
		f.RemoveXAttr(nil, &h, ""), f.Create(nil, nil, "", nil), f.Tmpfile(nil, nil, nil), f.Fallocate(nil, nil),
	} {
		equal(t, fmt.Sprint("operation ", i), st, fuse.EROFS)
	}
}

func TestNodeID(t *testing.T) {
	for range 1000 {
		s, o, r := rand.Uint32N(maxSerial)+1, rand.Uint32()&maxOrdinal, rand.Uint64()>>2
		id := placeID(s, o)
		if id.isRPM() || id == rootID || id.serial() != s || id.ordinal() != o || int64(id) < 0 {
			t.Fatalf("place %d ordinal %d: %v %#x", s, o, id, uint64(id))
		}
		if id := rpmID(r); !id.isRPM() || id.rpm() != r || int64(id) < 0 || id.isPlace() {
			t.Fatalf("rpm %d: %v %#x", r, id, uint64(id))
		}
	}
}

func TestLRU(t *testing.T) {
	l := newLRU[int](10, func(v int) int64 { return int64(v) })
	for i := 1; i <= 4; i++ {
		l.put(i, i)
	}
	l.get(1)
	l.put(5, 5) // 15: 2 and 3 go
	var left []int
	for k := range l.items {
		left = append(left, k)
	}
	slices.Sort(left)
	equal(t, "left", fmt.Sprint(left), "[1 4 5]")
	l.put(6, 100) // heavier than all, stays alone
	n, used := l.size()
	equal(t, "alone", fmt.Sprint(n, used), "1 100")
	fetched := 0
	for range 2 {
		v, err := l.load(7, func() (int, error) { fetched++; return 7, nil })
		equal(t, "load", fmt.Sprint(v, err), "7 <nil>")
	}
	equal(t, "fetched", fetched, 1)
	if _, err := l.load(8, func() (int, error) { return 0, errSize }); err != errSize {
		t.Error(err)
	}
	if _, ok := l.get(8); ok {
		t.Error("an error was kept")
	}
}
