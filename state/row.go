package state

import (
	"encoding/binary"
	"errors"

	"vrepofs/blob"
)

// maxRows bounds lists in encoded rows; it only guards against damaged records.
const maxRows = 1 << 20

// errRow is the reason when an encoded row cannot be read.
var errRow = errors.New("row is damaged")

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendChange(dst []byte, c Change) []byte {
	return binary.AppendVarint(binary.AppendUvarint(dst, c.Event), c.Stamp)
}

// rowDecoder reads rows; bad is set at the first byte that cannot be. All strings of a row share one copy of it: a row is mostly
// strings, seven for every RPM, and a view of 10,000 packages reads them all at each change.
type rowDecoder struct {
	rest []byte
	bad  bool
	row  string // from the first string on to the end of the row
	// shared, if it is not nil, holds the strings of many rows.
	shared *arena
}

// version wants the version byte that begins each form.
func (d *rowDecoder) version(want byte) { d.versions(want, want) }

// versions is version for forms of which there are several, from and to included.
func (d *rowDecoder) versions(from, to byte) byte {
	b := d.take(1)
	if d.bad || b[0] < from || b[0] > to {
		d.bad = true
		return 0
	}
	return b[0]
}

func (d *rowDecoder) string() string {
	if d.shared != nil {
		return d.shared.copy(d.take(d.uvarint()))
	}
	n := d.uvarint()
	if n > 0 && d.row == "" {
		d.row = string(d.rest)
	}
	at := len(d.row) - len(d.rest)
	if d.take(n); d.bad || n == 0 {
		return ""
	}
	return d.row[at : at+int(n)]
}

func (d *rowDecoder) digest() (v blob.Digest) {
	copy(v[:], d.take(uint64(len(v))))
	return v
}

func (d *rowDecoder) change() Change { return Change{Event: d.uvarint(), Stamp: d.varint()} }

// end reports whether everything was read, and nothing beyond.
func (d *rowDecoder) end() error {
	if d.bad || len(d.rest) > 0 {
		return errRow
	}
	return nil
}

func (d *rowDecoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *rowDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *rowDecoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}
