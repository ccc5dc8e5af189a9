package repodata

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"vrepofs/rpm"
)

// TestHostile holds what is refused, and how.
func TestHostile(t *testing.T) {
	const (
		open = "<otherdata><package pkgid='1' name='n' arch='a'>\n"
		end  = "</package></otherdata>"
	)
	attributes := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " a%d='1'", i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ in, want string }{
		"empty":                  {"", "line 1, offset 0: no element at all"},
		"white space":            {" \n ", "no element at all"},
		"text":                   {"hello", `line 1, offset 0: byte 0x68 outside`},
		"text before":            {"\n x<otherdata/>", "line 2, offset 2: byte 0x78 outside"},
		"text after":             {"<otherdata/>x", "outside of the root element"},
		"second root":            {"<otherdata/><otherdata/>", "a second root element <otherdata>"},
		"wrong root":             {"<metadata/>", "the root element is <metadata>, want <otherdata>"},
		"NUL":                    {"<otherdata>\x00</otherdata>", ""}, // text that nobody asks for
		"NUL in text":            {open + "<changelog>\x00</changelog>" + end, "line 2, offset 61, in <changelog>: byte 0x00 is not allowed"},
		"control in value":       {open + "<changelog author='\x0b'/>" + end, "byte 0x0b is not allowed"},
		"less-than in value":     {open + "<changelog author='<'/>" + end, "byte 0x3c is not allowed"},
		"bad UTF-8":              {open + "<changelog>\xff</changelog>" + end, "byte 0xff is not UTF-8"},
		"cut UTF-8":              {open + "<changelog>\xe2\x82</changelog>" + end, "byte 0xe2 is not UTF-8"},
		"overlong":               {open + "<changelog>\xc0\xaf</changelog>" + end, "byte 0xc0 is not UTF-8"},
		"surrogate":              {open + "<changelog>\xed\xa0\x80</changelog>" + end, "byte 0xed is not UTF-8"},
		"U+FFFE":                 {open + "<changelog>\uFFFE</changelog>" + end, "character U+FFFE is not allowed"},
		"reference to NUL":       {open + "<changelog>&#0;</changelog>" + end, "reference &#0; to a character"},
		"reference to surrogate": {open + "<changelog>&#xD800;</changelog>" + end, "reference &#xD800; to a character"},
		"huge reference":         {open + "<changelog>&#99999999;</changelog>" + end, "to a character that XML does not allow"},
		"signed reference":       {open + "<changelog>&#+65;</changelog>" + end, "unknown reference"},
		"no digits":              {open + "<changelog>&#;</changelog>" + end, "unknown reference &#;"},
		"no hex digits":          {open + "<changelog>&#x;</changelog>" + end, "unknown reference &#x;"},
		"empty reference":        {open + "<changelog>&;</changelog>" + end, "unknown reference &;"},
		"entity":                 {open + "<changelog>&lol;</changelog>" + end, "unknown reference &lol;"},
		"no semicolon":           {open + "<changelog>&amp</changelog>" + end, "without a semicolon"},
		"long reference":         {open + "<changelog>&" + strings.Repeat("x", 100) + ";</changelog>" + end, "without a semicolon"},
		"DOCTYPE":                {"<!DOCTYPE x [<!ENTITY a 'b'>]>" + open + end, "document type declaration is refused"},
		"entity declaration":     {open + "<!ENTITY a 'b'>" + end, "unknown markup"},
		"UTF-16":                 {"\xff\xfe<\x00o\x00", "byte 0xff outside"},
		"unknown encoding":       {"<?xml version='1.0' encoding='EBCDIC'?>" + open + end, `encoding "EBCDIC" is not known`},
		"late declaration":       {open + "<?xml version='1.0' encoding='latin1'?>" + end, "XML declaration after"},
		"broken declaration":     {"<?xml encoding=utf-8?>" + open + end, "encoding without a value"},
		"unclosed declaration":   {"<?xml encoding='utf-8?>" + open + end, "encoding without a closing quote"},
		"CDATA outside":          {"<![CDATA[x]]>", "CDATA outside"},
		"wrong end":              {open + "<changelog></changelog2>" + end, "in <changelog>: end tag </changelog2>, want </changelog>"},
		"wrong prefix":           {"<a:otherdata></b:otherdata>", "end tag </b:otherdata>, want </a:otherdata>"},
		"end of nothing":         {"</otherdata>", "end tag </otherdata> of nothing"},
		"nameless":               {"< otherdata/>", "a tag begins with"},
		"prefix alone":           {"<a:/>", "a tag begins with"},
		"slash":                  {"<otherdata / >", "slash without >"},
		"no value":               {"<otherdata a>", "attribute a without ="},
		"no quote":               {"<otherdata a=1>", "attribute a without a quote"},
		"no space":               {"<otherdata a='1'b='2'>", "attribute or > should be"},
		"junk in tag":            {"<otherdata =>", "attribute or > should be"},
		"twice":                  {"<otherdata a='1' a='2'>", "attribute a twice"},
		"many attributes":        {"<otherdata" + attributes(MaxAttributes+1) + ">", "more than 64 attributes"},
		"deep":                   {open + strings.Repeat("<a>", 100), "more than 32 elements inside each other"},
		"no pkgid":               {"<otherdata><package name='x'/></otherdata>", `package "x" has no pkgid`},
		"bad date":               {open + "<changelog date='1e9'/>" + end, `changelog date is "1e9", not a number`},
		"huge date":              {open + "<changelog date='99999999999999999999'/>" + end, "not a number"},
		"long tag":               {open + "<changelog author='" + strings.Repeat("x", MaxToken+1), "longer than"},
		"long text":              {open + "<changelog>" + strings.Repeat("x", MaxToken+1), "longer than"},
		"long text in pieces":    {open + "<changelog>" + strings.Repeat(strings.Repeat("x", 1<<20)+"<a/>", 20), "longer than"},
		"long comment":           {open + "<!--" + strings.Repeat("x", MaxToken+1), "longer than"},
		"long name":              {"<" + strings.Repeat("x", MaxToken+1), "longer than"},
	} {
		_, err := countPackages("other", strings.NewReader(c.in))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want == "":
		case err == nil || !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		case len(err.Error()) > 400:
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		default:
			var e *SyntaxError
			if !errors.As(err, &e) || e.Line < 1 || e.Offset < 0 {
				t.Errorf("%s: %#v is no SyntaxError with a place", name, err)
			}
		}
	}
}

