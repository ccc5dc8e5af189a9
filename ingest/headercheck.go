package ingest

import (
	"bytes"
	"encoding/binary"
)

const (
	leadSize   = 96
	introSize  = 16
	entrySize  = 16
	regionSize = 16 // data of a region tag: its trailer, an index entry
)

// limits bound what a header may claim. They are rpm's (lib/header.c hdrblobRead, HEADER_TAGS_MAX, HEADER_DATA_MAX,
// headerMaxbytes; the signature header's il_max and dl_max).
type limits struct {
	name      string
	regionTag int32 // the tag of the region that covers the whole header
	exact     bool  // nothing may lie outside of that region
	pad       bool  // padded to 8 bytes
	tags      uint32
	data      uint32
}

var (
	signatureLimits = limits{name: "signature header", regionTag: 62, pad: true, tags: 32, data: 64 << 20}
	mainLimits      = limits{name: "header", regionTag: 63, exact: true, tags: 0xffff, data: 1<<28 - 1}
)

// headerMaxBytes bounds index and data together (lib/header.c headerMaxbytes).
const headerMaxBytes = 256 << 20

var (
	leadMagic   = []byte{0xed, 0xab, 0xee, 0xdb}
	headerMagic = []byte{0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0} // with the reserved bytes, as rpm compares it
)

// checkLead checks what rpm checks of the lead (lib/rpmlead.c rpmLeadRead). Nothing else in it means anything today.
func checkLead(lead []byte) error {
	if !bytes.Equal(lead[:4], leadMagic) {
		return bad("bad lead magic %x: not an rpm file", lead[:4])
	}
	if major := lead[4]; major < 3 || major > 4 {
		return bad("package version %d is not supported", major)
	}
	if t := binary.BigEndian.Uint16(lead[78:]); t != 5 { // RPMSIGTYPE_HEADERSIG
		return bad("illegal signature type %d in the lead", t)
	}
	return nil
}

// region is where a header lies in its file.
type region struct {
	start int64 // first byte of the intro
	end   int64 // first byte after the data
	count int   // index entries
	data  int64 // first byte of the data
	whole bool  // the first entry is the region tag: rpm 4 and later
}

// padded is the first byte after the header and its padding to 8 bytes, counted from the header's start as rpm does. A
// signature header starts at 96, so this is a multiple of 8 in the file too.
func (g region) padded() int64 { return g.start + (g.end-g.start+7)&^7 }

func readIntro(b []byte, start int64, l limits) (region, error) {
	if !bytes.Equal(b[:8], headerMagic) {
		return region{}, bad("bad %s magic %x", l.name, b[:8])
	}
	count, size := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	if count > l.tags {
		return region{}, bad("the %s claims %d tags, at most %d are allowed", l.name, count, l.tags)
	}
	if size > l.data {
		return region{}, bad("the %s claims %d bytes of data, at most %d are allowed", l.name, size, l.data)
	}
	if count < 1 {
		return region{}, bad("the %s has no tags", l.name)
	}
	g := region{start: start, count: int(count), data: start + introSize + entrySize*int64(count)}
	g.end = g.data + int64(size)
	if g.end-g.start-8 >= headerMaxBytes {
		return region{}, bad("the %s claims %d bytes, less than %d are allowed", l.name, g.end-g.start, headerMaxBytes)
	}
	return g, nil
}

// entry is an index entry of a header.
type entry struct {
	tag, kind, offset, count int32
}

func readEntry(b []byte) entry {
	u := binary.BigEndian
	return entry{int32(u.Uint32(b)), int32(u.Uint32(b[4:])), int32(u.Uint32(b[8:])), int32(u.Uint32(b[12:]))}
}

// Types of header data (include/rpm/rpmtag.h rpmTagType_e) and the size and alignment of one element (lib/header.c
// typeSizes, typeAlign). Strings end with NUL.
const (
	typeString      = 6
	typeBin         = 7
	typeStringArray = 8
	typeI18N        = 9
)

var typeSizes = [...]int64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, typeString: 0, typeBin: 1, typeStringArray: 0, typeI18N: 0}

