package repodata

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"
)

// ErrTooLarge is the error of reading more uncompressed data than the limit.
var ErrTooLarge = errors.New("uncompressed data is larger than the limit")

// maxWindow is the largest window, in bytes, that a compressed file may ask for: what xz -9 and zstd --ultra -22 --long
// need at most, but for an 8th of a bit.
const maxWindow = 128 << 20

// MaxUncompressed is the most that Decompress reads, in bytes. Fedora's filelists have 1 GiB.
const MaxUncompressed = 16 << 30

// Decompress is DecompressLimit with MaxUncompressed.
func Decompress(r io.Reader) (io.ReadCloser, error) { return DecompressLimit(r, MaxUncompressed) }

// DecompressLimit returns a reader of what r holds uncompressed, by its first bytes: gzip (of any number of members), zstd, xz,
// bzip2, or as it is; zchunk is errors.ErrUnsupported. Reading more than limit bytes from it is ErrTooLarge, so that a small file cannot fill memory or
// disk. Close frees what the decompressor holds, and does not close r.
func DecompressLimit(r io.Reader, limit int64) (io.ReadCloser, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(6)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	d := &decompressed{left: limit}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		d.kind = "gzip"
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("decompress gzip: %w", err)
		}
		d.r = z
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")), len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18":
		d.kind = "zstd"
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("decompress zstd: %w", err)
		}
		d.r, d.close = z, z.Close
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		d.kind = "xz"
		z, err := xz.NewReader(br, maxWindow)
		if err != nil {
			return nil, fmt.Errorf("decompress xz: %w", err)
		}
		d.r = z
	case bytes.HasPrefix(head, []byte("BZh")):
		d.kind = "bzip2"
		d.r = bzip2.NewReader(br)
	case bytes.HasPrefix(head, []byte("\x00ZCK1")):
		return nil, fmt.Errorf("decompress zchunk: %w", errors.ErrUnsupported)
	default:
		d.kind = "plain"
		d.r = br
	}
	return d, nil
}

type decompressed struct {
	kind  string
	r     io.Reader
	close func()
	left  int64
}

// Read reads uncompressed bytes.
func (d *decompressed) Read(b []byte) (int, error) {
	if d.r == nil {
		return 0, fmt.Errorf("decompress %s: read after close", d.kind)
	}
	if int64(len(b)) > d.left {
		b = b[:d.left+1] // one more tells the limit from the end
	}
	n, err := d.r.Read(b)
	if int64(n) > d.left {
		n = int(d.left)
		err = ErrTooLarge
	}
	d.left -= int64(n)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("decompress %s: %w", d.kind, err)
	}
	return n, err
}

// Close frees the decompressor.
func (d *decompressed) Close() error {
	if d.close != nil {
		d.close()
	}
	d.r, d.close = nil, nil
	return nil
}
