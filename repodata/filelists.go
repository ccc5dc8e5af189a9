package repodata

import (
	"strings"

	"vrepofs/rpm"
)

// AppendFilelists appends the record of p in filelists to dst and returns the longer slice. It does no I/O and keeps
// neither dst nor p; it may be called from several goroutines for one p.
func AppendFilelists(dst []byte, p *rpm.Package) []byte {
	dst = appendIdentity(dst, p)
	for i := range p.Files {
		dst = append(dst, "  "...)
		dst = appendFile(dst, &p.Files[i])
	}
	return append(dst, "</package>\n"...)
}

// appendIdentity appends what a record in filelists or other begins with.
func appendIdentity(dst []byte, p *rpm.Package) []byte {
	dst = append(dst, `<package pkgid="`...)
	dst = appendHex(dst, p.PkgID[:])
	dst = append(dst, `" name="`...)
	dst = appendValue(dst, p.Name)
	dst = append(dst, `" arch="`...)
	dst = appendValue(dst, archOf(p))
	dst = append(dst, "\">\n"...)
	return appendVersion(dst, p.EVR)
}

// appendFile appends the element of one path. A directory is one even if it is also a ghost (parsehdr.c).
func appendFile(dst []byte, f *rpm.File) []byte {
	switch {
	case f.IsDir():
		dst = append(dst, `<file type="dir">`...)
	case f.IsGhost():
		dst = append(dst, `<file type="ghost">`...)
	default:
		dst = append(dst, `<file>`...)
	}
	if isPlain(f.Dir) && isPlain(f.Base) {
		dst = append(dst, f.Dir...)
		dst = append(dst, f.Base...)
	} else { // whether it is UTF-8 is decided of the whole path
		dst = appendText(dst, f.Dir+f.Base)
	}
	return append(dst, "</file>\n"...)
}

func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if textSpecial[s[i]] {
			return false
		}
	}
	return true
}

// inPrimary reports whether primary lists the path dir+base: what begins with "/etc/", has "bin/" anywhere, or is
// /usr/lib/sendmail (misc.h, cr_is_primary). Dir ends in a slash, or is empty as in source packages.
func inPrimary(dir, base string) bool {
	if strings.HasPrefix(dir, "/etc/") || strings.Contains(dir, "bin/") || dir == "/usr/lib/" && base == "sendmail" {
		return true
	}
	// What follows is needed for odd headers alone: a base name never holds a slash in what rpmbuild makes.
	return strings.IndexByte(base, '/') >= 0 && isPrimaryPath(dir+base)
}

// isPrimaryPath is inPrimary for a path in one piece.
func isPrimaryPath(path string) bool {
	return strings.HasPrefix(path, "/etc/") || path == "/usr/lib/sendmail" || strings.Contains(path, "bin/")
}
