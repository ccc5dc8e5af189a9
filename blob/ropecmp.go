package blob

import (
	"bytes"
	"io"
	"os"
)

// SameBytes reports whether two ropes stand for the same bytes. It reads what they do not share, up to the first difference, from the
// blobs that open yields, and trusts those: a blob that is shorter than its part says is an error.
func SameBytes(open func(Digest) (*os.File, error), a, b Rope) (bool, error) {
	if a.Size() != b.Size() {
		return false, nil
	}
	x, y := ropeCursor{open: open, rope: a}, ropeCursor{open: open, rope: b}
	defer x.close()
	defer y.close()
	for {
		p, q := x.next(), y.next()
		n := min(p.Size, q.Size)
		if n == 0 {
			return true, nil // the end of both
		}
		if p.Digest != q.Digest || p.Offset != q.Offset {
			n = min(n, int64(len(x.buf)))
			s, err := x.read(n)
			if err != nil {
				return false, err
			}
			t, err := y.read(n)
			if err != nil || !bytes.Equal(s, t) {
				return false, err
			}
		}
		x.skip += n
		y.skip += n
	}
}

// ropeCursor is a place in a rope.
type ropeCursor struct {
	open func(Digest) (*os.File, error)
	rope Rope  // what is left
	skip int64 // bytes of its first part that are done

	file   *os.File // of digest, or nil
	digest Digest
	buf    [32 << 10]byte
}

// next is what is left of the part at the cursor; an empty one at the end.
func (c *ropeCursor) next() Part {
	for ; len(c.rope) > 0; c.rope, c.skip = c.rope[1:], 0 {
		if p := c.rope[0]; c.skip < p.Size {
			p.Offset += c.skip
			p.Size -= c.skip
			return p
		}
	}
	return Part{}
}

// read reads n bytes of the part at the cursor, which has them. They are good until the next call.
func (c *ropeCursor) read(n int64) ([]byte, error) {
	p := c.next()
	if c.file == nil || c.digest != p.Digest {
		c.close()
		f, err := c.open(p.Digest)
		if err != nil {
			return nil, err
		}
		c.file, c.digest = f, p.Digest
	}
	if m, err := c.file.ReadAt(c.buf[:n], p.Offset); int64(m) < n {
		if err == io.EOF {
			err = &CorruptError{Digest: p.Digest, Reason: "is shorter than a rope says"}
		}
		return nil, err
	}
	return c.buf[:n], nil
}

func (c *ropeCursor) close() {
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}
