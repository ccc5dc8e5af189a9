package merge_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"vrepofs/merge"
	"vrepofs/rpm"
)

// TestConflicts holds what is a conflict and what is not. A package is "FROM NEVRA SOURCE BYTES", with + before what is taken.
func TestConflicts(t *testing.T) {
	for _, c := range []struct {
		name, packages, want string
	}{
		{"nothing", "", ""},
		{"one file in two sources", "+a z-1-1.x86_64 z-1-1 x; b z-1-1.x86_64 z-1-1 x", ""},
		{"other bytes", "+a z-1-1.x86_64 z-1-1 x; b z-1-1.x86_64 z-1-1 y", "same: a b"},
		{"other bytes, both in the view", "+a z-1-1.x86_64 z-1-1 x; +b z-1-1.x86_64 z-1-1 y", "same: a b"},
		{"other bytes inside one source", "+a z-1-1.x86_64 z-1-1 x; a z-1-1.x86_64 z-1-1 y", "same: a a"},
		{"epoch 0 is no epoch", "+a z-0:1-1.x86_64 z-1-1 x; b z-1-1.x86_64 z-1-1 y", "same: a b"},
		{"another arch is another package", "+a z-1-1.x86_64 z-1-1 x; +b z-1-1.noarch z-1-1 y", ""},
		{"a file twice in a source counts once, taken if it is", "a z-1-1.x86_64 z-1-1 x; +a z-1-1.x86_64 z-1-1 x; b z-1-1.x86_64 z-1-1 y", "same: +a b"},
		{"newer is shadowed, of several the newest", "+a z-1-1.x86_64 z-1-1 x; b z-3-1.x86_64 z-3-1 y; c z-2-1.x86_64 z-2-1 y", "shadow: b by a"},
		{"the epoch counts", "+a z-2-1.x86_64 z-2-1 x; b z-1:1-1.x86_64 z-1-1 y", "shadow: b by a"},
		{"older is not shadowed", "+a z-2-1.x86_64 z-2-1 x; b z-1-1.x86_64 z-1-1 y", ""},
		{"nor what compares equal", "+a z-1.0-1.x86_64 z-1.0-1 x; b z-1.00-1.x86_64 z-1.00-1 y", ""},
		{"the newest that is taken counts", "+a z-1-1.x86_64 z-1-1 x; +b z-3-1.x86_64 z-3-1 y; c z-2-1.x86_64 z-2-1 y", "split: z a=1 b=1"},
		{"nothing of the name is taken", "a z-1-1.x86_64 z-1-1 x", ""},
		{
			"split: subpackages of two versions", "+a z-1-1.x86_64 z-1-1 x; +a z-libs-1-1.x86_64 z-1-1 y; +b z-devel-2-1.x86_64 z-2-1 w",
			"split: z a=2 b=1",
		},
		{"one version from two sources is not split", "+a z-1-1.x86_64 z-1-1 x; +b z-devel-1-1.x86_64 z-1-1 w", ""},
		{"nor are two versions of one source", "+a z-1-1.x86_64 z-1-1 x; +a z-2-1.x86_64 z-2-1 w", ""},
		{"nor what was rejected", "+a z-1-1.x86_64 z-1-1 x; b z-devel-2-1.x86_64 z-2-1 w", ""},
	} {
		var all []merge.Judged
		for s := range strings.SplitSeq(c.packages, "; ") {
			f := strings.Fields(s)
			if len(f) == 0 {
				continue
			}
			n, err := rpm.ParseNEVRA(f[1])
			if err != nil {
				t.Fatal(err)
			}
			from, taken := strings.CutPrefix(f[0], "+")
			k := merge.Package{NEVRA: n, Source: f[2] + ".src.rpm", PkgID: sha256.Sum256([]byte(f[3]))}
			all = append(all, merge.Judged{Package: k, From: from, Taken: taken})
		}
		var got []string
		found := merge.FindConflicts(all)
		for _, group := range found.SameVersion {
			s := "same:"
			for _, i := range group {
				s += " "
				if strings.HasPrefix(c.want, "same: +") && all[i].Taken {
					s += "+"
				}
				s += all[i].From
			}
			got = append(got, s)
		}
		for _, s := range found.Shadowed {
			got = append(got, fmt.Sprintf("shadow: %s by %s", all[s.Newer].From, all[s.Taken].From))
		}
		for _, s := range found.Split {
			line := "split: " + s.Name
			for _, p := range s.Parts {
				line += fmt.Sprintf(" %s=%d", p.From, p.Count)
			}
			got = append(got, line)
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}
