package rpm

import (
	"fmt"
	"strings"
)

// Compare orders two EVRs as rpm orders two packages of one name (lib/rpmvercmp.c rpmVersionCompare): epoch, then version,
// then release, an absent epoch counting as 0. It returns -1, 0 or +1; see CompareVersions for what 0 does not mean.
func Compare(a, b EVR) int {
	if c := CompareVersions(epochOrZero(a.Epoch), epochOrZero(b.Epoch)); c != 0 {
		return c
	}
	if c := CompareVersions(a.Version, b.Version); c != 0 {
		return c
	}
	return CompareVersions(a.Release, b.Release)
}

// Compare is Compare(e, o).
func (e EVR) Compare(o EVR) int { return Compare(e, o) }

func epochOrZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// ParseEVR splits "1:2.0-3" as rpm splits the version of a dependency (lib/rpmds.c parseEVR): the epoch is the leading
// digits before a colon, the release what follows the last dash. Parts that are not there are empty; an empty epoch before
// a colon is "0". It never fails: any string is at least a version. It is the inverse of EVR.String.
func ParseEVR(s string) EVR {
	var e EVR
	digits, rest := cutRun(s, isDigit)
	if startsWith(rest, ':') {
		e.Epoch = epochOrZero(digits)
		s = rest[1:]
	}
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		e.Version, e.Release = s[:i], s[i+1:]
	} else {
		e.Version = s
	}
	return e
}

// String returns "1:2.0-3", "2.0-3" when there is no epoch, "2.0" when there is no release.
func (e EVR) String() string {
	s := e.Version
	if e.Release != "" {
		s += "-" + e.Release
	}
	if e.Epoch != "" {
		s = e.Epoch + ":" + s
	}
	return s
}

// String returns name-[epoch:]version-release.arch: "zlib-1:1.3-4.x86_64", "zlib-1.3-4.x86_64" when there is no epoch.
func (n NEVRA) String() string { return n.Name + "-" + n.EVR.String() + "." + n.Arch }

// NVRA returns the name without its epoch, "zlib-1.3-4.x86_64": what the file of the package is called, before ".rpm".
func (n NEVRA) NVRA() string { return n.NVR() + "." + n.Arch }

// NVR returns "zlib-1.3-4", the name that build systems give to a build.
func (n NEVRA) NVR() string { return n.Name + "-" + n.Version + "-" + n.Release }

// ParseNEVRA splits "zlib-1:1.3-4.x86_64" or "zlib-1.3-4.x86_64". All parts but the epoch must be there. Names may hold
// dashes, dots and digits, so it reads from the right: arch after the last dot, release after the last dash, version before.
func ParseNEVRA(s string) (NEVRA, error) {
	bad := func(what string) (NEVRA, error) {
		return NEVRA{}, fmt.Errorf("parse package name %q: %s", s, what)
	}
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 || dot == len(s)-1 {
		return bad("no architecture")
	}
	rest, arch := s[:dot], s[dot+1:]
	r := strings.LastIndexByte(rest, '-')
	if r < 0 || r == len(rest)-1 {
		return bad("no release")
	}
	v := strings.LastIndexByte(rest[:r], '-')
	if v < 0 || v == r-1 {
		return bad("no version")
	}
	if v == 0 {
		return bad("no name")
	}
	if strings.IndexByte(arch, '-') >= 0 {
		return bad("no architecture")
	}
	n := NEVRA{Name: rest[:v], Arch: arch, EVR: EVR{Version: rest[v+1 : r], Release: rest[r+1:]}}
	if e, version, ok := strings.Cut(n.Version, ":"); ok {
		if digits, tail := cutRun(e, isDigit); digits == "" || tail != "" {
			return bad("the epoch is not a number")
		}
		if version == "" {
			return bad("no version")
		}
		n.Epoch, n.Version = e, version
	}
	return n, nil
}

// ParseFileName splits the base name of an RPM file, "zlib-1.3.1-4.fc42.x86_64.rpm". File names carry no epoch, and nothing
// makes them tell the truth: the header decides what a package is called.
func ParseFileName(s string) (NEVRA, error) {
	base, ok := strings.CutSuffix(s, ".rpm")
	if !ok {
		return NEVRA{}, fmt.Errorf("parse package file name %q: does not end in .rpm", s)
	}
	return ParseNEVRA(base)
}

// ParseSourceRPM splits the value of a SOURCERPM tag, "zlib-1.3.1-4.fc42.src.rpm". The result's Arch is "src" or "nosrc",
// its Epoch is empty: the tag does not say it.
func ParseSourceRPM(s string) (NEVRA, error) {
	n, err := ParseFileName(s)
	if err != nil {
		return NEVRA{}, err
	}
	if !IsSourceArch(n.Arch) {
		return NEVRA{}, fmt.Errorf("parse source package name %q: %q is not a source architecture", s, n.Arch)
	}
	return n, nil
}
