package repodata_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vrepofs/ingest"
	"vrepofs/repodata"
	"vrepofs/rpm"
)

const sharedDir = "../../shared/data"

// element is an XML element without the white space between its children: what two files must agree on.
type element struct {
	Name     string
	Attrs    map[string]string
	Text     string
	Children []*element
}

func (e *element) child(name string) *element {
	for _, c := range e.Children {
		if c.Name == name {
			return c
		}
	}
	return &element{}
}

// parseElements reads a whole document with encoding/xml: a parser that has nothing in common with ours.
func parseElements(t *testing.T, r io.Reader) *element {
	t.Helper()
	d := xml.NewDecoder(r)
	root := &element{}
	open := []*element{root}
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root.Children[0]
		}
		if err != nil {
			t.Fatal(err)
		}
		last := open[len(open)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &element{Name: tok.Name.Local, Attrs: map[string]string{}}
			for _, a := range tok.Attr {
				e.Attrs[a.Name.Local] = a.Value
			}
			last.Children = append(last.Children, e)
			open = append(open, e)
		case xml.EndElement:
			if len(last.Children) > 0 || strings.TrimSpace(last.Text) == "" && strings.Contains(last.Text, "\n") {
				last.Text = "" // layout
			}
			open = open[:len(open)-1]
		case xml.CharData:
			last.Text += string(tok)
		}
	}
}

func oracle(t *testing.T, kind string) *element {
	t.Helper()
	name := filepath.Join(sharedDir, "oracle/createrepo_c-repodata", kind+".xml.gz")
	if _, err := os.Stat(name); err != nil {
		t.Skipf("no oracle: %v", err)
	}
	return parseGzip(t, name)
}

func parseGzip(t *testing.T, name string) *element {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return parseElements(t, z)
}

// diff returns the first place where two elements differ, or nil.
func diff(path string, got, want *element) *difference {
	path += "/" + want.Name
	if got.Name != want.Name {
		return &difference{place: path, got: "<" + got.Name + ">"}
	}
	for _, k := range slices.Sorted(maps.Keys(want.Attrs)) {
		if g, ok := got.Attrs[k]; !ok || g != want.Attrs[k] {
			return &difference{place: path + "@" + k, got: g, want: want.Attrs[k]}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got.Attrs)) {
		if _, ok := want.Attrs[k]; !ok {
			return &difference{place: path + "@" + k, got: got.Attrs[k]}
		}
	}
	if got.Text != want.Text {
		return &difference{place: path, got: got.Text, want: want.Text}
	}
	for i := range want.Children {
		if i >= len(got.Children) {
			return &difference{place: path, want: fmt.Sprintf("<%s %v>", want.Children[i].Name, want.Children[i].Attrs)}
		}
		if d := diff(path, got.Children[i], want.Children[i]); d != nil {
			return d
		}
	}
	if n := len(want.Children); len(got.Children) > n {
		return &difference{place: path, got: fmt.Sprintf("<%s %v>", got.Children[n].Name, got.Children[n].Attrs)}
	}
	return nil
}

// inspect reads an RPM. A damaged one is read as far as rpm -qp reads it: its header.
func inspect(t *testing.T, name string) (*rpm.Package, error) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := ingest.Inspect(f)
	if err == nil {
		return p, nil
	}
	st, err2 := f.Stat()
	if err2 != nil {
		return nil, err2
	}
	if p, err2 = ingest.ReadPackage(f, st.Size()); err2 != nil {
		return nil, errors.Join(err, err2)
	}
	t.Logf("%s: by its header alone: %v", name, err)
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, st.Size())); err != nil {
		return nil, err
	}
	h.Sum(p.PkgID[:0])
	p.FileSize = st.Size()
	return p, nil
}

// difference is a row of PARITY.md's table.
type difference struct{ href, kind, place, got, want string }

