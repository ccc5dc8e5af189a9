package compose

import (
	"crypto/sha256"

	"vrepofs/blob"
	"vrepofs/repodata"
	"vrepofs/tree"
)

// extra is a metadata file beside primary, filelists and other: one blob, not a rope. Its name begins with its checksum.
type extra struct {
	kind       string // its type in repomd.xml: "group", "modules", "origin"
	name       string // what follows the checksum in its name: "comps.xml.gz"
	digest     blob.Digest
	size       int64       // bytes
	openDigest blob.Digest // of its content before compression; zero when it is not compressed, or nobody knows
	open       int64       // bytes of that
}

// file is its name in repodata/: "9f86d0…-comps.xml.gz".
func (x *extra) file() string { return x.digest.String() + "-" + x.name }

// record is its element of repomd.xml.
func (x *extra) record(stamp int64) repodata.Record {
	rec := repodata.NewRecord(x.kind)
	rec.ChecksumType, rec.Checksum, rec.Href = "sha256", x.digest.String(), "repodata/"+x.file()
	if !x.openDigest.IsZero() {
		rec.OpenChecksumType, rec.OpenChecksum, rec.OpenSize = "sha256", x.openDigest.String(), x.open
	}
	rec.Timestamp, rec.Size = stamp, x.size
	return rec
}

// add puts a metadata file that is in the store already beside the others. Files come in repomd.xml in the order of adding; two types may
// share one file.
func (r *Rendered) add(x extra) {
	r.extra = append(r.extra, x)
	r.Blobs = append(r.Blobs, x.digest)
}

// addText writes a metadata file with the given content and puts it beside the others. name is what follows the checksum in its
// name, without the extension of the format in which it is compressed.
func (r *Rendered) addText(lease *blob.Lease, kind, name string, text []byte, format repodata.Format) error {
	pack, err := repodata.NewCompressor(format)
	if err != nil {
		return err
	}
	z := pack.Member(nil, text)
	d, err := lease.Write(z)
	if err != nil {
		return err
	}
	r.add(extra{
		kind: kind, name: name + format.Extension(), digest: d, size: int64(len(z)),
		openDigest: sha256.Sum256(text), open: int64(len(text)),
	})
	return nil
}

// addPlain is addText for a file that is not compressed, such as comps.xml beside comps.xml.gz.
func (r *Rendered) addPlain(lease *blob.Lease, kind, name string, text []byte) error {
	d, err := lease.Write(text)
	if err != nil {
		return err
	}
	r.add(extra{kind: kind, name: name, digest: d, size: int64(len(text))})
	return nil
}

// extras are the records of the files beside the three, and their entries. Of files with one name, which then are one content, the first
// has the entry; not one that is in have.
func (r *Rendered) extras(stamp int64, have []named) (records []repodata.Record, entries []named) {
	seen := map[string]bool{}
	for _, n := range have {
		seen[n.name] = true
	}
	for i := range r.extra {
		x := &r.extra[i]
		records = append(records, x.record(stamp))
		if !seen[x.file()] {
			seen[x.file()] = true
			entries = append(entries, named{x.file(), tree.Entry{Kind: tree.KindFile, Size: x.size, Mtime: NamedMtime, Digest: x.digest}})
		}
	}
	return records, entries
}
