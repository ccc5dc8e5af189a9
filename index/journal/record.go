package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"vrepofs/blob"
)

// Kind says what a record is for.
type Kind uint8

const (
	// Commit is a change of the store's state: it has its own seq and stamp.
	Commit Kind = 1
	// Recording keeps derived data (memos, places, nodes of views) without a change of state.
	Recording Kind = 2
)

// Record is one record of the journal, decoded. The slices of a record that was read share one buffer with it: do not change
// them.
type Record struct {
	Kind  Kind
	Seq   uint64      // event number of the last commit up to this record, itself included
	Stamp int64       // stamp of that commit, seconds since 1970 UTC
	Clock int64       // what the clock said at that commit, seconds since 1970 UTC; never less than an earlier commit's unless the user accepted the clock
	Root  blob.Digest // root tree of that commit; zero: the empty tree

	Rows        []Row    // who did what; at least one in a commit, none in a recording
	FirstSerial uint64   // serial of Files[0]; the next ones follow without gaps. Present without files too
	Files       []File   // RPM blobs that the store had not seen before
	Seen        []Seen   // known RPM blobs met under one more file name
	Memos       []Memo   // derived values that are kept as truth
	FirstPlace  uint32   // serial of Places[0]
	Places      []string // keys of new places, e.g. "tags/el9/x86_64"
	Nodes       [][]byte // encoded tree nodes that no earlier record holds
}

// Row is one row of the log without what the record says already.
type Row struct {
	UID                  uint32
	Command, Note, Label string
}

// File is an RPM blob; its serial is implied by its place in the record.
type File struct {
	Digest blob.Digest
	Size   int64  // bytes
	Mtime  int64  // seconds since 1970 UTC
	Name   string // "zlib-1.3.1-4.fc42.x86_64.rpm"
}

// Seen says that the blob with a serial was met under a further file name.
type Seen struct {
	Serial uint64
	Name   string
}

// Memo is a derived value under its recipe.
type Memo struct {
	Recipe blob.Digest
	Value  []byte
}

// appendBody appends the canonical encoding of r's body to dst.
func (r *Record) appendBody(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, r.Seq)
	dst = binary.AppendVarint(dst, r.Stamp)
	dst = binary.AppendVarint(dst, r.Clock)
	dst = append(dst, r.Root[:]...)
	dst = binary.AppendUvarint(dst, uint64(len(r.Rows)))
	for _, w := range r.Rows {
		dst = binary.AppendUvarint(dst, uint64(w.UID))
		dst = appendString(dst, w.Command)
		dst = appendString(dst, w.Note)
		dst = appendString(dst, w.Label)
	}
	dst = binary.AppendUvarint(dst, r.FirstSerial)
	dst = binary.AppendUvarint(dst, uint64(len(r.Files)))
	for _, f := range r.Files {
		dst = append(dst, f.Digest[:]...)
		dst = binary.AppendUvarint(dst, uint64(f.Size))
		dst = binary.AppendVarint(dst, f.Mtime)
		dst = appendString(dst, f.Name)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Seen)))
	for _, s := range r.Seen {
		dst = binary.AppendUvarint(dst, s.Serial)
		dst = appendString(dst, s.Name)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Memos)))
	for _, m := range r.Memos {
		dst = append(dst, m.Recipe[:]...)
		dst = appendString(dst, m.Value)
	}
	dst = binary.AppendUvarint(dst, uint64(r.FirstPlace))
	dst = binary.AppendUvarint(dst, uint64(len(r.Places)))
	for _, p := range r.Places {
		dst = appendString(dst, p)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Nodes)))
	for _, n := range r.Nodes {
		dst = appendString(dst, n)
	}
	return dst
}

func appendString[S ~string | ~[]byte](dst []byte, s S) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// decodeBody reads what appendBody wrote. It accepts nothing else: no byte may be left over, each number must be in its
// shortest form. Memory is bounded by a small multiple of len(b).
func decodeBody(kind Kind, b []byte) (*Record, error) {
	d := decoder{b: b}
	r := &Record{Kind: kind, Seq: d.uvarint(), Stamp: d.varint(), Clock: d.varint(), Root: d.digest()}
	if n := d.count(4); n > 0 {
		r.Rows = make([]Row, n)
		for i := range r.Rows {
			uid := d.uvarint()
			if uid > 1<<32-1 {
				d.fail("uid %d is too large", uid)
			}
			r.Rows[i] = Row{UID: uint32(uid), Command: string(d.bytes()), Note: string(d.bytes()), Label: string(d.bytes())}
		}
	}
	r.FirstSerial = d.uvarint()
	if n := d.count(35); n > 0 {
		r.Files = make([]File, n)
		for i := range r.Files {
			f := File{Digest: d.digest()}
			size := d.uvarint()
			if size > 1<<63-1 {
				d.fail("file size %d is too large", size)
			}
			f.Size, f.Mtime, f.Name = int64(size), d.varint(), string(d.bytes())
			r.Files[i] = f
		}
	}
	if n := d.count(2); n > 0 {
		r.Seen = make([]Seen, n)
		for i := range r.Seen {
			r.Seen[i] = Seen{Serial: d.uvarint(), Name: string(d.bytes())}
		}
	}
	if n := d.count(33); n > 0 {
		r.Memos = make([]Memo, n)
		for i := range r.Memos {
			r.Memos[i] = Memo{Recipe: d.digest(), Value: d.bytes()}
		}
	}
	first := d.uvarint()
	if first > 1<<32-1 {
		d.fail("place serial %d is too large", first)
	}
	r.FirstPlace = uint32(first)
	if n := d.count(1); n > 0 {
		r.Places = make([]string, n)
		for i := range r.Places {
			r.Places[i] = string(d.bytes())
		}
	}
	if n := d.count(1); n > 0 {
		r.Nodes = make([][]byte, n)
		for i := range r.Nodes {
			r.Nodes[i] = d.bytes()
		}
	}
	if len(d.b) > 0 {
		d.fail("%d bytes left over", len(d.b))
	}
	if d.err != nil {
		return nil, d.err
	}
	return r, nil
}

// decoder reads a body from its front. After the first error it returns zero values only.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("decode record: "+format, args...)
	}
	d.b = nil
}

var errShort = errors.New("decode record: body ends early")

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	switch {
	case d.err != nil:
		return 0
	case n == 0:
		d.err, d.b = errShort, nil
		return 0
	case n < 0, n > 1 && d.b[n-1] == 0:
		d.fail("number is not in its shortest form")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

// count reads a number of items of which each takes at least min bytes.
func (d *decoder) count(min uint64) uint64 {
	n := d.uvarint()
	if n > uint64(len(d.b))/min {
		d.fail("%d items cannot fit in %d bytes", n, len(d.b))
		return 0
	}
	return n
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail("%d bytes announced, %d left", n, len(d.b))
		return nil
	}
	s := d.b[:n:n]
	d.b = d.b[n:]
	return s
}

func (d *decoder) digest() (v blob.Digest) {
	if len(d.b) < len(v) {
		if d.err == nil {
			d.err, d.b = errShort, nil
		}
		return v
	}
	copy(v[:], d.b)
	d.b = d.b[len(v):]
	return v
}
