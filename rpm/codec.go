package rpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ErrCorrupt is the kind of every error of DecodePackage.
var ErrCorrupt = errors.New("corrupt package record")

// codecVersion is the first byte of every encoded package. A program reads all versions up to its own.
const codecVersion = 1

// AppendPackage appends the binary form of p (see the package comment) to dst and returns it. Equal packages have equal
// encodings. It keeps no reference to p.
func AppendPackage(dst []byte, p *Package) []byte {
	dst = append(dst, codecVersion, p.Format)
	dst = append(dst, p.PkgID[:]...)
	dst = append(dst, p.RPMID[:]...)
	for _, v := range [...]int64{p.FileSize, p.BuildTime, p.HeaderStart, p.HeaderEnd} {
		dst = binary.AppendVarint(dst, v)
	}
	dst = binary.AppendUvarint(dst, p.InstalledSize)
	dst = binary.AppendUvarint(dst, p.ArchiveSize)
	for _, s := range p.strings() {
		dst = appendString(dst, *s)
	}
	for _, l := range p.deps() {
		dst = binary.AppendUvarint(dst, uint64(len(*l)))
		for i := range *l {
			d := &(*l)[i]
			dst = appendString(dst, d.Name)
			dst = binary.AppendUvarint(dst, uint64(d.Flags))
			dst = appendString(dst, d.EVR)
		}
	}
	dst = appendFiles(dst, p.Files)
	dst = binary.AppendUvarint(dst, uint64(len(p.Changelogs)))
	for i := range p.Changelogs {
		c := &p.Changelogs[i]
		dst = binary.AppendVarint(dst, c.Time)
		dst = appendString(dst, c.Author)
		dst = appendString(dst, c.Text)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.SignatureKeyIDs)))
	for _, k := range p.SignatureKeyIDs {
		dst = appendString(dst, k)
	}
	return dst
}

// strings and deps list fields in the order of the binary form: one order for both directions.
func (p *Package) strings() [19]*string {
	return [...]*string{
		&p.Name, &p.Epoch, &p.Version, &p.Release, &p.Arch, &p.FileName,
		&p.Summary, &p.Description, &p.Packager, &p.URL, &p.License, &p.Vendor, &p.Group, &p.BuildHost,
		&p.SourceRPM, &p.ModularityLabel, &p.PayloadFormat, &p.PayloadCompressor, &p.RPMVersion,
	}
}

