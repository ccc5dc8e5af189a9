package merge

import (
	"fmt"
	iofs "io/fs"
	"path"
	"slices"
	"strings"

	"vrepofs/rpm"
)

// Contents is what the views of a tag hold beside the packages of their arch, or leave out. The zero value is the default: nothing beside,
// source RPMs in the view src alone, debuginfo where it is.
type Contents struct {
	// Multilib are patterns of the names of packages of its second arch that a view holds: i386 in x86_64, ppc in ppc64, s390 in s390x.
	// They are those of path.Match; MultilibAll is every package, as mergerepo_c has it.
	Multilib    []string `json:"multilib,omitempty"`
	Sources     bool     `json:"sources,omitempty"`      // source RPMs in the view of every arch, too (Koji's opts.src)
	NoDebuginfo bool     `json:"no_debuginfo,omitempty"` // debuginfo in debug views alone (Koji without opts.debuginfo)
}

// MultilibAll is the pattern of all packages.
const MultilibAll = "*"

// Check refuses what is no pattern.
func (c Contents) Check() error {
	for _, p := range c.Multilib {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			return fmt.Errorf("multilib %q is no pattern of names: %w", p, iofs.ErrInvalid)
		}
	}
	return nil
}

// patterns match names of packages.
type patterns struct {
	all   bool
	names map[string]bool
	globs []string
}

func parsePatterns(list []string) *patterns {
	p := &patterns{names: map[string]bool{}}
	for _, s := range list {
		switch {
		case s == MultilibAll:
			p.all = true
		case strings.ContainsAny(s, `*?[\`):
			p.globs = append(p.globs, s)
		default:
			p.names[s] = true
		}
	}
	return p
}

// match reports whether a package is meant. Debuginfo goes with the package that it is of, as far as its name tells.
func (p *patterns) match(name string) bool {
	if p.all {
		return true
	}
	if IsDebuginfo(name) {
		name, _, _ = strings.Cut(name, "-debuginfo")
		name = strings.TrimSuffix(name, "-debugsource")
	}
	return p.names[name] || slices.ContainsFunc(p.globs, func(g string) bool {
		ok, err := path.Match(g, name)
		return ok && err == nil
	})
}

// debugSuffix ends the name of the view that has the debuginfo of an arch, as Peridot's repositories are named.
const debugSuffix = "-debug"

// BaseArch is the arch of which a view is: x86_64 of "x86_64" and of "x86_64-debug".
func BaseArch(view string) string { return strings.TrimSuffix(view, debugSuffix) }

// CheckView refuses names that no view can have.
func CheckView(view string) error {
	base, debug := strings.CutSuffix(view, debugSuffix)
	switch {
	case view == rpm.NoArch:
		return fmt.Errorf("noarch is not an arch of a view: noarch packages are in every view: %w", iofs.ErrInvalid)
	case debug && (base == "" || base == rpm.NoArch || rpm.IsSourceArch(base) || strings.HasSuffix(base, debugSuffix)):
		return fmt.Errorf("view %s: there is no debuginfo of %q: %w", view, base, iofs.ErrInvalid)
	}
	return nil
}

// IsDebuginfo reports whether a package is debuginfo by its name, as Koji's is_debuginfo does (koji/__init__.py).
func IsDebuginfo(name string) bool {
	return strings.HasSuffix(name, "-debuginfo") || strings.HasSuffix(name, "-debugsource") || strings.Contains(name, "-debuginfo-")
}

// secondArches are those that multilib adds to a view, and beside them what mergerepo_c's list of an arch has that Koji's canonArch does
// not know (mergerepo_c.c: append_multilib_arch, append_arch).
var secondArches = map[string][]string{
	"x86_64": {"i386", "geode", "amd64"},
	"ppc64":  {"ppc"},
	"s390x":  {"s390"},
}

// Placement says which RPMs belong to one view, those of builds and those of external repos alike.
//
// A debug view is the same selection as the view of its arch, of which it has the debuginfo and that the rest; multilib by name is the
// selection of multilib for all, of which a view has some. So InArch, by which sources are looked at and claim source packages,
// does not go by names.
type Placement struct {
	base    string    // its arch
	second  []string  // canonical arches that multilib adds
	named   *patterns // of their packages
	sources bool
	// Why the view has no debuginfo, or nothing else; "" when it has.
	noDebuginfo, noOthers string
}

// Place returns the placement of a view among all views of a tag.
func Place(view string, views []string, c Contents) Placement {
	p := Placement{base: BaseArch(view), sources: c.Sources}
	if len(c.Multilib) > 0 {
		p.second, p.named = secondArches[rpm.CanonArch(p.base)], parsePatterns(c.Multilib)
	}
	switch {
	case view != p.base:
		p.noOthers = "not debuginfo: that is in the view " + p.base
	case slices.Contains(views, p.base+debugSuffix):
		p.noDebuginfo = "debuginfo is in the view " + p.base + debugSuffix
	case c.NoDebuginfo:
		p.noDebuginfo = "debuginfo is in none of the tag's views but debug views"
	}
	return p
}

// InArch reports whether RPMs of an arch belong to the view, debuginfo left aside: its own arch folded as Koji's canonArch does (i686 is
// in i386), with multilib its second arch, noarch in every view but those of sources, source RPMs in the views src and nosrc and, if the
// tag wants it, in all.
func (p *Placement) InArch(arch string) bool {
	switch {
	case rpm.IsSourceArch(p.base):
		return p.base == arch || p.base == "src" && arch == "nosrc"
	case rpm.IsSourceArch(arch):
		return p.sources
	case arch == rpm.NoArch, arch == p.base:
		return true
	}
	canon := rpm.CanonArch(arch)
	return canon == rpm.CanonArch(p.base) || slices.Contains(p.second, canon)
}

// Apart says in words why an RPM of an arch in InArch is not in the view, by its name; "" when it is.
func (p *Placement) Apart(name, arch string) string {
	reason := p.noOthers
	if !rpm.IsSourceArch(arch) && IsDebuginfo(name) {
		reason = p.noDebuginfo
	}
	if reason == "" && len(p.second) > 0 && !p.named.all && slices.Contains(p.second, rpm.CanonArch(arch)) && !p.named.match(name) {
		return "multilib is for other packages"
	}
	return reason
}

// Refuses says in words why an RPM is not in the view; "" when it is.
func (p *Placement) Refuses(name, arch string) string {
	if !p.InArch(arch) {
		return "not of arch " + p.base
	}
	return p.Apart(name, arch)
}
