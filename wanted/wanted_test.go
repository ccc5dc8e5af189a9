package wanted

import (
	"errors"
	iofs "io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const example = `
channels:
  production/9:
    core/x86_64/os: sig-core-9/x86_64
    extras:
      x86_64/os: extras@latest
      9.10: extras@1
  mirror/epel/9: epel@20261121T043000Z
  staging/8: {}
promote:
  staging/9: testing/9
  staging/10: [beta/10, nightly/10]
`

func TestParse(t *testing.T) {
	got, err := Parse("w.yaml", strings.NewReader(example))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Channels: []Channel{
			{Path: "production/9", Where: "w.yaml:3", Parts: []Part{
				{"production/9/core/x86_64/os", "sig-core-9/x86_64", "w.yaml:4"},
				{"production/9/extras/x86_64/os", "extras@latest", "w.yaml:6"},
				{"production/9/extras/9.10", "extras@1", "w.yaml:7"},
			}},
			{Path: "mirror/epel/9", Where: "w.yaml:8", Parts: []Part{{"mirror/epel/9", "epel@20261121T043000Z", "w.yaml:8"}}},
			{Path: "staging/8", Where: "w.yaml:9"},
		},
		Promotions: []Promotion{
			{"staging/9", "testing/9", "w.yaml:11"}, {"staging/10", "beta/10", "w.yaml:12"}, {"staging/10", "nightly/10", "w.yaml:12"},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// A chain in its order, and a promotion from what channels says.
	if _, err := Parse("w", strings.NewReader("channels: {c: {x: r}}\npromote: {a: b, b2: a2, c: d}")); err != nil {
		t.Error(err)
	}
	if _, err := Parse("w", strings.NewReader("promote: {a: b, b: c}")); err != nil {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "w: is empty",
		"# nothing\n":                         "w: is empty",
		"null":                                "w:1: want channels or promote",
		"[]":                                  "w:1: want channels or promote",
		"channels:\n  a: r\nchannel: {}":      `w:3: "channel" is not known: want channels or promote`,
		"tags: {}":                            `w:1: "tags" is not known`,
		"channels:":                           "w:1: want paths",
		"channels:\n  a:":                     "w:2: want a source such as TAG/ARCH or REPO@ID, or paths below a; {} means nothing is there",
		"channels:\n  a: [r]":                 "w:2: want a source",
		"channels:\n  a: {b: ''}":             "w:2: want a source",
		"channels:\n  a: r@1 x":               `w:2: "r@1 x": want a source`,
		"channels:\n  a: r\n  a: s":           `w:3: "a" is there already, in line 2`,
		"channels:\n  a: {b/c: r, b: {c: s}}": "w:2: a/b/c is there already, in line 2",
		"channels:\n a:\n  b: r\n  b/c: s":    "w:4: a/b/c lies in a/b, line 3",
		"channels:\n a:\n  b/c: r\n  b: s":    "w:4: a/b is there already, in line 3",
		"channels:\n a: {b: {}}":              "w:2: a/b is empty",
		"channels:\n a/b: {}\n a: {c: r}":     "w:2: a/b (channels) and a (channels, w:3) say twice what is there",
		"channels:\n a/b: r\n a-b: r\n a: {}": "w:2: a/b (channels) and a (channels, w:4)",
		"channels:\n a//b: r":                 "w:2: channel path",
		"channels:\n ../b: r":                 "w:2: channel path",
		"channels:\n a: {..: r}":              "w:2: channel path",
		"channels:\n a: &x {b: r}\n c: *x":    "w:2: anchor &x",
		"channels:\n a: *x":                   "unknown anchor 'x' referenced",
		"channels:\n <<: {a: r}":              "w:2: want a name",
		"channels:\n a: !!str r":              "w:2: tag !!str",
		"channels:\n ? [a]\n : r":             "w:2: want a name",
		"channels: {a: r}\n---\nchannels: {}": "a second document",
		"channels: {a: r":                     "w:",
		"channels:\n\ta: r":                   "w:2: found character that cannot start any token",
		"promote:\n a: a/b":                   "w:2: promote a to a/b: one lies in the other",
		"promote:\n a: []":                    "w:2: want the path to promote a to",
		"promote:\n a: [b, b]":                "say twice what is there",
		"promote:\n a: b\n c: b/d":            "w:3: b/d (promote) and b (promote, w:2) say twice",
		"channels: {b: {}}\npromote:\n a: b":  "w:3: b (promote) and b (channels, w:1) say twice",
		"promote:\n a: b\n c: a":              "w:2: promotes a, which w:3 changes afterwards",
		"promote:\n a/x: b\n c: a":            "w:2: promotes a/x, which w:3 changes afterwards",
		"promote:\n a: b\n c: a/x":            "w:2: promotes a, which w:3 changes afterwards",
		strings.Repeat("#", MaxSize+1):        "w: more than 1048576 bytes",
		strings.Repeat("[", 1<<19):            "exceeded max depth",
		"a: \xff":                             "w: ",
	} {
		_, err := Parse("w", strings.NewReader(text))
		if !errors.Is(err, iofs.ErrInvalid) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "w:") {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add("channels: &a {b: *a}")
	f.Add("promote:\n- a\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse("w", strings.NewReader(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "w:") {
				t.Errorf("error without a name: %v", err)
			}
			return
		}
		paths := map[string]bool{}
		for _, c := range got.Channels {
			for _, p := range c.Parts {
				if paths[p.Path] || p.Path != c.Path && !strings.HasPrefix(p.Path, c.Path+"/") {
					t.Errorf("%s: %s twice, or outside", c.Path, p.Path)
				}
				paths[p.Path] = true
			}
		}
	})
}
