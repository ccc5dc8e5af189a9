package repodata

import "bytes"

// nameByte says which bytes may be in a name. Bytes of non-ASCII characters are let through: no such name is asked for.
var nameByte = func() (t [256]bool) {
	for c := range t {
		t[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '_' || c == '-' || c == '.' || c == ':' || c >= 0x80
	}
	return t
}()

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// skipName returns where the name that begins at i ends, and where its part after the prefix begins.
func skipName(b []byte, i int) (local, end int) {
	local = i
	for i < len(b) && nameByte[b[i]] {
		if b[i] == ':' {
			local = i + 1
		}
		i++
	}
	return local, i
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// startTag reads the start tag at pos. While the tag is not whole in the buffer it reads on and begins again.
func (s *scanner) startTag() error {
	for {
		n, err := s.parseTag(s.buf[s.pos:s.end])
		if err != nil {
			return err
		}
		if n > 0 {
			s.pos += n
			return nil
		}
		if err := s.more(); err != nil {
			return s.truncated(err)
		}
	}
}

// parseTag reads the start tag at the beginning of b and returns its length, or 0 when it does not end in b.
func (s *scanner) parseTag(b []byte) (int, error) {
	local, i := skipName(b, 1)
	if i == len(b) {
		return 0, nil
	}
	if i == 1 || local == i {
		return 0, s.fail("a tag begins with %.12q", b)
	}
	s.name = b[local:i]
	full := b[1:i]
	s.attrs = s.attrs[:0]
	for {
		before := i
		i = skipSpace(b, i)
		if i == len(b) {
			return 0, nil
		}
		switch b[i] {
		case '>':
			return i + 1, s.push(full)
		case '/':
			if i+1 == len(b) {
				return 0, nil
			}
			if b[i+1] != '>' {
				return 0, s.fail("in tag <%.60s: slash without >", full)
			}
			s.closed = true
			return i + 2, s.push(full)
		}
		if i == before {
			return 0, s.fail("in tag <%.60s: %q where an attribute or > should be", full, b[i])
		}
		n, err := s.parseAttribute(b, i, full)
		if err != nil || n == 0 {
			return 0, err
		}
		i = n
	}
}

// parseAttribute reads the attribute at b[i:] and returns where it ends, or 0 when it does not end in b.
func (s *scanner) parseAttribute(b []byte, i int, tag []byte) (int, error) {
	start := i
	local, i := skipName(b, i)
	if i == len(b) {
		return 0, nil
	}
	if local == i {
		return 0, s.fail("in tag <%.60s: %q where an attribute or > should be", tag, b[i])
	}
	name := b[local:i]
	full := b[start:i]
	if i = skipSpace(b, i); i == len(b) {
		return 0, nil
	}
	if b[i] != '=' {
		return 0, s.fail("in tag <%.60s: attribute %.60s without =", tag, full)
	}
	if i = skipSpace(b, i+1); i == len(b) {
		return 0, nil
	}
	quote := b[i]
	if quote != '"' && quote != '\'' {
		return 0, s.fail("in tag <%.60s: attribute %.60s without a quote", tag, full)
	}
	i++
	n := bytes.IndexByte(b[i:], quote)
	if n < 0 {
		return 0, nil
	}
	if len(full) >= 5 && string(full[:5]) == "xmlns" && (len(full) == 5 || full[5] == ':') {
		return i + n + 1, nil // namespaces are not told apart
	}
	if len(s.attrs) == MaxAttributes {
		return 0, s.fail("tag <%.60s has more than %d attributes", tag, MaxAttributes)
	}
	for k := range s.attrs {
		if bytes.Equal(s.attrs[k].name, name) {
			return 0, s.fail("in tag <%.60s: attribute %.60s twice", tag, full)
		}
	}
	s.attrs = append(s.attrs, attribute{name, b[i : i+n]})
	return i + n + 1, nil
}

// push opens an element.
func (s *scanner) push(name []byte) error {
	switch {
	case len(s.marks) == MaxDepth:
		return s.fail("more than %d elements inside each other", MaxDepth)
	case len(s.marks) == 0 && s.rooted:
		return s.fail("a second root element <%.60s>", name)
	}
	s.rooted = true
	s.marks = append(s.marks, len(s.stack))
	s.stack = append(s.stack, name...)
	return nil
}

// pop closes the innermost element.
func (s *scanner) pop() {
	last := len(s.marks) - 1
	s.stack = s.stack[:s.marks[last]]
	s.marks = s.marks[:last]
}

// endTag reads the end tag at pos.
func (s *scanner) endTag() error {
	n, err := s.find(2, ">")
	if err != nil {
		return err
	}
	name := s.buf[s.pos+2 : s.pos+n]
	if len(s.marks) == 0 {
		return s.fail("end tag </%.60s> of nothing", name)
	}
	want := s.stack[s.marks[len(s.marks)-1]:]
	if !bytes.Equal(name, want) && !bytes.Equal(bytes.TrimRight(name, " \t\r\n"), want) {
		return s.fail("end tag </%.60s>, want </%.60s>", name, want)
	}
	s.pos += n + 1
	s.pop()
	return nil
}
