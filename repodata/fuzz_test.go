package repodata

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"vrepofs/rpm"
)

// seeds adds a whole file of the kind and its beginnings and oddities.
func seeds(f *testing.F, kind string, head, tail []byte) {
	whole := head
	for _, p := range goldenPackages()[:3] {
		whole = appendKind(whole, kind, p)
	}
	whole = append(whole, tail...)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(bytes.ReplaceAll(whole, []byte("\""), []byte("'")))
	f.Add([]byte("<?xml version='1.0' encoding='latin1'?>" + string(head[len(xmlDecl):]) + "<package pkgid='\xe9'/>" + string(tail)))
	f.Add([]byte("<!DOCTYPE a><a><![CDATA[x]]>&#10;&amp;</a>"))
	f.Add([]byte(primarySample))
}

// checkError holds that an error says where, in few words.
func checkError(t *testing.T, err error) {
	t.Helper()
	var e *SyntaxError
	if err != nil && (!errors.As(err, &e) || len(err.Error()) > 600) {
		t.Errorf("not a fit error: %v", err)
	}
}

func FuzzReadPrimary(f *testing.F) {
	seeds(f, "primary", PrimaryHead(3), PrimaryTail())
	f.Fuzz(func(t *testing.T, b []byte) {
		err := ReadPrimary(bytes.NewReader(b), func(p *PrimaryPackage) error {
			if p.Checksum.Type != "sha256" {
				return nil
			}
			// What is read can be written, and then reads the same, but for what the writer filters.
			once := AppendPrimary(nil, &p.Package, p.Place)
			err := ReadPrimary(wrap(PrimaryHead(1), once, PrimaryTail()), func(q *PrimaryPackage) error {
				if p.Name != q.Name || p.Href != q.Href || p.Summary != q.Summary || p.PkgID != q.PkgID {
					t.Errorf("got %q, want %q", q.Name, p.Name)
				}
				if allPrimary(p.Files) && !slices.Equal(p.Files, q.Files) {
					t.Error(cmp.Diff(p.Files, q.Files))
				}
				return nil
			})
			if err != nil {
				t.Errorf("our own: %v\n%s", err, once)
			}
			return nil
		})
		checkError(t, err)
	})
}

func allPrimary(files []rpm.File) bool {
	for _, f := range files {
		if !inPrimary(f.Dir, f.Base) {
			return false
		}
	}
	return true
}

func FuzzReadFilelists(f *testing.F) {
	seeds(f, "filelists", FilelistsHead(3), FilelistsTail())
	f.Fuzz(func(t *testing.T, b []byte) {
		err := ReadFilelists(bytes.NewReader(b), func(p *FilelistsPackage) error {
			want := rpm.Package{NEVRA: p.NEVRA, Files: p.Files}
			return ReadFilelists(wrap(FilelistsHead(1), AppendFilelists(nil, &want), FilelistsTail()), func(q *FilelistsPackage) error {
				if !slices.Equal(p.Files, q.Files) {
					t.Error(cmp.Diff(p.Files, q.Files))
				}
				return nil
			})
		})
		checkError(t, err)
	})
}

func FuzzReadOther(f *testing.F) {
	seeds(f, "other", OtherHead(3), OtherTail())
	f.Fuzz(func(t *testing.T, b []byte) {
		err := ReadOther(bytes.NewReader(b), func(p *OtherPackage) error {
			for _, c := range p.Changelogs {
				if !utf8.ValidString(c.Author) || !utf8.ValidString(c.Text) {
					t.Errorf("not UTF-8: %q, %q", c.Author, c.Text)
				}
			}
			return nil
		})
		checkError(t, err)
	})
}

