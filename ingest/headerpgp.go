package ingest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// keyIDs returns the ids of the keys that the package says it is signed with, in the order of the tags, each once. Nothing
// is verified. What cannot be parsed has no id: rpm, too, judges a signature only when asked to.
func (t *tags) keyIDs() []string {
	var ids []string
	add := func(packets []byte) {
		for _, id := range signatureIssuers(packets) {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if t.has(sigOpenPGP) { // rpm 6: base64, several
		v, _ := t.h.GetStrings(sigOpenPGP)
		for _, s := range v {
			if b, err := base64.StdEncoding.DecodeString(s); err == nil {
				add(b)
			}
		}
	}
	for _, tag := range [...]int{sigRSA, sigDSA, sigBase + sigPGP, sigBase + sigGPG} {
		if !t.has(tag) {
			continue
		}
		if b, err := t.h.GetBytes(tag); err == nil {
			add(b)
		}
	}
	return ids
}

// signatureIssuers returns the key id of every signature packet in b (RFC 4880 §4.2 packet headers, §5.2 signatures; RFC
// 9580 for version 6), 16 lower-case hex digits each. It reads until the first thing that it does not understand.
func signatureIssuers(b []byte) []string {
	var ids []string
	for len(b) > 1 {
		tag, body, rest, ok := nextPacket(b)
		if !ok {
			return ids
		}
		if tag == 2 {
			if id := signatureIssuer(body); len(id) == 8 {
				ids = append(ids, hex.EncodeToString(id))
			}
		}
		b = rest
	}
	return ids
}

// nextPacket cuts the first packet off b. Partial body lengths do not occur in signatures and are not understood.
func nextPacket(b []byte) (tag byte, body, rest []byte, ok bool) {
	if b[0]&0x80 == 0 {
		return 0, nil, nil, false
	}
	var n, used int
	if b[0]&0x40 != 0 { // new format
		tag = b[0] & 0x3f
		n, used = packetLength(b[1:])
	} else {
		tag = b[0] >> 2 & 0xf
		switch b[0] & 3 {
		case 0:
			n, used = int(b[1]), 1
		case 1:
			if len(b) >= 3 {
				n, used = int(binary.BigEndian.Uint16(b[1:])), 2
			}
		case 2:
			if len(b) >= 5 {
				n, used = int(binary.BigEndian.Uint32(b[1:])), 4
			}
		default: // to the end
			return tag, b[1:], nil, true
		}
	}
	if used == 0 || n > len(b)-1-used {
		return 0, nil, nil, false
	}
	b = b[1+used:]
	return tag, b[:n], b[n:], true
}

// packetLength reads the length octets of a new format packet or of a subpacket; used is 0 when it cannot.
func packetLength(b []byte) (n, used int) {
	switch {
	case len(b) >= 1 && b[0] < 192:
		return int(b[0]), 1
	case len(b) >= 2 && b[0] < 224:
		return (int(b[0])-192)<<8 + int(b[1]) + 192, 2
	case len(b) >= 5 && b[0] == 255:
		return int(binary.BigEndian.Uint32(b[1:])), 5
	}
	return 0, 0
}

func signatureIssuer(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	switch b[0] {
	case 2, 3: // version, 5, type, time (4), key id (8)
		if len(b) >= 15 && b[1] == 5 {
			return b[7:15]
		}
	case 4, 5, 6: // version, type, key algorithm, hash algorithm, hashed subpackets, others
		width := 2
		if b[0] == 6 {
			width = 4
		}
		b = b[min(4, len(b)):]
		for range 2 {
			if len(b) < width {
				return nil
			}
			n := int(binary.BigEndian.Uint16(b))
			if width == 4 {
				n = int(binary.BigEndian.Uint32(b))
			}
			b = b[width:]
			if n > len(b) {
				return nil
			}
			if id := issuerSubpacket(b[:n]); id != nil {
				return id
			}
			b = b[n:]
		}
	}
	return nil
}

// issuerSubpacket looks for the issuer's key id (16) or fingerprint (33), of which the id is a part: the last 8 bytes of a
// version 4 fingerprint, the first 8 of a later one.
func issuerSubpacket(b []byte) []byte {
	var fingerprint []byte
	for len(b) > 0 {
		n, used := packetLength(b)
		if used == 0 || n < 1 || n > len(b)-used {
			break
		}
		kind, body := b[used]&0x7f, b[used+1:used+n]
		b = b[used+n:]
		switch {
		case kind == 16 && len(body) == 8:
			return body
		case kind == 33 && len(body) == 21 && body[0] == 4:
			fingerprint = body[13:21]
		case kind == 33 && len(body) == 33:
			fingerprint = body[1:9]
		}
	}
	return fingerprint
}
