package compose

import (
	"context"
	"crypto/sha256"
	"fmt"
	iofs "io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"vrepofs/blob"
	"vrepofs/index"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/tree"
)

// NamedMtime is the modification time of files named by their checksum: their name determines their content, so the time
// never has to tell two contents apart. 2000-01-01, for no reason but that some tools mistrust 0.
const NamedMtime = 946684800

// Composer makes repositories. It is safe for concurrent use.
type Composer struct {
	index *index.Index
	blobs *blob.Store
	fresh bool // no memo and no record is read
	room  func(rpms int) (done func())

	*remembered
}

// MakeRoom sets what is called before a view is composed, with the number of RPMs that it is selected from, and what that returns once
// it is: for a process that bounds its memory. It is to be called before the Composer is used.
func (c *Composer) MakeRoom(f func(rpms int) (done func())) { c.room = f }

// Fresh returns a Composer that reads no memo and no recorded view: it renders everything anew, to check the records.
func (c *Composer) Fresh() *Composer {
	f := *c
	f.fresh = true
	return &f
}

// New returns a Composer over an open store.
func New(x *index.Index, blobs *blob.Store) *Composer {
	return &Composer{index: x, blobs: blobs, remembered: newRemembered()}
}

// Rendered is a repository without its stamp. Its blobs are under the lease that Render was given.
type Rendered struct {
	items  []Item
	files  [len(kinds)]file
	format repodata.Format
	extra  []extra
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

// Records are package records, as rpm.AppendPackage writes them, that a caller of Render has in memory. They are only read.
type Records map[blob.Digest][]byte

// Render writes the metadata files of a repository of items under lease; Finish, or the caller before, flushes them. Items
// must be in the order of Place; package records that are not in known, which may be nil, must be in the index.
func (c *Composer) Render(ctx context.Context, lease *blob.Lease, items []Item, m state.Metadata, known Records) (*Rendered, error) {
	o := optionsOf(m)
	parts, err := c.render(ctx, lease, items, o, known)
	if err != nil {
		return nil, err
	}
	r := &Rendered{items: items, format: o.format}
	ends, err := newRenderer(o)
	if err != nil {
		return nil, err
	}
	var ropes [len(kinds)]blob.Rope
	for k, kind := range kinds {
		first, err := ends.member(lease, kind.head(len(items)))
		if err != nil {
			return nil, err
		}
		members := make([]member, 0, len(parts)+2)
		members = append(members, first)
		for _, p := range parts {
			members = append(members, p[k])
		}
		last, err := ends.member(lease, kind.tail())
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
	g, _ := errgroup.WithContext(ctx)
	for k := range kinds {
		g.Go(func() (err error) {
			r.files[k].digest, err = c.sumRope(lease, ropes[k])
			return err
		})
	}
	for _, it := range items {
		r.Blobs = append(r.Blobs, it.Digest)
	}
	return r, g.Wait()
}

// sumRope hashes the bytes of a rope of whole blobs, such as parts of repodata are. It begins behind the parts that it has the sum of.
func (c *Composer) sumRope(lease *blob.Lease, rope blob.Rope) (blob.Digest, error) {
	keys := make([]blob.Digest, len(rope))
	var key blob.Digest
	for i, p := range rope {
		key = prefixKey(key, p)
		keys[i] = key
	}
	h, n := sha256.New(), 0
	if !c.fresh {
		h, n = c.remembered.resume(keys)
	}
	var buf []byte
	for ; n < len(rope); n++ {
		var err error
		if buf, err = lease.Append(buf[:0], rope[n].Digest, rope[n].Size); err != nil {
			return blob.Digest{}, err
		}
		h.Write(buf)
		if (n+1)%sumStep == 0 {
			c.remembered.keep(keys[n], h)
		}
	}
	return blob.Digest(h.Sum(nil)), nil
}

// Finish makes the directory tree of a rendered repository as of stamp, which repomd.xml and the directories carry. It
// writes one more blob, repomd.xml, and flushes all; new nodes go to w. blobs is r.Blobs and repomd.xml's.
func (r *Rendered) Finish(ctx context.Context, w tree.Writer, lease *blob.Lease, stamp int64) (root tree.Entry, blobs []blob.Digest, err error) {
	md := repodata.Repomd{Revision: strconv.FormatInt(stamp, 10)}
	var metadata []named
	for k, f := range r.files {
		name := f.digest.String() + "-" + kinds[k].name + ".xml" + r.format.Extension()
		rec := repodata.NewRecord(kinds[k].name)
		rec.ChecksumType, rec.Checksum, rec.Href = "sha256", f.digest.String(), "repodata/"+name
		rec.Timestamp, rec.Size, rec.OpenSize = stamp, f.size, f.open
		md.Records = append(md.Records, rec)
		metadata = append(metadata, named{name, tree.Entry{Kind: tree.KindRope, Size: f.size, Mtime: NamedMtime, Digest: f.rope}})
	}
	records, files := r.extras(stamp, metadata)
	md.Records, metadata = append(md.Records, records...), append(metadata, files...)
	text := md.Marshal()
	d, err := lease.Write(text)
	if err != nil {
		return root, nil, err
	}
	if err := lease.Flush(ctx); err != nil {
		return root, nil, err
	}
	metadata = append(metadata, named{"repomd.xml", tree.Entry{Kind: tree.KindFile, Size: int64(len(text)), Mtime: stamp, Digest: d}})

	leaves := make([]leaf, 0, len(r.items)+len(metadata))
	for _, it := range r.items {
		leaves = append(leaves, leaf{name: it.Href, rpm: it.RPM})
	}
	for i := range metadata {
		leaves = append(leaves, leaf{name: "repodata/" + metadata[i].name, entry: &metadata[i].entry})
	}
	root, err = makeTree(w, stamp, leaves, "Packages")
	return root, append(slices.Clip(r.Blobs), d), err
}

// RPMEntry is the directory entry of an RPM.
func RPMEntry(r *state.RPM) tree.Entry {
	return tree.Entry{Kind: tree.KindFile, RPM: true, Size: r.Size, Mtime: r.Mtime, Serial: r.Serial, Digest: r.Digest}
}

// named is an entry with its name or path.
type named struct {
	name  string
	entry tree.Entry
}

// leaf is what makeTree sorts and moves about: an entry, or the RPM that it is made of when it is needed, with its name or path.
type leaf struct {
	name  string
	rpm   *state.RPM
	entry *tree.Entry
}

// MakeTree makes a directory with everything below it from files given by path ("repodata/repomd.xml"). All directories
// get the same mtime.
func MakeTree(w tree.Writer, mtime int64, files map[string]tree.Entry) (tree.Entry, error) {
	all := make([]leaf, 0, len(files))
	for name, e := range files {
		all = append(all, leaf{name: name, entry: &e})
	}
	return makeTree(w, mtime, all)
}

// Lookup finds a path below a directory. iofs.ErrNotExist when there is none.
func Lookup(r tree.Reader, dir tree.Entry, path string) (tree.Entry, error) {
	for {
		name, rest, more := strings.Cut(path, "/")
		if dir.Kind != tree.KindDir {
			return tree.Entry{}, fmt.Errorf("%s: %w", path, iofs.ErrNotExist)
		}
		v, err := tree.Get(r, dir.Digest, name)
		if err != nil {
			return tree.Entry{}, err
		}
		e, err := tree.DecodeEntry(v)
		if err != nil || !more {
			return e, err
		}
		dir, path = e, rest
	}
}

// makeTree is MakeTree over a slice that it may reorder, with directories that are there even when they are empty.
func makeTree(w tree.Writer, mtime int64, files []leaf, dirs ...string) (tree.Entry, error) {
	counts := map[string]int{} // first component → number of its files
	for _, d := range dirs {
		counts[d] = 0
	}
	lower := 0
	for _, f := range files {
		if dir, _, ok := strings.Cut(f.name, "/"); ok {
			counts[dir]++
			lower++
		}
	}
	below := make(map[string][]leaf, len(counts)) // first component → its files, with the rest of their paths
	for dir, n := range counts {
		below[dir] = make([]leaf, 0, n)
	}
	here := make([]leaf, 0, len(files)-lower+len(counts))
	for _, f := range files {
		if dir, rest, ok := strings.Cut(f.name, "/"); ok {
			below[dir] = append(below[dir], leaf{rest, f.rpm, f.entry})
		} else {
			here = append(here, f)
		}
	}
	for dir, files := range below {
		e, err := makeTree(w, mtime, files)
		if err != nil {
			return tree.Entry{}, fmt.Errorf("%s/: %w", dir, err)
		}
		here = append(here, leaf{name: dir, entry: &e})
	}
	slices.SortFunc(here, func(a, b leaf) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(here); i++ {
		if here[i].name == here[i-1].name {
			return tree.Entry{}, fmt.Errorf("two files named %q in one directory", here[i].name)
		}
	}
	return tree.MakeDir(w, mtime, func(yield func(string, tree.Entry) bool) {
		for _, f := range here {
			var e tree.Entry
			if f.rpm != nil {
				e = RPMEntry(f.rpm)
			} else {
				e = *f.entry
			}
			if !yield(f.name, e) {
				return
			}
		}
	})
}
