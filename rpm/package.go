package rpm

// Package is what the header of one RPM says, plus what can only be known from the whole file. It is the raw header: the
// rules by which createrepo_c leaves things out of repodata (duplicate requires, rpmlib(), the primary file filter) belong
// to package repodata.
//
// Strings are the header's bytes unchanged, not necessarily UTF-8.
type Package struct {
	NEVRA // Arch is "src" or "nosrc" for source RPMs, else the header's arch

	PkgID     [32]byte // SHA-256 of the whole file
	RPMID     [32]byte // SHA-256 of the main header and the SHA-256 of the payload, one after the other: the same for signed copies
	FileSize  int64    // bytes of the whole file
	FileName  string   // base name under which the file was brought in: "zlib-1.3.1-4.fc42.x86_64.rpm"
	BuildTime int64    // seconds since 1970 UTC

	Summary, Description, Packager, URL, License, Vendor, Group, BuildHost string
	SourceRPM                                                              string // "zlib-1.3.1-4.fc42.src.rpm"; "" in a source RPM

	InstalledSize uint64 // RPMTAG_LONGSIZE or SIZE
	ArchiveSize   uint64 // (SIG)PAYLOADSIZE or LONGARCHIVESIZE
	HeaderStart   int64  // offset of the main header in the file: repodata's header-range start
	HeaderEnd     int64  // offset of the first byte after it

	Provides, Requires, Conflicts, Obsoletes    []Dep
	Recommends, Suggests, Supplements, Enhances []Dep
	Files                                       []File
	Changelogs                                  []Changelog // in header order: newest first
	ModularityLabel                             string
	SignatureKeyIDs                             []string // 16 lower-case hex digits each, of the header's OpenPGP signatures; nil when unsigned
	PayloadFormat, PayloadCompressor            string   // "cpio", "zstd"
	RPMVersion                                  string   // of the rpm that built it
	Format                                      uint8    // 3, 4 or 6
}

// Dep is one dependency as the header has it.
type Dep struct {
	Name  string // "libz.so.1()(64bit)" or a rich dependency "(a or b)"
	Flags uint32 // Sense* bits
	EVR   string // "1:2.0-3" as in the header, "" when there is none
}

// File is one path that the package owns.
type File struct {
	Dir   string // with the trailing slash: "/usr/bin/"
	Base  string // "ls"
	Mode  uint16 // st_mode
	Flags uint32 // File* bits
}

// Changelog is one entry of the change log.
type Changelog struct {
	Time         int64 // seconds since 1970 UTC
	Author, Text string
}

// NEVRA names a package: name, epoch, version, release, architecture.
type NEVRA struct {
	Name string
	EVR
	Arch string
}

// EVR is epoch, version and release. It orders packages of one name.
type EVR struct {
	Epoch   string // decimal digits; "" when the header has none, which compares as 0
	Version string
	Release string
}
