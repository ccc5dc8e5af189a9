package tree

import (
	"fmt"
	iofs "io/fs"
	"iter"
	"math"
	"sort"
	"strings"
	"unsafe"

	"vrepofs/blob"
)

// MakeDir builds a directory of items, which come in strictly ascending order of their names' bytes, and returns its entry.
// Every name must pass CheckName and every entry Check; else the error is iofs.ErrInvalid.
func MakeDir(w Writer, mtime int64, items iter.Seq2[string, Entry]) (Entry, error) {
	nodes := uint64(1)
	var failed error
	root, err := Build(w, func(yield func(string, []byte) bool) {
		var buf []byte
		for name, e := range items {
			if failed = CheckName(name); failed != nil {
				return
			}
			if err := e.Check(); err != nil {
				failed = fmt.Errorf("%q: %w", name, err)
				return
			}
			nodes += uint64(nodesOf(e))
			buf = e.Append(buf[:0])
			if !yield(name, buf) {
				return
			}
		}
	})
	switch {
	case failed != nil:
		return Entry{}, fmt.Errorf("make directory: %w", failed)
	case err != nil:
		return Entry{}, fmt.Errorf("make directory: %w", err)
	case nodes > math.MaxUint32:
		return Entry{}, fmt.Errorf("make directory: %d names in and below it, at most %d: %w", nodes, uint32(math.MaxUint32), iofs.ErrInvalid)
	}
	return Entry{Kind: KindDir, Mtime: mtime, Digest: root, Nodes: uint32(nodes)}, nil
}

// nodesOf is the number of names that an entry stands for, itself included.
func nodesOf(e Entry) uint32 { return max(1, e.Nodes) }

// Dir is a whole directory in memory as one compact sorted array: the names in one string and a row of 52 bytes per entry. It
// never changes and is safe for concurrent use.
type Dir struct {
	names string
	rows  []row
	wide  []Entry  // what does not fit a row: symlinks, restricted directories, and numbers beyond a row's
	subs  []subdir // the directories that have something in them
	nodes uint32
}

// row holds an entry whose size is below 2^48, whose mtime is from 1970 to 2106, and whose serial is below 2^32.
type row struct {
	digest blob.Digest
	end    uint32 // of the name, in names
	mtime  uint32
	number uint32 // serial of an RPM, nodes of a directory, index of a wide entry
	size   uint32
	sizeHi uint16
	kind   uint8 // as encoded; 0: wide
}

// subdir says for a directory entry by how much the ordinals from the entry behind it on are ahead of their indices.
type subdir struct {
	index uint32
	ahead uint32 // sum of Nodes-1 over the directories up to and with this one
}

// LoadDir reads the directory e whole. An entry whose name does not pass CheckName, or numbers of nodes that do not add up,
// are ErrCorrupt.
func LoadDir(r Reader, e Entry) (*Dir, error) {
	d, err := loadDir(r, e)
	if err != nil {
		return nil, fmt.Errorf("load directory %s: %w", e.Digest.Short(), err)
	}
	return d, nil
}

func loadDir(r Reader, e Entry) (*Dir, error) {
	if e.Kind != KindDir {
		return nil, fmt.Errorf("a %s: %w", e.Kind, iofs.ErrInvalid)
	}
	n, err := Len(r, e.Digest)
	if err != nil {
		return nil, err
	}
	if uint64(n) >= uint64(e.Nodes) {
		return nil, corrupt("%d names, its entry says %d", n, e.Nodes-1)
	}
	// The number is only believed as far as it does no harm; hostile nodes can claim any.
	d := &Dir{rows: make([]row, 0, min(n, 1<<17))}
	var names strings.Builder
	names.Grow(min(n, 1<<17) * 48)
	nodes := uint64(1)
	for it, err := range List(r, e.Digest, "") {
		if err != nil {
			return nil, err
		}
		if err := CheckName(it.Name); err != nil {
			return nil, corrupt("%v", err)
		}
		sub, err := DecodeEntry(it.Value)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", it.Name, err)
		}
		if names.Len()+len(it.Name) > math.MaxUint32 {
			return nil, corrupt("more than 4 GiB of names")
		}
		names.WriteString(it.Name)
		if sub.Nodes > 1 {
			ahead := nodes - 1 - uint64(len(d.rows)) + uint64(sub.Nodes-1)
			d.subs = append(d.subs, subdir{uint32(len(d.rows)), uint32(ahead)})
		}
		if nodes += uint64(nodesOf(sub)); nodes > uint64(e.Nodes) {
			return nil, corrupt("more than the %d names that its entry says", e.Nodes-1)
		}
		d.add(uint32(names.Len()), sub)
	}
	if nodes != uint64(e.Nodes) {
		return nil, corrupt("%d names in and below it, its entry says %d", nodes-1, e.Nodes-1)
	}
	d.names, d.nodes = names.String(), e.Nodes
	if cap(d.rows) > len(d.rows)+len(d.rows)/8 {
		d.rows = append([]row(nil), d.rows...)
	}
	if names.Cap() > names.Len()+names.Len()/16 {
		d.names = strings.Clone(d.names)
	}
	return d, nil
}

