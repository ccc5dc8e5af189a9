package ingest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"
)

// checkHeaderDigests verifies the main header against each digest that the signature header has of it (rpm: lib/rpmvs.c
// rpmvfyitems). They are cheap, so all of them are checked.
func (h *headers) checkHeaderDigests() error {
	for _, d := range [...]struct {
		tag  int32
		name string
		sum  func([]byte) string
	}{
		{sigSHA256, "SHA-256", func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }},
		{sigSHA3, "SHA3-256", func(b []byte) string { s := sha3.Sum256(b); return hex.EncodeToString(s[:]) }},
		{sigSHA1, "SHA-1", func(b []byte) string { s := sha1.Sum(b); return hex.EncodeToString(s[:]) }},
	} {
		want := h.sig.findString(h.sigBytes(), d.tag)
		if want == "" {
			continue
		}
		if got := d.sum(h.mainBytes()); !strings.EqualFold(got, want) {
			return bad("bad header digest: %s is %s, the signature header says %s", d.name, got, want)
		}
	}
	return nil
}

// payloadCheck is what the headers say of the bytes that follow them.
type payloadCheck struct {
	name    string           // "SHA-256"; "" when there is no digest of the payload, or one that we do not know
	newHash func() hash.Hash // of name; nil for SHA-256, which has its own way
	want    string           // hex
	md5     []byte           // of main header and payload, to be verified; nil when there is none or no need
}

// payloadCheck finds the digest of the payload. Digests by unknown algorithms are ignored, as are the stronger ones that rpm
// 6 adds beside SHA-256 (5121, 5123) and the digest of the archive before its compression.
//
// MD5 runs at a third of the speed of SHA-256 in hardware and proves nothing that the others do not, so it is verified only
// where it is needed: where header and payload are not both covered by something else.
func (h *headers) payloadCheck() payloadCheck {
	var c payloadCheck
	b := h.mainBytes()
	if want := h.main.findString(b, tagPayloadDigest); want != "" {
		algo, ok := h.main.findNumber(b, tagPayloadDigestAlgo)
		if !ok {
			algo = 8 // rpm 6 has no 5093: the tag has become PAYLOADSHA256
		}
		switch algo { // RFC 4880 §9.4, as rpm numbers them
		case 2:
			c.name, c.newHash = "SHA-1", sha1.New
		case 8:
			c.name = "SHA-256"
		case 9:
			c.name, c.newHash = "SHA-384", sha512.New384
		case 10:
			c.name, c.newHash = "SHA-512", sha512.New
		case 11:
			c.name, c.newHash = "SHA-224", sha256.New224
		}
		if c.name != "" {
			c.want = want
		}
	}
	s := h.sigBytes()
	headerCovered := h.sig.findString(s, sigSHA256) != "" || h.sig.findString(s, sigSHA3) != ""
	if c.name == "" || !headerCovered {
		if sum := h.sig.findBytes(s, sigMD5); len(sum) == md5.Size {
			c.md5 = sum
		}
	}
	return c
}

func (c *payloadCheck) verifyPayload(got []byte) error {
	if s := hex.EncodeToString(got); !strings.EqualFold(s, c.want) {
		return bad("bad payload digest: %s is %s, the header says %s", c.name, s, c.want)
	}
	return nil
}

func (c *payloadCheck) verifyMD5(got []byte) error {
	if string(got) != string(c.md5) {
		return bad("bad digest of header and payload: MD5 is %x, the signature header says %x", got, c.md5)
	}
	return nil
}

// checkSizes compares the file's size with what the headers say: the signature header's number covers main header and
// payload, rpm 6 says the payload's in the main header. A file without either is taken as it is.
func (h *headers) checkSizes(size int64) error {
	if n, ok := h.sig.findNumber(h.sigBytes(), sigLongSize); ok {
		return compareSize(size, h.main.start, n)
	}
	if n, ok := h.sig.findNumber(h.sigBytes(), sigSize); ok {
		return compareSize(size, h.main.start, n)
	}
	if n, ok := h.main.findNumber(h.mainBytes(), tagPayloadSize); ok {
		return compareSize(size, h.main.end, n)
	}
	return nil
}

func compareSize(size, start int64, n uint64) error {
	if n > 1<<62 {
		return bad("truncated: the header says %d bytes after offset %d, the file has %d bytes", n, start, size)
	}
	switch want := start + int64(n); {
	case size < want:
		return bad("truncated: the header says %d bytes, the file has %d", want, size)
	case size > want:
		return bad("too long: the header says %d bytes, the file has %d", want, size)
	}
	return nil
}
