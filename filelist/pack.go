package filelist

import (
	"slices"

	"vrepofs/blob"
)

// maxPack is the size from which a pack is ended, in bytes: what a rendering keeps in memory.
const maxPack = 4 << 20

// part is a piece of a text: of a blob or, until the pack that it is in has one, of that pack.
type part struct {
	blob.Part     // of a pack: Digest and Rest are not set yet, Offset is that in the text's section
	pack      int // the number of the pack from 1; 0: of a blob
}

// packer collects the lines of a rendering in packs. A pack is one blob, with a section for each text, so that what follows each other
// in a text does so in the pack.
type packer struct {
	put      func([]byte) (blob.Digest, error)
	keep     func(map[blob.Digest][]byte) error // keeps memos of units
	sections [texts][]byte                      // of the pack that is open
	packs    []pack                             // those that are ended
	units    []remembered                       // what waits for the open pack to end
	buffer   []byte
}

// pack is one that has ended.
type pack struct {
	digest blob.Digest
	size   int64
	starts [texts]int64 // of the sections
}

// remembered is a unit's memo in the making.
type remembered struct {
	key   blob.Digest
	sheet sheet
}

// took adds to a text what was appended to its section of the open pack from byte from on.
func (p *packer) took(s *sheet, text, from int) {
	n := len(p.sections[text]) - from
	s.texts[text] = appendPart(s.texts[text], part{blob.Part{Offset: int64(from), Size: int64(n)}, len(p.packs) + 1})
}

// appendPart appends a part, or makes the last one longer where they follow each other in one blob.
func appendPart(parts []part, next part) []part {
	if next.Size == 0 {
		return parts
	}
	if n := len(parts); n > 0 {
		last := &parts[n-1]
		if last.pack == next.pack && last.Digest == next.Digest && last.Offset+last.Size == next.Offset {
			last.Size, last.Rest = last.Size+next.Size, next.Rest
			return parts
		}
	}
	return append(parts, next)
}

// full ends the open pack if it is large enough.
func (p *packer) full() error {
	n := 0
	for _, s := range p.sections {
		n += len(s)
	}
	if n < maxPack {
		return nil
	}
	return p.end()
}

// end puts the open pack, if anything is in it, and keeps the memos that waited for it.
func (p *packer) end() error {
	var k pack
	n := 0
	for _, s := range p.sections {
		n += len(s)
	}
	b := slices.Grow(p.buffer[:0], n)
	for i, s := range p.sections {
		k.starts[i] = int64(len(b))
		b = append(b, s...)
		p.sections[i] = s[:0]
	}
	p.buffer = b
	if k.size = int64(len(b)); k.size > 0 {
		var err error
		if k.digest, err = p.put(b); err != nil {
			return err
		}
		p.packs = append(p.packs, k)
	}
	if len(p.units) == 0 {
		return nil
	}
	memos := make(map[blob.Digest][]byte, len(p.units))
	for i := range p.units {
		u := &p.units[i]
		p.settle(&u.sheet)
		memos[u.key] = u.sheet.encode()
	}
	p.units = p.units[:0]
	return p.keep(memos)
}

// settle says of all parts which blobs they are of; their packs have ended.
func (p *packer) settle(s *sheet) {
	for text, parts := range s.texts {
		for i := range parts {
			if v := &parts[i]; v.pack > 0 {
				k := &p.packs[v.pack-1]
				v.Digest, v.Offset, v.pack = k.digest, v.Offset+k.starts[text], 0
				v.Rest = k.size - v.Offset - v.Size
			}
		}
	}
}