func (p *Package) deps() [8]*[]Dep {
	return [...]*[]Dep{
		&p.Provides, &p.Requires, &p.Conflicts, &p.Obsoletes,
		&p.Recommends, &p.Suggests, &p.Supplements, &p.Enhances,
	}
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendFiles(dst []byte, files []File) []byte {
	var dirs []string
	at := make(map[string]uint64)
	index := make([]uint64, len(files))
	for i := range files {
		d := files[i].Dir
		if i > 0 && d == files[i-1].Dir {
			index[i] = index[i-1]
			continue
		}
		n, ok := at[d]
		if !ok {
			n = uint64(len(dirs))
			at[d] = n
			dirs = append(dirs, d)
		}
		index[i] = n
	}
	dst = binary.AppendUvarint(dst, uint64(len(dirs)))
	for _, d := range dirs {
		dst = appendString(dst, d)
	}
	dst = binary.AppendUvarint(dst, uint64(len(files)))
	for _, n := range index {
		dst = binary.AppendUvarint(dst, n)
	}
	for i := range files {
		dst = binary.AppendUvarint(dst, uint64(files[i].Mode))
	}
	for i := range files {
		dst = binary.AppendUvarint(dst, uint64(files[i].Flags))
	}
	for i := range files {
		dst = appendString(dst, files[i].Base)
	}
	return dst
}

// DecodePackage reads what AppendPackage wrote; b must hold exactly one package. The result does not share memory with b,
// but all its strings share one copy of b: whoever keeps a single string for long should clone it. Any input is safe:
// an error wraps ErrCorrupt, and memory is bounded by about 15 times len(b).
func DecodePackage(b []byte) (*Package, error) {
	p := new(Package)
	if err := p.Decode(b); err != nil {
		return nil, err
	}
	return p, nil
}

// Decode is DecodePackage into p, whose lists are written over: it is for reading many packages one after the other. Lists without
// elements may be nil or not. After an error p holds nothing of use.
func (p *Package) Decode(b []byte) error {
	d := decoder{s: string(b)}
	if v := d.byte(); d.err == "" && v != codecVersion {
		return fmt.Errorf("%w: version %d, this program reads up to %d", ErrCorrupt, v, codecVersion)
	}
	p.Format = d.byte()
	copy(p.PkgID[:], d.take(uint64(len(p.PkgID))))
	copy(p.RPMID[:], d.take(uint64(len(p.RPMID))))
	for _, v := range [...]*int64{&p.FileSize, &p.BuildTime, &p.HeaderStart, &p.HeaderEnd} {
		*v = d.varint()
	}
	p.InstalledSize = d.uvarint()
	p.ArchiveSize = d.uvarint()
	for _, s := range p.strings() {
		*s = d.string()
	}
	for _, l := range p.deps() {
		*l = resize(*l, d.count(3)) // name, flags, EVR: at least a byte each
		for i := range *l {
			(*l)[i] = Dep{Name: d.string(), Flags: uint32(d.limited(1<<32 - 1)), EVR: d.string()}
		}
	}
	d.files(p)
	p.Changelogs = resize(p.Changelogs, d.count(3))
	for i := range p.Changelogs {
		p.Changelogs[i] = Changelog{Time: d.varint(), Author: d.string(), Text: d.string()}
	}
	p.SignatureKeyIDs = resize(p.SignatureKeyIDs, d.count(1))
	for i := range p.SignatureKeyIDs {
		p.SignatureKeyIDs[i] = d.string()
	}
	if d.err == "" && d.pos != len(d.s) {
		d.fail("bytes left over")
	}
	if d.err != "" {
		return fmt.Errorf("%w: %s at byte %d of %d", ErrCorrupt, d.err, d.pos, len(d.s))
	}
	return nil
}

// resize returns a slice of n elements whose values do not matter, nil if it has none and l had no memory.
func resize[T any](l []T, n int) []T {
	return slices.Grow(l[:0], n)[:n]
}

func (d *decoder) files(p *Package) {
	p.Files = p.Files[:0]
	var dirs []string
	if n := d.count(1); n > 0 {
		dirs = make([]string, n)
		for i := range dirs {
			dirs[i] = d.string()
		}
	}
	n := d.count(4)
	if n == 0 {
		return
	}
	files := resize(p.Files, n)
	for i := range files {
		k := d.uvarint()
		if k >= uint64(len(dirs)) {
			d.fail("directory index out of range")
			return
		}
		files[i].Dir = dirs[k]
	}
	for i := range files {
		files[i].Mode = uint16(d.limited(1<<16 - 1))
	}
	for i := range files {
		files[i].Flags = uint32(d.limited(1<<32 - 1))
	}
	for i := range files {
		files[i].Base = d.string()
	}
	p.Files = files
}

// decoder reads from one string, so that every string of a package is a slice of it. After the first error it stays where
// it is and returns zero values; the caller looks at err once at the end.
type decoder struct {
	s   string
	pos int
	err string // "" while all is well
}

func (d *decoder) fail(what string) {
	if d.err == "" {
		d.err = what
	}
}

func (d *decoder) byte() byte {
	if d.err != "" || d.pos >= len(d.s) {
		d.fail("cut short")
		return 0
	}
	d.pos++
	return d.s[d.pos-1]
}

func (d *decoder) uvarint() uint64 {
	if d.err == "" && d.pos < len(d.s) && d.s[d.pos] < 0x80 { // nearly all numbers are small
		d.pos++
		return uint64(d.s[d.pos-1])
	}
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		c := d.byte()
		if d.err != "" {
			return 0
		}
		if c < 0x80 {
			if shift == 63 && c > 1 {
				break
			}
			return v | uint64(c)<<shift
		}
		v |= uint64(c&0x7f) << shift
	}
	d.fail("number too big")
	return 0
}

func (d *decoder) limited(most uint64) uint64 {
	v := d.uvarint()
	if v > most {
		d.fail("number too big")
		return 0
	}
	return v
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) take(n uint64) string {
	if d.err != "" || n > uint64(len(d.s)-d.pos) {
		d.fail("cut short")
		return ""
	}
	s := d.s[d.pos : d.pos+int(n)]
	d.pos += int(n)
	return s
}

func (d *decoder) string() string { return d.take(d.uvarint()) }

// count reads the length of a list whose elements take at least min bytes each, so that a lie cannot make us allocate.
func (d *decoder) count(min int) int {
	n := d.uvarint()
	if n > uint64((len(d.s)-d.pos)/min) {
		d.fail("list longer than the record")
		return 0
	}
	return int(n)
}
