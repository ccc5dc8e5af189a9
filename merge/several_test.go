package merge_test

import (
	"slices"
	"testing"

	"vrepofs/merge"
)

// TestSeveral: the builds' source gives two versions of z and of an old tool. In every mode both stay, and the mode decides only between
// them and what another source has. Without Several, as for Koji and mergerepo_c, the mode decides inside the builds, too.
func TestSeveral(t *testing.T) {
	builds := []string{"z-2-1.x86_64 z-2-1", "z-libs-2-1.x86_64 z-2-1", "z-1-1.x86_64 z-1-1", "tool-1.0-1.noarch tool-1.0-1", "tool-1.00-1.noarch tool-1.00-1"}
	other := []string{
		"z-3-1.x86_64 z-3-1", "z-1-1.x86_64 z-1-1", "z-devel-1-1.x86_64 z-1-1", "z-static-2-1.x86_64 z-2-1", "y-1-1.x86_64 y-1-1",
	}
	all := []string{"z-2-1.x86_64", "z-libs-2-1.x86_64", "z-1-1.x86_64", "tool-1.0-1.noarch", "tool-1.00-1.noarch"}
	for _, c := range []struct {
		mode   merge.Mode
		own    []string // of builds, without Several
		theirs []string // of other, beside builds with Several
	}{
		// The very same source RPM of any version that the builds give brings packages that they lack.
		{merge.ModeKoji, []string{"z-2-1.x86_64", "z-libs-2-1.x86_64", "tool-1.0-1.noarch"}, []string{"z-devel-1-1.x86_64", "z-static-2-1.x86_64", "y-1-1.x86_64"}},
		{merge.ModeSimple, all, []string{"z-3-1.x86_64", "z-1-1.x86_64", "z-devel-1-1.x86_64", "z-static-2-1.x86_64", "y-1-1.x86_64"}},
		{merge.ModeBare, all[:4], []string{"z-3-1.x86_64", "z-devel-1-1.x86_64", "z-static-2-1.x86_64", "y-1-1.x86_64"}},
		{merge.ModeRepo, []string{"z-2-1.x86_64", "z-libs-2-1.x86_64", "tool-1.0-1.noarch"}, []string{"z-devel-1-1.x86_64", "z-static-2-1.x86_64", "y-1-1.x86_64"}},
		// Higher than both of the builds: it takes the place of both.
		{merge.ModeNVR, []string{"z-2-1.x86_64", "z-libs-2-1.x86_64", "tool-1.0-1.noarch"}, []string{"z-3-1.x86_64", "z-devel-1-1.x86_64", "z-static-2-1.x86_64", "y-1-1.x86_64"}},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			took := func(several bool, sources ...merge.Repo) (own, theirs []string) {
				sources[0].Several = several
				for _, p := range merge.Packages(sources, merge.Rules{}) {
					if name := sources[p.Repo].Packages[p.Index].NEVRA.String(); p.Fate != merge.Taken {
						continue
					} else if p.Repo == 0 {
						own = append(own, name)
					} else {
						theirs = append(theirs, name)
					}
				}
				return own, theirs
			}
			if own, _ := took(false, source(t, "builds", c.mode, builds...)); !slices.Equal(own, c.own) {
				t.Errorf("without Several: %v, want %v", own, c.own)
			}
			if own, _ := took(true, source(t, "builds", c.mode, builds...)); !slices.Equal(own, all) {
				t.Errorf("alone: %v, want all, %v", own, all)
			}
			want := all
			if c.mode == merge.ModeNVR {
				want = []string{"z-libs-2-1.x86_64", "tool-1.0-1.noarch", "tool-1.00-1.noarch"}
			}
			own, theirs := took(true, source(t, "builds", c.mode, builds...), source(t, "other", c.mode, other...))
			if !slices.Equal(own, want) || !slices.Equal(theirs, c.theirs) {
				t.Errorf("beside another source: %v and %v, want %v and %v", own, theirs, want, c.theirs)
			}
		})
	}
}
