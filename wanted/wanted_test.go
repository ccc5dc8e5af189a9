package wanted

import (
	"errors"
	iofs "io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vrepofs/state"
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

const tagsExample = `
tags:
  core-9:
    inherit:
      base: 10
      epel: {priority: 20, maxdepth: 0, intransitive: true, noconfig: false, pkg-filter: "perl-|py 3"}
    external:
      fedora: 10
      el8@20261121T043000Z: {priority: 5, mode: bare, arches: [x86_64]}
    arches: [x86_64, src]
    packages: [perl]
    blocked: []
    builds: [zlib-1.3-1, zlib-1.2-9]
    open: true
    latest: 2
    compat: koji
    multilib: all
    with-source: true
    debuginfo: false
    pkgorigins: false
    keys: [FD431D51]
    require-signed: true
    compress: zstd
    changelogs: all
    until: 20261201T000000Z
  side:
    inherit: [core-9, base]
    external: []
    multilib: ["glibc*", "?"]
    until: none
  old: {absent: true}
`

func TestParseTags(t *testing.T) {
	got, err := Parse("w.yaml", strings.NewReader(tagsExample))
	if err != nil {
		t.Fatal(err)
	}
	zero, until, never, all, yes, no, zstd, two, both := 0, int64(1796083200), int64(0), -1, true, false, "zstd", 2, []string{"*"}
	want := []state.WantedTag{
		{
			Name: "core-9", Arches: &[]string{"x86_64", "src"},
			Inherit: &[]state.Link{{Parent: "base", Priority: 10}, {Parent: "epel", Priority: 20, MaxDepth: &zero, Intransitive: true, Filter: "perl-|py 3"}},
			External: &[]state.External{
				{Repo: "fedora", Priority: 10, Mode: "koji"}, {Repo: "el8", ID: "20261121T043000Z", Priority: 5, Mode: "bare", Arches: []string{"x86_64"}},
			},
			Packages: &[]string{"perl"}, Blocked: &[]string{}, Builds: &[]string{"zlib-1.3-1", "zlib-1.2-9"},
			Open: &yes, Latest: &two, Multilib: &both, Sources: &yes, Debuginfo: &no, Koji: &yes, PkgOrigins: &no, Keys: &[]string{"FD431D51"}, RequireSigned: &yes, Compress: &zstd, Changelogs: &all, Until: &until,
		},
		{Name: "side", Inherit: &[]state.Link{{Parent: "core-9", Priority: 10}, {Parent: "base", Priority: 20}}, External: &[]state.External{}, Multilib: &[]string{"glibc*", "?"}, Until: &never},
		{Name: "old", Absent: true},
	}
	if got.Tags[0].Lines[""] != 3 || got.Tags[0].Lines["inherit epel"] != 6 || got.Tags[0].Lines["external el8@20261121T043000Z"] != 9 || got.Tags[1].File != "w.yaml" {
		t.Errorf("lines: %v", got.Tags[0].Lines)
	}
	for i := range got.Tags {
		got.Tags[i].File, got.Tags[i].Lines = "", nil
	}
	if d := cmp.Diff(want, got.Tags); d != "" {
		t.Error(d)
	}
	text, err := Export(got.Tags)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("w", strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	for i := range again.Tags {
		again.Tags[i].File, again.Tags[i].Lines = "", nil
	}
	if d := cmp.Diff(want, again.Tags); d != "" {
		t.Errorf("%s\n%s", text, d)
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "w: is empty",
		"# nothing\n":                         "w: is empty",
		"null":                                "w:1: want tags, channels or promote",
		"[]":                                  "w:1: want tags, channels or promote",
		"channels:\n  a: r\nchannel: {}":      `w:3: "channel" is not known: want tags, channels or promote`,
		"tags: {}\nchannels: []":              "w:2: want paths",
		"tags: []":                            "w:1: want tags",
		"tags:\n -a: {}":                      "w:2: tag name",
		"tags:\n a: {}":                       "w:2: tag a: nothing is said of it; absent: true removes it",
		"tags:\n a:":                          "w:2: want what tag a is to be: arches, inherit,",
		"tags:\n a: {absent: false}":          "w:2: want absent: true",
		"tags:\n a: {absent: true, keys: []}": "w:2: tag a: is it to be absent",
		"tags:\n a: {arch: [x86_64]}":         `w:2: "arch" is not known of tags`,
		"tags:\n a: {arches: x86_64}":         "w:2: want a list of arches of views; [] is none",
		"tags:\n a: {arches: [x, x]}":         `w:2: "x" is there already`,
		"tags:\n a: {arches: [[x]]}":          "w:2: want one of the arches",
		"tags:\n a: {builds: [null]}":         "w:2: want one of the builds",
		"tags:\n a:\n  inherit: {b: c}":       `w:3: "c": want a priority, a number`,
		"tags:\n a:\n  inherit: {b: {}}":      "w:3: b wants a priority",
		"tags:\n a:\n  inherit: {b: 1, c: 1}": "w:3: priority 1 is that of b",
		"tags:\n a:\n  inherit: {b: 1e9}":     `w:3: "1e9": want a priority`,
		"tags:\n a:\n  inherit: {../b: 1}":    "w:3: tag name",
		"tags:\n a:\n  inherit: 7":            "w:3: want parents: a list in their order, or NAME: PRIORITY; [] is none",
		"tags:\n a: {inherit: {b: {priority: 1, maxdepth: -1}}}":      "w:2: maxdepth -1: want 0 or more",
		"tags:\n a: {inherit: {b: {priority: 1, pkg-filter: \"(\"}}}": "w:2: ",
		"tags:\n a: {inherit: {b: {priority: 1, depth: 1}}}":          `w:2: "depth" is not known of parents`,
		"tags:\n a: {external: [r, r@latest]}":                        "w:2: repo r is there already",
		"tags:\n a: {external: [r@1]}":                                "w:2: snapshot r@1: id",
		"tags:\n a: {external: {r: {priority: 1, mode: best}}}":       `w:2: "best": want koji or simple`,
		"tags:\n a: {external: {r: {priority: 1, arch: x}}}":          `w:2: "arch" is not known of external repos`,
		"tags:\n a: {multilib: some}":                                 `w:2: "some": want all or none`,
		"tags:\n a: {compat: dnf}":                                    `w:2: "dnf": want koji or none`,
		"tags:\n a: {pkgorigins: yes}":                                `w:2: "yes": want true or false`,
		"tags:\n a: {keys: [xyz]}":                                    `w:2: key "xyz"`,
		"tags:\n a: {changelogs: 0}":                                  "w:2: 0: want a number above 0, or all",
		"tags:\n a: {changelogs: *b}":                                 "unknown anchor",
		"tags:\n a: {until: 36h}":                                     `w:2: "36h": want a UTC time such as 20261201T000000Z, or none`,
		"channels:":                                                   "w:1: want paths",
		"channels:\n  a:":                                             "w:2: want a source such as TAG/ARCH or REPO@ID, or paths below a; {} means nothing is there",
		"channels:\n  a: [r]":                                         "w:2: want a source",
		"channels:\n  a: {b: ''}":                                     "w:2: want a source",
		"channels:\n  a: r@1 x":                                       `w:2: "r@1 x": want a source`,
		"channels:\n  a: r\n  a: s":                                   `w:3: "a" is there already, in line 2`,
		"channels:\n  a: {b/c: r, b: {c: s}}":                         "w:2: a/b/c is there already, in line 2",
		"channels:\n a:\n  b: r\n  b/c: s":                            "w:4: a/b/c lies in a/b, line 3",
		"channels:\n a:\n  b/c: r\n  b: s":                            "w:4: a/b is there already, in line 3",
		"channels:\n a: {b: {}}":                                      "w:2: a/b is empty",
		"channels:\n a/b: {}\n a: {c: r}":                             "w:2: a/b (channels) and a (channels, w:3) say twice what is there",
		"channels:\n a/b: r\n a-b: r\n a: {}":                         "w:2: a/b (channels) and a (channels, w:4)",
		"channels:\n a//b: r":                                         "w:2: channel path",
		"channels:\n ../b: r":                                         "w:2: channel path",
		"channels:\n a: {..: r}":                                      "w:2: channel path",
		"channels:\n a: &x {b: r}\n c: *x":                            "w:2: anchor &x",
		"channels:\n a: *x":                                           "unknown anchor 'x' referenced",
		"channels:\n <<: {a: r}":                                      "w:2: want a name",
		"channels:\n a: !!str r":                                      "w:2: tag !!str",
		"channels:\n ? [a]\n : r":                                     "w:2: want a name",
		"channels: {a: r}\n---\nchannels: {}":                         "a second document",
		"channels: {a: r":                                             "w:",
		"channels:\n\ta: r":                                           "w:2: found character that cannot start any token",
		"promote:\n a: a/b":                                           "w:2: promote a to a/b: one lies in the other",
		"promote:\n a: []":                                            "w:2: want the path to promote a to",
		"promote:\n a: [b, b]":                                        "say twice what is there",
		"promote:\n a: b\n c: b/d":                                    "w:3: b/d (promote) and b (promote, w:2) say twice",
		"channels: {b: {}}\npromote:\n a: b":                          "w:3: b (promote) and b (channels, w:1) say twice",
		"promote:\n a: b\n c: a":                                      "w:2: promotes a, which w:3 changes afterwards",
		"promote:\n a/x: b\n c: a":                                    "w:2: promotes a/x, which w:3 changes afterwards",
		"promote:\n a: b\n c: a/x":                                    "w:2: promotes a, which w:3 changes afterwards",
		strings.Repeat("#", MaxSize+1):                                "w: more than 4194304 bytes",
		strings.Repeat("[", 1<<19):                                    "exceeded max depth",
		"a: \xff":                                                     "w: ",
	} {
		_, err := Parse("w", strings.NewReader(text))
		if !errors.Is(err, iofs.ErrInvalid) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "w:") {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add(tagsExample)
	f.Add("tags: {a: {inherit: {b: {priority: 1, priority: 2}}, external: [r, r@latest]}}")
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
		if len(got.Tags) > 0 { // what is read is written so that it is read again, and then is the same text
			text, err := Export(got.Tags)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse("w", strings.NewReader(string(text)))
			if err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			if twice, err := Export(again.Tags); err != nil || string(twice) != string(text) {
				t.Errorf("%v: %s then %s", err, text, twice)
			}
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
