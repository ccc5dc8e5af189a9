package repodata

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
)

// Limits of what is read. They are far above what real repositories hold (the largest seen: 60,000 packages, a change
// log entry of 60 KB, 90,000 files in one package) and bound the memory that a hostile file can take.
const (
	MaxToken        = 16 << 20  // bytes of one tag, or of the text of one element
	MaxDepth        = 32        // elements inside each other; repodata needs 5
	MaxAttributes   = 64        // of one element; repodata needs 6
	MaxPackages     = 16 << 20  // records in one file
	MaxPackageBytes = 256 << 20 // bytes of one record: rpm's own limit of a header (rpm 4.18, lib/header.c, HEADER_DATA_MAX)
	MaxEntries      = 4 << 20   // dependencies, files or change log entries of one record
)

// SyntaxError says where and why a metadata file is not what it should be.
type SyntaxError struct {
	Line    int    // 1-based
	Offset  int64  // bytes of uncompressed text before the place
	Element string // innermost open element with its prefix, "rpm:entry"; "" outside of the root element
	Reason  string // "end tag </b>, want </a>"
	Err     error  // cause, or nil; io.ErrUnexpectedEOF for a truncated file
}

func (e *SyntaxError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "line %d, offset %d", e.Line, e.Offset)
	if e.Element != "" {
		fmt.Fprintf(&b, ", in <%.60s>", e.Element)
	}
	b.WriteString(": ")
	b.WriteString(e.Reason)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

// event is what scanner.next found.
type event uint8

const (
	evEOF   event = iota
	evStart       // name and attrs are set
	evEnd
	evText // raw is set
)

// attribute is one attribute of a start tag, not yet decoded. Both slices lie in the scanner's buffer.
type attribute struct{ name, value []byte }

// scanner is a pull parser for the XML that repodata is: elements, attributes, character data, CDATA, comments,
// processing instructions, the five predefined entities and character references, in UTF-8, ASCII or ISO 8859-1. It
// refuses document types, and with them all other entities. Names are told apart without their prefix: what matters in
// repodata never differs by namespace alone.
//
// Slices that it hands out are valid until its next call.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int // buf[pos:end] is not yet read
	readErr  error
	skipped  int64 // bytes before buf[0]
	lines    int   // line feeds before buf[0]
	latin1   bool  // the XML declaration says ISO 8859-1
	rooted   bool  // the root element was seen

	name   []byte // of the start tag, without prefix
	attrs  []attribute
	raw    []byte // of the text
	cdata  bool   // raw is from a CDATA section
	closed bool   // the start tag was an empty element: its end is due

	stack   []byte // names of the open elements, with prefixes, one after the other
	marks   []int  // where each begins
	scratch []byte // what decode returns when it cannot return its argument
	acc     []byte // what content and join return

	seed  maphash.Seed
	cache []string // strings seen lately, by hash; nil: none is kept
}

const (
	firstBuffer = 128 << 10
	smallBuffer = 8 << 10 // of a repomd.xml, which is seldom longer; promotions read one for each repository
	cacheSize   = 4096    // a power of two
	cacheString = 64      // bytes of the longest string kept
	maxIdle     = 100     // reads one after the other that give nothing, as bufio has it
)

// smallScanner is for a short file in which few strings are repeated.
func smallScanner(r io.Reader) *scanner { return &scanner{r: r, buf: make([]byte, smallBuffer)} }

func newScanner(r io.Reader) *scanner {
	return &scanner{r: r, buf: make([]byte, firstBuffer), seed: maphash.MakeSeed(), cache: make([]string, cacheSize)}
}

// fail makes a SyntaxError at the place that the scanner has reached.
func (s *scanner) fail(format string, args ...any) error {
	return s.failWith(nil, format, args...)
}

func (s *scanner) failWith(err error, format string, args ...any) error {
	return &SyntaxError{
		Line:    1 + s.lines + bytes.Count(s.buf[:s.pos], []byte{'\n'}),
		Offset:  s.skipped + int64(s.pos),
		Element: s.open(),
		Reason:  fmt.Sprintf(format, args...),
		Err:     err,
	}
}

// open returns the name of the innermost open element, or "".
func (s *scanner) open() string {
	if len(s.marks) == 0 {
		return ""
	}
	return string(s.stack[s.marks[len(s.marks)-1]:])
}

// offset is the number of bytes read so far.
func (s *scanner) offset() int64 { return s.skipped + int64(s.pos) }

