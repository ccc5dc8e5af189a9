package store_test

import (
	"fmt"
	"testing"

	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// BenchmarkPromote promotes 100 repositories that all change, of 10 and of 1,000 packages: it should not matter. Then the same with the
// files beside each repository that name its immutable path, and with file lists, which render what changed.
func BenchmarkPromote(b *testing.B) {
	for _, c := range []struct {
		name   string
		n      int
		sites  []string
		listed bool
	}{{"10", 10, nil, false}, {"1000", 1000, nil, false}, {"site", 10, []string{"https://mirror.example.org/repos"}, false}, {"10 lists", 10, nil, true}, {"1000 lists", 1000, nil, true}} {
		n := c.n
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir() + "/store"
			if err := store.Create(dir); err != nil {
				b.Fatal(err)
			}
			s, ctx, who := storetest.Open(b, dir), b.Context(), storetest.Who()
			if c.sites != nil {
				if _, err := s.SetSite(ctx, who, c.sites); err != nil {
					b.Fatal(err)
				}
			}
			var specs []testrpm.Spec
			for i := range n {
				specs = append(specs, testrpm.Spec{Name: fmt.Sprintf("%c%d", 'a'+i%26, i)})
			}
			for g := range 2 {
				storetest.Snapshot(b, s, "r", append(specs, testrpm.Spec{Name: "z", Version: fmt.Sprint(g)})...)
				for i := range 100 {
					if _, err := s.SetChannel(ctx, who, fmt.Sprintf("staging%d/%d/os", g, i), "r", false); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := s.Promote(ctx, who, fmt.Sprintf("staging%d", g), "production", false); err != nil {
					b.Fatal(err)
				}
			}
			if c.listed {
				if err := lists(b, s, "production", "m"); err != nil {
					b.Fatal(err)
				}
			}
			i := 0
			for b.Loop() {
				if _, err := s.Promote(ctx, who, fmt.Sprintf("staging%d", i%2), "production", false); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
