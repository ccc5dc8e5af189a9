package repodata

import "unicode/utf8"

// textSpecial and attrSpecial say which bytes cannot be copied as they are into character data or into a value in double
// quotes: markup, control characters, and every byte of a non-ASCII character. They are never written to.
var (
	textSpecial = specialBytes("\t\n", "<>&")
	attrSpecial = specialBytes("", "<>&\"")
)

func specialBytes(allowed, markup string) (t [256]bool) {
	for c := range t {
		t[c] = c < ' ' || c >= utf8.RuneSelf
	}
	for _, c := range []byte(allowed) {
		t[c] = false
	}
	for _, c := range []byte(markup) {
		t[c] = true
	}
	return t
}

// appendText appends s as character data.
func appendText(dst []byte, s string) []byte { return appendEscaped(dst, s, &textSpecial) }

// appendValue appends s as the inside of an attribute value in double quotes. Tabs and line ends become character
// references there, since a parser would turn them into spaces.
func appendValue(dst []byte, s string) []byte { return appendEscaped(dst, s, &attrSpecial) }

// appendEscaped appends s as XML that every parser accepts.
//
// A string that is not UTF-8 is taken for ISO 8859-1 as a whole, and its bytes 0x80–0x9F are dropped, as createrepo_c does
// (xml_dump.c, cr_latin1_to_utf8). Characters that XML 1.0 cannot hold are dropped too: control characters other than
// tab, line feed and carriage return, and U+FFFE and U+FFFF (createrepo_c leaves the whole package out: see PARITY.md).
func appendEscaped(dst []byte, s string, special *[256]bool) []byte {
	i := 0
	for i < len(s) && !special[s[i]] {
		i++
	}
	if i == len(s) {
		return append(dst, s...)
	}
	latin1 := !utf8.ValidString(s[i:])
	start := 0 // s[start:i] is to be copied as it is
	for ; i < len(s); i++ {
		c := s[i]
		if !special[c] {
			continue
		}
		skip := 1
		var with string
		switch {
		case c >= utf8.RuneSelf && latin1:
			dst = append(dst, s[start:i]...)
			if c >= 0xC0 {
				dst = utf8.AppendRune(dst, rune(c))
			}
			start = i + 1
			continue
		case c >= utf8.RuneSelf:
			if c != 0xEF || s[i+1] != 0xBF || s[i+2] < 0xBE {
				continue
			}
			skip = 3 // U+FFFE or U+FFFF
		case c == '<':
			with = "&lt;"
		case c == '>':
			with = "&gt;"
		case c == '&':
			with = "&amp;"
		case c == '"':
			with = "&quot;"
		case c == '\t':
			with = "&#9;"
		case c == '\n':
			with = "&#10;"
		case c == '\r':
			with = "&#13;"
		}
		dst = append(dst, s[start:i]...)
		dst = append(dst, with...)
		i += skip - 1
		start = i + 1
	}
	return append(dst, s[start:]...)
}
