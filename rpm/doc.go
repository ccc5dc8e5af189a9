// Package rpm holds what vrepofs knows about one RPM package: its name (NEVRA), how versions order (rpmvercmp), what its
// header says (Package), and a compact binary form of that (AppendPackage, DecodePackage).
//
// It reads no files and knows no repodata: package ingest fills a Package from an RPM file, package repodata writes one as
// XML. Everything here is pure: no I/O, no time, no global mutable state; all functions may be called concurrently.
//
// # Invariants
//
//   - Compare agrees with rpm on every vector of rpm's own test suite (tests/rpmvercmp.at).
//   - Strings are the header's bytes, not necessarily UTF-8; nothing here changes a byte of them.
//   - DecodePackage(AppendPackage(nil, p)) equals p (empty slices come back as nil), and DecodePackage never panics and never
//     allocates more than a small multiple of its input.
//
// # Binary form of a Package, version 1
//
// Numbers are unsigned LEB128 (uvarint), signed ones zigzagged first (varint); a string is its length in bytes as uvarint,
// then its bytes; a list is its length as uvarint, then its elements. Nothing is aligned.
//
//	byte      version, 1
//	byte      Format (3, 4, 6)
//	32 bytes  PkgID
//	32 bytes  RPMID
//	varint    FileSize, BuildTime, HeaderStart, HeaderEnd
//	uvarint   InstalledSize, ArchiveSize
//	string    Name, Epoch, Version, Release, Arch, FileName, Summary, Description, Packager, URL, License, Vendor, Group,
//	          BuildHost, SourceRPM, ModularityLabel, PayloadFormat, PayloadCompressor, RPMVersion
//	8 lists   Provides, Requires, Conflicts, Obsoletes, Recommends, Suggests, Supplements, Enhances;
//	          each element: string Name, uvarint Flags, string EVR
//	list      directories: string, each once, in the order in which the files first use them
//	uvarint   n, the number of files; then by column, which compresses better than by row:
//	          n × uvarint directory index, n × uvarint Mode, n × uvarint Flags, n × string Base
//	list      Changelogs: varint Time, string Author, string Text
//	list      SignatureKeyIDs: string
//
// The start of the record of a package a-1-2.noarch of format 4 (PkgID and RPMID cut short):
//
//	01 04 6f0c…  91aa…  c8 61  …  01 61  00  01 31  01 32  06 6e6f61726368  …
//	|  |  PkgID  RPMID  |         "a"    ""  "1"    "2"    "noarch"
//	|  format 4         FileSize 6244
//	version 1
package rpm
