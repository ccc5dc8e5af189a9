package ctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/index"
	"vrepofs/ingest"
	"vrepofs/testrpm"
)

// rpms writes some RPM files.
func rpms(t *testing.T, specs ...testrpm.Spec) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := testrpm.Write(dir, specs...); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestImport(t *testing.T) {
	both(t, func(t *testing.T, c *Client) {
		dir := rpms(t, testrpm.Spec{Name: "hello"}, testrpm.Spec{Name: "hello", Arch: "src"}, testrpm.Spec{Name: "lib"})
		var last Progress
		r, err := c.Import(t.Context(), Why{Command: "repo import r"}, ImportOptions{Repo: "r", Paths: []string{dir}, Progress: func(p Progress) { last = p }})
		if err != nil {
			t.Fatal(err)
		}
		if r.Snapshot.RPMs != 3 || r.Files != 3 || last.Files != 3 || last.TotalFiles != 3 || last.Bytes != last.TotalBytes {
			t.Errorf("result %+v, progress %+v", r, last)
		}
		r, err = c.Import(t.Context(), Why{}, ImportOptions{Paths: []string{dir}})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Builds) != 2 || r.Builds[0].Added != 2 {
			t.Errorf("builds %+v", r.Builds)
		}
		v, err := c.Verify(t.Context(), VerifyRequest{}, nil)
		if err != nil || len(v.Findings) > 0 || v.Blobs < 3 {
			t.Errorf("verify: %+v, %v", v, err)
		}
		// The handler refuses while the client still streams: its reason arrives.
		if _, err := c.Import(t.Context(), Why{}, ImportOptions{Repo: "a/b", Paths: []string{dir}}); !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("a bad name: %v", err)
		}
		if _, err := c.Import(t.Context(), Why{}, ImportOptions{Repo: "new", Paths: []string{dir}, Add: true}); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("--add to nothing: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Import(ctx, Why{}, ImportOptions{Repo: "r", Paths: []string{dir}}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		s, err := c.Status(t.Context(), true)
		if err != nil || s.Head.Event != 2 || s.Blobs.Count != v.Blobs {
			t.Errorf("status %+v, %v", s, err)
		}
	})
}

// stream is what a good import of one RPM sends.
func stream(t *testing.T, c *Client, repo string) (whole []byte, end int) {
	t.Helper()
	dir := rpms(t, testrpm.Spec{Name: "hello"})
	blobs := c.st.Blobs
	lease, err := blobs.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Close()
	plan, err := ingest.Scan([]string{dir}, false)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	im := &importer{client: c, lease: lease, plan: plan, o: ImportOptions{Repo: repo}}
	if _, err := im.send(t.Context(), newFrameWriter(&b)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), b.Len() - 2 // the end frame is two bytes
}

