package compose

import (
	"cmp"
	"encoding/hex"
	"slices"
	"unicode/utf8"

	"vrepofs/state"
)

// Item is one RPM with its place in a repository.
type Item struct {
	state.RPM
	Href string // "Packages/z/zlib-1.3.1-4.fc42.x86_64.rpm", relative to the repository's root, not percent-encoded
}

// Place gives RPMs their hrefs and sorts them by name and href, the order of repodata. Where two have one file name, the
// first in the order given keeps it and the others lie in a directory named after their digest. It reorders rpms' copy,
// not rpms.
func Place(rpms []state.RPM) []Item {
	// What is sorted is small: an RPM has 300 bytes.
	type key struct {
		name, href string
		at         int
	}
	keys := make([]key, len(rpms))
	taken := make(map[string]bool, len(rpms))
	for i := range rpms {
		r := &rpms[i]
		dir := "Packages/" + initial(r.File) + "/"
		if taken[r.File] {
			dir += hex.EncodeToString(r.Digest[:8]) + "/"
		}
		taken[r.File] = true
		keys[i] = key{r.Name, dir + r.File, i}
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.href, b.href)) })
	items := make([]Item, len(rpms))
	for i, k := range keys {
		items[i] = Item{rpms[k.at], k.href}
	}
	return items
}

// initial is the directory of a file name below Packages: its first character in lower case, as Koji's dist-repos have it
// (kojid, createDistRepoTask).
func initial(file string) string {
	r, _ := utf8.DecodeRuneInString(file)
	switch {
	case r == utf8.RuneError, r == '.': // "Packages/./" is no directory
		return "_"
	case 'A' <= r && r <= 'Z':
		r += 'a' - 'A'
	}
	return string(r)
}

// Bounds of a part, in packages. A mean of 64 costs 2 % in size against one stream and makes a change cost one
// part in hundreds; the least and the greatest run keep hostile names from making parts of one or of all.
const (
	leastRun    = 16
	greatestRun = 256
	meanRun     = 48 // beyond leastRun
)

// cut divides sorted items into parts. A part ends before a name whose hash says so, once it has leastRun packages, and at
// greatestRun in any case.
func cut(items []Item) [][]Item {
	var parts [][]Item
	start := 0
	for i := 1; i < len(items); i++ {
		run := i - start
		boundary := run >= leastRun && items[i].Name != items[i-1].Name && fnv1a(items[i].Name)%meanRun == 0
		if boundary || run >= greatestRun {
			parts = append(parts, items[start:i])
			start = i
		}
	}
	if start < len(items) {
		parts = append(parts, items[start:])
	}
	return parts
}

// fnv1a is the 64-bit FNV-1a hash with its high half folded in. It is part of the format: boundaries of parts depend on it.
func fnv1a(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h ^ h>>32
}