func (d *Dir) add(end uint32, e Entry) {
	r := row{digest: e.Digest, end: end, mtime: uint32(e.Mtime), size: uint32(e.Size), sizeHi: uint16(e.Size >> 32), kind: uint8(e.Kind)}
	switch {
	case e.Target != "" || e.Perm != 0 || e.Mtime != int64(r.mtime) || e.Size>>48 != 0 || e.Serial>>32 != 0:
		r = row{end: end, number: uint32(len(d.wide))}
		d.wide = append(d.wide, e)
	case e.RPM:
		r.kind |= rpmFlag
		r.number = uint32(e.Serial)
	default:
		r.number = e.Nodes
	}
	d.rows = append(d.rows, r)
}

// Len returns the number of entries.
func (d *Dir) Len() int { return len(d.rows) }

// Nodes returns the number of names in and below the directory at all depths, plus 1 for itself.
func (d *Dir) Nodes() uint32 { return d.nodes }

// Name returns the name of entry i. It allocates nothing; the string keeps the names of the whole directory in memory.
func (d *Dir) Name(i int) string {
	start := uint32(0)
	if i > 0 {
		start = d.rows[i-1].end
	}
	return d.names[start:d.rows[i].end]
}

// Entry returns entry i. It allocates nothing.
func (d *Dir) Entry(i int) Entry {
	r := &d.rows[i]
	if r.kind == 0 {
		return d.wide[r.number]
	}
	e := Entry{Kind: Kind(r.kind & kindMask), Mtime: int64(r.mtime), Size: int64(r.sizeHi)<<32 | int64(r.size), Digest: r.digest}
	switch {
	case r.kind&rpmFlag != 0:
		e.RPM, e.Serial = true, uint64(r.number)
	case e.Kind == KindDir:
		e.Nodes = r.number
	}
	return e
}

// Find returns the index of name, or, with ok false, the index where it would be. It allocates nothing.
func (d *Dir) Find(name string) (i int, ok bool) {
	lo, hi := 0, len(d.rows)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if d.Name(mid) < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(d.rows) && d.Name(lo) == name
}

// Ordinal returns the place of entry i relative to the directory's own in the numbering of a whole directory tree, where each
// directory is followed by all that is below it: 1 for the first entry. It is below Nodes.
func (d *Dir) Ordinal(i int) uint32 {
	k := sort.Search(len(d.subs), func(k int) bool { return int(d.subs[k].index) >= i })
	o := 1 + uint32(i)
	if k > 0 {
		o += d.subs[k-1].ahead
	}
	return o
}

// ByOrdinal returns the entry at or below which ordinal o lies: rest is 0 for the entry itself, else the ordinal relative to
// that directory. It is the inverse of Ordinal; ok is false if o is 0 (the directory itself) or not below Nodes.
func (d *Dir) ByOrdinal(o uint32) (i int, rest uint32, ok bool) {
	if o == 0 || o >= d.nodes {
		return 0, 0, false
	}
	i = sort.Search(len(d.rows), func(i int) bool { return d.Ordinal(i) > o }) - 1
	return i, o - d.Ordinal(i), true
}

// Size returns the bytes of memory that the directory takes.
func (d *Dir) Size() int {
	n := int(unsafe.Sizeof(*d)) + len(d.names) + cap(d.rows)*int(unsafe.Sizeof(row{})) +
		cap(d.wide)*int(unsafe.Sizeof(Entry{})) + cap(d.subs)*int(unsafe.Sizeof(subdir{}))
	for _, e := range d.wide {
		n += len(e.Target)
	}
	return n
}