func documentedDifferences(t *testing.T) map[difference]bool {
	t.Helper()
	b, err := os.ReadFile("PARITY.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[difference]bool{}
	for line := range strings.Lines(string(b)) {
		if c := strings.Split(strings.Trim(line, "| \n"), " | "); len(c) == 6 && strings.HasPrefix(c[2], "/package") {
			rows[difference{c[0], c[1], c[2], strings.Trim(c[3], "-"), strings.Trim(c[4], "-")}] = true
		}
	}
	return rows
}

// compare renders the records of every package of the metadata in dir (named by kind, as oracle does it) and calls report
// for each that differs.
func compare(t *testing.T, metadata func(kind string) *element, file func(href string) string, report func(difference)) int {
	t.Helper()
	lists := map[string]*element{}
	for _, kind := range []string{"filelists", "other"} {
		for _, e := range metadata(kind).Children {
			lists[kind+e.Attrs["pkgid"]] = e
		}
	}
	packages := metadata("primary").Children
	for _, want := range packages {
		href := want.child("location").Attrs["href"]
		p, err := inspect(t, file(href))
		if err != nil {
			t.Logf("%v", err)
			report(difference{href: href, kind: "all", place: "/package refused"})
			continue
		}
		id := hex.EncodeToString(p.PkgID[:])
		fileTime, err := strconv.ParseInt(want.child("time").Attrs["file"], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			kind string
			got  []byte
			want *element
		}{
			{"primary", repodata.AppendPrimary(nil, p, repodata.Place{Href: href, FileTime: fileTime}), want},
			{"filelists", repodata.AppendFilelists(nil, p), lists["filelists"+id]},
			{"other", repodata.AppendOther(nil, p, repodata.Options{}), lists["other"+id]},
		} {
			if c.want == nil {
				t.Errorf("%s: %s has no record of %s", href, c.kind, id)
				continue
			}
			got := parseElements(t, strings.NewReader("<x xmlns:rpm='r'>"+string(c.got)+"</x>")).Children[0]
			if d := diff("", got, c.want); d != nil {
				d.href, d.kind = href, c.kind
				report(*d)
			}
		}
	}
	return len(packages)
}

func TestParity(t *testing.T) {
	known := documentedDifferences(t)
	n := compare(t,
		func(kind string) *element { return oracle(t, kind) },
		func(href string) string { return filepath.Join(sharedDir, href) },
		func(d difference) {
			if !known[d] {
				t.Errorf("%s: %s: %s: got %q, want %q", d.href, d.kind, d.place, d.got, d.want)
			}
			delete(known, d)
		})
	for d := range known {
		t.Errorf("PARITY.md has a difference that is none: %+v", d)
	}
	if n < 1994 {
		t.Errorf("compared %d packages, want at least 1994", n)
	}
	t.Logf("%d packages compared in three files", n)
}

// TestRendered reads real metadata that other versions of createrepo_c and other programs made, writes each record again,
// and compares it with what encoding/xml sees in the original: the reader loses nothing that clients look at.
func TestRendered(t *testing.T) {
	most := 500 // packages of a file
	if os.Getenv("VREPOFS_LONG") != "" {
		most = 1 << 20
	}
	total := 0
	for _, pattern := range []string{
		"fixtures/osbuild+osbuild/test/data/testrepos/*/repodata/*primary.xml*", "prod/*/repodata/*primary.xml*",
		"prod/*/*/repodata/*primary.xml*", "snapshots/*/*/*/dnf-behave-tests/fixtures/repos/*/repodata/*primary.xml*",
	} {
		names, err := filepath.Glob(filepath.Join(sharedDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			raw := firstPackages(t, name, most)
			var got bytes.Buffer
			got.Write(repodata.PrimaryHead(0))
			err := repodata.ReadPrimary(bytes.NewReader(raw), func(p *repodata.PrimaryPackage) error {
				got.Write(repodata.AppendPrimary(nil, &p.Package, p.Place))
				return nil
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got.Write(repodata.PrimaryTail())
			ours, theirs := parseElements(t, &got).Children, parseElements(t, bytes.NewReader(raw)).Children
			if len(ours) != len(theirs) {
				t.Errorf("%s: %d packages, want %d", name, len(ours), len(theirs))
				continue
			}
			for i := range ours {
				if d := diff("", ours[i], theirs[i]); d != nil {
					t.Errorf("%s: %s: %s: got %q, want %q", name, ours[i].child("name").Text, d.place, d.got, d.want)
				}
			}
			total += len(ours)
		}
	}
	t.Logf("%d packages", total)
	if total == 0 {
		t.Skip("no real metadata")
	}
}

// firstPackages returns a metadata file cut after so many packages at most, but whole.
func firstPackages(t *testing.T, name string, most int) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := repodata.Decompress(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const end, mean = "</package>", 8 << 10
	raw, err := io.ReadAll(io.LimitReader(r, int64(most)*mean))
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for range most {
		i := bytes.Index(raw[at:], []byte(end))
		if i < 0 {
			break
		}
		at += i + len(end)
	}
	if at == 0 {
		return raw
	}
	return append(raw[:at:at], "</metadata>"...)
}
