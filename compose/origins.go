package compose

import (
	"cmp"
	"slices"
	"strings"

	"vrepofs/blob"
	"vrepofs/pinned"
	"vrepofs/repodata"
	"vrepofs/state"
)

// site finds under which URL origins are. When it last changed counts for the generation, for the views have it in them.
func (v *Resolved) site(r state.Reader) error {
	s, err := state.GetSite(r)
	if err != nil {
		return err
	}
	if len(s.URLs) > 0 {
		v.Site = s.URLs[0]
	}
	if s.Changed.Event > v.Generation.Event {
		v.Generation = s.Changed
	}
	return nil
}

// origins is the text of pkgorigins.gz: a line "NVRA\tURL" for each package, without epochs and with a slash at the end of the URL, as
// mergerepo_c 0.17.3 writes it, but sorted where that has the order of a hash table. The URL is that of the directory of the mount that the
// package comes from: the tag that has the build, or the snapshot of an external repo.
func (v *Resolved) origins(sel *selection) []byte {
	base := cmp.Or(v.Site, "vrepofs:")
	rpms := sel.sourced()
	lines := make([]string, 0, len(rpms))
	for _, k := range rpms {
		from := "tags/" + k.Tag + "/"
		if k.Repo != "" {
			from = "repos/" + strings.Replace(k.Repo, "@", "/", 1) + "/"
		}
		lines = append(lines, oneLine(k.NVRA())+"\t"+pinned.URL(base, from)+"\n")
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}

// oneLine replaces what would end a field or a line: names come from RPM headers.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return '_'
		}
		return r
	}, s)
}

// addOrigins adds pkgorigins.gz, which is gzip whatever the other files are, to a rendered repository.
func (r *Rendered) addOrigins(lease *blob.Lease, text []byte) error {
	return r.addText(lease, "origin", "pkgorigins", text, repodata.Gzip)
}
