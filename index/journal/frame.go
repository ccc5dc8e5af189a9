package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"vrepofs/blob"
)

const (
	fileMagic    = "VREPOJNL"
	fileVersion  = 1
	fileHeader   = 64 // bytes
	recMagic     = "VRjr"
	recVersion   = 1
	recHeader    = 72      // bytes before the body
	recOverhead  = 72 + 32 // header and digest
	defaultLimit = 64 << 20
)

// MaxBody is the most bytes that one record's body has. An import of 1,000,000 packages takes about 250 MB.
const MaxBody = 1 << 30

// Position is a place between two records.
type Position struct {
	File   uint32 // number of the file, from 1
	Offset int64  // bytes from the file's start
}

// Before reports whether p lies before q.
func (p Position) Before(q Position) bool {
	return p.File < q.File || p.File == q.File && p.Offset < q.Offset
}

// String returns the position as "000001:64".
func (p Position) String() string { return fmt.Sprintf("%06d:%d", p.File, p.Offset) }

// Mark is the end of a record: where it ends and its digest. The zero Mark is the start of the journal.
type Mark struct {
	Position
	Digest blob.Digest
}

// appendFileHeader appends the header of the file with a number, whose first record follows one with the digest prev.
func appendFileHeader(dst []byte, number uint32, prev blob.Digest) []byte {
	start := len(dst)
	dst = append(dst, fileMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, fileVersion)
	dst = binary.LittleEndian.AppendUint32(dst, number)
	dst = append(dst, prev[:]...)
	sum := sha256.Sum256(dst[start:])
	return append(dst, sum[:16]...)
}

// parseFileHeader checks the header of file number and returns the digest that its first record must follow.
func parseFileHeader(b []byte, number uint32) (prev blob.Digest, err error) {
	if len(b) < fileHeader {
		return prev, fmt.Errorf("file header: %d bytes, want %d", len(b), fileHeader)
	}
	if string(b[:8]) != fileMagic {
		return prev, fmt.Errorf("file header: magic %q, want %q", b[:8], fileMagic)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != fileVersion {
		return prev, fmt.Errorf("file header: version %d, want %d", v, fileVersion)
	}
	sum := sha256.Sum256(b[:48])
	if !bytes.Equal(sum[:16], b[48:64]) {
		return prev, fmt.Errorf("file header: checksum %x, want %x", b[48:64], sum[:16])
	}
	if n := binary.LittleEndian.Uint32(b[12:]); n != number {
		return prev, fmt.Errorf("file header: number %d, want %d", n, number)
	}
	copy(prev[:], b[16:48])
	return prev, nil
}

// appendRecord appends r as a whole record that stands at pos behind the record with digest prev, and returns its digest.
func appendRecord(dst []byte, r *Record, pos, synced Position, prev blob.Digest) ([]byte, blob.Digest, error) {
	start := len(dst)
	dst = append(dst, recMagic...)
	dst = append(dst, recVersion, byte(r.Kind), 0, 0)
	dst = append(dst, make([]byte, 8)...)
	dst = binary.LittleEndian.AppendUint32(dst, pos.File)
	dst = binary.LittleEndian.AppendUint32(dst, synced.File)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(pos.Offset))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(synced.Offset))
	dst = append(dst, prev[:]...)
	dst = r.appendBody(dst)
	n := len(dst) - start - recHeader
	if n > MaxBody {
		return dst[:start], blob.Digest{}, fmt.Errorf("record of %d bytes is larger than %d", n, MaxBody)
	}
	binary.LittleEndian.PutUint64(dst[start+8:], uint64(n))
	sum := blob.Sum(dst[start:])
	return append(dst, sum[:]...), sum, nil
}

// header is the fixed part of a record.
type header struct {
	kind   Kind
	body   int // bytes
	pos    Position
	synced Position
	prev   blob.Digest
}

// parseHeader reads the fixed part of a record from the first recHeader bytes of b.
func parseHeader(b []byte) (h header, err error) {
	if len(b) < recHeader {
		return h, fmt.Errorf("record header: %d bytes, want %d", len(b), recHeader)
	}
	if string(b[:4]) != recMagic {
		return h, fmt.Errorf("record magic %q, want %q", b[:4], recMagic)
	}
	if b[4] != recVersion {
		return h, fmt.Errorf("record version %d, want %d", b[4], recVersion)
	}
	h.kind = Kind(b[5])
	if h.kind != Commit && h.kind != Recording {
		return h, fmt.Errorf("record kind %d is unknown", b[5])
	}
	if b[6] != 0 || b[7] != 0 {
		return h, errors.New("record header: reserved bytes are not zero")
	}
	n := binary.LittleEndian.Uint64(b[8:])
	if n > MaxBody {
		return h, fmt.Errorf("record body of %d bytes is larger than %d", n, MaxBody)
	}
	h.body = int(n)
	h.pos = Position{binary.LittleEndian.Uint32(b[16:]), int64(binary.LittleEndian.Uint64(b[24:]))}
	h.synced = Position{binary.LittleEndian.Uint32(b[20:]), int64(binary.LittleEndian.Uint64(b[32:]))}
	copy(h.prev[:], b[40:72])
	return h, nil
}

// parseRecord reads the record that b, a whole record of known length, holds; it must stand at pos and follow prev.
func parseRecord(b []byte, h header, pos Position, prev blob.Digest) (*Record, blob.Digest, error) {
	sum := blob.Sum(b[:len(b)-len(prev)])
	if want := blob.Digest(b[len(b)-len(prev):]); want != sum {
		return nil, sum, fmt.Errorf("record digest is %s, want %s", sum, want)
	}
	if h.pos != pos {
		return nil, sum, fmt.Errorf("record says that it stands at %s, not %s", h.pos, pos)
	}
	if h.prev != prev {
		return nil, sum, fmt.Errorf("record follows %s, want %s", h.prev, prev)
	}
	r, err := decodeBody(h.kind, b[recHeader:len(b)-len(prev)])
	return r, sum, err
}
