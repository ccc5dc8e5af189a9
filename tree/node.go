package tree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"
	"strings"

	"vrepofs/blob"
)

// The first bytes of every node. See doc.go for the layout.
const (
	nodeMagic   = 'T'
	nodeVersion = 1
	headerSize  = 4
	maxLevel    = 15 // minRun^15 entries are more than anyone has
	maxCount    = 1 << 48
	// maxNode bounds an encoded node: maxRun items of the longest name and value, and their three lengths.
	maxNode = headerSize + maxRun*(MaxName+MaxValue+9)
)

// ErrCorrupt is wrapped by every error about bytes that are not what this package writes.
var ErrCorrupt = errors.New("corrupt")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// Node is a decoded node. In a leaf (Level 0) Items are entries of the tree; above, an item's Name is the last name below
// the child and its Value is the child's digest and number of entries, as doc.go has it.
type Node struct {
	Level int
	Items []Item // sorted strictly by Name, never empty

	count uint64 // entries of the tree in and below this node
}

// DecodeNode checks and decodes one encoded node. It accepts only the canonical encoding: what re-encodes to the same bytes.
// Not checked is what one node alone cannot show: its digest, its parent, and where the boundaries between nodes lie. The
// values alias enc. It does no I/O and its memory is bounded by a small multiple of len(enc).
func DecodeNode(enc []byte) (*Node, error) {
	level, n, p, err := header(enc)
	if err != nil {
		return nil, err
	}
	// One pass to find the size of all names, one to build them: three allocations in all.
	total, nameLen := 0, 0
	for i, q := 0, p; i < n; i++ {
		it, err := q.item(enc, i, nameLen)
		if err != nil {
			return nil, err
		}
		nameLen = it.shared + len(it.suffix)
		total += nameLen
		if i == n-1 && int(q) != len(enc) {
			return nil, corrupt("%d bytes after the last item", len(enc)-int(q))
		}
	}
	var names strings.Builder
	names.Grow(total)
	node := &Node{Level: level, Items: make([]Item, n), count: uint64(n)}
	if level > 0 {
		node.count = 0
	}
	prev := ""
	for i := range n {
		it, err := p.item(enc, i, len(prev))
		if err != nil {
			return nil, err
		}
		// Canonical and strictly sorted: the shared part is all that is shared, and the first differing byte grows.
		if i > 0 {
			if len(it.suffix) == 0 {
				return nil, corrupt("item %d: name is not above the one before", i)
			}
			if it.shared < len(prev) && it.suffix[0] <= prev[it.shared] {
				return nil, corrupt("item %d: name is not above the one before, or shares more with it than it says", i)
			}
		}
		start := names.Len()
		names.WriteString(prev[:it.shared])
		names.Write(it.suffix)
		name := names.String()[start:]
		node.Items[i] = Item{Name: name, Value: it.value}
		prev = name
		if level > 0 {
			c, err := parseChild(it.value)
			if err != nil {
				return nil, fmt.Errorf("item %d: %w", i, err)
			}
			if node.count += c.count; node.count > maxCount {
				return nil, corrupt("item %d: counts add up to more than %d", i, int64(maxCount))
			}
		}
	}
	return node, nil
}

// last returns the greatest name in the node.
func (n *Node) last() string { return n.Items[len(n.Items)-1].Name }

// find returns the index of the first item whose name is not below name, and whether it is that name.
func (n *Node) find(name string) (int, bool) {
	i := sort.Search(len(n.Items), func(i int) bool { return n.Items[i].Name >= name })
	return i, i < len(n.Items) && n.Items[i].Name == name
}

// header checks the first bytes of a node and returns the position of the first item.
func header(enc []byte) (level, n int, p pos, err error) {
	switch {
	case len(enc) < headerSize:
		return 0, 0, 0, corrupt("%d bytes are too short for a node", len(enc))
	case len(enc) > maxNode:
		return 0, 0, 0, corrupt("%d bytes are too long for a node", len(enc))
	case enc[0] != nodeMagic:
		return 0, 0, 0, corrupt("magic byte %#02x, want %#02x", enc[0], nodeMagic)
	case enc[1] != nodeVersion:
		return 0, 0, 0, corrupt("node version %d, this program reads %d", enc[1], nodeVersion)
	case enc[2] > maxLevel:
		return 0, 0, 0, corrupt("level %d, at most %d", enc[2], maxLevel)
	case enc[3] == 0 || enc[3] > maxRun:
		return 0, 0, 0, corrupt("%d items, want 1 to %d", enc[3], maxRun)
	}
	return int(enc[2]), int(enc[3]), headerSize, nil
}

// pos is a position in an encoded node.
type pos int

