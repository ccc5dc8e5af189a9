package compose_test

import (
	"context"
	"testing"

	"vrepofs/store/storetest"
)

// BenchmarkOneBuildMore measures what a client waits for when one build is tagged into a view of 10,000 packages: the
// commit and the composition of the new view.
func BenchmarkOneBuildMore(b *testing.B) {
	s := storetest.New(b)
	nvrs := importMany(b, s, 5000)
	ctx, who := context.Background(), storetest.Who()
	if _, err := s.CreateTag(ctx, who, "t", []string{"x86_64"}); err != nil {
		b.Fatal(err)
	}
	if _, err := s.TagBuilds(ctx, who, "t", nvrs[1:]); err != nil {
		b.Fatal(err)
	}
	compose := func() int {
		r, _, err := s.State("")
		if err != nil {
			b.Fatal(err)
		}
		v, err := s.Composer.View(ctx, r, "t", "x86_64")
		if err != nil {
			b.Fatal(err)
		}
		return v.Count
	}
	b.ReportMetric(float64(compose()), "packages")
	for i := 0; b.Loop(); i++ {
		var err error
		if i%2 == 0 {
			_, err = s.TagBuilds(ctx, who, "t", nvrs[:1])
		} else {
			_, err = s.UntagBuilds(ctx, who, "t", nvrs[:1])
		}
		if err != nil {
			b.Fatal(err)
		}
		compose()
	}
}
