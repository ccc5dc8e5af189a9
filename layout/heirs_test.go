package layout

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/merge"
	"vrepofs/state"
)

// TestHeirs: after some tags changed, what heirs tells is what walking the inheritance of every tag tells, in any graph of links.
func TestHeirs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(rt, "tags")
		name := func(i int) string { return fmt.Sprint("t", i) }
		p := &present{gens: map[string]state.Change{}}
		for i := range n {
			var links []merge.Link
			for j := range n {
				if i == j || rapid.IntRange(0, 3).Draw(rt, "link") > 0 {
					continue
				}
				l := merge.Link{Parent: name(j)}
				switch rapid.IntRange(0, 9).Draw(rt, "kind") {
				case 0:
					depth := rapid.IntRange(0, 2).Draw(rt, "depth")
					l.MaxDepth = &depth
				case 1:
					l.Intransitive = true
				case 2:
					l.NoConfig = true
				case 3:
					l.Filter = "a.*"
				}
				links = append(links, l)
			}
			p.links.put(name(i), links)
			p.own.put(name(i), state.Change{Event: uint64(i + 1)})
			note(&p.koji, name(i), rapid.Bool().Draw(rt, "koji"))
		}
		p.findKids()
		generation := func(tag string) state.Change {
			g, err := p.generation(tag)
			if err != nil {
				rt.Fatal(err)
			}
			return g
		}
		for i := range n {
			p.gens[name(i)] = generation(name(i))
		}
		var changed []string
		for k := range rapid.IntRange(1, 3).Draw(rt, "changes") {
			tag := name(rapid.IntRange(0, n-1).Draw(rt, "changed"))
			p.own.put(tag, state.Change{Event: uint64(100 + k)})
			changed = append(changed, tag)
		}
		heirs := p.heirs(changed)
		for i := range n {
			got, want := p.gens[name(i)], generation(name(i))
			if h, ok := heirs[name(i)]; ok && h.walk {
				continue
			} else if ok && h.last.Event > got.Event {
				got = h.last
			}
			if got != want {
				rt.Fatalf("after changes of %v %s is at %v, want %v; links %v", changed, name(i), got, want, p.links.m)
			}
		}
	})
}
