package ingest

import (
	"encoding/binary"
	"sync"
)

// slims are buffers for slim headers, reused.
var slims = sync.Pool{New: func() any { return new([]byte) }}

// readsMain reports whether packageOf asks for a tag of the main header.
func readsMain(tag int32) bool {
	switch tag {
	case tagName, tagVersion, tagRelease, tagEpoch, tagSummary, tagDescription, tagBuildTime, tagBuildHost, tagSize, tagVendor,
		tagLicense, tagPackager, tagGroup, tagURL, tagArch, tagOldFileNames, tagFileModes, tagFileFlags, tagSourceRPM, tagArchiveSize,
		tagNoSource, tagNoPatch, tagRPMVersion, tagChangelogTime, tagChangelogName, tagChangelogText, tagDirIndexes, tagBaseNames,
		tagDirNames, tagPayloadFormat, tagPayloadCompressor, tagLongSize, tagModularityLabel, tagPayloadSizeAlt, tagRPMFormat:
		return true
	case 1047, 1048, 1049, 1050, 1053, 1054, 1055, 1090, 1112, 1113, 1114, 1115: // depTags of the strong kinds
		return true
	}
	return 5046 <= tag && tag <= 5057 // depTags of the weak kinds
}

// readsSignature is readsMain for the signature header.
func readsSignature(tag int32) bool {
	switch tag {
	case sigDSA, sigRSA, sigLongArchiveSize, sigOpenPGP, sigPGP, sigGPG, sigPayloadSize:
		return true
	}
	return false
}

// slim appends the lead and both headers to b, cut down to the tags that packageOf reads. go-rpmutils decodes each tag by reflection
// and copies all data three times, and most of a header is what nobody asks for here: of files digests, times, sizes and owners,
// and scripts. It also hashes the whole header for a digest that checkHeaderDigests has compared already; slim leaves that digest out.
func (h *headers) slim(b []byte) []byte {
	b = append(b, h.raw[:leadSize]...)
	b = h.sig.slim(b, h.sigBytes(), readsSignature)
	for (len(b)-leadSize)%8 != 0 { // go-rpmutils reads the padding as part of the signature header
		b = append(b, 0)
	}
	return h.main.slim(b, h.mainBytes(), readsMain)
}

// slim appends the checked header in raw to b with only those tags that reads reports.
func (g *region) slim(b, raw []byte, reads func(tag int32) bool) []byte {
	index, data := raw[introSize:g.data-g.start], raw[g.data-g.start:]
	first := 0
	if g.whole { // the region tag, whose data lies behind all other
		first = 1
	}
	intro := len(b)
	b = append(b, raw[:introSize]...)
	count, size := uint32(0), uint32(0)
	// check has seen that data follows data in the order of entries, so each ends before the next begins.
	end := func(i int) int32 {
		if i+1 < g.count {
			return readEntry(index[(i+1)*entrySize:]).offset
		}
		return int32(len(data))
	}
	for i := first; i < g.count; i++ {
		if e := readEntry(index[i*entrySize:]); reads(e.tag) {
			at := len(b)
			b = append(b, index[i*entrySize:(i+1)*entrySize]...)
			binary.BigEndian.PutUint32(b[at+8:], size)
			count++
			size += uint32(end(i) - e.offset)
		}
	}
	for i := first; i < g.count; i++ {
		if e := readEntry(index[i*entrySize:]); reads(e.tag) {
			b = append(b, data[e.offset:end(i)]...)
		}
	}
	binary.BigEndian.PutUint32(b[intro+8:], count)
	binary.BigEndian.PutUint32(b[intro+12:], size)
	return b
}