type rawItem struct {
	shared int
	suffix []byte
	value  []byte // never nil
}

// item reads item number i, whose predecessor's name is prev bytes long, and checks its bounds.
func (p *pos) item(enc []byte, i, prev int) (rawItem, error) {
	q := int(*p)
	var v [3]int
	for k := range v {
		if q < len(enc) && enc[q] < 0x80 { // nearly always one byte
			v[k] = int(enc[q])
			q++
			continue
		}
		u, n := uvarint(enc[q:])
		if n <= 0 || u > maxNode {
			return rawItem{}, corrupt("item %d: bad length", i)
		}
		v[k] = int(u)
		q += n
	}
	shared, suffix, value := v[0], v[1], v[2]
	switch {
	case shared > prev:
		return rawItem{}, corrupt("item %d: shares %d bytes with a name of %d", i, shared, prev)
	case shared+suffix == 0:
		return rawItem{}, corrupt("item %d: empty name", i)
	case shared+suffix > MaxName:
		return rawItem{}, corrupt("item %d: name of %d bytes, at most %d", i, shared+suffix, MaxName)
	case value > MaxValue:
		return rawItem{}, corrupt("item %d: value of %d bytes, at most %d", i, value, MaxValue)
	case suffix+value > len(enc)-q:
		return rawItem{}, corrupt("item %d: %d bytes, only %d left", i, suffix+value, len(enc)-q)
	}
	m, e := q+suffix, q+suffix+value
	*p = pos(e)
	return rawItem{shared, enc[q:m:m], enc[m:e:e]}, nil
}

// entries counts the entries of the tree in and below an encoded root without decoding it.
func entries(enc []byte) (uint64, error) {
	level, n, p, err := header(enc)
	if err != nil || level == 0 {
		return uint64(n), err
	}
	if n == 1 {
		return 0, corrupt("a root of level %d with one child", level)
	}
	total, prev := uint64(0), 0
	for i := range n {
		it, err := p.item(enc, i, prev)
		if err != nil {
			return 0, err
		}
		prev = it.shared + len(it.suffix)
		c, err := parseChild(it.value)
		if err != nil {
			return 0, fmt.Errorf("item %d: %w", i, err)
		}
		if total += c.count; total > maxCount {
			return 0, corrupt("item %d: counts add up to more than %d", i, int64(maxCount))
		}
	}
	return total, nil
}

// seek finds the first item whose name is not below name, without decoding the node, and says whether it is that name. value
// is nil if there is none.
func seek(enc []byte, name string) (level int, value []byte, exact bool, err error) {
	level, n, p, err := header(enc)
	if err != nil {
		return 0, nil, false, err
	}
	// same is the number of bytes that name has in common with the item before. An item that shares more than that with its
	// predecessor is below name like it, one that shares less is above.
	same, prev := 0, 0
	for i := range n {
		it, err := p.item(enc, i, prev)
		if err != nil {
			return 0, nil, false, err
		}
		prev = it.shared + len(it.suffix)
		if it.shared > same {
			continue
		}
		if it.shared < same {
			return level, it.value, false, nil
		}
		k, rest := 0, name[same:]
		for k < len(rest) && k < len(it.suffix) && rest[k] == it.suffix[k] {
			k++
		}
		if k == len(rest) {
			return level, it.value, k == len(it.suffix), nil
		}
		if k < len(it.suffix) && it.suffix[k] > rest[k] {
			return level, it.value, false, nil
		}
		same += k
	}
	return level, nil, false, nil
}

// child is the value of an item of an internal node: 32 bytes of digest, then the count as a uvarint.
type child struct {
	digest blob.Digest
	count  uint64 // entries of the tree below it
}

func (c child) append(dst []byte) []byte {
	return binary.AppendUvarint(append(dst, c.digest[:]...), c.count)
}

func parseChild(v []byte) (c child, err error) {
	n := copy(c.digest[:], v)
	count, m := uvarint(v[n:])
	switch {
	case n < len(c.digest) || m <= 0 || n+m != len(v):
		return child{}, corrupt("child reference of %d bytes", len(v))
	case c.digest.IsZero():
		return child{}, corrupt("child reference without a digest")
	case count == 0 || count > maxCount:
		return child{}, corrupt("child with %d entries", count)
	}
	c.count = count
	return c, nil
}

// uvarint is binary.Uvarint for the shortest encoding only: n is 0 if b is too short, negative if the number is too great or
// not encoded in as few bytes as it can be.
func uvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n > 1 && b[n-1] == 0 {
		return 0, -n
	}
	if v > math.MaxInt64 {
		return 0, -n
	}
	return v, n
}
