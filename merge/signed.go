package merge

import (
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"
)

// Signatures says which signed copies of RPMs are wanted. The zero value: a signed copy before an unsigned one, and any will do.
type Signatures struct {
	Keys     []string `json:"keys,omitempty"`     // wanted keys, the best first, as ParseKey returns them
	Required bool     `json:"required,omitempty"` // none but those signed by one of Keys or, without Keys, by any key
}

// maxKeys bounds a list of keys: it is looked through for each RPM.
const maxKeys = 64

// ParseKeys reads key ids, or fingerprints, and returns them in their one form: lower case, without 0x and spaces. It refuses what
// has not 8, 16, 40 (version 4) or 64 (version 6) hex digits, and a key that is named twice.
func ParseKeys(keys []string) ([]string, error) {
	var out []string
	for _, s := range keys {
		k := strings.ToLower(strings.ReplaceAll(s, " ", ""))
		k = strings.TrimPrefix(k, "0x")
		if n := len(k); n != 8 && n != 16 && n != 40 && n != 64 || strings.Trim(k, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("key %.80q: want 8, 16 or 40 hex digits, the end or the whole of its fingerprint: %w", s, iofs.ErrInvalid)
		}
		if slices.ContainsFunc(out, func(o string) bool { return sameKey(k, o) }) {
			return nil, fmt.Errorf("key %s is named twice: %w", k, iofs.ErrInvalid)
		}
		out = append(out, k)
	}
	if len(out) > maxKeys {
		return nil, fmt.Errorf("%d keys: want at most %d: %w", len(out), maxKeys, iofs.ErrInvalid)
	}
	return out, nil
}

// sameKey reports whether two names in the form of ParseKeys can mean one key.
func sameKey(a, b string) bool {
	if len(a) == len(b) {
		return a == b
	}
	ia, ib := keyID(a), keyID(b)
	n := min(len(ia), len(ib))
	return ia[len(ia)-n:] == ib[len(ib)-n:]
}

// keyID is what a signature names of a key: the last 8 bytes of a version 4 fingerprint, the first 8 of a version 6 one (RFC
// 9580 §5.5.4).
func keyID(key string) string {
	switch len(key) {
	case 40:
		return key[24:]
	case 64:
		return key[:16]
	}
	return key
}

// rank is the place of a copy signed by keys: that of the first wanted key which signed it, then other keys, then none.
func (s Signatures) rank(keys []string) int {
	for i, want := range s.Keys {
		id := keyID(want)
		for _, k := range keys {
			if strings.HasSuffix(k, id) {
				return i
			}
		}
	}
	if len(keys) > 0 {
		return len(s.Keys)
	}
	return len(s.Keys) + 1
}

// Accepts reports whether a copy that keys signed may be shown.
func (s Signatures) Accepts(keys []string) bool {
	switch {
	case !s.Required:
		return true
	case len(s.Keys) == 0:
		return len(keys) > 0
	}
	return s.rank(keys) < len(s.Keys)
}

// Better reports whether the copy of an RPM that keysA signed is to be taken before the one that keysB signed; digests
// decide between equals.
func (s Signatures) Better(keysA []string, digestA [32]byte, keysB []string, digestB [32]byte) bool {
	if a, b := s.rank(keysA), s.rank(keysB); a != b {
		return a < b
	}
	return string(digestA[:]) < string(digestB[:])
}
