package ingest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	rpmutils "github.com/sassoftware/go-rpmutils"

	"vrepofs/rpm"
)

// ErrBadRPM is the kind of every error that says that a file is not a good RPM, as opposed to an error of reading it.
var ErrBadRPM = errors.New("bad rpm file")

// badRPM is a reason, in words for the user. It is an ErrBadRPM without repeating that in its text.
type badRPM string

func (b badRPM) Error() string { return string(b) }

func (b badRPM) Is(target error) bool { return target == ErrBadRPM }

func bad(format string, a ...any) error { return badRPM(fmt.Sprintf(format, a...)) }

// ReadPackage reads the headers of the RPM in r, which has size bytes, and checks them as rpm -qp does: their structure, and
// the main header against its digests. It reads from r only what the headers take, and allocates no more than a small
// multiple of what r really holds, whatever the file claims.
//
// PkgID, RPMID, FileSize and FileName of the result are not set: Inspect knows them. An error wraps ErrBadRPM if the file is
// at fault; else it is r's.
func ReadPackage(r io.ReaderAt, size int64) (*rpm.Package, error) {
	h, err := readHeaders(r, size)
	if err != nil {
		return nil, err
	}
	return h.parse()
}

// headers are the checked first bytes of an RPM file.
type headers struct {
	raw  []byte // the file from its first byte to the end of the main header
	sig  region
	main region
	sum  hash.Hash // SHA-256 of the main header; RPMID goes on with it
}

func (h *headers) sigBytes() []byte { return h.raw[h.sig.start:h.sig.end] }

func (h *headers) mainBytes() []byte { return h.raw[h.main.start:h.main.end] }

// firstRead is how much readHeaders asks for at first. The headers of three of four packages of CentOS Stream 9 AppStream end
// before it (median 14 KiB, the longest 16 MiB).
const firstRead = 32 << 10

func readHeaders(r io.ReaderAt, size int64) (*headers, error) {
	if size < leadSize {
		return nil, bad("truncated: the file has %d bytes, the lead alone takes %d", size, leadSize)
	}
	p := &prefix{r: r, size: size}
	return p.headers()
}

// prefix is a file's first bytes, read as far as they were needed. It never asks for more than the file has, so that no
// claim of a header can make it allocate.
type prefix struct {
	r    io.ReaderAt
	size int64
	raw  []byte
}

// extend makes raw at least n bytes long. The caller has checked n against p.size.
func (p *prefix) extend(n int64) error {
	have := int64(len(p.raw))
	if n <= have {
		return nil
	}
	n = max(n, min(p.size, firstRead))
	grown := make([]byte, n)
	copy(grown, p.raw)
	if got, err := p.r.ReadAt(grown[have:], have); int64(got) < n-have {
		if err == io.EOF {
			return bad("truncated while it was read: expected %d bytes", p.size)
		}
		return err
	}
	p.raw = grown
	return nil
}

// headers finds, reads and checks both headers.
func (p *prefix) headers() (*headers, error) {
	if err := p.extend(leadSize); err != nil {
		return nil, err
	}
	if err := checkLead(p.raw[:leadSize]); err != nil {
		return nil, err
	}
	h := &headers{}
	var err error
	if h.sig, err = p.region(leadSize, signatureLimits); err != nil {
		return nil, err
	}
	if h.main, err = p.region(h.sig.padded(), mainLimits); err != nil {
		return nil, err
	}
	h.raw = p.raw[:h.main.end]
	h.sum = sha256.New()
	h.sum.Write(h.mainBytes())
	return h, nil
}

// region reads and checks the header that starts at offset start.
func (p *prefix) region(start int64, l limits) (region, error) {
	if start+introSize > p.size {
		return region{}, bad("truncated: the file has %d bytes, the %s starts at %d", p.size, l.name, start)
	}
	if err := p.extend(start + introSize); err != nil {
		return region{}, err
	}
	g, err := readIntro(p.raw[start:start+introSize], start, l)
	if err != nil {
		return region{}, err
	}
	end := g.end
	if l.pad {
		end = g.padded()
	}
	if end > p.size {
		return region{}, bad("truncated: the file has %d bytes, the %s ends at %d", p.size, l.name, end)
	}
	if err := p.extend(end); err != nil {
		return region{}, err
	}
	return g, g.check(p.raw[g.start:g.end], l)
}

// parse has go-rpmutils read the checked bytes, verifies the header's digests, and takes the package out.
//
// The checks are meant to leave go-rpmutils nothing to panic about (it indexes and slices by the file's own numbers). Should
// one slip through, one bad file must not end an import or the daemon: the panic becomes an error that says so.
func (h *headers) parse() (p *rpm.Package, err error) {
	defer func() {
		if v := recover(); v != nil {
			p, err = nil, bad("the header cannot be parsed: %v", v)
		}
	}()
	if err := h.checkHeaderDigests(); err != nil {
		return nil, err
	}
	scratch := slims.Get().(*[]byte)
	*scratch = h.slim((*scratch)[:0])
	hdr, err := rpmutils.ReadHeader(bytes.NewReader(*scratch)) // it copies
	if cap(*scratch) <= smallFile {
		slims.Put(scratch)
	}
	if err != nil {
		return nil, bad("the header cannot be parsed: %v", err)
	}
	t := &tags{h: hdr}
	p = t.packageOf(h)
	if t.err != nil {
		return nil, t.err
	}
	return p, nil
}
