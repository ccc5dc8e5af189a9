package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestExpiring compares with the obvious: what an heir that stays inherits from stays, until nothing changes any more.
func TestExpiring(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		n := 1 + rnd.IntN(9)
		name := func(i int) string { return fmt.Sprint("t", i) }
		type link struct{ tag, parent string }
		var links []link
		for range rnd.IntN(2 * n) {
			links = append(links, link{name(rnd.IntN(n)), name(rnd.IntN(n))})
		}
		stays := map[string]bool{}
		var due []string
		for i := range n {
			if rnd.IntN(3) > 0 {
				due = append(due, name(i))
			} else {
				stays[name(i)] = true
			}
		}
		for again := true; again; {
			again = false
			for _, l := range links {
				if stays[l.tag] && !stays[l.parent] {
					stays[l.parent], again = true, true
				}
			}
		}
		var want []string
		for _, d := range due {
			if !stays[d] {
				want = append(want, d)
			}
		}
		gone, kept := Expiring(due, func(yield func(string, string) bool) {
			for _, l := range links {
				if !yield(l.tag, l.parent) {
					return
				}
			}
		})
		if !slices.Equal(gone, want) || len(gone)+len(kept) != len(due) {
			t.Fatalf("due %v of %v: gone %v, kept %v, want gone %v", due, links, gone, kept, want)
		}
		for tag, by := range maps.All(kept) {
			if !slices.Contains(links, link{by, tag}) || !stays[by] {
				t.Fatalf("%s is kept by %s, of %v", tag, by, links)
			}
		}
	}
}

// TestUntilIsOmitted: the record of a tag without an end is encoded as before there were any.
func TestUntilIsOmitted(t *testing.T) {
	if flat(Tag{Name: "t"})["until"] != "" || flat(Tag{Name: "t", Until: 5})["until"] != "5" {
		t.Errorf("a tag encodes as %s", encode(Tag{Name: "t"}))
	}
}
