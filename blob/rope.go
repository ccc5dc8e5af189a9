package blob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"sync"
)

// Rope is a byte string kept as an ordered list of blobs, or of slices of blobs: their concatenation. Its own digest is that of the
// whole bytes and is not part of it. The empty Rope is the empty string.
type Rope []Part

// Part is one piece of a Rope: Size bytes of a blob from Offset on, with Rest bytes behind them. So the blob has
// Offset + Size + Rest bytes, which a reader checks; where Offset and Rest are 0 the part is the whole blob. None is negative.
type Part struct {
	Digest Digest
	Size   int64 // bytes of the rope
	Offset int64 // bytes of the blob before them
	Rest   int64 // bytes of the blob behind them
}

// BlobSize is the size of the part's blob in bytes.
func (p Part) BlobSize() int64 { return p.Offset + p.Size + p.Rest }

// Whole reports whether the part is all of its blob.
func (p Part) Whole() bool { return p.Offset == 0 && p.Rest == 0 }

// An encoded rope:
//
//	"vrrp" 01        magic, version
//	uvarint          number of parts
//	per part:        [32] digest, uvarint size
//
// for example of the parts "hello" and "": 76727270 01 02 2cf24dba…9824 05 e3b0c442…b855 00. A rope in which a part is not its
// whole blob has version 2:
//
//	per part:        [32] digest, uvarint offset, uvarint size, uvarint rest
//
// for example of the slice "ell" of "hello": 76727270 02 01 2cf24dba…9824 01 03 01. The encoding is canonical: varints are the
// shortest, version 2 is where it must be, nothing follows.
const (
	ropeMagic  = "vrrp"
	ropeBlobs  = 1 // all parts are whole blobs
	ropeSlices = 2
)

// Size is the number of bytes in the rope.
func (r Rope) Size() int64 {
	var n int64
	for _, p := range r {
		n += p.Size
	}
	return n
}

// Blobs returns the digests of the blobs that the parts are of, each once, in the order in which they come first.
func (r Rope) Blobs() []Digest {
	var blobs []Digest
	seen := map[Digest]bool{}
	for i, p := range r {
		if i > 0 && p.Digest == r[i-1].Digest || seen[p.Digest] {
			continue
		}
		seen[p.Digest] = true
		blobs = append(blobs, p.Digest)
	}
	return blobs
}

// whole reports whether all parts are.
func (r Rope) whole() bool { return !slices.ContainsFunc(r, func(p Part) bool { return !p.Whole() }) }

// Append appends the encoded rope to b.
func (r Rope) Append(b []byte) []byte {
	version := byte(ropeBlobs)
	if !r.whole() {
		version = ropeSlices
	}
	b = append(b, ropeMagic...)
	b = append(b, version)
	b = binary.AppendUvarint(b, uint64(len(r)))
	for _, p := range r {
		b = append(b, p.Digest[:]...)
		if version == ropeSlices {
			b = binary.AppendUvarint(b, uint64(p.Offset))
		}
		b = binary.AppendUvarint(b, uint64(p.Size))
		if version == ropeSlices {
			b = binary.AppendUvarint(b, uint64(p.Rest))
		}
	}
	return b
}

// DecodeRope reads what Append writes; anything else is an error of kind ErrCorrupt. It does not keep b, allocates no more than
// a small multiple of len(b), and does no I/O: whether the blobs are as long as it says is found when they are read.
func DecodeRope(b []byte) (Rope, error) {
	bad := func(at int, reason string) (Rope, error) {
		return nil, fmt.Errorf("decode rope: byte %d: %s: %w", at, reason, ErrCorrupt)
	}
	if len(b) <= len(ropeMagic) || string(b[:len(ropeMagic)]) != ropeMagic {
		return bad(0, "wrong magic")
	}
	at := len(ropeMagic)
	version, numbers := b[at], 1 // of each part
	switch version {
	case ropeBlobs:
	case ropeSlices:
		numbers = 3
	default:
		return bad(at, fmt.Sprintf("version %d is not known here", version))
	}
	at++
	count, n := shortUvarint(b[at:])
	if n == 0 {
		return bad(at, "bad number of parts")
	}
	at += n
	if count > uint64(len(b)-at)/uint64(len(Digest{})+numbers) {
		return bad(at, fmt.Sprintf("%d parts do not fit in %d bytes", count, len(b)-at))
	}
	r := make(Rope, count)
	var total uint64
	for i := range r {
		if len(b)-at < len(Digest{}) {
			return bad(at, "truncated")
		}
		at += copy(r[i].Digest[:], b[at:])
		var sum uint64 // the size of the blob
		for k, field := range [...]*int64{&r[i].Offset, &r[i].Size, &r[i].Rest} {
			if version == ropeBlobs && k != 1 {
				continue
			}
			v, n := shortUvarint(b[at:])
			if n == 0 || v > math.MaxInt64 || sum+v > math.MaxInt64 {
				return bad(at, "bad size")
			}
			*field = int64(v)
			sum += v
			at += n
		}
		if total += uint64(r[i].Size); total > math.MaxInt64 {
			return bad(at, "bad size")
		}
	}
	if at != len(b) {
		return bad(at, "something follows")
	}
	if version == ropeSlices && r.whole() {
		return bad(len(ropeMagic), "version 2 without a slice")
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

// ropeFiles is how many blobs of one rope are kept open: a sequential reader needs one or two at a time, parallel ones a few.
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
	digest Digest
	size   int64
	users  int
	idle   bool // in files
}

// OpenRope makes a reader of r, which must not change. It opens no blob yet: a missing one is found when it is read.
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

// ReadAt reads from offset off, across parts. The error is io.EOF at the end, and that of Store.OpenSized for a blob that
// is missing, was set aside or has another size than its part says.
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
		m, err := f.ReadAt(b[n:n+int(want)], r.rope[i].Offset+off-start)
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

// acquire returns an open file of the blob of part i, which parts that are slices of it share; release it.
func (r *RopeReader) acquire(i int) (*ropeFile, error) {
	d, size := r.rope[i].Digest, r.rope[i].BlobSize()
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, os.ErrClosed
	}
	for k, f := range r.files {
		if f.digest == d && f.size == size {
			copy(r.files[k:], r.files[k+1:])
			r.files[len(r.files)-1] = f
			f.users++
			r.mu.Unlock()
			return f, nil
		}
	}
	r.mu.Unlock()
	file, err := r.s.OpenSized(d, size)
	if err != nil {
		return nil, err
	}
	f := &ropeFile{File: file, digest: d, size: size, users: 1}
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
