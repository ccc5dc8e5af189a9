package state

import (
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vrepofs/merge"
)

// clone is the same state, which goes another way.
func (t *memTx) clone() *memTx {
	c := &memTx{t.Mem, t.seq + 1, map[string]map[string][]byte{}}
	for name, table := range t.tables {
		c.tables[name] = maps.Clone(table)
	}
	return c
}

// exportAll is every tag, without what says where it is.
func exportAll(t interface{ Fatal(...any) }, tx *memTx) []WantedTag {
	var all []WantedTag
	for tag, err := range Tags(tx) {
		if err != nil {
			t.Fatal(err)
		}
		w, err := ExportTag(tx, tag)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

// drawSubset draws distinct names of some, in any order.
func drawSubset(t *rapid.T, what string, of ...string) *[]string {
	names := rapid.Permutation(of).Draw(t, what)
	names = names[:rapid.IntRange(0, len(of)).Draw(t, what+" count")]
	return &names
}

// drawTag draws a wanted tag that says all or some of what can be said.
func drawTag(t *rapid.T, name string, tags, repos, nvrs []string, isNew bool) WantedTag {
	some := func(what string) bool { return rapid.Bool().Draw(t, what) }
	w := WantedTag{Name: name}
	w.Open = ref(true) // what a listed tag refuses is in TestApplyTagsListed
	if isNew || some("arches") {
		w.Arches = &[]string{"x86_64", "aarch64"}
	}
	if some("inherit") {
		var links []Link
		for i, p := range *drawSubset(t, "parents", tags...) {
			if p == name {
				continue
			}
			l := Link{Parent: p, Priority: 10 * (i + 1), Intransitive: some("intransitive"), NoConfig: some("noconfig")}
			if some("maxdepth") {
				depth := rapid.IntRange(0, 2).Draw(t, "depth")
				l.MaxDepth = &depth
			}
			if some("filter") {
				l.Filter = "b|c"
			}
			links = append(links, l)
		}
		w.Inherit = list(links)
	}
	if some("external") {
		var externals []External
		for i, r := range *drawSubset(t, "repos", repos...) {
			e := External{Repo: r, Priority: i, Mode: rapid.SampledFrom(merge.Modes()).Draw(t, "mode")}
			if some("arch") {
				e.Arches = []string{"x86_64"}
			}
			externals = append(externals, e)
		}
		w.External = list(externals)
	}
	if some("packages") {
		w.Packages, w.Blocked = drawSubset(t, "listed", "a", "b"), drawSubset(t, "blocked", "c", "d")
	} else if some("blocked alone") {
		w.Blocked = drawSubset(t, "blocked", "a", "b", "c", "d")
	}
	if some("builds") {
		w.Builds = drawSubset(t, "builds", nvrs...)
	}
	if some("settings") {
		koji, origins, required := some("koji"), some("origins"), some("required")
		compress, changelogs, until := rapid.SampledFrom([]string{"gzip", "zstd"}).Draw(t, "compress"), rapid.SampledFrom([]int{-1, 1, 10}).Draw(t, "changelogs"), int64(1)
		latest, multilib, sources, debuginfo := rapid.SampledFrom([]int{-1, 1, 2}).Draw(t, "latest"), *drawSubset(t, "multilib", "glibc*", "zlib"), some("sources"), some("debuginfo")
		w.Latest, w.Multilib, w.Sources, w.Debuginfo = &latest, &multilib, &sources, &debuginfo
		w.Koji, w.PkgOrigins, w.RequireSigned, w.Compress, w.Changelogs, w.Until = &koji, &origins, &required, &compress, &changelogs, &until
		w.Keys = drawSubset(t, "keys", "0011223344556677", "aabbccdd")
	}
	return w
}

// TestApplyTagsProperties: what was applied is so, and applied again changes nothing; so is what was exported, whatever came between; the order of
// tags in a list does not matter.
func TestApplyTagsProperties(t *testing.T) {
	tags, repos := []string{"p", "q", "r", "s"}, []string{"fedora", "epel"}
	rapid.Check(t, func(t *rapid.T) {
		tx := newTx()
		var nvrs []string
		for _, name := range []string{"a", "b", "c"} {
			for _, version := range []string{"1", "2", "3"} {
				b, _, err := AddBuild(tx, []RPM{row(name, version, "x86_64", "")})
				if err != nil {
					t.Fatal(err)
				}
				nvrs = append(nvrs, b.NVR)
			}
		}
		for _, r := range repos {
			tx.Put(TableRepos, r, encode(Repo{Name: r}))
		}
		apply := func(tx *memTx, wanted []WantedTag) []TagStep {
			steps, err := ApplyTags(tx.next(), wanted)
			if err != nil {
				t.Fatal(err)
			}
			return steps
		}
		var then []WantedTag
		for i := range rapid.IntRange(1, 4).Draw(t, "applies") {
			var wanted []WantedTag
			for _, name := range *drawSubset(t, "tags", tags...) {
				_, err := GetTag(tx, name)
				wanted = append(wanted, drawTag(t, name, tags, repos, nvrs, err != nil))
			}
			if i == 0 { // parents are there
				wanted = nil
				for _, name := range tags {
					wanted = append(wanted, drawTag(t, name, tags, repos, nvrs, true))
				}
			}
			other := tx.clone()
			before := maps.Clone(tx.tables[TableTags])
			steps := apply(tx, wanted)
			for name, value := range tx.tables[TableTags] {
				if !slices.ContainsFunc(steps, func(s TagStep) bool { return s.Name == name }) && string(before[name]) != string(value) {
					t.Fatalf("tag %s changed, and no step says so", name)
				}
			}
			for _, w := range wanted {
				tag, err := GetTag(tx, w.Name)
				if err != nil {
					t.Fatal(err)
				}
				is, err := ExportTag(tx, tag)
				if err != nil {
					t.Fatal(err)
				}
				checkWanted(t, tx, w, is)
			}
			now := fmt.Sprint(tx.tables[TableTags])
			if again := apply(tx, wanted); len(again) > 0 || fmt.Sprint(tx.tables[TableTags]) != now {
				t.Fatalf("applied again: %+v", again)
			}
			apply(other, rapid.Permutation(wanted).Draw(t, "order"))
			if a, b := exportAll(t, tx), exportAll(t, other); !cmp.Equal(a, b) {
				t.Fatal(cmp.Diff(a, b))
			}
			if all := exportAll(t, tx); then == nil {
				then = all
			} else if steps := apply(tx, all); len(steps) > 0 {
				t.Fatalf("what is exported is not what is: %+v", steps)
			}
		}
		apply(tx, then)
		if d := cmp.Diff(then, exportAll(t, tx)); d != "" {
			t.Fatalf("not as it was: %s", d)
		}
	})
}

// checkWanted holds what is against what was wanted, of which lists but that of builds are sets.
func checkWanted(t *rapid.T, tx *memTx, w, is WantedTag) {
	sorted := func(l []string) []string { return slices.Sorted(slices.Values(l)) }
	set := func(what string, w, is *[]string) {
		if w != nil && !slices.Equal(sorted(*w), sorted(*is)) {
			t.Fatalf("%s: %v, want %v", what, *is, *w)
		}
	}
	set("packages", w.Packages, is.Packages)
	if w.Packages != nil || w.Blocked == nil {
		set("blocked", w.Blocked, is.Blocked)
	}
	set("builds", w.Builds, is.Builds)
	if w.Inherit != nil && len(*w.Inherit) != len(*is.Inherit) || w.External != nil && len(*w.External) != len(*is.External) {
		t.Fatalf("%+v, want %+v", is, w)
	}
	if w.Keys != nil && !slices.Equal(*w.Keys, *is.Keys) {
		t.Fatalf("keys %v, want %v", *is.Keys, *w.Keys)
	}
	if w.Builds == nil {
		return
	}
	of := map[string][2][]string{} // of each package the builds in order
	for i, list := range [][]string{*w.Builds, *is.Builds} {
		for _, nvr := range list {
			b, err := GetBuild(tx, nvr)
			if err != nil {
				t.Fatal(err)
			}
			pair := of[b.Package]
			pair[i] = append(pair[i], nvr)
			of[b.Package] = pair
		}
	}
	for p, pair := range of {
		if !slices.Equal(pair[0], pair[1]) {
			t.Fatalf("builds of %s are tagged in the order %v, want %v", p, pair[1], pair[0])
		}
	}
}

func TestApplyTagsRefused(t *testing.T) {
	tx := newTx()
	ok(t, CreateTag(tx, "base", []string{"x86_64"}))
	ok(t, CreateTag(tx, "dev", []string{"x86_64"}))
	ok(t, AddParent(tx, "dev", Link{Parent: "base", Priority: 10}))
	for what, test := range map[string]struct {
		w    WantedTag
		want error
		say  string
	}{
		"new":         {WantedTag{Name: "n"}, iofs.ErrInvalid, "w:1: tag n is new: it wants arches"},
		"arch":        {WantedTag{Name: "n", Arches: &[]string{"noarch"}}, iofs.ErrInvalid, "w:2: tag n: noarch"},
		"parent":      {WantedTag{Name: "base", Inherit: &[]Link{{Parent: "none"}}}, iofs.ErrNotExist, "w:4: tag base: parent: tag none"},
		"itself":      {WantedTag{Name: "base", Inherit: &[]Link{{Parent: "base"}}}, iofs.ErrInvalid, "w:3: tag base cannot inherit"},
		"twice":       {WantedTag{Name: "base", Inherit: &[]Link{{Parent: "dev"}, {Parent: "dev", Priority: 1}}}, iofs.ErrInvalid, "named twice"},
		"inherited":   {WantedTag{Name: "base", Absent: true}, ErrConflict, "w:1: tag base: tag dev inherits from it"},
		"repo":        {WantedTag{Name: "base", External: &[]External{{Repo: "none", Mode: "koji"}}}, iofs.ErrNotExist, "w:1: tag base: external repo: repo none"},
		"both":        {WantedTag{Name: "base", Packages: &[]string{"p"}, Blocked: &[]string{"p"}}, iofs.ErrInvalid, "w:1: tag base: package p is listed and blocked"},
		"package":     {WantedTag{Name: "base", Packages: &[]string{"a/b"}}, iofs.ErrInvalid, "w:1: tag base: package"},
		"build":       {WantedTag{Name: "base", Builds: &[]string{"n-1-1"}}, iofs.ErrNotExist, "w:5: tag base: build n-1-1"},
		"compression": {WantedTag{Name: "base", Compress: new(string)}, nil, ""},
		"key":         {WantedTag{Name: "base", Keys: &[]string{"x"}}, iofs.ErrInvalid, "w:1: tag base: key"},
	} {
		test.w.File, test.w.Lines = "w", map[string]int{"": 1, "arches": 2, "inherit": 3, "inherit none": 4, "builds": 4, "builds n-1-1": 5}
		_, err := ApplyTags(tx.clone(), []WantedTag{test.w})
		if test.want == nil {
			ok(t, err)
			continue
		}
		wantErr(t, what, err, test.want, test.say)
	}
}

func TestApplyTagsTwice(t *testing.T) {
	_, err := ApplyTags(newTx(), []WantedTag{{Name: "t", Arches: &[]string{"src"}}, {Name: "t", Absent: true, File: "w", Lines: map[string]int{"": 7}}})
	wantErr(t, "twice", err, iofs.ErrInvalid, "w:7: tag t is named twice")
}

// TestApplyTagsListed: builds want their packages listed, as everywhere; what the file itself says comes first.
func TestApplyTagsListed(t *testing.T) {
	tx := newTx()
	for _, name := range []string{"a", "b", "c"} {
		_, _, err := AddBuild(tx, []RPM{row(name, "1", "x86_64", "")})
		ok(t, err)
	}
	no, x86 := false, &[]string{"x86_64"}
	apply := func(w ...WantedTag) error { _, err := ApplyTags(tx.next(), w); return err }
	wantErr(t, "not listed", apply(WantedTag{Name: "x", Arches: x86, Builds: &[]string{"a-1-1"}}), ErrConflict, "package a is not in the package list of tag x")
	tx = tx.clone()
	delete(tx.tables[TableTags], "x")
	// A child before its parent, which lists the package.
	child := WantedTag{Name: "child", Arches: x86, Inherit: &[]Link{{Parent: "base", Priority: 1}}, Builds: &[]string{"a-1-1"}}
	ok(t, apply(child, WantedTag{Name: "base", Arches: x86, Packages: &[]string{"a"}}))
	wantErr(t, "no longer listed", func() error {
		_, err := ApplyTags(tx.clone(), []WantedTag{{Name: "base", Packages: &[]string{"b"}, Builds: &[]string{"a-1-1"}}})
		return err
	}(), ErrConflict, "package a is not in the package list")
	ok(t, apply(WantedTag{Name: "base", Builds: &[]string{"a-1-1"}}))
	wantErr(t, "unlisted under a build", func() error {
		_, err := ApplyTags(tx.clone(), []WantedTag{{Name: "base", Packages: &[]string{}}})
		return err
	}(), ErrConflict, "it holds builds of package a")
	// What the file blocks and tags is as the file says; what a parent blocks is refused.
	ok(t, apply(WantedTag{Name: "base", Packages: &[]string{"a"}, Blocked: &[]string{"b"}, Builds: &[]string{"a-1-1", "b-1-1"}}))
	wantErr(t, "blocked by a parent", func() error {
		_, err := ApplyTags(tx.clone(), []WantedTag{{Name: "child", Builds: &[]string{"b-1-1"}}})
		return err
	}(), ErrConflict, "package b is blocked in tag base")
	// Closing open tags lists what their builds are of, each as if it were alone.
	yes := true
	ok(t, apply(WantedTag{Name: "p", Arches: x86, Open: &yes, Builds: &[]string{"c-1-1"}}, WantedTag{Name: "q", Arches: x86, Open: &yes, Inherit: &[]Link{{Parent: "p"}}, Builds: &[]string{"c-1-1"}}))
	for _, order := range [][]WantedTag{{{Name: "p", Open: &no}, {Name: "q", Open: &no}}, {{Name: "q", Open: &no}, {Name: "p", Open: &no}}} {
		other := tx.clone()
		_, err := ApplyTags(other, order)
		ok(t, err)
		for _, name := range []string{"p", "q"} {
			tag, err := GetTag(other, name)
			ok(t, err)
			w, err := ExportTag(other, tag)
			ok(t, err)
			if !tag.Listed || !slices.Equal(*w.Packages, []string{"c"}) {
				t.Errorf("%s: %v", name, *w.Packages)
			}
		}
	}
}