// more reads on. What is unread keeps its place relative to pos, but moves. It reports io.EOF when there is no more, and
// fills the buffer as far as it can otherwise, so that a caller which begins again each time needs few rounds.
func (s *scanner) more() error {
	if s.readErr != nil {
		return s.readErr
	}
	if s.pos > 0 {
		s.skipped += int64(s.pos)
		s.lines += bytes.Count(s.buf[:s.pos], []byte{'\n'})
		s.end = copy(s.buf, s.buf[s.pos:s.end])
		s.pos = 0
	}
	if s.end == len(s.buf) {
		if len(s.buf) >= MaxToken {
			return s.fail("one tag or text is longer than %d bytes", MaxToken)
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	start := s.end
	for idle := 0; s.end < len(s.buf) && s.readErr == nil; idle++ {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		switch {
		case err == io.EOF:
			s.readErr = io.EOF
		case err != nil:
			s.readErr = s.failWith(err, "read")
		case n > 0:
			idle = 0
		case idle > maxIdle:
			s.readErr = s.failWith(io.ErrNoProgress, "read")
		}
	}
	if s.end == start {
		return s.readErr
	}
	return nil
}

// truncated is what more's error means in the middle of something.
func (s *scanner) truncated(err error) error {
	if err == io.EOF {
		return s.failWith(io.ErrUnexpectedEOF, "the file ends early")
	}
	return err
}

// find returns the offset from pos of the first pattern at or after from.
func (s *scanner) find(from int, pattern string) (int, error) {
	for {
		if b := s.buf[s.pos:s.end]; from < len(b) {
			var i int
			if len(pattern) == 1 {
				i = bytes.IndexByte(b[from:], pattern[0])
			} else {
				i = bytes.Index(b[from:], []byte(pattern))
			}
			if i >= 0 {
				return from + i, nil
			}
			from = max(from, len(b)-len(pattern)+1)
		}
		if err := s.more(); err != nil {
			return 0, s.truncated(err)
		}
	}
}

// next returns the next event.
func (s *scanner) next() (event, error) {
	if s.closed {
		s.closed = false
		s.pop()
		return evEnd, nil
	}
	for {
		if s.pos == s.end {
			if err := s.more(); err == io.EOF {
				return s.finish()
			} else if err != nil {
				return evEOF, err
			}
		}
		if s.buf[s.pos] != '<' {
			if len(s.marks) == 0 {
				if err := s.outside(); err != nil {
					return evEOF, err
				}
				continue
			}
			n, err := s.find(0, "<")
			if err != nil {
				return evEOF, err
			}
			s.raw, s.cdata = s.buf[s.pos:s.pos+n], false
			s.pos += n
			return evText, nil
		}
		if s.pos+1 == s.end {
			if err := s.more(); err != nil {
				return evEOF, s.truncated(err)
			}
		}
		switch s.buf[s.pos+1] {
		case '/':
			return evEnd, s.endTag()
		case '?':
			if err := s.instruction(); err != nil {
				return evEOF, err
			}
		case '!':
			if text, err := s.bang(); err != nil {
				return evEOF, err
			} else if text {
				return evText, nil
			}
		default:
			return evStart, s.startTag()
		}
	}
}

// finish is the end of the file.
func (s *scanner) finish() (event, error) {
	switch {
	case len(s.marks) > 0:
		return evEOF, s.truncated(io.EOF)
	case !s.rooted:
		return evEOF, s.failWith(io.ErrUnexpectedEOF, "no element at all")
	}
	return evEOF, nil
}

// outside skips what may stand before and after the root element.
func (s *scanner) outside() error {
	if s.offset() == 0 && bytes.HasPrefix(s.buf[:s.end], []byte("\xEF\xBB\xBF")) {
		s.pos += 3
	}
	for ; s.pos < s.end && s.buf[s.pos] != '<'; s.pos++ {
		if !isSpace(s.buf[s.pos]) {
			return s.fail("byte %#02x outside of the root element", s.buf[s.pos])
		}
	}
	return nil
}

// instruction skips <?…?>, and heeds the encoding of the XML declaration.
func (s *scanner) instruction() error {
	n, err := s.find(2, "?>")
	if err != nil {
		return err
	}
	if b := s.buf[s.pos : s.pos+n]; bytes.HasPrefix(b, []byte("<?xml")) && len(b) > 5 && isSpace(b[5]) {
		if s.rooted {
			return s.fail("XML declaration after the root element's start")
		}
		if err := s.encoding(b[5:]); err != nil {
			return err
		}
	}
	s.pos += n + 2
	return nil
}

func (s *scanner) encoding(decl []byte) error {
	_, after, ok := bytes.Cut(decl, []byte("encoding"))
	if !ok {
		return nil
	}
	after = bytes.TrimLeft(after, " \t\r\n=")
	if len(after) == 0 || after[0] != '"' && after[0] != '\'' {
		return s.fail("encoding without a value")
	}
	value, _, ok := bytes.Cut(after[1:], after[:1])
	if !ok {
		return s.fail("encoding without a closing quote")
	}
	switch strings.ToLower(string(value)) {
	case "utf-8", "utf8", "us-ascii", "ascii":
	case "iso-8859-1", "latin-1", "latin1":
		s.latin1 = true
	default:
		return s.fail("encoding %.40q is not known", value)
	}
	return nil
}

// bang skips a comment, or sets raw to the text of a CDATA section and reports true.
func (s *scanner) bang() (text bool, err error) {
	const comment, cdata = "<!--", "<![CDATA["
	for s.end-s.pos < len(cdata) {
		if err := s.more(); err == io.EOF {
			break
		} else if err != nil {
			return false, err
		}
	}
	b := s.buf[s.pos:s.end]
	switch {
	case bytes.HasPrefix(b, []byte(comment)):
		n, err := s.find(len(comment), "-->")
		if err != nil {
			return false, err
		}
		s.pos += n + len("-->")
		return false, nil
	case bytes.HasPrefix(b, []byte(cdata)):
		if len(s.marks) == 0 {
			return false, s.fail("CDATA outside of the root element")
		}
		n, err := s.find(len(cdata), "]]>")
		if err != nil {
			return false, err
		}
		s.raw, s.cdata = s.buf[s.pos+len(cdata):s.pos+n], true
		s.pos += n + len("]]>")
		return true, nil
	case bytes.HasPrefix(b, []byte("<!DOCTYPE")):
		return false, s.fail("a document type declaration is refused")
	}
	return false, s.fail("unknown markup %.12q", b)
}
