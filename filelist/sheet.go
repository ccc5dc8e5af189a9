package filelist

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"vrepofs/blob"
	"vrepofs/tree"
)

// The three texts of a sheet.
const (
	plain = iota
	times
	images
	texts
)

// sheet is a piece of all lists: that of a unit, or the whole.
type sheet struct {
	texts [texts][]part
	sums  []sum
	links []link
	nodes uint64 // names that it stands for, those left out included
}

// link is a symbolic link that had to be followed to know whether it is listed.
type link struct {
	dir, target string // dir is that of the link: "" or ends in "/"
	ok          bool   // it leads to something in the tree
}

// sum is a repomd.xml with its checksums.
type sum struct {
	path string
	checksums
}

// checksums are SHA-1, MD5, SHA-256 and SHA-512 of a file, in create-filelist's order.
type checksums [sha1.Size + md5.Size + sha256.Size + sha512.Size]byte

// algorithms are the sections of checksums with the length of each.
var algorithms = [...]struct {
	name string
	size int
}{{"SHA1", sha1.Size}, {"MD5", md5.Size}, {"SHA256", sha256.Size}, {"SHA512", sha512.Size}}

func checksumsOf(r io.Reader) (c checksums, err error) {
	a, b, d, e := sha1.New(), md5.New(), sha256.New(), sha512.New()
	_, err = io.Copy(io.MultiWriter(a, b, d, e), r)
	copy(c[:], e.Sum(d.Sum(b.Sum(a.Sum(nil)))))
	return c, err
}

// add appends the sheet of a unit.
func (s *sheet) add(u *sheet) {
	for i, parts := range u.texts {
		for _, p := range parts {
			s.texts[i] = appendPart(s.texts[i], p)
		}
	}
	s.sums = append(s.sums, u.sums...)
	s.links = append(s.links, u.links...)
	s.nodes += u.nodes
}

// reset makes a sheet empty and keeps its memory.
func (s *sheet) reset() {
	for i := range s.texts {
		s.texts[i] = s.texts[i][:0]
	}
	s.sums, s.links, s.nodes = s.sums[:0], s.links[:0], 0
}

// clone returns a sheet of its own memory.
func (s *sheet) clone() sheet {
	c := sheet{sums: slices.Clone(s.sums), links: slices.Clone(s.links), nodes: s.nodes}
	for i := range s.texts {
		c.texts[i] = slices.Clone(s.texts[i])
	}
	return c
}

// rope is a text as a rope; its parts are settled.
func (s *sheet) rope(text int) blob.Rope {
	var r blob.Rope
	for _, p := range s.texts[text] {
		r = append(r, p.Part)
	}
	return r
}

// appendSums appends the end of a fullfiletimelist, from the blank line behind the files on.
func (s *sheet) appendSums(b []byte) []byte {
	slices.SortFunc(s.sums, func(a, b sum) int { return strings.Compare(a.path, b.path) })
	at := 0
	for _, a := range algorithms {
		b = append(b, "\n[Checksums "...)
		b = append(b, a.name...)
		b = append(b, "]\n"...)
		for i := range s.sums {
			b = hex.AppendEncode(b, s.sums[i].checksums[at:at+a.size])
			b = append(b, '\t')
			b = append(b, s.sums[i].path...)
			b = append(b, '\n')
		}
		at += a.size
	}
	return append(b, "\n[End]\n"...)
}

// parts counts the parts of all texts.
func (s *sheet) parts() int {
	n := 0
	for i := range s.texts {
		n += len(s.texts[i])
	}
	return n
}

// encode gives the memo's value:
//
//	uvarint nodes; per text: uvarint parts, each [32] digest, uvarint offset, size, rest
//	uvarint sums: each a string path, [132] checksums; uvarint links: each a string dir, a string target, a byte 1 if it leads somewhere
//
// A string is its length as a uvarint and its bytes.
func (s *sheet) encode() []byte {
	var b []byte
	str := func(v string) {
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	b = binary.AppendUvarint(b, s.nodes)
	for i := range s.texts {
		b = binary.AppendUvarint(b, uint64(len(s.texts[i])))
		for _, p := range s.texts[i] {
			b = append(b, p.Digest[:]...)
			b = binary.AppendUvarint(b, uint64(p.Offset))
			b = binary.AppendUvarint(b, uint64(p.Size))
			b = binary.AppendUvarint(b, uint64(p.Rest))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(s.sums)))
	for i := range s.sums {
		str(s.sums[i].path)
		b = append(b, s.sums[i].checksums[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(s.links)))
	for _, l := range s.links {
		str(l.dir)
		str(l.target)
		ok := byte(0)
		if l.ok {
			ok = 1
		}
		b = append(b, ok)
	}
	return b
}

// decodeSheet reads what encode writes. A memo is derived data: what cannot be read is rendered again.
func decodeSheet(b []byte) (s *sheet, ok bool) {
	bad := false
	take := func(n uint64) []byte {
		if bad || n > uint64(len(b)) {
			bad = true
			return nil
		}
		v := b[:n]
		b = b[n:]
		return v
	}
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if bad || n <= 0 || v > 1<<60 {
			bad = true
			return 0
		}
		b = b[n:]
		return v
	}
	// count is a number of things of at least size bytes each, which must be there.
	count := func(size int) int {
		n := number()
		bad = bad || n > uint64(len(b)/size)
		if bad {
			return 0
		}
		return int(n)
	}
	s = &sheet{nodes: number()}
	for i := range s.texts {
		s.texts[i] = make([]part, count(len(blob.Digest{})+3))
		for k := range s.texts[i] {
			p := &s.texts[i][k]
			copy(p.Digest[:], take(uint64(len(blob.Digest{}))))
			p.Offset, p.Size, p.Rest = int64(number()), int64(number()), int64(number())
		}
	}
	s.sums = make([]sum, count(len(checksums{})+1))
	for i := range s.sums {
		s.sums[i].path = string(take(number()))
		copy(s.sums[i].checksums[:], take(uint64(len(checksums{}))))
	}
	s.links = make([]link, count(3))
	for i := range s.links {
		s.links[i].dir, s.links[i].target = string(take(number())), string(take(number()))
		if v := take(1); len(v) == 1 {
			s.links[i].ok = v[0] == 1
		}
	}
	return s, !bad && len(b) == 0
}

// errNodes is what is wrong with a directory.
var errNodes = fmt.Errorf("its number of names is not that of its entry: %w", tree.ErrCorrupt)

// Entry makes the directory entry of a list: a rope, or a plain file where it is a whole blob or empty. put stores a blob
// (blob.Lease.Write); blobs are all that the entry refers to.
func Entry(put func([]byte) (blob.Digest, error), list blob.Rope, mtime int64) (e tree.Entry, blobs []blob.Digest, err error) {
	e = tree.Entry{Kind: tree.KindFile, Mtime: mtime, Size: list.Size()}
	switch {
	case len(list) == 0:
		e.Digest, err = put(nil)
	case len(list) == 1 && list[0].Whole():
		e.Digest = list[0].Digest
	default:
		blobs = list.Blobs()
		e.Kind = tree.KindRope
		e.Digest, err = put(list.Append(nil))
	}
	return e, append(blobs, e.Digest), err
}
