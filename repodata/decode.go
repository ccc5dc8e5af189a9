package repodata

import (
	"hash/maphash"
	"strconv"
	"unicode/utf8"
)

// These say which bytes decode cannot take as they are. They are never written to.
var (
	rawText  = specialBytes("\t\n", "&")
	rawValue = specialBytes("", "&<")
)

// isXMLChar reports whether XML 1.0 can hold the character (production Char).
func isXMLChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || 0x20 <= r && r <= 0xD7FF || 0xE000 <= r && r <= 0xFFFD || 0x10000 <= r && r <= 0x10FFFF
}

// value decodes an attribute's value.
func (s *scanner) value(raw []byte) ([]byte, error) { return s.decode(raw, &rawValue, true) }

// decode resolves references and line ends and checks the characters. The result lies in raw or in scratch.
func (s *scanner) decode(raw []byte, special *[256]bool, isValue bool) ([]byte, error) {
	i := 0
	for i < len(raw) && !special[raw[i]] {
		i++
	}
	if i == len(raw) {
		return raw, nil
	}
	out := append(s.scratch[:0], raw[:i]...)
	for i < len(raw) {
		c := raw[i]
		switch {
		case !special[c]:
			out = append(out, c)
			i++
		case c == '&' && !s.cdata:
			r, n, err := s.reference(raw[i:])
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
			i += n
		case c == '&':
			out = append(out, c)
			i++
		case c == '\r':
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
			if isValue {
				c = ' '
			} else {
				c = '\n'
			}
			out = append(out, c)
			i++
		case isValue && (c == '\n' || c == '\t'):
			out = append(out, ' ')
			i++
		case c >= utf8.RuneSelf && s.latin1:
			out = utf8.AppendRune(out, rune(c))
			i++
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(raw[i:])
			if r == utf8.RuneError && n <= 1 {
				return nil, s.fail("byte %#02x is not UTF-8", c)
			}
			if !isXMLChar(r) {
				return nil, s.fail("character %U is not allowed in XML", r)
			}
			out = append(out, raw[i:i+n]...)
			i += n
		default:
			return nil, s.fail("byte %#02x is not allowed here", c)
		}
	}
	s.scratch = out
	return out, nil
}

// reference resolves the reference at the beginning of b.
func (s *scanner) reference(b []byte) (r rune, length int, err error) {
	const longest = 12 // "&#x0010FFFF;"
	end := 1
	for end < len(b) && end < longest && b[end] != ';' {
		end++
	}
	if end == len(b) || b[end] != ';' {
		return 0, 0, s.fail("reference %.12q without a semicolon", b)
	}
	switch name := string(b[1:end]); name {
	case "lt":
		r = '<'
	case "gt":
		r = '>'
	case "amp":
		r = '&'
	case "quot":
		r = '"'
	case "apos":
		r = '\''
	default:
		digits, base := "", 10
		if len(name) > 1 && name[0] == '#' {
			digits = name[1:]
			if digits[0] == 'x' {
				digits, base = digits[1:], 16
			}
		}
		n, err := strconv.ParseUint(digits, base, 32)
		if err != nil || digits[0] == '+' {
			return 0, 0, s.fail("unknown reference &%.12s;", name)
		}
		if n > utf8.MaxRune || !isXMLChar(rune(n)) {
			return 0, 0, s.fail("reference &%.12s; to a character that XML does not allow", name)
		}
		r = rune(n)
	}
	return r, end + 1, nil
}

// content returns the text of the element whose start was just read, up to and including its end. Elements inside it are
// skipped. The result is valid until the next call.
func (s *scanner) content() ([]byte, error) {
	s.acc = s.acc[:0]
	for {
		ev, err := s.next()
		if err != nil {
			return nil, err
		}
		switch ev {
		case evEnd:
			return s.acc, nil
		case evStart:
			if err := s.skip(); err != nil {
				return nil, err
			}
		case evText:
			t, err := s.decode(s.raw, &rawText, false)
			if err != nil {
				return nil, err
			}
			if len(s.acc)+len(t) > MaxToken {
				return nil, s.fail("the text of one element is longer than %d bytes", MaxToken)
			}
			s.acc = append(s.acc, t...)
		}
	}
}

// contentString is content as a string of its own.
func (s *scanner) contentString() (string, error) {
	b, err := s.content()
	if err != nil {
		return "", err
	}
	return s.str(b), nil
}

// skip reads up to and including the end of the element whose start was just read.
func (s *scanner) skip() error {
	depth := len(s.marks)
	for len(s.marks) >= depth {
		if _, err := s.next(); err != nil {
			return err
		}
	}
	return nil
}

// children calls f for the start of every child of the element whose start was just read, and returns after its end. F
// must read up to the child's end. Text between children is ignored.
func (s *scanner) children(f func() error) error {
	for {
		ev, err := s.next()
		if err != nil {
			return err
		}
		switch ev {
		case evEnd:
			return nil
		case evStart:
			if err := f(); err != nil {
				return err
			}
		}
	}
}

// str returns b as a string that shares no memory with the scanner. Short ones that came up lately are not made again: in
// repodata most are repeated, and that halves the garbage.
func (s *scanner) str(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > cacheString || s.cache == nil {
		return string(b)
	}
	slot := &s.cache[maphash.Bytes(s.seed, b)%cacheSize]
	if *slot != string(b) {
		*slot = string(b)
	}
	return *slot
}

// attr returns the decoded value of an attribute of the start tag as a string, "" when it is absent.
func (s *scanner) attr(name string) (string, error) {
	for i := range s.attrs {
		if string(s.attrs[i].name) == name {
			v, err := s.value(s.attrs[i].value)
			return s.str(v), err
		}
	}
	return "", nil
}

// number reads a decimal number. What follows a point is cut off: yum's createrepo wrote times as "1334667230.0". Nothing
// is 0.
func (s *scanner) number(what string, b []byte) (int64, error) {
	t := b
	for len(t) > 0 && isSpace(t[0]) {
		t = t[1:]
	}
	for len(t) > 0 && isSpace(t[len(t)-1]) {
		t = t[:len(t)-1]
	}
	for i := range t {
		if t[i] == '.' {
			t = t[:i]
			break
		}
	}
	if len(t) == 0 && len(b) == 0 {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(t), 10, 64)
	if err != nil {
		return 0, s.fail("%s is %.40q, not a number", what, b)
	}
	return n, nil
}
