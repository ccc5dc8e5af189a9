package repodata

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"path"

	"vrepofs/rpm"
)

// PrimaryPackage is one record of primary.
//
// Package holds what primary says of the package: of its Files only those that primary lists; no change log; in Requires
// only what createrepo_c left. Dependencies are as a header would have them: Flags has the comparison, and SensePrereq
// where pre is set; EVR has no epoch where that is 0. Directories and ghosts are told by Mode and Flags, of which nothing
// else is known. PkgID is set when the checksum is a SHA-256. RPMID, signatures and payload are unknown.
type PrimaryPackage struct {
	rpm.Package
	Place             // as in the file, not checked: Href may be absolute, or have "..", a scheme or control characters
	Checksum Checksum // of the whole file; its Hex is what filelists and other name the package by
}

// ReadPrimary reads a primary file, uncompressed, and calls f for each record in the file's order. It stops at the first
// error, f's own included, which it wraps. The package and its slices are used again for the next record: f must copy
// what it wants to keep, but may keep the strings. See SyntaxError for what is wrong with a file, and Decompress for how
// to read a compressed one.
func ReadPrimary(r io.Reader, f func(*PrimaryPackage) error) error {
	p := &primaryReader{s: newScanner(r)}
	p.format = func() error { return p.formatChild() }
	child := func() error { return p.child() }
	err := readPackages(p.s, "metadata", func() error {
		p.reset()
		if err := p.s.children(child); err != nil {
			return err
		}
		if err := p.check(); err != nil {
			return err
		}
		return f(&p.pkg)
	})
	if err != nil {
		return fmt.Errorf("read primary: %w", err)
	}
	return nil
}

type primaryReader struct {
	s      *scanner
	pkg    PrimaryPackage
	start  int64        // offset of the record
	format func() error // formatChild, made once
}

// reset empties the package and keeps the memory of its slices.
func (p *primaryReader) reset() {
	old := &p.pkg.Package
	p.pkg = PrimaryPackage{Package: rpm.Package{
		Provides: old.Provides[:0], Requires: old.Requires[:0], Conflicts: old.Conflicts[:0], Obsoletes: old.Obsoletes[:0],
		Recommends: old.Recommends[:0], Suggests: old.Suggests[:0], Supplements: old.Supplements[:0], Enhances: old.Enhances[:0],
		Files: old.Files[:0],
	}}
	p.start = p.s.offset()
}

// check says what a record lacks that no record may lack.
func (p *primaryReader) check() error {
	switch {
	case p.pkg.Name == "":
		return p.s.fail("the package that ends here has no name")
	case p.pkg.Checksum.Hex == "":
		return p.s.fail("package %.80s has no checksum", p.pkg.Name)
	case p.pkg.Href == "":
		return p.s.fail("package %.80s has no location", p.pkg.Name)
	}
	return nil
}

// child reads one child of <package>.
func (p *primaryReader) child() (err error) {
	s, pkg := p.s, &p.pkg
	if s.offset()-p.start > MaxPackageBytes {
		return s.fail("one package is longer than %d bytes", MaxPackageBytes)
	}
	switch string(s.name) {
	case "name":
		pkg.Name, err = s.contentString()
	case "arch":
		pkg.Arch, err = s.contentString()
	case "version":
		if pkg.EVR, err = s.version(); err == nil {
			err = s.skip()
		}
	case "checksum":
		err = p.checksum()
	case "summary":
		pkg.Summary, err = s.contentString()
	case "description":
		pkg.Description, err = s.contentString()
	case "packager":
		pkg.Packager, err = s.contentString()
	case "url":
		pkg.URL, err = s.contentString()
	case "time", "size", "location":
		if err = p.attributes(); err == nil {
			err = s.skip()
		}
	case "format":
		err = s.children(p.format)
	default:
		err = s.skip()
	}
	return err
}

func (p *primaryReader) checksum() (err error) {
	pkg := &p.pkg
	if pkg.Checksum.Type, err = p.s.attr("type"); err != nil {
		return err
	}
	b, err := p.s.content()
	if err != nil {
		return err
	}
	pkg.Checksum.Hex = string(bytes.TrimSpace(b))
	pkg.PkgID = [32]byte{}
	if pkg.Checksum.Type == "sha256" {
		if len(pkg.Checksum.Hex) != 2*len(pkg.PkgID) {
			return p.s.fail("sha256 checksum %.80q has %d characters", pkg.Checksum.Hex, len(pkg.Checksum.Hex))
		}
		if _, err := hex.Decode(pkg.PkgID[:], []byte(pkg.Checksum.Hex)); err != nil {
			return p.s.failWith(err, "sha256 checksum %.80q", pkg.Checksum.Hex)
		}
	}
	return nil
}

