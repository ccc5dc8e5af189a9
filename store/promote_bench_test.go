package store_test

import (
	"fmt"
	"testing"

	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// BenchmarkPromote promotes 100 repositories that all change, of 10 and of 1,000 packages: it should not matter.
func BenchmarkPromote(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir() + "/store"
			if err := store.Create(dir); err != nil {
				b.Fatal(err)
			}
			s, ctx, who := storetest.Open(b, dir), b.Context(), storetest.Who()
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