// TestHostilePrimary holds what ReadPrimary in particular refuses.
func TestHostilePrimary(t *testing.T) {
	good := string(AppendPrimary(nil, goldenPackages()[0], Place{Href: "x"}))
	for name, c := range map[string]struct{ old, new, want string }{
		"nothing":           {"", "", ""},
		"no name":           {"<name>plain</name>", "", "has no name"},
		"no checksum":       {`<checksum type="sha256" pkgid="YES">`, `<sum>`, "end tag </checksum>"},
		"no location":       {`<location href="x"/>`, "", "package plain has no location"},
		"short checksum":    {">a1", ">a", "has 63 characters"},
		"odd checksum":      {">a1", ">xy", "sha256 checksum"},
		"negative size":     {`package="4711"`, `package="-1"`, "a size is negative"},
		"negative archive":  {`archive="34"`, `archive="-1"`, "a size is negative"},
		"no number":         {`installed="12"`, `installed="12 MB"`, `size installed is "12 MB", not a number`},
		"flags":             {`flags="EQ"`, `flags="=="`, `unknown comparison "=="`},
		"header-range":      {`start="280"`, `start="x"`, "header-range start"},
		"bad byte in href":  {`href="x"`, "href=\"\x01\"", "byte 0x01"},
		"other's checksums": {`type="sha256" pkgid="YES">a1`, `type="md5">`, ""},
	} {
		in := strings.Replace(good, c.old, c.new, 1)
		if c.old != "" && in == good {
			t.Errorf("%s: %q is not there", name, c.old)
		}
		_, err := countPackages("primary", wrap(PrimaryHead(1), []byte(in), PrimaryTail()))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestTruncated cuts every kind of file at many places, all of them in the long run: always an error that says so, never a panic.
func TestTruncated(t *testing.T) {
	pkgs := goldenPackages()[:3]
	for _, kind := range []string{"primary", "filelists", "other"} {
		whole := map[string][]byte{"primary": PrimaryHead(3), "filelists": FilelistsHead(3), "other": OtherHead(3)}[kind]
		for _, p := range pkgs {
			whole = appendKind(whole, kind, p)
		}
		whole = append(whole, map[string][]byte{"primary": PrimaryTail(), "filelists": FilelistsTail(), "other": OtherTail()}[kind]...)
		step := 7
		if os.Getenv("VREPOFS_LONG") != "" {
			step = 1
		}
		for n := 0; n < len(whole)-1; n += step { // the last byte is a line feed
			_, err := countPackages(kind, bytes.NewReader(whole[:n]))
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s, %d of %d bytes: %v, want unexpected EOF", kind, n, len(whole), err)
			}
		}
	}
}

// packed returns raw compressed by every kind of compressor that Decompress knows but bzip2, for which Go has none.
func packed(t testing.TB, raw []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{"plain": raw}
	for name, open := range map[string]func(io.Writer) (io.WriteCloser, error){
		"gzip": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		"zstd": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	} {
		var b bytes.Buffer
		w, err := open(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(raw); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		out[name] = b.Bytes()
	}
	return out
}

func unpack(b []byte, limit int64) ([]byte, error) {
	r, err := DecompressLimit(bytes.NewReader(b), limit)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestDecompress(t *testing.T) {
	raw := bytes.Repeat([]byte("<file>/usr/share/doc/zlib/README</file>\n"), 1000)
	for name, b := range packed(t, raw) {
		if got, err := unpack(b, int64(len(raw))); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if got, err := unpack(b, int64(len(raw)-1)); !errors.Is(err, ErrTooLarge) || len(got) != len(raw)-1 {
			t.Errorf("%s: above the limit: %d bytes, %v", name, len(got), err)
		}
		if name == "plain" {
			continue
		}
		if _, err := unpack(b[:len(b)-3], 1<<30); err == nil {
			t.Errorf("%s: truncated: no error", name)
		}
		if _, err := unpack(b[:7], 1<<30); err == nil {
			t.Errorf("%s: truncated in its head: no error", name)
		}
	}
	// As printf 'hello\n' | bzip2 | xxd -p has it, twice.
	bz := "BZh91AY&SY\xc1\xc0\x80\xe2\x00\x00\x01A\x00\x00\x10\x02D\xa0\x000\xcd\x00\xc3F)\x97\x17rE8P\x90\xc1\xc0\x80\xe2"
	if got, err := unpack([]byte(bz+bz), 100); err != nil || string(got) != "hello\nhello\n" {
		t.Errorf("bzip2: %q, %v", got, err)
	}
	if _, err := unpack([]byte("\x00ZCK1xx"), 100); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("zchunk: %v, want ErrUnsupported", err)
	}
	if got, err := unpack(nil, 100); err != nil || len(got) != 0 {
		t.Errorf("empty: %q, %v", got, err)
	}
}

// TestMembers holds that files made of members are read as one, with every format.
func TestMembers(t *testing.T) {
	pkgs := goldenPackages()[:3]
	for _, f := range []Format{Gzip, Zstd} {
		c, err := NewCompressor(f)
		if err != nil {
			t.Fatal(err)
		}
		file := c.Member(nil, PrimaryHead(len(pkgs)))
		for _, p := range pkgs {
			file = c.Member(file, AppendPrimary(nil, p, Place{Href: "x"}))
		}
		file = c.Member(file, PrimaryTail())
		r, err := Decompress(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := countPackages("primary", r); n != len(pkgs) || err != nil {
			t.Errorf("%s: %d packages, %v", f.Extension(), n, err)
		}
	}
}

// TestBomb reads 100 MB that are compressed to some kilobytes, in memory that does not depend on that.
func TestBomb(t *testing.T) {
	c, err := NewCompressor(Gzip)
	if err != nil {
		t.Fatal(err)
	}
	member := c.Member(nil, bytes.Repeat([]byte("<!-- "+strings.Repeat("x", 1000)+" -->"), 10_000))
	file := c.Member(nil, []byte("<filelists>"))
	for range 10 {
		file = append(file, member...)
	}
	file = c.Member(file, []byte("<package pkgid='1'/></filelists>"))
	t.Logf("%d bytes compressed", len(file))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := Decompress(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	n, err := countPackages("filelists", r)
	runtime.ReadMemStats(&after)
	if n != 1 || err != nil {
		t.Errorf("%d packages, %v", n, err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("reading allocated %d bytes", got)
	}
	r, err = DecompressLimit(bytes.NewReader(file), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := countPackages("filelists", r); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above the limit: %v, want ErrTooLarge", err)
	}
}

// TestQuadratic holds that a package with very many requires, provides and files is rendered in a time that grows with
// their number, not its square.
func TestQuadratic(t *testing.T) {
	p := &rpm.Package{NEVRA: rpm.NEVRA{Name: "x"}}
	for i := range 50_000 {
		p.Requires = append(p.Requires, rpm.Dep{Name: fmt.Sprintf("/etc/%07d", i)}, rpm.Dep{Name: fmt.Sprintf("/bin/%07d", i)})
		p.Provides = append(p.Provides, rpm.Dep{Name: fmt.Sprintf("p%07d", i)})
		p.Files = append(p.Files, rpm.File{Dir: "/etc/", Base: fmt.Sprintf("%07d", i)})
	}
	p.Requires = append(p.Requires, rpm.Dep{Name: "p0000005"}, rpm.Dep{Name: "/bin/0000003"})
	got := AppendPrimary(nil, p, Place{})
	if n := bytes.Count(got, []byte("<rpm:entry name=\"/")); n != 50_000 {
		t.Errorf("%d requires, want the 50,000 that the package does not have itself", n)
	}
}
