package ctl

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"

	"vrepofs/blob"
)

// An import, and what is put into a channel, travels as frames: a byte that says the kind, the payload's length as a uvarint, the payload.
//
//	'H' header   JSON importHeader or putHeader, once and first
//	'P' package  uvarint length and bytes of the path, varint mtime, package record (rpm.AppendPackage) to the end
//	'F' file     32 bytes digest, uvarint size, byte named (0 or 1), path to the end
//	'L' link     uvarint length and bytes of the path, target to the end; of puts only
//	'D' dir      path of an empty directory; of puts only
//	'R' rows     empty, once: no package or file comes any more, and what can be prepared for the commit may be. The blobs are
//	             not durable yet
//	'E' end      empty, once and last: the blobs are durable. Without it nothing is committed
const (
	frameHeader  = 'H'
	framePackage = 'P'
	frameFile    = 'F'
	frameRows    = 'R'
	frameLink    = 'L'
	frameDir     = 'D'
	frameEnd     = 'E'
)

// Limits of payloads, in bytes. A package's record is about as large as its header; the largest header known, of a kernel's debug
// package, has some 5 MB.
const (
	maxHeaderFrame  = 64 << 10
	maxPackageFrame = 64 << 20
	maxFileFrame    = 8 << 10
)

var errFrame = fmt.Errorf("import stream is damaged: %w", iofs.ErrInvalid)

// importHeader begins an import.
type importHeader struct {
	Why
	Repo     string   `json:"repo,omitempty"` // "" means builds
	Tag      string   `json:"tag,omitempty"`  // that builds are put into
	Add      bool     `json:"add,omitempty"`
	Verbatim bool     `json:"verbatim,omitempty"`
	Revision string   `json:"revision,omitempty"`
	Upstream string   `json:"upstream,omitempty"`
	Metadata Metadata `json:"metadata,omitzero"`
}

// frameWriter writes frames. It is used by one goroutine.
type frameWriter struct {
	w   *bufio.Writer
	buf []byte
}

func newFrameWriter(w io.Writer) *frameWriter { return &frameWriter{w: bufio.NewWriterSize(w, 64<<10)} }

func (f *frameWriter) write(kind byte, payload []byte) error {
	if limit := frameLimit(kind); len(payload) > limit {
		return fmt.Errorf("%d bytes for one frame of kind %q, the limit is %d: %w", len(payload), kind, limit, iofs.ErrInvalid)
	}
	head := binary.AppendUvarint([]byte{kind}, uint64(len(payload)))
	if _, err := f.w.Write(head); err != nil {
		return err
	}
	_, err := f.w.Write(payload)
	return err
}

func (f *frameWriter) header(h importHeader) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return f.write(frameHeader, b)
}

func (f *frameWriter) pkg(path string, mtime int64, record []byte) error {
	b := binary.AppendUvarint(f.buf[:0], uint64(len(path)))
	b = append(b, path...)
	b = binary.AppendVarint(b, mtime)
	f.buf = append(b, record...)
	if err := f.write(framePackage, f.buf); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (f *frameWriter) file(path string, d blob.Digest, size int64, named bool) error {
	b := append(f.buf[:0], d[:]...)
	b = binary.AppendUvarint(b, uint64(size))
	if named {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	f.buf = append(b, path...)
	if err := f.write(frameFile, f.buf); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// rows writes the frame that says that all rows are written, and sends all.
func (f *frameWriter) rows() error { return f.mark(frameRows) }

// end writes the frame that makes the import count, and sends all.
func (f *frameWriter) end() error { return f.mark(frameEnd) }

func (f *frameWriter) mark(kind byte) error {
	if err := f.write(kind, nil); err != nil {
		return err
	}
	return f.w.Flush()
}

// frameReader reads frames. A payload is valid until the next one is read.
type frameReader struct {
	r   *bufio.Reader
	buf bytes.Buffer
}

func newFrameReader(r io.Reader) *frameReader { return &frameReader{r: bufio.NewReaderSize(r, 64<<10)} }

// header reads the first frame, which is JSON.
func (f *frameReader) header(into any) error {
	kind, payload, err := f.next()
	if err != nil {
		return err
	}
	if kind != frameHeader || json.Unmarshal(payload, into) != nil {
		return fmt.Errorf("first frame: %w", errFrame)
	}
	return nil
}

// next returns the next frame. A stream that ends between or in frames is io.ErrUnexpectedEOF: only frameEnd ends one. Memory
// grows with the bytes that come, not with the length that is claimed.
func (f *frameReader) next() (kind byte, payload []byte, err error) {
	if kind, err = f.r.ReadByte(); err != nil {
		return 0, nil, cut(err)
	}
	limit := frameLimit(kind)
	if limit < 0 {
		return 0, nil, fmt.Errorf("frame of kind %q: %w", kind, errFrame)
	}
	n, err := binary.ReadUvarint(f.r)
	if err != nil {
		return 0, nil, cut(err)
	}
	if n > uint64(limit) {
		return 0, nil, fmt.Errorf("frame of kind %q has %d bytes, the limit is %d: %w", kind, n, limit, errFrame)
	}
	if f.buf.Cap() > 1<<20 {
		f.buf = bytes.Buffer{} // one huge package must not stay
	}
	f.buf.Reset()
	if _, err := io.CopyN(&f.buf, f.r, int64(n)); err != nil {
		return 0, nil, cut(err)
	}
	return kind, f.buf.Bytes(), nil
}

// frameLimit returns the greatest payload of a kind, or -1 for an unknown kind.
func frameLimit(kind byte) int {
	switch kind {
	case frameHeader:
		return maxHeaderFrame
	case framePackage:
		return maxPackageFrame
	case frameFile, frameLink, frameDir:
		return maxFileFrame
	case frameRows, frameEnd:
		return 0
	}
	return -1
}

// cut is the error of a stream that ended early: the client's doing, not a fault of the daemon.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("import stream ended before its end mark, nothing is imported (%w): %w", err, iofs.ErrInvalid)
}

// decodePackage reads a package frame.
func decodePackage(b []byte) (path string, mtime int64, record []byte, err error) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return "", 0, nil, fmt.Errorf("package frame: %w", errFrame)
	}
	path, b = string(b[w:w+int(n)]), b[w+int(n):]
	mtime, w = binary.Varint(b)
	if w <= 0 {
		return "", 0, nil, fmt.Errorf("package frame: %w", errFrame)
	}
	return path, mtime, b[w:], nil
}

// decodeFile reads a file frame.
func decodeFile(b []byte) (path string, d blob.Digest, size int64, named bool, err error) {
	damaged := fmt.Errorf("file frame: %w", errFrame)
	if len(b) < len(d) {
		return "", d, 0, false, damaged
	}
	b = b[copy(d[:], b):]
	n, w := binary.Uvarint(b)
	if w <= 0 || n > 1<<62 || len(b) <= w || b[w] > 1 {
		return "", d, 0, false, damaged
	}
	return string(b[w+1:]), d, int64(n), b[w] == 1, nil
}
