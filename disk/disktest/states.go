package disktest

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// State is one tree that a power loss may have left.
type State struct {
	Dir    string   // holds what the root held; the callee may change it
	Point  int      // so many recorded operations had been called
	Before string   // label of the last of them: it may have been interrupted, unless a later one needs it; "" at the start
	After  string   // label of the first that did not happen; "" at the end
	Marks  []string // what had been marked, oldest first
}

// Scratch returns a fresh directory for States: in memory where the system has /dev/shm, else t.TempDir. It is removed
// when the test ends.
func Scratch(t testing.TB) string {
	t.Helper()
	if fi, err := os.Stat("/dev/shm"); err == nil && fi.IsDir() {
		if dir, err := os.MkdirTemp("/dev/shm", "vrepofs-states"); err == nil {
			t.Cleanup(func() {
				if err := os.RemoveAll(dir); err != nil {
					t.Error(err)
				}
			})
			return dir
		}
	}
	return t.TempDir()
}

// States builds n random post-crash states of what was recorded so far, one after the other, each in a directory of scratch, and calls f
// with each. All crash points are visited once before any is visited again. It ends with the first error of f, to which it adds
// where the crash was; that tree is left in place. The same rng gives the same states.
func (r *Recorder) States(scratch string, rng *rand.Rand, n int, f func(State) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := newHistory(r.nodes, r.ops)
	var order []int
	for i := range n {
		if i%(len(r.ops)+1) == 0 {
			order = rng.Perm(len(r.ops) + 1)
		}
		k := order[i%len(order)]
		s := State{Dir: filepath.Join(scratch, "state"), Point: k}
		if k > 0 {
			s.Before = r.ops[k-1].label
		}
		if k < len(r.ops) {
			s.After = r.ops[k].label
		}
		for _, o := range r.ops[:k] {
			if o.kind == opMark {
				s.Marks = append(s.Marks, o.name)
			}
		}
		if err := h.crash(k, rng).write(s.Dir); err != nil {
			return fmt.Errorf("build state: %w", err)
		}
		if err := f(s); err != nil {
			return fmt.Errorf("state %d in %s: power lost after operation %d of %d (%q) and before %q: %w",
				i, s.Dir, k, len(r.ops), s.Before, s.After, err)
		}
	}
	return os.RemoveAll(filepath.Join(scratch, "state"))
}

// history is a recording, indexed.
type history struct {
	nodes   []*node
	ops     []op
	content [][]int // per node: the operations on its data and mode
}

func newHistory(nodes []*node, ops []op) *history {
	h := &history{nodes: nodes, ops: ops, content: make([][]int, len(nodes))}
	for i, o := range ops {
		switch o.kind {
		case opWrite, opTruncate, opChmod:
			h.content[o.node] = append(h.content[o.node], i)
		}
	}
	return h
}

// crashed is one choice of what survived the first k operations.
type crashed struct {
	*history
	k      int
	rng    *rand.Rand
	synced []int // per node: operations on it (names of a directory, data of a file) before this index are durable
	names  []map[string]int
}

// crash decides what survives of the names; the data are decided as they are written.
func (h *history) crash(k int, rng *rand.Rand) *crashed {
	c := &crashed{history: h, k: k, rng: rng, synced: make([]int, len(h.nodes)), names: make([]map[string]int, len(h.nodes))}
	all := 0
	for i, o := range h.ops[:k] {
		switch o.kind {
		case opSync, opSyncDir:
			c.synced[o.node] = i
		case opSyncFS:
			all = i
		}
	}
	for i, n := range h.nodes {
		c.synced[i] = max(c.synced[i], all)
		if n.dir {
			c.names[i] = make(map[string]int, len(n.names))
			for name, ino := range n.names {
				c.names[i][name] = ino
			}
		}
	}
	survives := c.luck()
	for i, o := range h.ops[:k] {
		switch o.kind {
		case opAdd:
			if i < c.synced[o.dir] || survives() {
				c.names[o.dir][o.name] = o.node
			}
		case opDel:
			if i < c.synced[o.dir] || survives() {
				delete(c.names[o.dir], o.name)
			}
		case opMove:
			gone := i < c.synced[o.oldDir]
			if !gone && i >= c.synced[o.dir] && !survives() {
				continue
			}
			c.names[o.dir][o.name] = o.node
			// Two names of one directory change as one; between two the old name may stay, but not go alone.
			if gone || o.dir == o.oldDir || survives() {
				if c.names[o.oldDir][o.oldName] == o.node {
					delete(c.names[o.oldDir], o.oldName)
				}
			}
		}
	}
	return c
}

