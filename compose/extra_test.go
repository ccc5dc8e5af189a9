package compose

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/index"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/tree"
)

// TestExtra adds metadata files in every way and reads them back by what repomd.xml says of them.
func TestExtra(t *testing.T) {
	root := t.TempDir()
	if err := index.Create(root, disk.OS{}); err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.Open(root, disk.OS{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(root, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	c := New(x, blobs)
	lease, err := blobs.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Close()
	r, err := c.Render(t.Context(), lease, nil, state.Metadata{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	there := []byte("advisories\n")
	d, err := lease.Write(there)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		r.addPlain(lease, "group", "comps.xml", []byte("<comps/>")),
		r.addText(lease, "group_gz", "comps.xml", []byte("<comps/>"), repodata.Gzip),
		r.addText(lease, "x<y", "z", []byte("zstd"), repodata.Zstd),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r.add(extra{kind: "updateinfo", name: "u.xml", digest: d, size: int64(len(there))})
	r.add(extra{kind: "other_name_of_it", name: "u.xml", digest: d, size: int64(len(there))})

	nodes := x.NewBuffer()
	dir, all, err := r.Finish(t.Context(), nodes, lease, 1000)
	if err != nil {
		t.Fatal(err)
	}
	need := map[blob.Digest]bool{}
	for _, d := range all {
		need[d] = true
	}
	read := func(path string) []byte {
		e, err := Lookup(nodes, dir, path)
		if err != nil {
			t.Fatal(err)
		}
		if !need[e.Digest] {
			t.Errorf("%s is not among the blobs of the repository", path)
		}
		if path != "repodata/repomd.xml" && (e.Mtime != NamedMtime || e.Kind != tree.KindFile) {
			t.Errorf("%s: entry %+v", path, e)
		}
		f, err := lease.Open(e.Digest)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil || int64(len(b)) != e.Size {
			t.Fatalf("%s: %d bytes, want %d, %v", path, len(b), e.Size, err)
		}
		return b
	}
	md, err := repodata.ParseRepomd(bytes.NewReader(read("repodata/repomd.xml")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		typ, name, text string
		packed          bool
	}{
		{"group", "comps.xml", "<comps/>", false},
		{"group_gz", "comps.xml.gz", "<comps/>", true},
		{"x<y", "z.zst", "zstd", true},
		{"updateinfo", "u.xml", string(there), false},
		{"other_name_of_it", "u.xml", string(there), false},
	} {
		rec := md.Record(c.typ)
		if rec == nil {
			t.Errorf("repomd.xml has no %s", c.typ)
			continue
		}
		raw := read(rec.Href)
		z, err := repodata.Decompress(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil || string(text) != c.text {
			t.Errorf("%s: %q, %v, want %q", c.typ, text, err, c.text)
		}
		sum, open := sha256.Sum256(raw), sha256.Sum256(text)
		want := repodata.NewRecord(c.typ)
		want.ChecksumType, want.Checksum, want.Size, want.Timestamp = "sha256", hex.EncodeToString(sum[:]), int64(len(raw)), 1000
		if c.packed {
			want.OpenChecksumType, want.OpenChecksum, want.OpenSize = "sha256", hex.EncodeToString(open[:]), int64(len(text))
		}
		want.Href = "repodata/" + want.Checksum + "-" + c.name
		if *rec != want {
			t.Errorf("%s:\n%+v, want\n%+v", c.typ, *rec, want)
		}
	}
	if n := strings.Count(string(read("repodata/repomd.xml")), "<data "); n != 3+5 {
		t.Errorf("repomd.xml has %d records", n)
	}
}
