package repodata

import (
	"strconv"
)

// Repomd is a repomd.xml.
type Repomd struct {
	Revision string // for what vrepofs makes, a decimal stamp
	Content  []string
	Repo     []string
	Distro   []Distro
	Records  []Record
}

// Distro is a distro tag of a repomd.xml.
type Distro struct {
	CPEID string // "cpe:/o:fedoraproject:fedora:42"; "" when absent
	Name  string
}

// Checksum is a checksum as metadata give it.
type Checksum struct {
	Type string // "sha256", "sha512", "sha" (which is SHA-1), "md5" …
	Hex  string // "9f86d0…", in the file's own spelling
}

// Absent is the value of a Record's number that the repomd.xml does not have.
const Absent = -1

// Record is a data element of a repomd.xml: one metadata file. Numbers that are not there are Absent, strings empty.
type Record struct {
	Type                           string // "primary", "filelists", "other", "group", "modules", "updateinfo", "primary_db" …
	Checksum, ChecksumType         string // of the file as it lies there; "sha256"
	OpenChecksum, OpenChecksumType string // of the file uncompressed
	HeaderChecksum                 string // of a zchunk file's header
	HeaderChecksumType             string
	Href                           string // "repodata/…-primary.xml.gz", relative to the repository root; not checked, see Reader
	XMLBase                        string
	Size, OpenSize, HeaderSize     int64 // bytes
	Timestamp                      int64 // seconds since 1970 UTC
	DatabaseVersion                int64 // of an SQLite file
}

// NewRecord returns a Record of the type whose numbers are all Absent.
func NewRecord(typ string) Record {
	return Record{Type: typ, Size: Absent, OpenSize: Absent, HeaderSize: Absent, Timestamp: Absent, DatabaseVersion: Absent}
}

// Record returns the first record of the type, or nil.
func (r *Repomd) Record(typ string) *Record {
	for i := range r.Records {
		if r.Records[i].Type == typ {
			return &r.Records[i]
		}
	}
	return nil
}

// Marshal returns the repomd.xml, laid out and ordered as createrepo_c does (xml_dump_repomd.c). It does no I/O.
func (r *Repomd) Marshal() []byte {
	b := []byte(xmlDecl + `<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">` + "\n")
	b = appendElement(b, "  <revision>", r.Revision, "</revision>\n")
	b = r.appendTags(b)
	for i := range r.Records {
		b = r.Records[i].append(b)
	}
	return append(b, "</repomd>\n"...)
}

func (r *Repomd) appendTags(b []byte) []byte {
	if len(r.Content)+len(r.Repo)+len(r.Distro) == 0 {
		return b
	}
	b = append(b, "  <tags>\n"...)
	for _, s := range r.Content {
		b = appendElement(b, "    <content>", s, "</content>\n")
	}
	for _, s := range r.Repo {
		b = appendElement(b, "    <repo>", s, "</repo>\n")
	}
	for _, d := range r.Distro {
		b = append(b, "    <distro"...)
		if d.CPEID != "" {
			b = append(b, ` cpeid="`...)
			b = appendValue(b, d.CPEID)
			b = append(b, '"')
		}
		b = append(b, '>')
		b = appendText(b, d.Name)
		b = append(b, "</distro>\n"...)
	}
	return append(b, "  </tags>\n"...)
}

func (r *Record) append(b []byte) []byte {
	b = append(b, `  <data type="`...)
	b = appendValue(b, r.Type)
	b = append(b, "\">\n"...)
	b = appendChecksum(b, "checksum", r.ChecksumType, r.Checksum)
	b = appendChecksum(b, "open-checksum", r.OpenChecksumType, r.OpenChecksum)
	b = appendChecksum(b, "header-checksum", r.HeaderChecksumType, r.HeaderChecksum)
	b = append(b, "    <location "...)
	if r.XMLBase != "" {
		b = append(b, `xml:base="`...)
		b = appendValue(b, r.XMLBase)
		b = append(b, `" `...)
	}
	b = append(b, `href="`...)
	b = appendValue(b, r.Href)
	b = append(b, "\"/>\n"...)
	b = appendNumber(b, "timestamp", r.Timestamp)
	b = appendNumber(b, "size", r.Size)
	b = appendNumber(b, "open-size", r.OpenSize)
	b = appendNumber(b, "header-size", r.HeaderSize)
	b = appendNumber(b, "database_version", r.DatabaseVersion)
	return append(b, "  </data>\n"...)
}

func appendChecksum(b []byte, element, typ, sum string) []byte {
	if sum == "" {
		return b
	}
	b = append(b, "    <"...)
	b = append(b, element...)
	b = append(b, ` type="`...)
	b = appendValue(b, typ)
	b = append(b, `">`...)
	b = appendText(b, sum)
	b = append(b, "</"...)
	b = append(b, element...)
	return append(b, ">\n"...)
}

func appendNumber(b []byte, element string, n int64) []byte {
	if n < 0 {
		return b
	}
	b = append(b, "    <"...)
	b = append(b, element...)
	b = append(b, '>')
	b = strconv.AppendInt(b, n, 10)
	b = append(b, "</"...)
	b = append(b, element...)
	return append(b, ">\n"...)
}