// attributes reads those of <time>, <size> and <location>, which share no name.
func (p *primaryReader) attributes() error {
	s, pkg := p.s, &p.pkg
	for i := range s.attrs {
		v, err := s.value(s.attrs[i].value)
		if err != nil {
			return err
		}
		var n int64
		switch string(s.attrs[i].name) {
		case "file":
			pkg.FileTime, err = s.number("time file", v)
		case "build":
			pkg.BuildTime, err = s.number("time build", v)
		case "package":
			pkg.FileSize, err = s.number("size package", v)
		case "installed":
			n, err = s.number("size installed", v)
			pkg.InstalledSize = uint64(n)
		case "archive":
			n, err = s.number("size archive", v)
			pkg.ArchiveSize = uint64(n)
		case "href":
			pkg.Href = string(v)
			pkg.FileName = path.Base(pkg.Href)
		case "base":
			pkg.XMLBase = s.str(v)
		}
		if err != nil {
			return err
		}
		if n < 0 || pkg.FileSize < 0 {
			return s.fail("a size is negative")
		}
	}
	return nil
}

// formatChild reads one child of <format>.
func (p *primaryReader) formatChild() (err error) {
	s, pkg := p.s, &p.pkg
	switch string(s.name) {
	case "license":
		pkg.License, err = s.contentString()
	case "vendor":
		pkg.Vendor, err = s.contentString()
	case "group":
		pkg.Group, err = s.contentString()
	case "buildhost":
		pkg.BuildHost, err = s.contentString()
	case "sourcerpm":
		pkg.SourceRPM, err = s.contentString()
	case "header-range":
		err = p.headerRange()
	case "provides":
		err = p.entries(&pkg.Provides)
	case "requires":
		err = p.entries(&pkg.Requires)
	case "conflicts":
		err = p.entries(&pkg.Conflicts)
	case "obsoletes":
		err = p.entries(&pkg.Obsoletes)
	case "suggests":
		err = p.entries(&pkg.Suggests)
	case "enhances":
		err = p.entries(&pkg.Enhances)
	case "recommends":
		err = p.entries(&pkg.Recommends)
	case "supplements":
		err = p.entries(&pkg.Supplements)
	case "file":
		pkg.Files, err = s.file(pkg.Files)
	default:
		err = s.skip()
	}
	return err
}

func (p *primaryReader) headerRange() error {
	s, pkg := p.s, &p.pkg
	for i := range s.attrs {
		v, err := s.value(s.attrs[i].value)
		if err != nil {
			return err
		}
		switch string(s.attrs[i].name) {
		case "start":
			pkg.HeaderStart, err = s.number("header-range start", v)
		case "end":
			pkg.HeaderEnd, err = s.number("header-range end", v)
		}
		if err != nil {
			return err
		}
	}
	return s.skip()
}

// entries reads a list of dependencies.
func (p *primaryReader) entries(list *[]rpm.Dep) error {
	s := p.s
	for {
		ev, err := s.next()
		if err != nil {
			return err
		}
		switch ev {
		case evEnd:
			return nil
		case evStart:
			if string(s.name) == "entry" {
				d, err := s.entry()
				if err != nil {
					return err
				}
				if len(*list) == MaxEntries {
					return s.fail("more than %d dependencies", MaxEntries)
				}
				*list = append(*list, d)
			}
			if err := s.skip(); err != nil {
				return err
			}
		}
		if s.offset()-p.start > MaxPackageBytes {
			return s.fail("one package is longer than %d bytes", MaxPackageBytes)
		}
	}
}

// entry reads the attributes of one dependency.
func (s *scanner) entry() (d rpm.Dep, err error) {
	var epoch, release string
	var version []byte
	evr := s.acc[:0]
	for i := range s.attrs {
		v, err := s.value(s.attrs[i].value)
		if err != nil {
			return d, err
		}
		switch string(s.attrs[i].name) {
		case "name":
			d.Name = s.str(v)
		case "flags":
			sense, ok := senseOf(v)
			if !ok {
				return d, s.fail("unknown comparison %.20q", v)
			}
			d.Flags |= sense
		case "epoch":
			epoch = s.str(v)
		case "ver":
			version = append(evr, v...)
			s.acc = version
		case "rel":
			release = s.str(v)
		case "pre":
			if string(v) == "1" || string(v) == "true" {
				d.Flags |= rpm.SensePrereq
			}
		}
	}
	if len(version) == 0 && release == "" && (epoch == "" || epoch == "0") {
		return d, nil
	}
	d.EVR = s.str(version)
	if release != "" {
		version = append(append(version, '-'), release...)
		s.acc = version
		d.EVR = s.str(version)
	}
	// A version with a colon would be taken for an epoch, so such a one keeps its 0.
	if epoch != "" && (epoch != "0" || bytes.IndexByte(version, ':') >= 0) {
		d.EVR = epoch + ":" + d.EVR
	}
	return d, nil
}

func senseOf(v []byte) (uint32, bool) {
	switch string(v) {
	case "":
		return 0, true
	case "EQ":
		return rpm.SenseEqual, true
	case "LT":
		return rpm.SenseLess, true
	case "GT":
		return rpm.SenseGreater, true
	case "LE":
		return rpm.SenseLess | rpm.SenseEqual, true
	case "GE":
		return rpm.SenseGreater | rpm.SenseEqual, true
	}
	return 0, false
}