func FuzzParseRepomd(f *testing.F) {
	f.Add((&Repomd{Revision: "1", Content: []string{"a"}, Distro: []Distro{{"c", "d"}}, Records: []Record{NewRecord("primary")}}).Marshal())
	f.Add([]byte("<repomd><data type='x'><size>1.5</size><location href='a' xml:base='b'/></data></repomd>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseRepomd(bytes.NewReader(b))
		checkError(t, err)
		if err != nil {
			return
		}
		again, err := ParseRepomd(bytes.NewReader(m.Marshal()))
		if err != nil {
			t.Fatalf("our own: %v\n%s", err, m.Marshal())
		}
		for i := range m.Records { // a checksum's type is written with the checksum alone
			r := &m.Records[i]
			for _, c := range []struct{ sum, typ *string }{
				{&r.Checksum, &r.ChecksumType}, {&r.OpenChecksum, &r.OpenChecksumType}, {&r.HeaderChecksum, &r.HeaderChecksumType},
			} {
				if *c.sum == "" {
					*c.typ = ""
				}
			}
		}
		if d := cmp.Diff(m, again); d != "" {
			t.Error(d)
		}
	})
}

func FuzzDecompress(f *testing.F) {
	for _, b := range packed(f, []byte("hello")) {
		f.Add(b)
		f.Add(append(bytes.Clone(b), b...))
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 20
		if got, _ := unpack(b, limit); len(got) > limit {
			t.Errorf("%d bytes, limit %d", len(got), limit)
		}
	})
}

// FuzzAppend holds that any bytes in a header become XML that encoding/xml and our own reader understand alike.
func FuzzAppend(f *testing.F) {
	f.Add("name", "text", "1:2-3", "/usr/bin/", uint32(8))
	f.Add("a\xe9<&>\"'", "\x00\x01\t\r\n\uFFFE\x7f\x80", "x:\xff", "\xc0\xaf", uint32(1<<19|8))
	f.Add("libc.so.6(GLIBC_2.4)", "é", ":", "bin/", uint32(12))
	f.Fuzz(func(t *testing.T, name, text, evr, dir string, flags uint32) {
		deps := []rpm.Dep{{Name: name, Flags: flags, EVR: evr}, {Name: text, EVR: evr}}
		p := &rpm.Package{
			NEVRA:   rpm.NEVRA{Name: "n" + name, EVR: rpm.EVR{Epoch: evr, Version: text, Release: name}, Arch: text},
			Summary: text, Description: name, License: text, Requires: deps, Provides: deps[1:], Recommends: deps, Suggests: deps,
			Files:      []rpm.File{{Dir: dir, Base: name, Mode: uint16(flags), Flags: flags}},
			Changelogs: []rpm.Changelog{{Time: int64(flags), Author: name, Text: text}},
		}
		for _, c := range []struct {
			kind       string
			head, tail []byte
		}{{"primary", PrimaryHead(1), PrimaryTail()}, {"filelists", FilelistsHead(1), FilelistsTail()}, {"other", OtherHead(1), OtherTail()}} {
			record := appendKind(nil, c.kind, p)
			if !bytes.Equal(record, appendKind([]byte{}, c.kind, p)) {
				t.Error("two renderings differ")
			}
			d := xml.NewDecoder(wrap(c.head, record, c.tail))
			for {
				_, err := d.Token()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("%s: encoding/xml: %v\n%s", c.kind, err, record)
				}
			}
			if n, err := countPackages(c.kind, wrap(c.head, record, c.tail)); n != 1 || err != nil {
				t.Errorf("%s: %d packages, %v\n%s", c.kind, n, err, record)
			}
		}
		if s := string(appendText(nil, text)); utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !isXMLChar(r) }) {
			if got := (&scanner{buf: []byte(s)}).mustDecode(t, s); got != text {
				t.Errorf("%q written and read is %q", text, got)
			}
		}
	})
}

func (s *scanner) mustDecode(t *testing.T, raw string) string {
	t.Helper()
	b, err := s.decode([]byte(raw), &rawText, false)
	if err != nil {
		t.Errorf("decode %q: %v", raw, err)
	}
	return string(b)
}
