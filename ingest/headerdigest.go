package ingest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha3"
	"encoding/hex"
	"strings"
)

// checkHeaderDigests verifies the main header against each digest that the signature header has of it (rpm: lib/rpmvs.c
// rpmvfyitems). They are cheap, so all of them are checked.
func (h *headers) checkHeaderDigests() error {
	for _, d := range [...]struct {
		tag  int32
		name string
		sum  func() []byte
	}{
		{sigSHA256, "SHA-256", func() []byte { return h.sum.Sum(nil) }},
		{sigSHA3, "SHA3-256", func() []byte { s := sha3.Sum256(h.mainBytes()); return s[:] }},
		{sigSHA1, "SHA-1", func() []byte { s := sha1.Sum(h.mainBytes()); return s[:] }},
	} {
		want := h.sig.findString(h.sigBytes(), d.tag)
		if want == "" {
			continue
		}
		if got := hex.EncodeToString(d.sum()); !strings.EqualFold(got, want) {
			return bad("bad header digest: %s is %s, the signature header says %s", d.name, got, want)
		}
	}
	return nil
}

// payloadCheck is what the headers say of the bytes that follow them.
type payloadCheck struct {
	sha256 string // of the payload, hex; "" when there is none
	md5    []byte // of main header and payload, to be verified; nil when there is none or no need
}

// payloadCheck finds the digest of the payload. Its algorithm has always been SHA-256; if 5093 names another, the digest is
// ignored, as are those that rpm 6 adds beside it (5121, 5123) and that of the archive before its compression.
//
// MD5 runs at a third of the speed of SHA-256 in hardware and proves nothing that the others do not, so it is verified only
// where it is needed: where header and payload are not both covered by something else.
func (h *headers) payloadCheck() payloadCheck {
	var c payloadCheck
	b, s := h.mainBytes(), h.sigBytes()
	const algoSHA256 = 8                                                                   // PGPHASHALGO_SHA256
	if algo, ok := h.main.findNumber(b, tagPayloadDigestAlgo); !ok || algo == algoSHA256 { // rpm 6 has no 5093
		c.sha256 = h.main.findString(b, tagPayloadDigest)
	}
	headerCovered := h.sig.findString(s, sigSHA256) != "" || h.sig.findString(s, sigSHA3) != ""
	if c.sha256 == "" || !headerCovered {
		if sum := h.sig.findBytes(s, sigMD5); len(sum) == md5.Size {
			c.md5 = sum
		}
	}
	return c
}

func (c *payloadCheck) verifyPayload(got []byte) error {
	if s := hex.EncodeToString(got); !strings.EqualFold(s, c.sha256) {
		return bad("bad payload digest: SHA-256 is %s, the header says %s", s, c.sha256)
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
