package compose

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"vrepofs/blob"
	"vrepofs/repodata"
	"vrepofs/rpm"
	"vrepofs/state"
)

// kinds are the three metadata files, in the order of repomd.xml.
var kinds = [...]struct {
	name string
	head func(packages int) []byte
	tail func() []byte
}{
	{"primary", repodata.PrimaryHead, repodata.PrimaryTail},
	{"filelists", repodata.FilelistsHead, repodata.FilelistsTail},
	{"other", repodata.OtherHead, repodata.OtherTail},
}

// memoPart is the kind of memo that maps a partKey to an encoded part.
const memoPart = 'p'

// member is one gzip member, or zstd frame, of a metadata file.
type member struct {
	blob.Part
	open int64 // bytes of its content before compression
}

// part is one run of packages in each of the three files.
type part [len(kinds)]member

// partKey is the memo key of a part: all that its bytes depend on.
func partKey(items []Item, o options) blob.Digest {
	h := sha256.New()
	fmt.Fprintf(h, "part %d %d %s %d\n", repodata.RendererVersion, repodata.CompressorVersion, o.format.Extension(), o.ChangelogLimit)
	var buf []byte
	for _, it := range items {
		buf = append(buf[:0], it.Digest[:]...)
		buf = binary.AppendVarint(buf, it.Mtime)
		buf = binary.AppendUvarint(buf, uint64(len(it.Href)))
		buf = append(buf, it.Href...)
		h.Write(buf)
	}
	return blob.Digest(h.Sum(nil))
}

// options are a state.Metadata as package repodata has it.
type options struct {
	repodata.Options
	format repodata.Format
}

func optionsOf(m state.Metadata) options {
	o := options{Options: repodata.Options{ChangelogLimit: repodata.DefaultChangelogLimit}}
	if m.Changelogs != 0 {
		o.ChangelogLimit = m.Changelogs
	}
	if m.Compress == "zstd" {
		o.format = repodata.Zstd
	}
	return o
}

// render returns the parts of items, those that the memo does not know written anew under lease. It uses all cores.
func (c *Composer) render(ctx context.Context, lease *blob.Lease, items []Item, o options, known Records) ([]part, error) {
	runs := cut(items)
	parts := make([]part, len(runs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	renderers := make(chan *renderer, runtime.GOMAXPROCS(0))
	for i, run := range runs {
		key := partKey(run, o)
		if p, ok := c.knownPart(lease, key); ok {
			parts[i] = p
			continue
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var r *renderer
			select {
			case r = <-renderers:
			default:
				var err error
				if r, err = newRenderer(o); err != nil {
					return err
				}
			}
			p, err := r.part(c, lease, run, known)
			if err != nil {
				return err
			}
			parts[i] = p
			c.parts.put(key, p)
			if err := c.index.PutMemo(memoPart, key, p.encode()); err != nil {
				return err
			}
			select {
			case renderers <- r:
			default:
			}
			return nil
		})
	}
	return parts, g.Wait()
}

// knownPart looks a part up in the memo. One whose blobs are not all there is rendered again.
func (c *Composer) knownPart(lease *blob.Lease, key blob.Digest) (p part, ok bool) {
	if c.fresh {
		return p, false
	}
	if p, ok = c.parts.get(key); !ok {
		v, there := c.index.Memo(memoPart, key)
		if !there {
			return p, false
		}
		if p, ok = decodePart(v); ok {
			c.parts.put(key, p)
		}
	}
	for _, m := range p {
		ok = ok && lease.Has(m.Digest)
	}
	return p, ok
}

// renderer is the scratch memory of one goroutine that renders parts.
type renderer struct {
	raw     [len(kinds)][]byte
	packed  []byte
	pack    *repodata.Compressor
	pkg     rpm.Package
	options options
}

func newRenderer(o options) (*renderer, error) {
	pack, err := repodata.NewCompressor(o.format)
	return &renderer{pack: pack, options: o}, err
}

// part renders one run of packages.
func (r *renderer) part(c *Composer, lease *blob.Lease, run []Item, known Records) (part, error) {
	for k := range r.raw {
		r.raw[k] = r.raw[k][:0]
	}
	for _, it := range run {
		v, ok := known[it.Digest]
		if !ok {
			var err error
			if v, err = c.index.Package(it.Digest); err != nil {
				return part{}, fmt.Errorf("%s: package record: %w", it.File, err)
			}
		}
		p := &r.pkg
		if err := p.Decode(v); err != nil {
			return part{}, fmt.Errorf("%s: package record: %w", it.File, err)
		}
		r.raw[0] = repodata.AppendPrimary(r.raw[0], p, repodata.Place{Href: it.Href, FileTime: it.Mtime})
		r.raw[1] = repodata.AppendFilelists(r.raw[1], p)
		r.raw[2] = repodata.AppendOther(r.raw[2], p, r.options.Options)
	}
	var p part
	for k, raw := range r.raw {
		m, err := r.member(lease, raw)
		if err != nil {
			return part{}, err
		}
		p[k] = m
	}
	return p, nil
}

// member compresses raw and keeps it as a blob.
func (r *renderer) member(lease *blob.Lease, raw []byte) (member, error) {
	r.packed = r.pack.Member(r.packed[:0], raw)
	d, err := lease.Write(r.packed)
	return member{blob.Part{Digest: d, Size: int64(len(r.packed))}, int64(len(raw))}, err
}

// encode gives the memo's value: for each kind digest, size, open size.
func (p part) encode() []byte {
	var b []byte
	for _, m := range p {
		b = append(b, m.Digest[:]...)
		b = binary.AppendUvarint(b, uint64(m.Size))
		b = binary.AppendUvarint(b, uint64(m.open))
	}
	return b
}

// decodePart reads what encode writes. A memo is derived data: what cannot be read is rendered again.
func decodePart(b []byte) (part, bool) {
	var p part
	for k := range p {
		if len(b) < len(blob.Digest{}) {
			return p, false
		}
		b = b[copy(p[k].Digest[:], b):]
		for _, n := range []*int64{&p[k].Size, &p[k].open} {
			v, w := binary.Uvarint(b)
			if w <= 0 || v > 1<<62 {
				return p, false
			}
			*n, b = int64(v), b[w:]
		}
	}
	return p, len(b) == 0
}
