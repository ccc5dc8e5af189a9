package compose_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/disk"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/tree"
)

// TestRestamp publishes random repositories at one path, one after the other, and holds each against what Restamp's documentation says of
// every file and directory, looked at one by one.
func TestRestamp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem, c := tree.MemStore(), compose.New(nil, nil)
		mode := rapid.SampledFrom([]state.Mode{state.Generated, state.Verbatim}).Draw(t, "mode")
		names := []string{"Packages/a/a.rpm", "Packages/a/b.rpm", "Packages/b/c.rpm", "Packages/d.rpm", "repodata/1-primary.xml.gz", "repodata/2-primary.xml.gz"}
		if mode == state.Verbatim {
			names = append(names, "EULA", "Packages/a/README", "repodata/repomd.xml")
		}
		var was tree.Entry
		for stamp := int64(1000); stamp < 1000+int64(rapid.IntRange(2, 6).Draw(t, "rounds")); stamp++ {
			var put []compose.Grafted
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, len(names), rapid.ID[string]).Draw(t, "names") {
				e := file(fmt.Sprint(name, rapid.IntRange(0, 1).Draw(t, "content")))
				switch {
				case strings.HasSuffix(name, ".rpm"):
					e.RPM, e.Serial = true, 1
				case strings.HasSuffix(name, ".gz"):
					e.Mtime = compose.NamedMtime
				default:
					e.Mtime = 2 + int64(rapid.IntRange(0, 1).Draw(t, "mtime"))
				}
				put = append(put, compose.Grafted{Path: name, Entry: e})
			}
			source, err := compose.Graft(mem, tree.Entry{}, int64(10+rapid.IntRange(0, 1).Draw(t, "directories' time")), put)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := c.Restamp(mem, nil, mode, source, was, stamp)
			if err != nil {
				t.Fatal(err)
			}
			before, times := filesBelow(t, mem, was)
			want := map[string]tree.Entry{}
			for _, g := range put {
				e := g.Entry
				if !e.RPM && e.Mtime != compose.NamedMtime {
					if e.Mtime = before[g.Path].Mtime; e != before[g.Path] {
						e.Mtime = stamp
					}
				}
				want[g.Path] = e
			}
			files, dirs := filesBelow(t, mem, got)
			if !maps.Equal(files, want) {
				t.Fatalf("%s: files are %v, want %v", mode, files, want)
			}
			for dir, time := range dirs {
				inside := func(m map[string]tree.Entry) map[string]tree.Entry {
					in := maps.Clone(m)
					maps.DeleteFunc(in, func(p string, _ tree.Entry) bool { return !strings.HasPrefix(p, dir) })
					return in
				}
				keeps := times[dir]
				if !maps.Equal(inside(files), inside(before)) {
					keeps = stamp
				}
				if time != keeps {
					t.Fatalf("%s: %q has the time %d, want %d", mode, dir, time, keeps)
				}
			}
			again := tree.Entry{Kind: tree.KindDir, Nodes: 1}
			for path, e := range files { // the tree of the same entries, made in another order
				if again, err = compose.Graft(mem, again, stamp, []compose.Grafted{{Path: path, Entry: e}}); err != nil {
					t.Fatal(err)
				}
			}
			if again.Nodes != got.Nodes {
				t.Fatalf("%s: %d names, want %d", mode, got.Nodes, again.Nodes)
			}
			was = got
		}
	})
}

// TestRestampRepomd publishes repodata of ours: a repomd.xml has the commit's time in it, is in its directory unless it is long, and can be
// promoted from there.
func TestRestampRepomd(t *testing.T) {
	blobs, err := blob.Open(t.TempDir(), disk.OS{})
	if err != nil {
		t.Fatal(err)
	}
	lease, err := blobs.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Close()
	for _, n := range []int{3, 40} {
		md := repodata.Repomd{Revision: "5"}
		for i := range n {
			r := repodata.NewRecord(fmt.Sprint("type", i))
			r.Checksum, r.ChecksumType, r.Timestamp, r.Href = strings.Repeat("ab", 32), "sha256", 5, "repodata/x"
			md.Records = append(md.Records, r)
		}
		d, err := lease.Write(md.Marshal())
		if err == nil {
			err = lease.Flush(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		mem, c := tree.MemStore(), compose.New(nil, blobs)
		root, err := compose.Graft(mem, tree.Entry{}, 5, []compose.Grafted{
			{Path: "repodata/repomd.xml", Entry: tree.Entry{Kind: tree.KindFile, Size: int64(len(md.Marshal())), Mtime: 5, Digest: d}},
		})
		for stamp := int64(1000); stamp < 1003; stamp++ {
			if err != nil {
				t.Fatal(err)
			}
			var made []blob.Digest
			if root, made, err = c.Restamp(mem, lease.Write, state.Generated, root, tree.Entry{}, stamp); err != nil {
				t.Fatal(err)
			}
			if err := lease.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			e, err := compose.Repomd(mem, root)
			if err != nil {
				t.Fatal(err)
			}
			kind, blobs := tree.KindText, []blob.Digest(nil)
			if n == 40 {
				kind, blobs = tree.KindFile, []blob.Digest{e.Digest}
			}
			if e.Kind != kind || e.Mtime != stamp || !slices.Equal(made, blobs) {
				t.Fatalf("%d records: repomd.xml is %v with blobs %v, want a %v of %d with %v", n, e, made, kind, stamp, blobs)
			}
			md.Revision = strconv.FormatInt(stamp, 10)
			for i := range md.Records {
				md.Records[i].Timestamp = stamp
			}
			got, err := c.ReadSmall(e)
			if err != nil || string(got) != string(md.Marshal()) || compose.ContentOf(e) != blob.Sum(got) {
				t.Fatalf("%d records: repomd.xml is %q, %v, want %q", n, got, err, md.Marshal())
			}
		}
	}
}
