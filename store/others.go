package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"vrepofs/blob"
	"vrepofs/modules"
	"vrepofs/repodata"
	"vrepofs/state"
)

// maxOthers is how many metadata files of other types a snapshot can have; what is beyond is passed over.
const maxOthers = 100

// maxRepomd bounds the repomd.xml that is read, in bytes; real ones have some 5,000.
const maxRepomd = 8 << 20

// maxOpened bounds how much a metadata file may hold uncompressed, in bytes, to be read for its checksum.
const maxOpened = 1 << 30

// others finds the metadata files of a verbatim snapshot that views can have, and gives its RPMs the module streams that its modules metadata
// says they are of. It reads the blobs, which are in the store by now, and goes by nothing that an importer said of them.
func (im *Import) others() ([]state.Other, error) {
	files := make(map[string]importedFile, len(im.files))
	for _, f := range im.files {
		files[f.path] = f
	}
	repomd, ok := files["repodata/repomd.xml"]
	if !ok || repomd.size > maxRepomd {
		return nil, nil
	}
	f, err := im.s.Blobs.OpenSized(repomd.digest, repomd.size)
	if err != nil {
		return nil, fmt.Errorf("repomd.xml: %w", err)
	}
	md, err := repodata.ParseRepomd(f)
	f.Close()
	if err != nil {
		return nil, nil // it lists nothing: importing refuses such a directory, and so it is not for this place to say
	}
	var out []state.Other
	seen := map[string]bool{}
	for _, rec := range md.Records {
		file, ok := files[rec.Href]
		if !ok || rec.XMLBase != "" || !carried(rec.Type) || seen[rec.Type] || len(out) == maxOthers {
			continue
		}
		seen[rec.Type] = true
		if strings.EqualFold(rec.ChecksumType, "sha256") && !strings.EqualFold(rec.Checksum, file.digest.String()) {
			return nil, fmt.Errorf("%s has sha256 %s, repomd.xml says %.12s…: %w", rec.Href, file.digest.Short(), rec.Checksum, blob.ErrCorrupt)
		}
		o := state.Other{Type: rec.Type, Name: otherName(path.Base(rec.Href), rec.Checksum), File: file.digest, Size: file.size}
		if err := im.readOther(&o); err != nil {
			return nil, fmt.Errorf("%s: %w", rec.Href, err)
		}
		out = append(out, o)
	}
	return out, nil
}

// carried reports whether views can have metadata of a type. They have primary, filelists, other and origin of their own; databases and zchunk
// files say the same as those, deltas speak of files that no view has.
func carried(typ string) bool {
	switch typ {
	case "primary", "filelists", "filelists-ext", "other", "origin", "prestodelta", "deltainfo":
		return false
	}
	return typ != "" && len(typ) <= 100 && !strings.HasSuffix(typ, "_db") && !strings.HasSuffix(typ, "_zck")
}

// otherName is the base name without the checksum that it begins with, and cut in front where it is too long to have ours there.
func otherName(base, checksum string) string {
	if checksum != "" && len(base) > len(checksum)+1 && strings.EqualFold(base[:len(checksum)], checksum) && base[len(checksum)] == '-' {
		base = base[len(checksum)+1:]
	}
	const longest = 255 - 2*len(blob.Digest{}) - 1
	if n := len(base) - longest; n > 0 {
		base = strings.ToValidUTF8(base[n:], "")
	}
	return base
}

// readOther reads a metadata file: its content's checksum, where it is compressed in a way that we know, and of modules the streams.
func (im *Import) readOther(o *state.Other) error {
	if strings.HasSuffix(o.Name, ".rpm") {
		return nil
	}
	f, err := im.s.Blobs.OpenSized(o.File, o.Size)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := repodata.DecompressLimit(f, maxOpened)
	if err != nil {
		if o.Type == "modules" {
			o.Fault = err.Error()
		}
		return nil // what we cannot unpack a client perhaps can
	}
	defer z.Close()
	h := sha256.New()
	in := &tally{r: io.TeeReader(z, h)}
	if o.Type == "modules" {
		file, err := modules.Read(in)
		if err != nil {
			o.Fault = err.Error()
			return nil
		}
		im.streams(file.Index())
		o.Fault = strings.Join(file.Faults, "; ")
	} else if _, err := io.Copy(io.Discard, in); err != nil {
		if errors.Is(err, blob.ErrCorrupt) {
			return err
		}
		return nil
	}
	if sum := blob.Digest(h.Sum(nil)); sum != o.File {
		o.Open, o.OpenSize = sum, in.n
	}
	return nil
}

// tally counts what is read.
type tally struct {
	r io.Reader
	n int64
}

func (t *tally) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	t.n += int64(n)
	return n, err
}

// streams gives RPMs the module streams whose artifacts they are.
func (im *Import) streams(x modules.Index) {
	for i := range im.rows {
		if ids := x.Of(im.rows[i].row.NEVRA); ids != nil {
			im.rows[i].row.Streams, im.rows[i].row.Documented = ids, true
		}
	}
}
