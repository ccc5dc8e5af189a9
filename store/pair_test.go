package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/rpm"
	"vrepofs/tree"
)

// TestPairPackages holds what is paired with what when a name and arch has several versions on a side.
func TestPairPackages(t *testing.T) {
	for _, c := range []struct{ gone, come, want string }{
		{"", "", ""},
		{"z-1-1.x86_64", "", "removed z-1-1.x86_64 ."},
		{"", "z-1-1.x86_64", "added . z-1-1.x86_64"},
		{"z-1-1.x86_64", "z-2-1.x86_64", "upgraded z-1-1.x86_64 z-2-1.x86_64"},
		{"z-1-1.x86_64", "z-1-1.noarch", "added . z-1-1.noarch; removed z-1-1.x86_64 ."},
		{"z-1:1-1.x86_64", "z-2-1.x86_64", "downgraded z-1:1-1.x86_64 z-2-1.x86_64"},
		{"z-1-1.x86_64", "z-1-1.x86_64", "replaced z-1-1.x86_64 z-1-1.x86_64"},
		{ // the same version first, whatever else comes
			"z-1-1.x86_64 z-2-1.x86_64", "z-2-1.x86_64 z-3-1.x86_64",
			"upgraded z-1-1.x86_64 z-3-1.x86_64; replaced z-2-1.x86_64 z-2-1.x86_64",
		},
		{"z-1-1.x86_64 z-2-1.x86_64", "z-3-1.x86_64", "upgraded z-2-1.x86_64 z-3-1.x86_64; removed z-1-1.x86_64 ."},
		{"a-1-1.x86_64", "b-1-1.x86_64 a-0-1.x86_64", "downgraded a-1-1.x86_64 a-0-1.x86_64; added . b-1-1.x86_64"},
	} {
		var got []string
		set := func(side, nevras string) map[blob.Digest]rpmFile {
			m := map[blob.Digest]rpmFile{}
			for i, s := range strings.Fields(nevras) {
				n, err := rpm.ParseNEVRA(s)
				if err != nil {
					t.Fatal(err)
				}
				d := blob.Sum(fmt.Append(nil, side, i))
				m[d] = rpmFile{name: s, entry: tree.Entry{Digest: d}, nevra: n}
			}
			return m
		}
		pairPackages(set("gone", c.gone), set("come", c.come), func(kind pairKind, old, new *rpmFile) {
			word := []string{"added", "removed", "upgraded", "downgraded", "replaced"}[kind]
			for _, f := range []*rpmFile{old, new} {
				if f == nil {
					word += " ."
				} else {
					word += " " + f.nevra.String()
				}
			}
			got = append(got, word)
		})
		if want := strings.Split(c.want, "; "); c.want == "" && len(got) > 0 || c.want != "" && !slices.Equal(got, want) {
			t.Errorf("%s → %s: %q\nwant %q", c.gone, c.come, got, want)
		}
	}
}