// luck draws how likely the things that are not durable survive: none, all, or any share of them.
func (c *crashed) luck() func() bool {
	p := 0.0
	switch c.rng.IntN(4) {
	case 0:
	case 1:
		p = 1
	default:
		p = c.rng.Float64()
	}
	return func() bool { return c.rng.Float64() < p }
}

// untouched is the mtime of a directory that was left empty here: while it has it nobody has put anything there. Most
// directories of a store are empty in most states, so this saves most of the work.
func untouched() time.Time { return time.Unix(1, 0) }

// write makes the tree at path, out of what an earlier state and its user have left there.
func (c *crashed) write(path string) error { return c.writeNode(path, 0) }

func (c *crashed) writeNode(path string, ino int) error {
	n := c.nodes[ino]
	if !n.dir {
		data, perm := c.file(ino)
		if err := os.WriteFile(path, data, perm|0o200); err != nil {
			return err
		}
		return os.Chmod(path, perm)
	}
	want := c.names[ino]
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		if err := os.Mkdir(path, n.perm|0o700); err != nil {
			return err
		}
	case err != nil:
		return err
	case len(want) == 0 && fi.ModTime().Equal(untouched()):
		return nil
	default:
		if err := c.clear(path, want); err != nil {
			return err
		}
	}
	// In the order of names, so that the same rng gives the same files.
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if err := c.writeNode(filepath.Join(path, name), want[name]); err != nil {
			return err
		}
	}
	if len(want) == 0 {
		return os.Chtimes(path, untouched(), untouched())
	}
	return nil
}

// clear removes from path everything but the directories that are wanted there.
func (c *crashed) clear(path string, want map[string]int) error {
	old, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range old {
		if ino, ok := want[e.Name()]; ok && c.nodes[ino].dir && e.IsDir() {
			continue
		}
		if err := os.RemoveAll(filepath.Join(path, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// file decides what survives of a file.
func (c *crashed) file(ino int) ([]byte, os.FileMode) {
	n := c.nodes[ino]
	data, perm := append([]byte(nil), n.data...), n.perm
	var pending []op
	for _, i := range c.content[ino] {
		switch o := c.ops[i]; {
		case i >= c.k:
		case i < c.synced[ino]:
			data, perm = apply(data, perm, o)
		default:
			pending = append(pending, o)
		}
	}
	if len(pending) == 0 {
		return data, perm
	}
	switch c.rng.IntN(4) {
	case 0: // nothing
	case 1: // all of it
		for _, o := range pending {
			data, perm = apply(data, perm, o)
		}
	case 2: // up to a byte
		last := c.rng.IntN(len(pending))
		for _, o := range pending[:last] {
			data, perm = apply(data, perm, o)
		}
		data, perm = c.part(data, perm, pending[last])
	default: // anything of it
		survives := c.luck()
		for _, o := range pending {
			switch {
			case survives():
				data, perm = apply(data, perm, o)
			case c.rng.IntN(2) == 0:
				data, perm = c.part(data, perm, o)
			}
		}
	}
	return data, perm
}

// part applies a write in part: its beginning or its end, the rest cut off, or zeros where the file has grown.
func (c *crashed) part(data []byte, perm os.FileMode, o op) ([]byte, os.FileMode) {
	if o.kind != opWrite || len(o.data) == 0 {
		return data, perm
	}
	whole := o.off + int64(len(o.data))
	cut := c.rng.IntN(len(o.data) + 1)
	switch c.rng.IntN(4) {
	case 0: // the beginning, cut off
		o.data = o.data[:cut]
	case 1: // the beginning, then zeros
		o.data = o.data[:cut]
		data = grow(data, whole)
	case 2: // zeros, then the end
		o.off, o.data = o.off+int64(cut), o.data[cut:]
		data = grow(data, whole)
	case 3: // the size alone
		return grow(data, whole), perm
	}
	return apply(data, perm, o)
}

// apply does an operation to a file's content.
func apply(data []byte, perm os.FileMode, o op) ([]byte, os.FileMode) {
	switch o.kind {
	case opWrite:
		data = grow(data, o.off+int64(len(o.data)))
		copy(data[o.off:], o.data)
	case opTruncate:
		data = grow(data, o.off)[:o.off]
	case opChmod:
		perm = o.perm
	}
	return data, perm
}

// grow makes data at least size long, with zeros.
func grow(data []byte, size int64) []byte {
	if missing := size - int64(len(data)); missing > 0 {
		data = append(data, make([]byte, missing)...)
	}
	return data
}