// TestTruncatedImport: a stream that ends before its end frame, anywhere, commits nothing.
func TestTruncatedImport(t *testing.T) {
	c := newStore(t)
	whole, end := stream(t, c, "r")
	for _, n := range []int{0, 1, 2, 5, 40, end / 2, end - 1, end, end + 1} {
		if _, err := c.do(t.Context(), "import/run", bytes.NewReader(whole[:n])); err == nil || !strings.Contains(err.Error(), "nothing is imported") {
			t.Errorf("a stream cut at %d of %d: %v", n, len(whole), err)
		}
	}
	if h := c.st.Index.Head(); h.Seq != 0 {
		t.Fatalf("%d events after nothing but cut streams", h.Seq)
	}
	if left, err := os.ReadDir(filepath.Join(c.Root, "incoming")); err != nil || len(left) > 0 {
		t.Errorf("leases after nothing but cut streams: %v, %v", left, err)
	}
	resp, err := c.do(t.Context(), "import/run", bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if h := c.st.Index.Head(); h.Seq != 1 {
		t.Errorf("event %d after the whole stream, want 1", h.Seq)
	}
}

// TestImportNeedsBlobs: rows whose blob is not there are refused: operations are sent, never trusted.
func TestImportNeedsBlobs(t *testing.T) {
	c := newStore(t)
	whole, _ := stream(t, newStore(t), "r") // its blobs are in another store
	if _, err := c.do(t.Context(), "import/run", bytes.NewReader(whole)); !errors.Is(err, index.ErrMissing) {
		t.Errorf("an import without its blobs: %v, want %v", err, index.ErrMissing)
	}
}

func TestHostileFrames(t *testing.T) {
	c := newStore(t)
	whole, end := stream(t, c, "r")
	header := whole[:2+int(whole[1])]
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	for name, b := range map[string][]byte{
		"unknown kind":        append([]byte{'X', 0}, whole...),
		"no header":           whole[len(header):],
		"two headers":         append(append([]byte{}, header...), whole...),
		"header is no JSON":   {'H', 2, '{', '{', 'E', 0},
		"huge header":         append([]byte{'H'}, huge...),
		"huge package":        append(append(append([]byte{}, header...), 'P'), huge...),
		"huge file":           append(append(append([]byte{}, header...), 'F'), huge...),
		"end with content":    append(append(append([]byte{}, whole[:end]...), 'E'), 1, 0),
		"rows twice":          append(append([]byte{}, whole[:end]...), 'R', 0, 'E', 0),
		"row after the rows":  append(append(append([]byte{}, whole[:end]...), whole[len(header):]...), 'E', 0),
		"empty package":       append(append([]byte{}, header...), 'P', 0, 'E', 0),
		"path past the end":   append(append([]byte{}, header...), 'P', 2, 9, 'a', 'E', 0),
		"damaged record":      append(append([]byte{}, header...), 'P', 4, 1, 'a', 0, 9, 'E', 0),
		"short file":          append(append([]byte{}, header...), 'F', 3, 1, 2, 3, 'E', 0),
		"length is no varint": append(append([]byte{}, header...), 'P', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
	} {
		if _, err := c.do(t.Context(), "import/run", bytes.NewReader(b)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if h := c.st.Index.Head(); h.Seq != 0 {
		t.Errorf("%d events after nothing but hostile streams", h.Seq)
	}
	var w frameWriter
	if err := w.write(frameFile, make([]byte, maxFileFrame+1)); !errors.Is(err, iofs.ErrInvalid) {
		t.Errorf("a frame above the limit was written: %v", err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("H\x02{}E\x00"))
	f.Add([]byte("P\x04\x01a\x02xF\x22" + strings.Repeat("d", 32) + "\x01\x00E\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newFrameReader(bytes.NewReader(b))
		for {
			kind, payload, err := r.next()
			if err != nil {
				return
			}
			switch kind {
			case framePackage:
				path, mtime, record, err := decodePackage(payload)
				var out bytes.Buffer
				w := newFrameWriter(&out)
				if err == nil && (w.pkg(path, mtime, record) != nil || w.end() != nil) {
					t.Error("a package frame cannot be written again")
				}
			case frameFile:
				if path, d, size, named, err := decodeFile(payload); err == nil {
					var out bytes.Buffer
					w := newFrameWriter(&out)
					if err := errors.Join(w.file(path, d, size, named), w.end()); err != nil {
						t.Error(err)
					}
					_, again, err := newFrameReader(&out).next()
					if p2, d2, s2, n2, err2 := decodeFile(again); err != nil || err2 != nil || p2 != path || d2 != d || s2 != size || n2 != named {
						t.Error("a file frame changed on its way")
					}
				}
			}
		}
	})
}

// TestImportOwner: users other than the store's owner cannot import, root included.
func TestImportOwner(t *testing.T) {
	c := newStore(t)
	whole, _ := stream(t, c, "r")
	for _, uid := range []uint32{0, 65534} {
		if uid == uint32(os.Getuid()) {
			continue
		}
		other := *c
		other.http = &http.Client{Transport: inProcess{NewHandler(c.st, nil), uid}}
		if _, err := other.do(t.Context(), "import/run", bytes.NewReader(whole)); !errors.Is(err, iofs.ErrPermission) {
			t.Errorf("import by uid %d: %v", uid, err)
		}
		if _, err := other.CreateTag(t.Context(), Why{}, fmt.Sprint("t", uid), []string{"src"}); err != nil {
			t.Errorf("other changes by uid %d: %v", uid, err)
		}
	}
}

// TestBadBlob: verify over a stream names what is bad.
func TestBadBlob(t *testing.T) {
	both(t, func(t *testing.T, c *Client) {
		dir := rpms(t, testrpm.Spec{Name: "hello"})
		r, err := c.Import(t.Context(), Why{}, ImportOptions{Paths: []string{dir}})
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.ShowBuild(t.Context(), At{}, r.Builds[0].Build.NVR)
		if err != nil {
			t.Fatal(err)
		}
		d, err := blob.Parse(b.RPMs[0].Digest)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(c.Root, "blobs", d.String()[:2], d.String()[2:])
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, b.RPMs[0].Bytes), 0o644); err != nil {
			t.Fatal(err)
		}
		v, err := c.Verify(t.Context(), VerifyRequest{Workers: 2}, func(Progress) {})
		if err != nil || len(v.Findings) != 1 || v.Findings[0].Digest != d.String() || v.Findings[0].Name != "hello-1.0-1.x86_64.rpm" {
			t.Errorf("verify: %+v, %v", v, err)
		}
	})
}
