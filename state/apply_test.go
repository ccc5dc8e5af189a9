package state

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/blob"
	"vrepofs/tree"
)

// published is what r has, path → source.
func published(t interface{ Fatal(...any) }, r Reader, path string) map[string]string {
	out := map[string]string{}
	for c, err := range Channels(r, path) {
		if err != nil {
			t.Fatal(err)
		}
		out[c.Path] = c.Snapshot
	}
	return out
}

// TestPlanApply: random wanted states beside a model; what a plan of two steps sees is what a commit between them would show.
func TestPlanApply(t *testing.T) {
	tops, subs := []string{"a", "b", "c-", "c/x"}, []string{"1", "2/os", "2/debug", "3-", "3/os"}
	rapid.Check(t, func(t *rapid.T) {
		tx, model := newTx(), map[string]string{}
		below := func(top string) map[string]string {
			out := map[string]string{}
			for p, s := range model {
				if rest, ok := strings.CutPrefix(p, top+"/"); ok {
					out[rest] = s
				}
			}
			return out
		}
		replace := func(top string, parts map[string]string) {
			maps.DeleteFunc(model, func(p, _ string) bool { return strings.HasPrefix(p, top+"/") })
			for rest, s := range parts {
				model[top+"/"+rest] = s
			}
		}
		for range 4 {
			tx.next()
			var wanted []Wanted
			var promotions []Promotion
			order := rapid.Permutation(tops).Draw(t, "tops")
			for _, top := range order[:rapid.IntRange(0, 2).Draw(t, "wanted")] {
				w, parts := Wanted{Path: top}, map[string]string{}
				for _, sub := range subs {
					if rapid.Bool().Draw(t, "has") {
						source := fmt.Sprintf("r@%d", rapid.IntRange(1, 3).Draw(t, "source"))
						root := tree.Entry{Kind: tree.KindDir, Nodes: 2, Digest: blob.Sum([]byte(source))}
						w.Channels = append(w.Channels, Channel{Path: top + "/" + sub, Snapshot: source, Root: root})
						parts[sub] = source
					}
				}
				wanted = append(wanted, w)
				replace(top, parts)
			}
			for i := range 2 {
				from, to := order[i], order[i+1]
				if len(below(from)) > 0 && rapid.Bool().Draw(t, "promote") {
					promotions = append(promotions, Promotion{from, to})
					replace(to, below(from))
				}
			}
			moves, err := PlanApply(tx, wanted, promotions)
			if err != nil {
				t.Fatal(err)
			}
			if err := Publish(tx, moves); err != nil {
				t.Fatal(err)
			}
			if got := published(t, tx, ""); !maps.Equal(got, model) {
				t.Fatalf("published %v, want %v", got, model)
			}
		}
	})
}

// TestPlannedList: the state in the making lists what is new between what is there, and not what goes.
func TestPlannedList(t *testing.T) {
	tx := newTx()
	set := func(path string) Move {
		return Move{Path: path, New: &Channel{Path: path, Snapshot: "r@1", Root: tree.Entry{Kind: tree.KindDir, Nodes: 1}}}
	}
	if err := Publish(tx, []Move{set("b"), set("d/x"), set("f")}); err != nil {
		t.Fatal(err)
	}
	p := &planned{Reader: tx, moves: map[string]Move{}}
	p.add([]Move{set("a"), set("c"), set("g"), {Path: "d/x", Old: &Channel{}}, set("f")})
	for from, want := range map[string]string{"": "a b c f g", "b": "b c f g", "c": "c f g", "d": "f g", "h": ""} {
		var got []string
		for item, err := range p.List(TableChannels, from) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, item.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("from %q: %v, want %s", from, got, want)
		}
		for range p.List(TableChannels, from) { // may be left at any name
			break
		}
	}
	if _, err := GetChannel(p, "d/x"); err == nil {
		t.Error("d/x is there, and goes")
	}
}
