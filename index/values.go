package index

import (
	"encoding/binary"
	"fmt"

	"vrepofs/blob"
	"vrepofs/index/journal"
)

// position is what the index remembers of the journal: all records up to mark are in it.
type position struct {
	mark       journal.Mark
	head       Head
	clock      int64
	nextSerial uint64
	nextPlace  uint32
}

func start() position { return position{nextSerial: 1, nextPlace: 1} }

func (p position) encode() []byte {
	b := binary.LittleEndian.AppendUint32(nil, schemaVersion)
	b = binary.LittleEndian.AppendUint32(b, p.mark.File)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.mark.Offset))
	b = append(b, p.mark.Digest[:]...)
	b = binary.LittleEndian.AppendUint64(b, p.head.Seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.head.Stamp))
	b = binary.LittleEndian.AppendUint64(b, uint64(p.clock))
	b = append(b, p.head.Root[:]...)
	b = binary.LittleEndian.AppendUint64(b, p.nextSerial)
	return binary.LittleEndian.AppendUint32(b, p.nextPlace)
}

func decodePosition(b []byte) (p position, err error) {
	r := values{b: b}
	if v := r.u32(); v != schemaVersion {
		return p, fmt.Errorf("index has schema %d, this program's is %d", v, schemaVersion)
	}
	p.mark.File = r.u32()
	p.mark.Offset = int64(r.u64())
	p.mark.Digest = r.digest()
	p.head = Head{Seq: r.u64(), Stamp: int64(r.u64())}
	p.clock = int64(r.u64())
	p.head.Root = r.digest()
	p.nextSerial, p.nextPlace = r.u64(), r.u32()
	return p, r.end("position")
}

func encodeCommit(rec *journal.Record) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(rec.Stamp))
	b = binary.LittleEndian.AppendUint64(b, uint64(rec.Clock))
	b = append(b, rec.Root[:]...)
	return binary.LittleEndian.AppendUint32(b, uint32(len(rec.Rows)))
}

func decodeCommit(seq uint64, b []byte) (Head, error) {
	r := values{b: b}
	h := Head{Seq: seq, Stamp: int64(r.u64())}
	r.u64()
	h.Root = r.digest()
	r.u32()
	return h, r.end("commit")
}

func encodeRow(w journal.Row) []byte {
	b := binary.LittleEndian.AppendUint32(nil, w.UID)
	for _, s := range []string{w.Command, w.Note, w.Label} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

func decodeRow(h Head, b []byte) (Row, error) {
	r := values{b: b}
	w := Row{Seq: h.Seq, Stamp: h.Stamp, UID: r.u32()}
	w.Command, w.Note, w.Label = r.str(), r.str(), r.str()
	return w, r.end("log row")
}

func encodeFile(f FileRow) []byte {
	b := append([]byte(nil), f.Digest[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Size))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Mtime))
	return append(b, f.Name...)
}

func decodeFile(serial uint64, b []byte) (FileRow, error) {
	r := values{b: b}
	f := FileRow{Serial: serial, Digest: r.digest(), Size: int64(r.u64()), Mtime: int64(r.u64())}
	f.Name, r.b = string(r.b), nil
	return f, r.end("file")
}

func le64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
func le32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

// values reads the parts of a value from its front.
type values struct {
	b   []byte
	bad bool
}

func (r *values) take(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return make([]byte, min(n, 32)) // all that fixed parts need; str asks after checking
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *values) u32() uint32         { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *values) u64() uint64         { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *values) digest() blob.Digest { return blob.Digest(r.take(32)) }

func (r *values) str() string {
	n := r.u32()
	if uint64(n) > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return ""
	}
	return string(r.take(int(n)))
}

func (r *values) end(what string) error {
	if r.bad || len(r.b) > 0 {
		return fmt.Errorf("index: a value of kind %q has the wrong length: %w", what, ErrCorrupt)
	}
	return nil
}
