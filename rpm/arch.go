package rpm

import "strings"

// NoArch is the architecture of packages that fit every machine.
const NoArch = "noarch"

// IsSourceArch tells whether arch is "src" or "nosrc", the two that rpm gives to source packages.
func IsSourceArch(arch string) bool { return arch == "src" || arch == "nosrc" }

// IsSource tells whether p is a source package.
func (p *Package) IsSource() bool { return IsSourceArch(p.Arch) }

// CanonArch returns the base architecture of arch as Koji's koji.canonArch does (koji/__init__.py): "i386" for the i?86
// family, "armhfp" for hard-float ARM, the arch itself where there is no family ("noarch", "src", "ppc64le", "riscv64").
func CanonArch(arch string) string {
	switch {
	case len(arch) == 4 && arch[0] == 'i' && arch[2:] == "86", arch == "athlon":
		return "i386"
	case arch == "ia32e":
		return "x86_64"
	case arch == "ppc64le": // not big-endian ppc64's family
		return arch
	case strings.HasPrefix(arch, "ppc64"):
		return "ppc64"
	case strings.HasPrefix(arch, "sparc64"):
		return "sparc64"
	case strings.HasPrefix(arch, "sparc"):
		return "sparc"
	case strings.HasPrefix(arch, "alpha"):
		return "alpha"
	case strings.HasPrefix(arch, "arm") && strings.Contains(arch[3:], "h"):
		return "armhfp"
	case strings.HasPrefix(arch, "arm"):
		return "arm"
	}
	return arch
}
