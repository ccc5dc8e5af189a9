package state

import (
	"cmp"
	"fmt"
	"slices"
)

// WantedTag says what a tag is to be. What is nil stays as it is or, of a tag that is made, is the default; what is not nil is all that there
// is of its kind.
type WantedTag struct {
	Name     string      `json:"name"`
	Absent   bool        `json:"absent,omitempty"` // it is not to be there
	Arches   *[]string   `json:"arches,omitempty"`
	Inherit  *[]Link     `json:"inherit,omitempty"`
	External *[]External `json:"external,omitempty"`
	Packages *[]string   `json:"packages,omitempty"` // of its package list, those that are not blocked
	Blocked  *[]string   `json:"blocked,omitempty"`
	// Builds are NVRs, those of one package in the order of tagging: the last is the most recent.
	Builds *[]string `json:"builds,omitempty"`

	Open          *bool     `json:"open,omitempty"`   // not Listed; a tag that is made is listed if nothing is said
	Latest        *int      `json:"latest,omitempty"` // how many builds of each package; negative: all
	Koji          *bool     `json:"koji,omitempty"`
	Multilib      *[]string `json:"multilib,omitempty"`
	Sources       *bool     `json:"with_source,omitempty"`
	Debuginfo     *bool     `json:"debuginfo,omitempty"`
	PkgOrigins    *bool     `json:"pkgorigins,omitempty"`
	Keys          *[]string `json:"keys,omitempty"`
	RequireSigned *bool     `json:"require_signed,omitempty"`
	Compress      *string   `json:"compress,omitempty"`   // "gzip" or "zstd"
	Changelogs    *int      `json:"changelogs,omitempty"` // how many of each package; negative: all
	Until         *int64    `json:"until,omitempty"`      // Tag.Until

	// File and Lines say where things are in a file, for errors: Lines[""] the tag, Lines["inherit"] its parents,
	// Lines["inherit base"] one of them.
	File  string         `json:"file,omitempty"`
	Lines map[string]int `json:"lines,omitempty"`
}

// TagStep is what becomes of one tag.
type TagStep struct {
	Name     string
	Old, New *Tag // nil: not there
	TagDiff
}

// fail says where in the file an error comes from: what, or the tag, is there.
func (w *WantedTag) fail(err error, what ...string) error {
	if err == nil || w.File == "" {
		return err
	}
	line := w.Lines[""]
	for _, k := range what {
		line = cmp.Or(w.Lines[k], line)
	}
	return fmt.Errorf("%s:%d: %w", w.File, line, err)
}

// ExportTag says all of a tag as it is, but its groups: applied to another tag, or to this one later, it makes it the same. Equal tags give equal lists,
// whenever and in whatever order of packages they were made; builds are in the order of packages.
func ExportTag(r Reader, t Tag) (WantedTag, error) {
	m := t.Metadata.plain()
	w := WantedTag{
		Name: t.Name, Arches: list(t.Arches), Inherit: list(t.Inherit), External: list(t.External), Packages: &[]string{}, Blocked: &[]string{}, Builds: &[]string{},
		Open: ref(!t.Listed), Latest: ref(cmp.Or(t.Latest, 1)), Koji: &t.Koji,
		Multilib: list(t.Contents.Multilib), Sources: &t.Contents.Sources, Debuginfo: ref(!t.Contents.NoDebuginfo), PkgOrigins: &t.PkgOrigins, Keys: list(t.Signatures.Keys), RequireSigned: &t.Signatures.Required,
		Compress: &m.Compress, Changelogs: &m.Changelogs, Until: &t.Until,
	}
	packages, err := TagPackages(r, t)
	if err != nil {
		return w, err
	}
	for p, e := range packages {
		to := w.Packages
		if e.Blocked {
			to = w.Blocked
		}
		*to = append(*to, p)
	}
	slices.Sort(*w.Packages)
	slices.Sort(*w.Blocked)
	var builds []TagBuild
	for b, err := range TagBuilds(r, t) {
		if err != nil {
			return w, err
		}
		builds = append(builds, b)
	}
	slices.SortFunc(builds, func(a, b TagBuild) int { return cmp.Or(cmp.Compare(a.Package, b.Package), a.compare(b)) })
	for _, b := range builds {
		*w.Builds = append(*w.Builds, b.NVR)
	}
	return w, nil
}

func ref[T any](v T) *T { return &v }

// list is a copy of a list, never nil: JSON has no pointer to nothing.
func list[T any](l []T) *[]T {
	c := append([]T{}, l...)
	return &c
}

// compare orders builds of a tag as they were tagged, the most recent last.
func (b TagBuild) compare(o TagBuild) int {
	return cmp.Or(cmp.Compare(b.Event, o.Event), cmp.Compare(b.ID, o.ID), -cmp.Compare(b.NVR, o.NVR))
}

// plain says what the default is.
func (m Metadata) plain() Metadata {
	m.Compress, m.Changelogs = cmp.Or(m.Compress, "gzip"), max(cmp.Or(m.Changelogs, defaultChangelogs), -1)
	return m
}

// defaultChangelogs is Metadata.Changelogs where it is 0.
const defaultChangelogs = 10
