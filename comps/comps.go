package comps

import (
	"fmt"
	iofs "io/fs"
	"slices"
	"unicode/utf8"
)

// Comps is what a comps.xml says.
type Comps struct {
	Groups       []Group
	Environments []Set
	Categories   []Set
}

// Empty reports whether there is nothing in it.
func (c *Comps) Empty() bool { return len(c.Groups)+len(c.Environments)+len(c.Categories) == 0 }

// Group is a group of packages.
type Group struct {
	ID string
	Config
	Packages []Entry
	Requires []Entry // groups whose packages it has, too
	// Expanded are the packages of groups that it requires, to be written instead of Requires; Read knows none.
	Expanded []Expansion
}

// Expansion is what one required group adds to another.
type Expansion struct {
	Group    string
	Packages []Entry
}

// Config is all that is said of a group but what is in it.
type Config struct {
	About
	Default  bool   `json:"default,omitempty"`
	Hidden   bool   `json:"hidden,omitempty"`     // uservisible is false
	Biarch   bool   `json:"biarchonly,omitempty"` // biarchonly is true
	LangOnly string `json:"langonly,omitempty"`   // a language, such as "it"
}

// About is what a group, an environment or a category is called.
type About struct {
	Name         string            `json:"name,omitempty"` // none: the id
	Names        map[string]string `json:"names,omitempty"`
	Description  string            `json:"description,omitempty"`
	Descriptions map[string]string `json:"descriptions,omitempty"` // translated, by xml:lang
	DisplayOrder *int              `json:"display_order,omitempty"`
}

// Entry is one package, or one group, of a group.
type Entry struct {
	Name string `json:"-"`
	Type string `json:"type,omitempty"` // one of Types; "" for a group of which none is said
	// Requires is what must be installed for a conditional package to be.
	Requires string `json:"requires,omitempty"`
	BaseArch bool   `json:"basearchonly,omitempty"` // only that of the machine's own arch
	MetaPkg  bool   `json:"metapkg,omitempty"`      // a group that is written as metapkg, not groupreq
}

// Set is an environment or a category: a list of groups.
type Set struct {
	ID string `json:"-"`
	About
	Groups  []string `json:"groups,omitempty"`
	Options []Option `json:"options,omitempty"` // groups that are offered with it; of environments
}

// Option is a group that is offered with an environment.
type Option struct {
	Group   string `json:"group"`
	Default bool   `json:"default,omitempty"`
}

// Types returns the types of packages in a group: what is installed with it always, by default, on request, and together with
// another package.
func Types() []string { return []string{"mandatory", "default", "optional", "conditional"} }

// CheckType refuses, with iofs.ErrInvalid, what is not one of Types.
func CheckType(s string) error {
	if !slices.Contains(Types(), s) {
		return fmt.Errorf("type %.80q: want mandatory, default, optional or conditional: %w", s, iofs.ErrInvalid)
	}
	return nil
}

// CheckText refuses, with iofs.ErrInvalid, text that XML cannot hold as it is: what is not UTF-8, and control characters but tab and
// newline.
func CheckText(what, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s %.80q: not UTF-8: %w", what, s, iofs.ErrInvalid)
	}
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' || r == 0x7f || r == 0xFFFE || r == 0xFFFF {
			return fmt.Errorf("%s %.80q: character %#02x: %w", what, s, r, iofs.ErrInvalid)
		}
	}
	return nil
}
