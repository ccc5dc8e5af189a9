package rpm

import "strings"

// CompareVersions orders two version or release strings as rpm's rpmvercmp does (rpmio/rpmvercmp.c) and returns -1, 0 or
// +1. Strings are cut into runs of ASCII digits and of ASCII letters; everything else only separates, so "2.0" equals "2_0".
// Digits compare as numbers of any length, letters as bytes, digits are newer than letters, and what is left over is newer.
// A tilde sorts before everything, even the end ("1.0~rc1" < "1.0"); a caret sorts after the end but before anything else
// ("1.0" < "1.0^git1" < "1.0.1").
//
// Zero does not mean that the strings are the same: a sort whose result must not depend on the order of arrival needs a
// second key.
func CompareVersions(a, b string) int {
	if a == b {
		return 0
	}
	for len(a) > 0 || len(b) > 0 {
		a, b = skipSeparators(a), skipSeparators(b)

		aTilde, bTilde := startsWith(a, '~'), startsWith(b, '~')
		if aTilde || bTilde {
			if !aTilde {
				return 1
			}
			if !bTilde {
				return -1
			}
			a, b = a[1:], b[1:]
			continue
		}

		// As the tilde, except that the end of the string is older than a caret, and any other segment is newer.
		aCaret, bCaret := startsWith(a, '^'), startsWith(b, '^')
		if aCaret || bCaret {
			switch {
			case a == "":
				return -1
			case b == "":
				return 1
			case !aCaret:
				return 1
			case !bCaret:
				return -1
			}
			a, b = a[1:], b[1:]
			continue
		}

		if a == "" || b == "" {
			break
		}

		// The segment of a decides the class; b's run of that class may be empty, then digits win over letters.
		class := isAlpha
		numeric := isDigit(a[0])
		if numeric {
			class = isDigit
		}
		var sa, sb string
		sa, a = cutRun(a, class)
		sb, b = cutRun(b, class)
		if sb == "" {
			if numeric {
				return 1
			}
			return -1
		}
		if numeric {
			sa, sb = strings.TrimLeft(sa, "0"), strings.TrimLeft(sb, "0")
			if len(sa) != len(sb) {
				return sign(len(sa) - len(sb))
			}
		}
		if c := strings.Compare(sa, sb); c != 0 {
			return c
		}
	}
	return sign(len(a) - len(b)) // whichever has something left is newer
}

func skipSeparators(s string) string {
	i := 0
	for i < len(s) && !isDigit(s[i]) && !isAlpha(s[i]) && s[i] != '~' && s[i] != '^' {
		i++
	}
	return s[i:]
}

func cutRun(s string, class func(byte) bool) (run, rest string) {
	i := 0
	for i < len(s) && class(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func startsWith(s string, c byte) bool { return len(s) > 0 && s[0] == c }

// isDigit and isAlpha know ASCII only, as rpm's risdigit and risalpha: the locale never matters.
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlpha(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