// check verifies the region's trailer and all index entries as rpm does (lib/header.c hdrblobVerifyRegion and
// hdrblobVerifyInfo): known types, alignment, data inside of the header and not overlapping, strings that end. b is the
// whole header. After it, whoever follows an entry stays inside of b.
func (g *region) check(b []byte, l limits) error {
	index, data := b[introSize:g.data-g.start], b[g.data-g.start:]
	first := 0
	if e := readEntry(index); e.tag == l.regionTag {
		if err := g.checkRegion(e, data, l); err != nil {
			return err
		}
		g.whole = true
		first = 1
	}
	var end int64 // of the previous entry's data
	for i := first; i < g.count; i++ {
		e := readEntry(index[i*entrySize:])
		fail := func(what string) error {
			return bad("%s entry %d is bad (tag %d, type %d, offset %d, count %d): %s", l.name, i, e.tag, e.kind, e.offset, e.count, what)
		}
		if e.tag < 100 { // HEADER_I18NTABLE: what is below are regions
			return fail("no such tag")
		}
		if e.kind < 1 || int(e.kind) >= len(typeSizes) {
			return fail("no such type")
		}
		off := int64(e.offset)
		if off < end {
			return fail("overlaps the one before it")
		}
		if off > int64(len(data)) {
			return fail("offset outside of the header")
		}
		if e.count < 1 {
			return fail("nothing in it")
		}
		size := typeSizes[e.kind]
		if size > 1 && off%size != 0 {
			return fail("misaligned")
		}
		if size > 0 {
			end = off + size*int64(e.count)
			if end > int64(len(data)) {
				return fail("data outside of the header")
			}
			continue
		}
		if e.kind == typeString && e.count != 1 {
			return fail("more than one string")
		}
		n := stringsLen(data[off:], int(e.count))
		if n < 0 {
			return fail("a string does not end")
		}
		end = off + int64(n)
	}
	return nil
}

// checkRegion verifies the tag that says which part of the header is immutable, and its copy at the end of that part.
func (g *region) checkRegion(e entry, data []byte, l limits) error {
	if e.kind != typeBin || e.count != regionSize {
		return bad("%s: bad region tag (type %d, count %d)", l.name, e.kind, e.count)
	}
	end := int64(e.offset) + regionSize
	if e.offset < 0 || end > int64(len(data)) {
		return bad("%s: region trailer at %d is outside of the header", l.name, e.offset)
	}
	t := readEntry(data[e.offset:])
	if t.tag != e.tag || t.kind != typeBin || t.count != regionSize {
		return bad("%s: bad region trailer (tag %d, type %d, count %d)", l.name, t.tag, t.kind, t.count)
	}
	covered := -int64(t.offset) // bytes of index
	entries := covered / entrySize
	if covered%entrySize != 0 || entries < 0 || entries > int64(g.count) {
		return bad("%s: region of %d bytes of index does not fit %d tags", l.name, covered, g.count)
	}
	if l.exact && (entries != int64(g.count) || end != int64(len(data))) {
		return bad("%s: region covers %d tags and %d bytes of %d and %d", l.name, entries, end, g.count, len(data))
	}
	return nil
}

// stringsLen returns how many bytes the first n NUL-terminated strings of b take, or -1 if there are not so many.
func stringsLen(b []byte, n int) int {
	end := 0
	for ; n > 0; n-- {
		i := bytes.IndexByte(b[end:], 0)
		if i < 0 {
			return -1
		}
		end += i + 1
	}
	return end
}

// find returns the data of the first entry with this tag in the checked header b, cut to the header's end, and the entry;
// ok is false when there is none. It is for the few tags that are needed before go-rpmutils reads the header.
func (g *region) find(b []byte, tag int32) (data []byte, e entry, ok bool) {
	index, all := b[introSize:g.data-g.start], b[g.data-g.start:]
	for i := 0; i < g.count; i++ {
		if e := readEntry(index[i*entrySize:]); e.tag == tag {
			return all[e.offset:], e, true
		}
	}
	return nil, entry{}, false
}

// findString returns the first string of a string tag, "" if there is no such tag or it is not a string.
func (g *region) findString(b []byte, tag int32) string {
	data, e, ok := g.find(b, tag)
	if !ok || e.kind != typeString && e.kind != typeStringArray && e.kind != typeI18N {
		return ""
	}
	return string(data[:bytes.IndexByte(data, 0)])
}

// findBytes returns the contents of a binary tag.
func (g *region) findBytes(b []byte, tag int32) []byte {
	data, e, ok := g.find(b, tag)
	if !ok || e.kind != typeBin {
		return nil
	}
	return data[:e.count]
}

// findNumber returns the first number of a 32 or 64 bit integer tag.
func (g *region) findNumber(b []byte, tag int32) (uint64, bool) {
	data, e, ok := g.find(b, tag)
	switch {
	case ok && e.kind == 4:
		return uint64(binary.BigEndian.Uint32(data)), true
	case ok && e.kind == 5:
		return binary.BigEndian.Uint64(data), true
	}
	return 0, false
}
