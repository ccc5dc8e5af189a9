package blob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"sync"
)

// Rope is a byte string kept as an ordered list of blobs: their concatenation. Its own digest is that of the whole bytes
// and is not part of it. The empty Rope is the empty string.
type Rope []Part

// Part is one blob of a Rope.
type Part struct {
	Digest Digest
	Size   int64 // bytes, not negative
}

// An encoded rope:
//
//	"vrrp" 01        magic, version
//	uvarint          number of parts
//	per part:        [32] digest, uvarint size
//
// for example of the parts "hello" and "": 76727270 01 02 2cf24dba…9824 05 e3b0c442…b855 00. The encoding is canonical:
// varints are the shortest, nothing follows.
const ropeMagic = "vrrp\x01"

// Size is the number of bytes in the rope.
func (r Rope) Size() int64 {
	var n int64
	for _, p := range r {
		n += p.Size
	}
	return n
}

// Append appends the encoded rope to b.
func (r Rope) Append(b []byte) []byte {
	b = append(b, ropeMagic...)
	b = binary.AppendUvarint(b, uint64(len(r)))
	for _, p := range r {
		b = append(b, p.Digest[:]...)
		b = binary.AppendUvarint(b, uint64(p.Size))
	}
	return b
}

// DecodeRope reads what Append writes; anything else is an error of kind ErrCorrupt. It does not keep b, allocates no more than
// a small multiple of len(b), and does no I/O.
func DecodeRope(b []byte) (Rope, error) {
	bad := func(at int, reason string) (Rope, error) {
		return nil, fmt.Errorf("decode rope: byte %d: %s: %w", at, reason, ErrCorrupt)
	}
	if len(b) < len(ropeMagic) || string(b[:4]) != ropeMagic[:4] {
		return bad(0, "wrong magic")
	}
	if b[4] != ropeMagic[4] {
		return bad(4, fmt.Sprintf("version %d is not known here", b[4]))
	}
	at := len(ropeMagic)
	count, n := shortUvarint(b[at:])
	if n == 0 {
		return bad(at, "bad number of parts")
	}
	at += n
	if count > uint64(len(b)-at)/(uint64(len(Digest{}))+1) {
		return bad(at, fmt.Sprintf("%d parts do not fit in %d bytes", count, len(b)-at))
	}
	r := make(Rope, count)
	var total uint64
	for i := range r {
		if len(b)-at < len(Digest{}) {
			return bad(at, "truncated")
		}
		at += copy(r[i].Digest[:], b[at:])
		size, n := shortUvarint(b[at:])
		if n == 0 || size > math.MaxInt64 || total+size > math.MaxInt64 {
			return bad(at, "bad size")
		}
		total += size
		r[i].Size = int64(size)
		at += n
	}
	if at != len(b) {
		return bad(at, "something follows")
	}
	return r, nil
}

// shortUvarint is binary.Uvarint that returns n = 0 for every failure and for an encoding that is longer than needed.
func shortUvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}

// ropeFiles is how many parts of one rope are kept open: a sequential reader needs one or two at a time, parallel ones a few.
const ropeFiles = 4

// RopeReader reads a rope by offset. It is safe for concurrent use and keeps at most ropeFiles idle files open.
type RopeReader struct {
	s    *Store
	rope Rope
	ends []int64 // ends[i] is the offset behind part i

	mu sync.Mutex
	// mu guards everything below.
	files  []*ropeFile // most recently used last
	closed bool
}

type ropeFile struct {
	*os.File
	part  int
	users int
	idle  bool // in files
}

// OpenRope makes a reader of r. It opens no blob yet: a missing part is found when it is read.
func (s *Store) OpenRope(r Rope) *RopeReader {
	rr := &RopeReader{s: s, rope: r, ends: make([]int64, len(r))}
	var end int64
	for i, p := range r {
		end += p.Size
		rr.ends[i] = end
	}
	return rr
}

// Size is the number of bytes in the rope.
func (r *RopeReader) Size() int64 {
	if len(r.ends) == 0 {
		return 0
	}
	return r.ends[len(r.ends)-1]
}

// ReadAt reads from offset off, across parts. The error is io.EOF at the end, and that of Store.OpenSized for a part that
// is missing, was set aside or has another size.
func (r *RopeReader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read rope: negative offset %d", off)
	}
	n := 0
	i := sort.Search(len(r.ends), func(i int) bool { return r.ends[i] > off })
	for ; n < len(b) && i < len(r.ends); i++ {
		start := r.ends[i] - r.rope[i].Size
		want := min(int64(len(b)-n), r.ends[i]-off)
		if want == 0 {
			continue // an empty part
		}
		f, err := r.acquire(i)
		if err != nil {
			return n, fmt.Errorf("read rope: part %d: %w", i, err)
		}
		m, err := f.ReadAt(b[n:n+int(want)], off-start)
		r.release(f)
		n += m
		off += int64(m)
		if int64(m) < want {
			if errors.Is(err, io.EOF) {
				err = &CorruptError{Digest: r.rope[i].Digest, Reason: "was cut while it was open"}
			}
			return n, fmt.Errorf("read rope: part %d: %w", i, err)
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// acquire returns an open file of part i; release it.
func (r *RopeReader) acquire(i int) (*ropeFile, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, os.ErrClosed
	}
	for k, f := range r.files {
		if f.part == i {
			copy(r.files[k:], r.files[k+1:])
			r.files[len(r.files)-1] = f
			f.users++
			r.mu.Unlock()
			return f, nil
		}
	}
	r.mu.Unlock()
	file, err := r.s.OpenSized(r.rope[i].Digest, r.rope[i].Size)
	if err != nil {
		return nil, err
	}
	f := &ropeFile{File: file, part: i, users: 1}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return f, nil // release closes it
	}
	f.idle = true
	r.files = append(r.files, f)
	if len(r.files) > ropeFiles {
		r.dropLocked(r.files[0])
		r.files = append(r.files[:0], r.files[1:]...)
	}
	return f, nil
}

// dropLocked takes a file out of use; its last user closes it.
func (r *RopeReader) dropLocked(f *ropeFile) {
	f.idle = false
	if f.users == 0 {
		f.Close()
	}
}

func (r *RopeReader) release(f *ropeFile) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.users--; f.users == 0 && !f.idle {
		f.Close()
	}
}

// Close closes the files. Reads that are under way finish; later ones fail with os.ErrClosed.
func (r *RopeReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.files {
		r.dropLocked(f)
	}
	r.files, r.closed = nil, true
	return nil
}
