package merge

import "vrepofs/rpm"

// InArch reports whether an RPM of arch belongs to a view of the arch want: its own arch folded as Koji's canonArch does
// (i686 is in i386), noarch in every view but those of sources, source RPMs only in the views "src" and "nosrc".
func InArch(arch, want string) bool {
	if rpm.IsSourceArch(want) || rpm.IsSourceArch(arch) {
		return want == arch || want == "src" && arch == "nosrc"
	}
	return arch == "noarch" || arch == want || rpm.CanonArch(arch) == rpm.CanonArch(want)
}
