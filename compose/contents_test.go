package compose_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/compose"
	"vrepofs/merge"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// TestContents gives two tags, one of builds alone and one with an external repo beside the same builds, random views and contents. What a view
// holds is what the rules say, written here once more; tag why says taken of that and of nothing else, and tag conflicts finds none.
func TestContents(t *testing.T) {
	s := storetest.New(t)
	ctx, who := context.Background(), storetest.Who()
	specs := func(source string) (out []testrpm.Spec) {
		for _, arch := range []string{"x86_64", "i686", "noarch", "s390x"} {
			for _, name := range []string{"", "-devel", "-debuginfo", "-debugsource"} {
				sp := testrpm.Spec{Name: source + name, Arch: arch, SourceRPM: source + "-1.0-1.src.rpm"}
				if arch == "noarch" {
					sp.Name = source + "-data" + name
				}
				out = append(out, sp)
			}
		}
		return append(out, testrpm.Spec{Name: source, Arch: "src"})
	}
	builds := append(specs("a"), specs("b")...)
	nvrs := storetest.Builds(t, s, builds...)
	outside := append(specs("c"), specs("d")...)
	storetest.Snapshot(t, s, "r", outside...)
	all := map[string][]testrpm.Spec{"alone": builds, "beside": append(slices.Clone(builds), outside...)}
	for tag := range all {
		if _, err := s.CreateTag(ctx, who, tag, []string{"x86_64"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.TagBuilds(ctx, who, tag, nvrs); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.AddExternal(ctx, who, "beside", state.External{Repo: "r", Priority: 1, Mode: merge.ModeKoji}); err != nil {
		t.Fatal(err)
	}
	names := map[string][]string{} // multilib → the names that it means
	for _, p := range []string{"a", "*-devel"} {
		for _, source := range []string{"a", "b", "c", "d"} {
			switch {
			case p == "*-devel":
				names[p] = append(names[p], source+"-devel")
			case p == source:
				names[p] = append(names[p], source, source+"-debuginfo", source+"-debugsource")
			}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		views := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x86_64", "x86_64-debug", "i386", "i386-debug", "s390x", "src"}), 1, 6, rapid.ID).Draw(rt, "views")
		multilib := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"*", "a", "*-devel"}), 0, 2, rapid.ID).Draw(rt, "multilib")
		sources, debuginfo := rapid.Bool().Draw(rt, "sources"), rapid.Bool().Draw(rt, "debuginfo")
		has := func(view string, sp testrpm.Spec) bool {
			arch, isDebug := sp.Arch, strings.Contains(sp.Name, "-debug")
			base, debugView := strings.CutSuffix(view, "-debug")
			if arch == "src" {
				return base == "src" || sources && !debugView
			}
			if base == "src" || debugView != isDebug && (debugView || !debuginfo || slices.Contains(views, base+"-debug")) {
				return false
			}
			if base == "x86_64" && arch == "i686" {
				return slices.ContainsFunc(multilib, func(p string) bool { return p == "*" || slices.Contains(names[p], sp.Name) })
			}
			return arch == "noarch" || arch == base || base == "i386" && arch == "i686"
		}
		for tag, specs := range all {
			set := store.TagSettings{Arches: &views, Multilib: &multilib, Sources: &sources, Debuginfo: &debuginfo}
			if _, err := s.SetTag(ctx, who, tag, set); err != nil {
				rt.Fatal(err)
			}
			r, _, err := s.State("")
			if err != nil {
				rt.Fatal(err)
			}
			v, err := compose.Resolve(r, tag)
			if err != nil {
				rt.Fatal(err)
			}
			for _, view := range views {
				var want, got, told []string
				for _, sp := range specs {
					if has(view, sp) {
						want = append(want, sp.Name+"."+sp.Arch)
					}
				}
				rpms, err := v.RPMs(r, view)
				if err != nil {
					rt.Fatal(err)
				}
				for _, k := range rpms {
					got = append(got, k.Name+"."+k.Arch)
				}
				for _, source := range []string{"a", "b", "c", "d"} {
					reasons, err := v.Why(r, view, source+"-1.0-1.src.rpm")
					if err != nil {
						rt.Fatal(err)
					}
					src, err := v.Why(r, view, source+"-1.0-1.src")
					if err != nil {
						rt.Fatal(err)
					}
					for _, why := range append(reasons, src...) {
						if name := strings.Replace(why.Package, "-1.0-1", "", 1); why.Taken && !slices.Contains(told, name) {
							told = append(told, name)
						}
					}
				}
				for _, list := range [][]string{want, got, told} {
					slices.Sort(list)
				}
				if !slices.Equal(got, want) || !slices.Equal(told, want) {
					rt.Fatalf("%s/%s of %v with multilib %q, sources %v, debuginfo %v holds\n%v\nwant\n%v\ntag why says\n%v", tag, view, views, multilib, sources, debuginfo, got, want, told)
				}
				c, err := v.Conflicts(r, view)
				if err != nil || fmt.Sprint(*c) != fmt.Sprint(compose.Conflicts{}) {
					rt.Fatalf("%s/%s: conflicts %+v, %v", tag, view, c, err)
				}
				made, err := s.Composer.View(ctx, r, tag, view)
				if err != nil || made.Count != len(want) {
					rt.Fatalf("%s/%s: composed %d packages, want %d: %v", tag, view, made.Count, len(want), err)
				}
			}
		}
	})
}
