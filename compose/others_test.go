package compose_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/ingest"
	"vrepofs/merge"
	"vrepofs/repodata"
	"vrepofs/rpm"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// verbatim imports a repository without packages but for one, whose repomd.xml has the given records: type → file name, and content.
func verbatim(t *testing.T, s *store.Store, name string, files ...[3]string) state.Snapshot {
	t.Helper()
	dir := t.TempDir()
	if _, err := testrpm.Write(dir, testrpm.Spec{Name: name}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "repodata"), 0o755); err != nil {
		t.Fatal(err)
	}
	plan, err := ingest.Scan([]string{dir}, false)
	if err != nil {
		t.Fatal(err)
	}
	lease, err := s.Blobs.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lease.Close() })
	im := s.NewImport()
	t.Cleanup(func() { im.Close() })
	if _, err := ingest.Read(t.Context(), lease, plan.RPMs, ingest.Options{How: blob.Copy}, func(r ingest.RPM) error {
		return im.AddRPM(r.Name, 0, rpm.AppendPackage(nil, r.Package))
	}); err != nil {
		t.Fatal(err)
	}
	md := repodata.Repomd{Revision: "1"}
	put := func(path, content string) {
		d, err := lease.Write([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		if err := im.AddFile(path, d, int64(len(content)), false); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, f := range files {
		rec := repodata.NewRecord(f[0])
		sum := sha256.Sum256([]byte(f[2]))
		rec.ChecksumType, rec.Checksum, rec.Size = "sha256", hex.EncodeToString(sum[:]), int64(len(f[2]))
		rec.Href = "repodata/" + strings.ReplaceAll(f[1], "SUM", rec.Checksum)
		md.Records = append(md.Records, rec)
		if !seen[rec.Href] && f[2] != "" {
			seen[rec.Href] = true
			put(rec.Href, f[2])
		}
	}
	put("repodata/repomd.xml", string(md.Marshal()))
	if err := lease.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	snap, err := im.Snapshot(t.Context(), storetest.Who(), name, store.SnapshotOptions{Verbatim: true})
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func zip(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

// TestOthers: which types a view carries, from which source, under which name and with which records, and that the recipe says so.
func TestOthers(t *testing.T) {
	s := storetest.New(t)
	ctx, who := t.Context(), storetest.Who()
	long := strings.Repeat("x", 240) + ".xml"
	verbatim(t, s, "one",
		[3]string{"primary", "primary.xml", "<p/>"}, [3]string{"primary_db", "p.sqlite", "db"}, [3]string{"group_zck", "c.zck", "z"},
		[3]string{"prestodelta", "prestodelta.xml", "<d/>"}, [3]string{"filelists-ext", "fe", "fe"}, [3]string{"origin", "o", "o"},
		[3]string{"group", "SUM-comps.xml", "<comps/>"}, [3]string{"group_gz", "SUM-comps.xml.gz", zip("<comps/>")},
		[3]string{"updateinfo", "updateinfo.xml.zck", "\x00ZCK1"}, [3]string{"gone", "gone", ""}, [3]string{"odd", long, "odd"}, [3]string{"odd2", long, "odd"})
	two := verbatim(t, s, "two",
		[3]string{"updateinfo", "updateinfo.xml.gz", zip("two")}, [3]string{"group", "comps.xml", "<two/>"}, [3]string{"group_xz", "comps.xml.xz", "no xz"},
		[3]string{"productid", "productid", "certificate"}, [3]string{"bomb", "bomb.gz", zip("half")[:10]})
	if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64", "src"}); err != nil {
		t.Fatal(err)
	}
	view := func(arch string) (string, compose.View) {
		t.Helper()
		r, _, err := s.State("")
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Composer.View(ctx, r, "t", arch)
		if err != nil {
			t.Fatal(err)
		}
		if fresh, err := s.Composer.Fresh().View(ctx, r, "t", arch); err != nil || fresh != v {
			t.Fatalf("from scratch %+v, recorded %+v, %v", fresh, v, err)
		}
		read := func(path string) string {
			e, err := compose.Lookup(s.Index, v.Root, path)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(s.Blobs.Path(e.Digest))
			if err != nil || int64(len(b)) != e.Size {
				t.Fatalf("%s: %d bytes, %v", path, len(b), err)
			}
			return string(b)
		}
		md, err := repodata.ParseRepomd(strings.NewReader(read("repodata/repomd.xml")))
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, rec := range md.Records[3:] {
			text := read(rec.Href)
			sum := sha256.Sum256([]byte(text))
			if rec.Checksum != hex.EncodeToString(sum[:]) || !strings.HasPrefix(rec.Href, "repodata/"+rec.Checksum+"-") || rec.Size != int64(len(text)) {
				t.Errorf("record %+v of %q", rec, text)
			}
			name := strings.TrimPrefix(rec.Href, "repodata/"+rec.Checksum+"-")
			if len(name) > 40 {
				name = "…" + name[len(name)-6:]
			}
			z, err := repodata.Decompress(strings.NewReader(text))
			switch {
			case rec.OpenChecksum == "":
			case err != nil:
				t.Errorf("%s: %v", rec.Type, err)
			default:
				var b bytes.Buffer
				b.ReadFrom(z)
				open := sha256.Sum256(b.Bytes())
				if rec.OpenChecksum != hex.EncodeToString(open[:]) || rec.OpenSize != int64(b.Len()) {
					t.Errorf("%s: open %s, %d", rec.Type, rec.OpenChecksum, rec.OpenSize)
				}
				name += "*"
			}
			out = append(out, rec.Type+" "+name)
		}
		return strings.Join(out, ", "), v
	}
	if got, _ := view("x86_64"); got != "" {
		t.Errorf("without external repos: %s", got)
	}
	for i, e := range []state.External{{Repo: "one", Mode: merge.ModeKoji}, {Repo: "two", ID: two.ID, Mode: merge.ModeKoji, Arches: []string{"x86_64"}}} {
		e.Priority = 2 - i
		if _, err := s.AddExternal(ctx, who, "t", e); err != nil {
			t.Fatal(err)
		}
	}
	const first = "group comps.xml, group_gz comps.xml.gz*, updateinfo updateinfo.xml.zck, odd …xx.xml, odd2 …xx.xml"
	got, before := view("x86_64")
	if want := "updateinfo updateinfo.xml.gz*, group comps.xml, group_xz comps.xml.xz, productid productid, bomb bomb.gz, odd …xx.xml, odd2 …xx.xml"; got != want {
		t.Errorf("x86_64: %s, want %s", got, want)
	}
	if got, _ := view("src"); got != first {
		t.Errorf("src: %s, want %s", got, first)
	}
	r, _, err := s.State("")
	if err != nil {
		t.Fatal(err)
	}
	v, err := compose.Resolve(r, "t")
	if err != nil {
		t.Fatal(err)
	}
	var passed []string
	others, err := v.Others(r, "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range others {
		passed = append(passed, fmt.Sprintf("%s %d %d", o.Kind, len(o.Files), len(o.PassedOver)))
	}
	if want := []string{"updateinfo 1 1", "group 2 1", "productid 1 0", "bomb 1 0", "odd 1 0", "odd2 1 0"}; !slices.Equal(passed, want) {
		t.Errorf("kinds with files and sources that were passed over: %v, want %v", passed, want)
	}
	// The same packages with other metadata are another view.
	verbatim(t, s, "one", [3]string{"odd", long, "even"})
	if got, after := view("x86_64"); after.Recipe == before.Recipe || after.Root == before.Root || !strings.HasSuffix(got, ", odd …xx.xml") {
		t.Errorf("after a change of metadata: %s, %+v, was %+v", got, after, before)
	}
	if sum, err := s.Verify(ctx, 2, func(store.Checked) {}); err != nil || len(sum.Findings) > 0 {
		t.Errorf("verify: %+v, %v", sum, err)
	}
}
