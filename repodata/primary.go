package repodata

import (
	"strconv"

	"vrepofs/rpm"
)

// AppendPrimary appends the record of p in primary to dst and returns the longer slice. It does no I/O and keeps neither
// dst nor p; it may be called from several goroutines for one p.
//
// The record says what createrepo_c 0.17.3 says (PARITY.md lists the differences), laid out as it does. The href is
// written as it is but for XML's own escapes: createrepo_c does not percent-encode, and librepo encodes a path before it
// asks for it, so that an encoded href is asked for twice encoded (go-gitea/gitea#32021).
func AppendPrimary(dst []byte, p *rpm.Package, pl Place) []byte {
	dst = append(dst, "<package type=\"rpm\">\n"...)
	dst = appendElement(dst, "  <name>", p.Name, "</name>\n")
	dst = appendElement(dst, "  <arch>", archOf(p), "</arch>\n")
	dst = appendVersion(dst, p.EVR)
	dst = append(dst, `  <checksum type="sha256" pkgid="YES">`...)
	dst = appendHex(dst, p.PkgID[:])
	dst = append(dst, "</checksum>\n"...)
	dst = appendElement(dst, "  <summary>", p.Summary, "</summary>\n")
	dst = appendElement(dst, "  <description>", p.Description, "</description>\n")
	dst = appendElement(dst, "  <packager>", p.Packager, "</packager>\n")
	dst = appendElement(dst, "  <url>", p.URL, "</url>\n")

	dst = append(dst, `  <time file="`...)
	dst = strconv.AppendInt(dst, pl.FileTime, 10)
	dst = append(dst, `" build="`...)
	dst = strconv.AppendInt(dst, p.BuildTime, 10)
	dst = append(dst, "\"/>\n  <size package=\""...)
	dst = strconv.AppendInt(dst, p.FileSize, 10)
	dst = append(dst, `" installed="`...)
	dst = strconv.AppendUint(dst, p.InstalledSize, 10)
	dst = append(dst, `" archive="`...)
	dst = strconv.AppendUint(dst, p.ArchiveSize, 10)
	dst = append(dst, "\"/>\n  <location "...)
	if pl.XMLBase != "" {
		dst = append(dst, `xml:base="`...)
		dst = appendValue(dst, pl.XMLBase)
		dst = append(dst, `" `...)
	}
	dst = append(dst, `href="`...)
	dst = appendValue(dst, pl.Href)
	dst = append(dst, "\"/>\n  <format>\n"...)

	dst = appendElement(dst, "    <rpm:license>", p.License, "</rpm:license>\n")
	dst = appendElement(dst, "    <rpm:vendor>", p.Vendor, "</rpm:vendor>\n")
	dst = appendElement(dst, "    <rpm:group>", p.Group, "</rpm:group>\n")
	dst = appendElement(dst, "    <rpm:buildhost>", p.BuildHost, "</rpm:buildhost>\n")
	dst = appendElement(dst, "    <rpm:sourcerpm>", p.SourceRPM, "</rpm:sourcerpm>\n")
	dst = append(dst, `    <rpm:header-range start="`...)
	dst = strconv.AppendInt(dst, p.HeaderStart, 10)
	dst = append(dst, `" end="`...)
	dst = strconv.AppendInt(dst, p.HeaderEnd, 10)
	dst = append(dst, "\"/>\n"...)
	dst = appendDependencies(dst, p)
	for i := range p.Files {
		if f := &p.Files[i]; inPrimary(f.Dir, f.Base) {
			dst = append(dst, "    "...)
			dst = appendFile(dst, f)
		}
	}
	return append(dst, "  </format>\n</package>\n"...)
}

// appendElement appends an element of text, given its tags. Empty ones are written short.
func appendElement(dst []byte, open, text, end string) []byte {
	if text == "" {
		dst = append(dst, open[:len(open)-1]...)
		return append(dst, "/>\n"...)
	}
	dst = append(dst, open...)
	dst = appendText(dst, text)
	return append(dst, end...)
}
