package compose

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"vrepofs/state"
)

// Item is one RPM with its place in a repository. The RPM is shared and only read.
type Item struct {
	*state.RPM
	Href string // "Packages/z/zlib-1.3.1-4.fc42.x86_64.rpm", relative to the repository's root, not percent-encoded
}

// Place gives RPMs their hrefs and sorts them by name and href, the order of repodata. Where two have one file name, the
// first in the order given keeps it and the others lie in a directory named after their digest; the same file once more, as sources in
// mode simple give it, in one with a number besides. Items refer to the RPMs, whose order
// stays.
func Place(rpms []state.RPM) []Item {
	return place(pointers(rpms))
}

func pointers(rpms []state.RPM) []*state.RPM {
	out := make([]*state.RPM, len(rpms))
	for i := range rpms {
		out[i] = &rpms[i]
	}
	return out
}

// place is Place.
func place(rpms []*state.RPM) []Item {
	size := 0
	for _, r := range rpms {
		size += len("Packages/?/") + len(r.File)
	}
	// All hrefs are slices of one string: garbage collection sees one object.
	var hrefs strings.Builder
	hrefs.Grow(size + size/64)
	taken := make(map[string]struct{}, len(rpms))
	// What is sorted is small, and the first bytes of a name nearly always decide.
	type key struct {
		first uint64
		item  Item
	}
	keys := make([]key, len(rpms))
	for i, r := range rpms {
		start := hrefs.Len()
		hrefs.WriteString("Packages/")
		hrefs.WriteString(initial(r.File))
		hrefs.WriteByte('/')
		n := len(taken)
		if taken[r.File] = struct{}{}; len(taken) == n { // it was there
			dir := hex.EncodeToString(r.Digest[:8]) + "/"
			for i := 2; ; i++ {
				if _, there := taken[dir+r.File]; !there {
					break
				}
				dir = fmt.Sprintf("%x-%d/", r.Digest[:8], i)
			}
			taken[dir+r.File] = struct{}{}
			hrefs.WriteString(dir)
		}
		hrefs.WriteString(r.File)
		keys[i] = key{firstBytes(r.Name), Item{r, hrefs.String()[start:]}}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.first != b.first {
			return cmp.Compare(a.first, b.first)
		}
		return cmp.Or(strings.Compare(a.item.Name, b.item.Name), strings.Compare(a.item.Href, b.item.Href))
	})
	items := make([]Item, len(rpms))
	for i := range keys {
		items[i] = keys[i].item
	}
	return items
}

// firstBytes are the first eight bytes of a name as a number that sorts as they do.
func firstBytes(name string) uint64 {
	var b [8]byte
	copy(b[:], name)
	return binary.BigEndian.Uint64(b[:])
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
