package testrpm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Numbers of rpm's include/rpm/rpmtag.h and rpmds.h that rpmpack has no names for.
const (
	tagSourceRPM     = 1044
	tagChangelogTime = 1080
	tagChangelogName = 1081
	tagChangelogText = 1082
	tagSourcePackage = 1106
	sigRSA           = 268  // RPMSIGTAG_RSA: signature of the main header alone
	sigSize          = 1000 // RPMSIGTAG_SIZE: bytes of main header and payload
	senseRPMLIB      = 1 << 24
)

const (
	leadSize  = 96 // rpm lib/rpmlead.c: struct rpmlead_s
	introSize = 16 // magic (8), number of index entries (4), bytes of data (4), big-endian
	entrySize = 16 // tag, type, offset, count, 4 bytes each
)

// sourceMark is written as SOURCERPM into what becomes a source RPM. With its NUL it has four bytes, so that cutting it out
// keeps the alignment of all data behind it.
const sourceMark = "cut"

// toSource turns what rpmpack wrote into a source RPM. rpm calls a package a source RPM when its header has no SOURCERPM
// (rpm lib/header.c, headerIsSource), and rpmpack always writes one; so that entry is cut out of index and data (rpm rejects
// a header with unused data), and the digest and the size in the signature header are corrected.
func toSource(b []byte) ([]byte, error) {
	sig, err := parseHeader(b, leadSize)
	if err != nil {
		return nil, fmt.Errorf("signature header: %w", err)
	}
	main, err := parseHeader(b, (sig.end+7)&^7)
	if err != nil {
		return nil, fmt.Errorf("main header: %w", err)
	}
	at := main.find(b, tagSourceRPM)
	if at < 0 {
		return nil, fmt.Errorf("no SOURCERPM to remove")
	}
	const cut = len(sourceMark) + 1
	value := int(binary.BigEndian.Uint32(b[at+8:]))
	head := bytes.Clone(b[:main.start])
	header := bytes.Clone(b[main.start:at])
	header = append(header, b[at+entrySize:main.data+value]...)
	header = append(header, b[main.data+value+cut:main.end]...)
	binary.BigEndian.PutUint32(header[8:], uint32(main.entries-1))
	binary.BigEndian.PutUint32(header[12:], uint32(main.end-main.data-cut))
	for e := introSize; e < introSize+(main.entries-1)*entrySize; e += entrySize {
		if offset := binary.BigEndian.Uint32(header[e+8:]); int(offset) > value {
			binary.BigEndian.PutUint32(header[e+8:], offset-uint32(cut))
		}
	}
	// The last 16 bytes of the data are the region's trailer: an index entry whose offset is minus the index's size.
	binary.BigEndian.PutUint32(header[len(header)-8:], uint32(-int32(main.entries-1)*entrySize))

	oldSum, newSum := sha256.Sum256(b[main.start:main.end]), sha256.Sum256(header)
	head = bytes.Replace(head, []byte(hex.EncodeToString(oldSum[:])), []byte(hex.EncodeToString(newSum[:])), 1)
	head[7] = 1 // the lead's type: source
	if at := sig.find(head, sigSize); at >= 0 {
		size := head[sig.data+int(binary.BigEndian.Uint32(head[at+8:])):]
		binary.BigEndian.PutUint32(size, binary.BigEndian.Uint32(size)-uint32(entrySize+cut))
	}
	return append(append(head, header...), b[main.end:]...), nil
}

// header is where the parts of a header structure lie in a file.
type header struct {
	start, data, end int // offsets of the intro, the data, the first byte after it
	entries          int
}

func parseHeader(b []byte, start int) (header, error) {
	if len(b) < start+introSize || !bytes.HasPrefix(b[start:], []byte{0x8e, 0xad, 0xe8, 0x01}) {
		return header{}, fmt.Errorf("no header magic at offset %d", start)
	}
	h := header{start: start, entries: int(binary.BigEndian.Uint32(b[start+8:]))}
	h.data = start + introSize + h.entries*entrySize
	h.end = h.data + int(binary.BigEndian.Uint32(b[start+12:]))
	if h.end > len(b) {
		return header{}, fmt.Errorf("header at offset %d ends at %d of %d bytes", start, h.end, len(b))
	}
	return h, nil
}

// find returns the offset of the index entry of a tag, or -1.
func (h header) find(b []byte, tag uint32) int {
	for at := h.start + introSize; at < h.data; at += entrySize {
		if binary.BigEndian.Uint32(b[at:]) == tag {
			return at
		}
	}
	return -1
}

// FakeSignature returns an OpenPGP version 4 RSA signature packet that names keyID as its issuer. Its form is right, its
// value is not: rpm shows the key id and reports that it has no such key. Equal arguments give equal bytes; salt makes
// several copies signed by one key.
func FakeSignature(keyID uint64, salt byte) []byte {
	body := []byte{4, 0, 1, 8} // version 4, binary document, RSA, SHA-256
	created := []byte{5, 2, 0x65, 0x53, 0xf1, 0x00}
	body = append(append(body, 0, byte(len(created))), created...)
	issuer := binary.BigEndian.AppendUint64([]byte{9, 16}, keyID)
	body = append(append(body, 0, byte(len(issuer))), issuer...)
	body = append(body, 0xab, 0xcd) // left 16 bits of the digest
	value := sha256.Sum256(append(issuer, salt))
	value[0] |= 0x80
	body = append(append(body, 1, 0), value[:]...) // one MPI of 256 bits
	return append([]byte{0x89, 0, byte(len(body))}, body...)
}
