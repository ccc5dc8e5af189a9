package repodata

import (
	"strings"

	"vrepofs/rpm"
)

// senseMask is what createrepo_c looks at of a dependency's flags: the three comparison bits and the obsolete bit 0, with
// which there is no comparison (misc.c, cr_flag_to_str).
const senseMask = 0xf

// sensePre are the flags that make a require a "pre" one (parsehdr.c).
const sensePre = rpm.SensePrereq | rpm.SenseScriptPre | rpm.SenseScriptPost

// senseName is the flags attribute; "" writes neither it nor a version.
func senseName(flags uint32) string {
	switch flags & senseMask {
	case rpm.SenseLess:
		return "LT"
	case rpm.SenseGreater:
		return "GT"
	case rpm.SenseEqual:
		return "EQ"
	case rpm.SenseLess | rpm.SenseEqual:
		return "LE"
	case rpm.SenseGreater | rpm.SenseEqual:
		return "GE"
	}
	return ""
}

// appendDependencies appends the eight lists in createrepo_c's order (xml_dump_primary.c).
func appendDependencies(dst []byte, p *rpm.Package) []byte {
	dst = appendDeps(dst, "provides", p.Provides)
	var few [64]int32
	req := selectRequires(few[:0], p)
	dst, weak := appendRequires(dst, p, req)
	dst = appendDeps(dst, "conflicts", p.Conflicts)
	dst = appendDeps(dst, "obsoletes", p.Obsoletes)
	dst = appendDeps(dst, "suggests", p.Suggests)
	dst = appendDeps(dst, "enhances", p.Enhances)
	dst = appendRecommends(dst, p, req, weak)
	return appendDeps(dst, "supplements", p.Supplements)
}

// appendDeps appends one list, element included; a list without entries is not written.
func appendDeps(dst []byte, list string, deps []rpm.Dep) []byte {
	open := false
	for i := range deps {
		if badEpoch(deps[i].EVR) {
			continue
		}
		if !open {
			dst = openList(dst, list)
			open = true
		}
		dst = appendDep(dst, &deps[i], false)
	}
	if open {
		dst = closeList(dst, list)
	}
	return dst
}

func openList(dst []byte, list string) []byte {
	dst = append(dst, "    <rpm:"...)
	dst = append(dst, list...)
	return append(dst, ">\n"...)
}

func closeList(dst []byte, list string) []byte {
	dst = append(dst, "    </rpm:"...)
	dst = append(dst, list...)
	return append(dst, ">\n"...)
}

// appendRequires appends the selected strong requires and counts the weak ones among those selected.
func appendRequires(dst []byte, p *rpm.Package, req []int32) (_ []byte, weak int) {
	open := false
	for _, i := range req {
		d := &p.Requires[i]
		if d.Flags&rpm.SenseMissingOK != 0 {
			weak++
			continue
		}
		if !open {
			dst = openList(dst, "requires")
			open = true
		}
		dst = appendDep(dst, d, d.Flags&sensePre != 0)
	}
	if open {
		dst = closeList(dst, "requires")
	}
	return dst, weak
}

// appendRecommends appends the requires that may be missing and then the recommends of the header.
func appendRecommends(dst []byte, p *rpm.Package, req []int32, weak int) []byte {
	if weak == 0 {
		return appendDeps(dst, "recommends", p.Recommends)
	}
	dst = openList(dst, "recommends")
	for _, i := range req {
		if d := &p.Requires[i]; d.Flags&rpm.SenseMissingOK != 0 {
			dst = appendDep(dst, d, false)
		}
	}
	for i := range p.Recommends {
		if !badEpoch(p.Recommends[i].EVR) {
			dst = appendDep(dst, &p.Recommends[i], false)
		}
	}
	return closeList(dst, "recommends")
}

func appendDep(dst []byte, d *rpm.Dep, pre bool) []byte {
	if d.Name == "" {
		return dst
	}
	dst = append(dst, `      <rpm:entry name="`...)
	dst = appendValue(dst, d.Name)
	if sense := senseName(d.Flags); sense != "" {
		dst = append(dst, `" flags="`...)
		dst = append(dst, sense...)
		if d.EVR != "" {
			epoch, version, release := splitEVR(d.EVR)
			dst = append(dst, `" epoch="`...)
			dst = appendValue(dst, epoch)
			if version != "" {
				dst = append(dst, `" ver="`...)
				dst = appendValue(dst, version)
			}
			if release != "" {
				dst = append(dst, `" rel="`...)
				dst = appendValue(dst, release)
			}
		}
	}
	if pre {
		dst = append(dst, `" pre="1`...)
	}
	return append(dst, "\"/>\n"...)
}

// splitEVR cuts "1:2.0-3" at the first colon and the first hyphen after it; the epoch is "0" when there is none
// (misc.c, cr_str_to_evr).
func splitEVR(s string) (epoch, version, release string) {
	epoch = "0"
	if e, rest, ok := strings.Cut(s, ":"); ok {
		s = rest
		if e != "" {
			epoch = e
		}
	}
	version, release, _ = strings.Cut(s, "-")
	return epoch, version, release
}

// badEpoch reports whether what stands before the first colon of an EVR is not a number. createrepo_c warns and leaves
// such a dependency out, and so must we: no client could compare it.
func badEpoch(evr string) bool {
	e, _, ok := strings.Cut(evr, ":")
	if !ok || e == "" {
		return false
	}
	e = strings.TrimLeft(e, " \t\n\v\f\r") // what strtol skips
	if e != "" && (e[0] == '+' || e[0] == '-') {
		e = e[1:]
	}
	for i := 0; i < len(e); i++ {
		if e[i] < '0' || e[i] > '9' {
			return true
		}
	}
	return e == ""
}
