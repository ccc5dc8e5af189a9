package merge

import (
	"fmt"
	iofs "io/fs"
	"slices"
)

// Mode is how the packages of a source join those of the sources before it. In one view every source may have its own.
type Mode string

// The modes. The first three are Koji's (koji's external repos, SEMANTICS §1.5), the others mergerepo_c's methods (§2.1).
const (
	// ModeKoji: a source package comes from the first source that has it; inside a source its highest version, and of that all
	// packages. Other sources add packages of the very same source RPM.
	ModeKoji Mode = "koji"
	// ModeSimple: every package, duplicates included.
	ModeSimple Mode = "simple"
	// ModeBare: every version of a package, each from the first source that has it.
	ModeBare Mode = "bare"
	// ModeAll is ModeBare by mergerepo_c's name.
	ModeAll Mode = "all"
	// ModeRepo: of each name and arch what comes first.
	ModeRepo Mode = "repo"
	// ModeTS: of each name and arch the file with the latest time.
	ModeTS Mode = "ts"
	// ModeNVR: of each name and arch the highest version.
	ModeNVR Mode = "nvr"
)

// Modes lists the modes in the order in which help shows them.
func Modes() []Mode {
	return []Mode{ModeKoji, ModeSimple, ModeBare, ModeAll, ModeRepo, ModeTS, ModeNVR}
}

// Check refuses what is no mode.
func (m Mode) Check() error {
	if !slices.Contains(Modes(), m) {
		return fmt.Errorf("merge mode %q: want one of %v: %w", m, Modes(), iofs.ErrInvalid)
	}
	return nil
}

// byBuild reports whether packages join or stay away together with their source package.
func (m Mode) byBuild() bool { return m == ModeKoji || m == ModeSimple }

// ranks reports whether a mode chooses between packages that are not the same version: a stream that the view does not describe is then left to
// others.
func (m Mode) ranks() bool { return m != ModeSimple && m != ModeBare && m != ModeAll }
