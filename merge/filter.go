package merge

import (
	"fmt"
	iofs "io/fs"
	"regexp"
)

// maxFilter bounds the length of a pattern in bytes, and with it the memory of its compiled form.
const maxFilter = 1000

// CompileFilter returns what a package filter lets pass. Koji matches with python's re.match: the pattern is anchored at the start
// of the name, not at its end. iofs.ErrInvalid for a pattern that Go's regexp does not take: it has no look-around and no
// back references, and matches in linear time.
func CompileFilter(pattern string) (func(pkg string) bool, error) {
	if len(pattern) > maxFilter {
		return nil, fmt.Errorf("package filter of %d bytes: want at most %d: %w", len(pattern), maxFilter, iofs.ErrInvalid)
	}
	_, err := regexp.Compile(pattern) // alone, or "a)|(b" would leave the group
	var re *regexp.Regexp
	if err == nil {
		re, err = regexp.Compile(`\A(?:` + pattern + `)`)
	}
	if err != nil {
		return nil, fmt.Errorf("package filter %q: %w: %w", pattern, err, iofs.ErrInvalid)
	}
	return re.MatchString, nil
}

// Filters returns what all of some filters let pass; nil when there are none.
func Filters(patterns []string) (func(pkg string) bool, error) {
	var all []func(string) bool
	for _, p := range patterns {
		f, err := CompileFilter(p)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	if all == nil {
		return nil, nil
	}
	return func(pkg string) bool {
		for _, f := range all {
			if !f(pkg) {
				return false
			}
		}
		return true
	}, nil
}
