package merge_test

import (
	"errors"
	iofs "io/fs"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/merge"
)

// TestPlacement: which RPMs are in which views. A row names the RPM, and the views of the tag in which it is.
func TestPlacement(t *testing.T) {
	named := []string{"glibc", "*-devel"}
	const views = "x86_64 i386 i686 armhfp ppc64 s390x aarch64 src nosrc"
	for _, c := range []struct {
		contents merge.Contents
		views    string
		name     string
		arch     string
		is       string // the views that have it
	}{
		// Arches fold; noarch is everywhere but in views of sources.
		{merge.Contents{}, views, "zlib", "x86_64", "x86_64"},
		{merge.Contents{}, views, "zlib", "ia32e", "x86_64"},
		{merge.Contents{}, views, "zlib", "amd64", ""},
		{merge.Contents{}, views, "zlib", "i686", "i386 i686"},
		{merge.Contents{}, views, "zlib", "athlon", "i386 i686"},
		{merge.Contents{}, views, "zlib", "geode", ""},
		{merge.Contents{}, views, "zlib", "armv7hl", "armhfp"},
		{merge.Contents{}, views, "zlib", "armv7l", ""},
		{merge.Contents{}, views, "zlib", "ppc64p7", "ppc64"},
		{merge.Contents{}, views, "zlib", "ppc64le", ""},
		{merge.Contents{}, views, "zlib", "noarch", "x86_64 i386 i686 armhfp ppc64 s390x aarch64"},
		{merge.Contents{}, views, "zlib", "src", "src"},
		{merge.Contents{}, views, "zlib", "nosrc", "src nosrc"},
		{merge.Contents{}, views, "zlib-debuginfo", "x86_64", "x86_64"},
		// Multilib.
		{merge.Contents{Multilib: []string{"*"}}, views, "zlib", "i686", "x86_64 i386 i686"},
		{merge.Contents{Multilib: []string{"*"}}, views, "zlib", "geode", "x86_64"},
		{merge.Contents{Multilib: []string{"*"}}, views, "zlib", "amd64", "x86_64"},
		{merge.Contents{Multilib: []string{"*"}}, views, "zlib", "ppc", "ppc64"},
		{merge.Contents{Multilib: []string{"*"}}, views, "zlib", "s390", "s390x"},
		{merge.Contents{Multilib: []string{"*"}}, views, "zlib", "x86_64", "x86_64"},
		{merge.Contents{Multilib: []string{"*"}}, views, "zlib", "armv7hl", "armhfp"},
		// Sources.
		{merge.Contents{Sources: true}, "x86_64 i386 x86_64-debug src", "zlib", "src", "x86_64 i386 src"},
		{merge.Contents{Sources: true}, "x86_64 i386", "zlib", "nosrc", "x86_64 i386"},
		{merge.Contents{Sources: true}, "x86_64 src", "zlib", "noarch", "x86_64"},
		// Debuginfo: apart for the arches that have a debug view.
		{merge.Contents{}, "x86_64 x86_64-debug i386 src", "zlib", "x86_64", "x86_64"},
		{merge.Contents{}, "x86_64 x86_64-debug i386 src", "zlib-debuginfo", "x86_64", "x86_64-debug"},
		{merge.Contents{}, "x86_64 x86_64-debug i386 src", "zlib-debuginfo", "i686", "i386"},
		{merge.Contents{}, "x86_64 x86_64-debug i386 src", "zlib-debugsource", "noarch", "x86_64-debug i386"},
		{merge.Contents{}, "x86_64 x86_64-debug i386 src", "zlib", "noarch", "x86_64 i386"},
		{merge.Contents{}, "x86_64 x86_64-debug i386 src", "kernel-debuginfo-common-x86_64", "x86_64", "x86_64-debug"},
		{merge.Contents{}, "x86_64 x86_64-debug i386 src", "debuginfo-tools", "x86_64", "x86_64"},
		{merge.Contents{}, "x86_64 x86_64-debug i386 src", "gcc-debugsources", "x86_64", "x86_64"},
		{merge.Contents{}, "x86_64 x86_64-debug i386 src", "strange-debuginfo", "src", "src"},
		{merge.Contents{NoDebuginfo: true}, "x86_64 x86_64-debug i386 src", "zlib-debuginfo", "x86_64", "x86_64-debug"},
		{merge.Contents{NoDebuginfo: true}, "x86_64 x86_64-debug i386 src", "zlib-debuginfo", "i686", ""},
		{merge.Contents{NoDebuginfo: true}, "x86_64 x86_64-debug i386 src", "zlib-debuginfo", "noarch", "x86_64-debug"},
		{merge.Contents{NoDebuginfo: true, Sources: true}, "x86_64 x86_64-debug src", "strange-debuginfo", "src", "x86_64 src"},
		{merge.Contents{Multilib: []string{"*"}}, "x86_64 x86_64-debug i386 src", "zlib-debuginfo", "i686", "x86_64-debug i386"},
		// Multilib by name: patterns, and debuginfo with its packages.
		{merge.Contents{Multilib: named}, "x86_64 i386", "glibc", "i686", "x86_64 i386"},
		{merge.Contents{Multilib: named}, "x86_64 i386", "zlib-devel", "i686", "x86_64 i386"},
		{merge.Contents{Multilib: named}, "x86_64 i386", "zlib", "i686", "i386"},
		{merge.Contents{Multilib: named}, "x86_64 i386", "zlib", "geode", ""},
		{merge.Contents{Multilib: named}, "x86_64 i386", "zlib", "x86_64", "x86_64"},
		{merge.Contents{Multilib: named}, "x86_64 i386", "zlib", "noarch", "x86_64 i386"},
		{merge.Contents{Multilib: named}, "x86_64 x86_64-debug", "glibc-debuginfo", "i686", "x86_64-debug"},
		{merge.Contents{Multilib: named}, "x86_64 x86_64-debug", "glibc-debuginfo-common", "i686", "x86_64-debug"},
		{merge.Contents{Multilib: named}, "x86_64 x86_64-debug", "glibc-debugsource", "i686", "x86_64-debug"},
		{merge.Contents{Multilib: named}, "x86_64 x86_64-debug", "zlib-debuginfo", "i686", ""},
		{merge.Contents{Multilib: named}, "x86_64 x86_64-debug", "zlib-debuginfo", "x86_64", "x86_64-debug"},
		{merge.Contents{Multilib: []string{"*", "glibc"}}, "x86_64", "zlib", "i686", "x86_64"},
	} {
		var in []string
		all := strings.Fields(c.views)
		for _, view := range all {
			p := merge.Place(view, all, c.contents)
			refused := p.Refuses(c.name, c.arch)
			if refused == "" {
				in = append(in, view)
			}
			if has := p.InArch(c.arch) && p.Apart(c.name, c.arch) == ""; has != (refused == "") {
				t.Errorf("%s.%s in %s: in it is %v, and why not %q", c.name, c.arch, view, has, refused)
			}
		}
		if got := strings.Join(in, " "); got != c.is {
			t.Errorf("%s.%s with %+v is in %q of %q, want %q", c.name, c.arch, c.contents, got, c.views, c.is)
		}
	}
}

