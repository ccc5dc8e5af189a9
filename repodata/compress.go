package repodata

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Format is how the parts of a metadata file are compressed.
type Format uint8

const (
	// Gzip is read by everything and is the default: a file is a sequence of gzip members.
	Gzip Format = iota
	// Zstd is smaller by a tenth and quicker to read, as a sequence of frames; createrepo_c and mergerepo_c of Debian 12
	// and older EL cannot read it, and mergerepo_c then drops the whole repository with exit status 0.
	Zstd
)

// CompressorVersion is part of every recipe. Raise it when a byte of what Member writes changes for any input, which a
// new release of klauspost/compress may cause: TestCompressorBytes holds the bytes.
const CompressorVersion = 1

// gzipLevel and zstdLevel were chosen by measurement over the primary, filelists and other of 1,994 packages in members
// of 64 (BenchmarkCompress): see doc.go for the table.
const (
	gzipLevel = 6
	zstdLevel = zstd.SpeedDefault
)

// Extension returns what a file of this format has at the end of its name: ".gz" or ".zst".
func (f Format) Extension() string {
	if f == Zstd {
		return ".zst"
	}
	return ".gz"
}

// Compressor makes gzip members or zstd frames: pieces that decompress alone and, one after the other, are one file. The
// same input gives the same bytes: no time, no name, no other trace of where it was made. It keeps its tables between
// calls (a new gzip writer for every member made 60,000 members take 65 s instead of 9.7 s), and is not safe for
// concurrent use. It does no I/O.
type Compressor struct {
	format Format
	out    bytes.Buffer
	gz     *gzip.Writer
	zst    *zstd.Encoder
}

// NewCompressor returns a Compressor for the format.
func NewCompressor(f Format) (*Compressor, error) {
	c := &Compressor{format: f}
	var err error
	switch f {
	case Gzip:
		c.gz, err = gzip.NewWriterLevel(&c.out, gzipLevel)
	case Zstd:
		c.zst, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstdLevel), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	default:
		err = fmt.Errorf("unknown compression format %d", f)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Format returns what the compressor was made for.
func (c *Compressor) Format() Format { return c.format }

// Member appends raw as one member or frame to dst and returns the longer slice.
func (c *Compressor) Member(dst, raw []byte) []byte {
	if c.format == Zstd {
		return c.zst.EncodeAll(raw, dst)
	}
	c.out.Reset()
	c.gz.Reset(&c.out)
	if _, err := c.gz.Write(raw); err != nil {
		panic("BUG: gzip to memory: " + err.Error())
	}
	if err := c.gz.Close(); err != nil {
		panic("BUG: gzip to memory: " + err.Error())
	}
	return append(dst, c.out.Bytes()...)
}
