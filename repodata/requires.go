package repodata

import (
	"strings"

	"vrepofs/rpm"
)

// linearLimit is the number of comparisons up to which looking for a name along a list beats building a map, and makes
// no garbage. 40,000 of them, nearly all decided by the lengths, take some 40 µs; almost no package has more.
const linearLimit = 40_000

// selectRequires appends to sel the indices of the requires of p that primary lists, in its order, weak ones included.
// The rules are createrepo_c's (parsehdr.c, cr_package_from_header). Left out are:
//   - what only rpm itself provides: rpmlib(…);
//   - paths that the package has itself, if primary would list them;
//   - what the package provides, when name, comparison and version are the very same;
//   - a repetition of the last entry of that name (comparison, version and pre the same);
//   - all of libc.so.6's but the one with the highest symbol version, which goes to the end.
func selectRequires(sel []int32, p *rpm.Package) []int32 {
	own := ownLookup{p: p}
	last := lastLookup{p: p}
	libc := int32(-1)
	for i := range p.Requires {
		d := &p.Requires[i]
		if strings.HasPrefix(d.Name, "rpmlib(") {
			continue
		}
		if strings.HasPrefix(d.Name, "/") && isPrimaryPath(d.Name) && own.file(d.Name) {
			continue
		}
		if own.provides(d) {
			continue
		}
		if j := last.find(sel, d.Name); j >= 0 && sameRequire(&p.Requires[j], d) {
			continue
		}
		if badEpoch(d.EVR) {
			continue
		}
		switch {
		case d.Flags&rpm.SenseMissingOK != 0:
			sel = append(sel, int32(i))
		case strings.HasPrefix(d.Name, "libc.so.6"):
			if libc < 0 || libcLess(p.Requires[libc].Name, d.Name) {
				libc = int32(i)
			}
		default:
			sel = append(sel, int32(i))
			last.add(d.Name, int32(i))
		}
	}
	if libc >= 0 {
		sel = append(sel, libc)
	}
	return sel
}

func sameRequire(a, b *rpm.Dep) bool {
	return senseName(a.Flags) == senseName(b.Flags) && a.EVR == b.EVR && (a.Flags&sensePre != 0) == (b.Flags&sensePre != 0)
}

// lastLookup finds the last selected strong require of a name.
type lastLookup struct {
	p      *rpm.Package
	byName map[string]int32 // nil while the list is short
}

func (l *lastLookup) find(sel []int32, name string) int32 {
	if l.byName != nil {
		if j, ok := l.byName[name]; ok {
			return j
		}
		return -1
	}
	for k := len(sel) - 1; k >= 0; k-- {
		if d := &l.p.Requires[sel[k]]; d.Name == name && d.Flags&rpm.SenseMissingOK == 0 {
			return sel[k]
		}
	}
	return -1
}

func (l *lastLookup) add(name string, i int32) {
	if l.byName == nil && len(l.p.Requires)*len(l.p.Requires) > linearLimit {
		l.byName = make(map[string]int32, len(l.p.Requires))
	}
	if l.byName != nil {
		l.byName[name] = i
	}
}

// ownLookup finds what a package has and provides itself.
type ownLookup struct {
	p     *rpm.Package
	files map[string]bool // nil while few are asked for
	asked int
	prov  map[provideKey]bool // nil when there are few
}

type provideKey struct{ name, sense, evr string }

func (o *ownLookup) file(path string) bool {
	o.asked++
	if o.asked*len(o.p.Files) <= linearLimit {
		for i := range o.p.Files {
			f := &o.p.Files[i]
			if len(f.Dir)+len(f.Base) == len(path) && path[len(f.Dir):] == f.Base && path[:len(f.Dir)] == f.Dir {
				return true
			}
		}
		return false
	}
	if o.files == nil {
		o.files = make(map[string]bool)
		for i := range o.p.Files {
			if f := &o.p.Files[i]; inPrimary(f.Dir, f.Base) {
				o.files[f.Dir+f.Base] = true
			}
		}
	}
	return o.files[path]
}

func (o *ownLookup) provides(d *rpm.Dep) bool {
	sense := senseName(d.Flags)
	if o.prov == nil && len(o.p.Provides)*len(o.p.Requires) <= linearLimit {
		for i := range o.p.Provides {
			q := &o.p.Provides[i]
			if q.Name == d.Name && q.EVR == d.EVR && senseName(q.Flags) == sense && !badEpoch(q.EVR) {
				return true
			}
		}
		return false
	}
	if o.prov == nil {
		o.prov = make(map[provideKey]bool, len(o.p.Provides))
		for i := range o.p.Provides {
			if q := &o.p.Provides[i]; !badEpoch(q.EVR) {
				o.prov[provideKey{q.Name, senseName(q.Flags), q.EVR}] = true
			}
		}
	}
	return o.prov[provideKey{d.Name, sense, d.EVR}]
}

// libcLess reports whether b asks for a higher version of libc.so.6's symbols than a, both beginning with "libc.so.6":
// libc.so.6()(64bit) < libc.so.6(GLIBC_2.3.4)(64bit) < libc.so.6(GLIBC_2.4)(64bit) (parsehdr.c, cr_compare_dependency).
func libcLess(a, b string) bool {
	va, ka := symbolVersion(a)
	vb, kb := symbolVersion(b)
	if ka != kb {
		return ka < kb
	}
	return ka == versioned && rpm.CompareVersions(va, vb) < 0
}

// How far a libc.so.6 name says a version, in the order that cr_compare_dependency gives them.
const (
	noParenthesis = iota
	unclosed
	emptyParenthesis
	noDigits
	versioned
)

// symbolVersion returns "2.3.4" and versioned for "libc.so.6(GLIBC_2.3.4)(64bit)".
func symbolVersion(name string) (version string, kind int) {
	_, rest, ok := strings.Cut(name, "(")
	if !ok {
		return "", noParenthesis
	}
	inner, _, ok := strings.Cut(rest, ")")
	switch {
	case !ok:
		return "", unclosed
	case inner == "":
		return "", emptyParenthesis
	}
	i := strings.IndexAny(inner, "0123456789")
	if i < 0 {
		return "", noDigits
	}
	return inner[i:], versioned
}
