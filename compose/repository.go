package compose

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"vrepofs/blob"
	"vrepofs/index"
	"vrepofs/repodata"
	"vrepofs/tree"
)

// nameMtime is the modification time of files named by their checksum: their name determines their content, so the time
// never has to tell two contents apart. 2000-01-01, for no reason but that some tools mistrust 0.
const nameMtime = 946684800

// Composer makes repositories. It is safe for concurrent use.
type Composer struct {
	index   *index.Index
	blobs   *blob.Store
	options repodata.Options
}

// New returns a Composer over an open store.
func New(x *index.Index, blobs *blob.Store) *Composer {
	return &Composer{index: x, blobs: blobs, options: repodata.Options{ChangelogLimit: 10}}
}

// Rendered is a repository without its stamp. Its blobs are durable.
type Rendered struct {
	items []Item
	files [len(kinds)]file
	// Blobs are the digests of all blobs that the finished tree refers to but for repomd.xml's: its RPMs and metadata.
	Blobs []blob.Digest
}

// file is one metadata file as a rope.
type file struct {
	rope   blob.Digest // of the blob that holds the encoded rope
	digest blob.Digest // of the file's bytes: its checksum in repomd.xml
	size   int64
	open   int64 // bytes before compression
}

// Render writes the metadata files of a repository of items under lease and flushes them. Items must be in the order of
// Place and their package records in the index.
func (c *Composer) Render(ctx context.Context, lease *blob.Lease, items []Item) (*Rendered, error) {
	parts, err := c.render(ctx, lease, items)
	if err != nil {
		return nil, err
	}
	r := &Rendered{items: items}
	ends := newRenderer(c.options)
	var ropes [len(kinds)]blob.Rope
	for k := range kinds {
		head, tail := repodata.Head(kinds[k], len(items)), repodata.Tail(kinds[k])
		members := make([]member, 0, len(parts)+2)
		for _, p := range append([]part{{k: {}}}, parts...) {
			members = append(members, p[k])
		}
		if members[0], err = ends.member(lease, head); err != nil {
			return nil, err
		}
		last, err := ends.member(lease, tail)
		if err != nil {
			return nil, err
		}
		for _, m := range append(members, last) {
			ropes[k] = append(ropes[k], m.Part)
			r.files[k].size += m.Size
			r.files[k].open += m.open
			r.Blobs = append(r.Blobs, m.Digest)
		}
		if r.files[k].rope, err = lease.Write(ropes[k].Append(nil)); err != nil {
			return nil, err
		}
		r.Blobs = append(r.Blobs, r.files[k].rope)
	}
	if err := lease.Flush(ctx); err != nil {
		return nil, err
	}
	g, _ := errgroup.WithContext(ctx)
	for k := range kinds {
		g.Go(func() (err error) {
			r.files[k].digest, err = c.sumRope(ropes[k])
			return err
		})
	}
	for _, it := range items {
		r.Blobs = append(r.Blobs, it.Digest)
	}
	return r, g.Wait()
}

// sumRope hashes the bytes of a rope.
func (c *Composer) sumRope(rope blob.Rope) (blob.Digest, error) {
	h := sha256.New()
	buf := make([]byte, 64<<10)
	for _, p := range rope {
		f, err := c.blobs.OpenSized(p.Digest, p.Size)
		if err != nil {
			return blob.Digest{}, err
		}
		_, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, buf)
		f.Close()
		if err != nil {
			return blob.Digest{}, fmt.Errorf("read blob %s: %w", p.Digest.Short(), err)
		}
	}
	return blob.Digest(h.Sum(nil)), nil
}

// Finish makes the directory tree of a rendered repository as of stamp, which repomd.xml and the directories carry. It
// writes one blob, repomd.xml, and flushes it; new nodes go to w. blobs is r.Blobs and repomd.xml's.
func (r *Rendered) Finish(ctx context.Context, w tree.Writer, lease *blob.Lease, stamp int64) (root tree.Entry, blobs []blob.Digest, err error) {
	md := repodata.Repomd{Revision: strconv.FormatInt(stamp, 10)}
	var metadata []named
	for k, f := range r.files {
		name := f.digest.String() + "-" + kinds[k] + ".xml.gz"
		md.Records = append(md.Records, repodata.Record{
			Type: kinds[k], ChecksumType: "sha256", Checksum: f.digest.String(), Href: "repodata/" + name,
			Timestamp: stamp, Size: f.size, OpenSize: f.open,
		})
		metadata = append(metadata, named{name, tree.Entry{Kind: tree.Rope, Size: f.size, Mtime: nameMtime, Digest: f.rope}})
	}
	text := md.Marshal()
	d, err := lease.Write(text)
	if err != nil {
		return root, nil, err
	}
	if err := lease.Flush(ctx); err != nil {
		return root, nil, err
	}
	metadata = append(metadata, named{"repomd.xml", tree.Entry{Kind: tree.File, Size: int64(len(text)), Mtime: stamp, Digest: d}})

	files := make([]named, 0, len(r.items)+len(metadata))
	for _, it := range r.items {
		files = append(files, named{it.Href, rpmEntry(it)})
	}
	for _, m := range metadata {
		files = append(files, named{"repodata/" + m.name, m.entry})
	}
	root, err = makeTree(w, stamp, files, "Packages")
	return root, append(slices.Clip(r.Blobs), d), err
}

// rpmEntry is the directory entry of an RPM.
func rpmEntry(it Item) tree.Entry {
	return tree.Entry{Kind: tree.File, RPM: true, Size: it.Size, Mtime: it.Mtime, Serial: it.Serial, Digest: it.Digest}
}

// named is an entry with its name or path.
type named struct {
	name  string
	entry tree.Entry
}

// MakeTree makes a directory with everything below it from files given by path ("repodata/repomd.xml"). All directories
// get the same mtime.
func MakeTree(w tree.Writer, mtime int64, files iter.Seq2[string, tree.Entry]) (tree.Entry, error) {
	var all []named
	for name, e := range files {
		all = append(all, named{name, e})
	}
	return makeTree(w, mtime, all)
}

// makeTree is MakeTree over a slice that it may reorder, with directories that are there even when they are empty.
func makeTree(w tree.Writer, mtime int64, files []named, dirs ...string) (tree.Entry, error) {
	below := map[string][]named{} // first component → its files, with the rest of their paths
	var here []named
	for _, d := range dirs {
		below[d] = nil
	}
	for _, f := range files {
		if dir, rest, ok := strings.Cut(f.name, "/"); ok {
			below[dir] = append(below[dir], named{rest, f.entry})
		} else {
			here = append(here, f)
		}
	}
	for dir, files := range below {
		e, err := makeTree(w, mtime, files)
		if err != nil {
			return tree.Entry{}, fmt.Errorf("%s/: %w", dir, err)
		}
		here = append(here, named{dir, e})
	}
	slices.SortFunc(here, func(a, b named) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(here); i++ {
		if here[i].name == here[i-1].name {
			return tree.Entry{}, fmt.Errorf("two files named %q in one directory", here[i].name)
		}
	}
	return tree.MakeDir(w, mtime, func(yield func(string, tree.Entry) bool) {
		for _, f := range here {
			if !yield(f.name, f.entry) {
				return
			}
		}
	})
}
