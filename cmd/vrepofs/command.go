package main

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCommand bounds what the log keeps of a command line, in bytes.
const maxCommand = 2000

// notLogged are flags that the log has fields of its own for, or that change nothing about what was done. True: it takes a value.
func notLogged(flag string) (takesValue, ok bool) {
	switch flag {
	case "--note", "--label", "--store":
		return true, true
	case "--json", "--accept-clock":
		return false, true
	}
	return false, false
}

// userinfo is what stands between scheme and host of a URL: perhaps a password.
var userinfo = regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^/@\s]+@`)

// commandText is the command line as the log keeps it: as typed, quoted for a shell where needed, without the program's name,
// without flags that the log keeps elsewhere, without what could be a password, and not too long.
func commandText(args []string) string {
	var words []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			for _, arg := range args[i:] {
				words = append(words, quote(arg))
			}
			break
		}
		name, _, joined := strings.Cut(args[i], "=")
		if value, ok := notLogged(name); ok {
			if value && !joined {
				i++
			}
			continue
		}
		words = append(words, quote(userinfo.ReplaceAllString(args[i], "$1…@")))
	}
	text := strings.Join(words, " ")
	if len(text) <= maxCommand {
		return text
	}
	cut := maxCommand - len(" …")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + " …"
}

// quote quotes one word for a POSIX shell if it needs it. Characters that could confuse a terminal are shown as \u escapes in $'…'.
func quote(s string) string {
	if s == "" {
		return "''"
	}
	plain, printable := true, utf8.ValidString(s)
	for _, r := range s {
		if !unicode.IsPrint(r) {
			printable = false
		}
		if r < utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("@%+=:,./_-^~", r) {
			plain = false
		}
	}
	switch {
	case !printable:
		var b strings.Builder
		b.WriteString("$'")
		for i := 0; i < len(s); {
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1 || r < utf8.RuneSelf && !unicode.IsPrint(r):
				const hex = "0123456789abcdef"
				b.WriteString(`\x` + string(hex[s[i]>>4]) + string(hex[s[i]&15]))
			case r == '\'' || r == '\\':
				b.WriteString(`\` + string(r))
			case !unicode.IsPrint(r):
				const hex = "0123456789abcdef"
				b.WriteString(`\U`)
				for shift := 28; shift >= 0; shift -= 4 {
					b.WriteByte(hex[r>>shift&15])
				}
			default:
				b.WriteRune(r)
			}
			i += n
		}
		return b.String() + "'"
	case plain && s[0] != '~':
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
