package repodata

import (
	"bytes"
	"fmt"
	"io"

	"vrepofs/rpm"
)

// FilelistsPackage is one record of filelists: every path of a package.
type FilelistsPackage struct {
	rpm.NEVRA
	PkgID string     // the checksum that primary gives, in the file's own spelling
	Files []rpm.File // Mode and Flags say no more than directory or ghost
}

// OtherPackage is one record of other: a package's change log.
type OtherPackage struct {
	rpm.NEVRA
	PkgID      string          // the checksum that primary gives, in the file's own spelling
	Changelogs []rpm.Changelog // in the file's order, which is oldest first in what createrepo_c and AppendOther write
}

// ReadFilelists reads a filelists file, uncompressed, and calls f for each record in the file's order. What ReadPrimary
// says of errors and of keeping memory holds here.
func ReadFilelists(r io.Reader, f func(*FilelistsPackage) error) error {
	s := newScanner(r)
	var p FilelistsPackage
	err := readLists(s, "filelists", "file",
		func(pkgid string, n rpm.NEVRA) { p = FilelistsPackage{NEVRA: n, PkgID: pkgid, Files: p.Files[:0]} },
		func() (err error) { p.Files, err = s.file(p.Files); return err },
		func(v rpm.EVR) error { p.EVR = v; return f(&p) })
	if err != nil {
		return fmt.Errorf("read filelists: %w", err)
	}
	return nil
}

// ReadOther reads an other file, uncompressed, and calls f for each record in the file's order. What ReadPrimary says of
// errors and of keeping memory holds here.
func ReadOther(r io.Reader, f func(*OtherPackage) error) error {
	s := newScanner(r)
	var p OtherPackage
	err := readLists(s, "otherdata", "changelog",
		func(pkgid string, n rpm.NEVRA) {
			p = OtherPackage{NEVRA: n, PkgID: pkgid, Changelogs: p.Changelogs[:0]}
		},
		func() (err error) { p.Changelogs, err = s.changelog(p.Changelogs); return err },
		func(v rpm.EVR) error { p.EVR = v; return f(&p) })
	if err != nil {
		return fmt.Errorf("read other: %w", err)
	}
	return nil
}

// readLists reads a file whose records are a package's identity, its version and elements of one kind: begin gets the identity,
// item reads one element, end gets the version.
func readLists(s *scanner, root, element string, begin func(pkgid string, n rpm.NEVRA), item func() error, end func(rpm.EVR) error) error {
	var evr rpm.EVR
	var start int64
	child := func() (err error) {
		switch string(s.name) {
		case "version":
			if evr, err = s.version(); err == nil {
				err = s.skip()
			}
		case element:
			err = item()
		default:
			err = s.skip()
		}
		if err == nil && s.offset()-start > MaxPackageBytes {
			err = s.fail("one package is longer than %d bytes", MaxPackageBytes)
		}
		return err
	}
	return readPackages(s, root, func() error {
		evr, start = rpm.EVR{}, s.offset()
		pkgid, n, err := s.identity()
		if err != nil {
			return err
		}
		begin(pkgid, n)
		if err := s.children(child); err != nil {
			return err
		}
		return end(evr)
	})
}

// readPackages reads a whole file and calls f at the start of each <package> in the root element; f must read up to its
// end.
func readPackages(s *scanner, root string, f func() error) error {
	if err := s.enter(root); err != nil {
		return err
	}
	n := 0
	err := s.children(func() error {
		if string(s.name) != "package" {
			return s.skip()
		}
		if n++; n > MaxPackages {
			return s.fail("more than %d packages", MaxPackages)
		}
		return f()
	})
	if err != nil {
		return err
	}
	return s.leave()
}

// enter reads up to the root element, which must have the name.
func (s *scanner) enter(root string) error {
	ev, err := s.next()
	if err != nil {
		return err
	}
	if ev != evStart || string(s.name) != root {
		return s.fail("the root element is <%.60s>, want <%s>", s.name, root)
	}
	return nil
}

// leave reads what follows the root element.
func (s *scanner) leave() error {
	_, err := s.next() // anything but the end of the file is an error
	return err
}

// identity reads the attributes of a <package> in filelists and other.
func (s *scanner) identity() (pkgid string, n rpm.NEVRA, err error) {
	for i := range s.attrs {
		v, err := s.value(s.attrs[i].value)
		if err != nil {
			return "", n, err
		}
		switch string(s.attrs[i].name) {
		case "pkgid":
			pkgid = string(v)
		case "name":
			n.Name = s.str(v)
		case "arch":
			n.Arch = s.str(v)
		}
	}
	if pkgid == "" {
		return "", n, s.fail("package %.80q has no pkgid", n.Name)
	}
	return pkgid, n, nil
}

// version reads the attributes of a <version>.
func (s *scanner) version() (v rpm.EVR, err error) {
	for i := range s.attrs {
		b, err := s.value(s.attrs[i].value)
		if err != nil {
			return v, err
		}
		switch string(s.attrs[i].name) {
		case "epoch":
			v.Epoch = s.str(b)
		case "ver":
			v.Version = s.str(b)
		case "rel":
			v.Release = s.str(b)
		}
	}
	return v, nil
}

// file reads a <file> and appends it to files.
func (s *scanner) file(files []rpm.File) ([]rpm.File, error) {
	var f rpm.File
	for i := range s.attrs {
		if string(s.attrs[i].name) != "type" {
			continue
		}
		switch string(s.attrs[i].value) {
		case "dir":
			f.Mode = rpm.ModeDir
		case "ghost":
			f.Flags = rpm.FileGhost
		}
	}
	b, err := s.content()
	if err != nil {
		return files, err
	}
	if len(files) == MaxEntries {
		return files, s.fail("more than %d files", MaxEntries)
	}
	slash := bytes.LastIndexByte(b, '/') + 1
	// Lists are sorted by directory, nearly always: most directories are the one before.
	if n := len(files); n > 0 && files[n-1].Dir == string(b[:slash]) {
		f.Dir = files[n-1].Dir
	} else {
		f.Dir = s.str(b[:slash])
	}
	f.Base = s.str(b[slash:])
	return append(files, f), nil
}

// changelog reads a <changelog> and appends it to logs.
func (s *scanner) changelog(logs []rpm.Changelog) ([]rpm.Changelog, error) {
	var c rpm.Changelog
	for i := range s.attrs {
		v, err := s.value(s.attrs[i].value)
		if err != nil {
			return logs, err
		}
		switch string(s.attrs[i].name) {
		case "author":
			c.Author = s.str(v)
		case "date":
			if c.Time, err = s.number("changelog date", v); err != nil {
				return logs, err
			}
		}
	}
	text, err := s.contentString()
	if err != nil {
		return logs, err
	}
	if len(logs) == MaxEntries {
		return logs, s.fail("more than %d change log entries", MaxEntries)
	}
	c.Text = text
	return append(logs, c), nil
}
