package repodata

import (
	"strconv"

	"vrepofs/rpm"
)

// RendererVersion is part of every recipe. Raise it when a byte of what the Append functions, heads and tails write
// changes for any input: a view with another recipe is composed anew, one with the same recipe must have the same bytes.
const RendererVersion = 1

// Place is what a package's record in primary says about the repository rather than about the package.
type Place struct {
	Href     string // "Packages/z/zlib-1.3.1-4.fc42.x86_64.rpm", relative to the repository root, as a plain path: see AppendPrimary
	FileTime int64  // <time file=>, seconds since 1970 UTC: the mtime of the file in the repository
	XMLBase  string // xml:base of the location; "" writes none
}

// Options choose what the records hold. They are part of a recipe.
type Options struct {
	ChangelogLimit int // greatest number of change log entries in other, the newest ones; 0 means DefaultChangelogLimit, negative all
}

// DefaultChangelogLimit is createrepo_c's (cmd_parser.h, DEFAULT_CHANGELOG_LIMIT).
const DefaultChangelogLimit = 10

const xmlDecl = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// PrimaryHead returns what stands before the first record of a primary file of n packages.
func PrimaryHead(n int) []byte {
	return head(`<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm"`, n)
}

// FilelistsHead returns what stands before the first record of a filelists file of n packages.
func FilelistsHead(n int) []byte {
	return head(`<filelists xmlns="http://linux.duke.edu/metadata/filelists"`, n)
}

// OtherHead returns what stands before the first record of an other file of n packages.
func OtherHead(n int) []byte {
	return head(`<otherdata xmlns="http://linux.duke.edu/metadata/other"`, n)
}

// PrimaryTail returns what stands after the last record of a primary file.
func PrimaryTail() []byte { return []byte("</metadata>\n") }

// FilelistsTail returns what stands after the last record of a filelists file.
func FilelistsTail() []byte { return []byte("</filelists>\n") }

// OtherTail returns what stands after the last record of an other file.
func OtherTail() []byte { return []byte("</otherdata>\n") }

func head(root string, n int) []byte {
	b := make([]byte, 0, len(xmlDecl)+len(root)+32)
	b = append(b, xmlDecl...)
	b = append(b, root...)
	b = append(b, ` packages="`...)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, "\">\n"...)
}

// archOf is the architecture as repodata has it: createrepo_c writes "src" for every source package, "nosrc" ones
// included (parsehdr.c, RPMTAG_SOURCEPACKAGE).
func archOf(p *rpm.Package) string {
	if p.Arch == "nosrc" {
		return "src"
	}
	return p.Arch
}

// appendVersion appends the version element. An absent epoch is written as 0.
func appendVersion(dst []byte, v rpm.EVR) []byte {
	dst = append(dst, `  <version epoch="`...)
	if v.Epoch == "" {
		dst = append(dst, '0')
	} else {
		dst = appendValue(dst, v.Epoch)
	}
	dst = append(dst, `" ver="`...)
	dst = appendValue(dst, v.Version)
	dst = append(dst, `" rel="`...)
	dst = appendValue(dst, v.Release)
	return append(dst, "\"/>\n"...)
}

const hexDigits = "0123456789abcdef"

func appendHex(dst []byte, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}