func TestContentsCheck(t *testing.T) {
	for pattern, ok := range map[string]bool{"*": true, "zlib": true, "*-devel": true, "lib[a-z]*": true, "": false, "lib[": false, `lib\`: false} {
		err := merge.Contents{Multilib: []string{"glibc", pattern}}.Check()
		if (err == nil) != ok || err != nil && !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("multilib %q: %v, want ok %v", pattern, err, ok)
		}
	}
}

func TestCheckView(t *testing.T) {
	for view, ok := range map[string]bool{
		"x86_64": true, "x86_64-debug": true, "src": true, "nosrc": true, "debug": true,
		"noarch": false, "noarch-debug": false, "src-debug": false, "nosrc-debug": false, "-debug": false, "x86_64-debug-debug": false,
	} {
		if err := merge.CheckView(view); (err == nil) != ok || err != nil && !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("CheckView(%q): %v, want ok %v", view, err, ok)
		}
	}
}

// TestDebugViewDivides: a view and its debug view share what the view has without a debug view, whatever the sources, modes and rules; with
// debuginfo left out it has the first part of that. Multilib by name leaves some of multilib for all.
func TestDebugViewDivides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		repos := drawSources(t, true)
		for i := range repos {
			for j := range repos[i].Packages {
				k := &repos[i].Packages[j]
				k.Name += rapid.SampledFrom([]string{"", "", "-debuginfo", "-debugsource"}).Draw(t, "debuginfo")
				if rapid.IntRange(0, 3).Draw(t, "second arch") == 0 {
					k.Arch = "i686"
				}
			}
		}
		rules, _ := drawRules(t, rapid.Bool().Draw(t, "koji"))
		c := merge.Contents{Sources: rapid.Bool().Draw(t, "sources"), Multilib: []string{"*"}}
		taken := func(view string, views []string, c merge.Contents) []bool {
			p := merge.Place(view, views, c)
			rules.InArch, rules.Apart = p.InArch, func(name, arch string) bool { return p.Apart(name, arch) != "" }
			var out []bool
			for _, pick := range merge.Packages(repos, rules) {
				out = append(out, pick.Fate == merge.Taken)
				if k := repos[pick.Repo].Packages[pick.Index]; pick.Fate == merge.Taken && p.Refuses(k.Name, k.Arch) != "" {
					t.Fatalf("%s has %s, which it refuses", view, k.NEVRA)
				}
			}
			return out
		}
		both := []string{"x86_64", "x86_64-debug"}
		whole := taken("x86_64", both[:1], c)
		main, debug := taken("x86_64", both, c), taken("x86_64-debug", both, c)
		c.NoDebuginfo = true
		without := taken("x86_64", both[:1], c)
		c.NoDebuginfo, c.Multilib = false, []string{"a*"}
		named := taken("x86_64", both[:1], c)
		n := 0
		for _, r := range repos {
			for _, k := range r.Packages {
				meant := k.Arch != "i686" || k.Name[0] == 'a'
				if whole[n] != (main[n] != debug[n]) || main[n] && debug[n] || without[n] != main[n] || named[n] != (whole[n] && meant) {
					t.Fatalf("%s of %s: whole %v, main %v, debug %v, without %v, named %v", k.NEVRA, r.Name, whole[n], main[n], debug[n], without[n], named[n])
				}
				n++
			}
		}
	})
}
