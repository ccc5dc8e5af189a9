package e2e

import (
	"testing"

	"vrepofs/testrpm"
)

// TestArches lets dnf look into the views of a tag with multilib, debuginfo and sources, from builds and from an external repo: each view has
// exactly what the rules say, an i686 package is installed with what it needs, and a view that the tag loses stays in events before.
func TestArches(t *testing.T) {
	needs(t, "dnf")
	b := newBox(t)
	var builds, fedora []testrpm.Spec
	add := func(to *[]testrpm.Spec, source string, name, arch string, requires, provides []string) {
		s := testrpm.Spec{Name: name, Version: "1", Arch: arch, Requires: requires, Provides: provides}
		if arch != "src" {
			s.SourceRPM = source + "-1-1.src.rpm"
			s.Files = []testrpm.File{{Path: "/usr/share/" + name + "." + arch, Size: 10}}
		}
		*to = append(*to, s)
	}
	for _, arch := range []string{"x86_64", "i686"} {
		bits := map[string]string{"x86_64": "()(64bit)", "i686": ""}[arch]
		add(&builds, "tool", "tool", arch, []string{"libbase.so.1" + bits, "tool-data"}, nil)
		add(&builds, "tool", "tool-debuginfo", arch, nil, nil)
		add(&fedora, "base", "base", arch, nil, []string{"libbase.so.1" + bits})
		add(&fedora, "base", "base-debuginfo", arch, nil, nil)
	}
	add(&builds, "tool", "tool-data", "noarch", nil, nil)
	add(&builds, "tool", "tool-debugsource", "noarch", nil, nil)
	add(&builds, "tool", "tool", "src", nil, nil)
	add(&fedora, "base", "base", "src", nil, nil)
	add(&fedora, "base", "base-s390", "s390x", nil, nil)
	b.ok("build", "import", b.rpms("builds", builds...))
	b.ok("repo", "import", "fedora", b.rpms("fedora", fedora...))
	b.ok("tag", "create", "dev", "--open", "--arch", "x86_64")
	b.ok("tag", "add", "dev", "tool-1-1")
	b.ok("tag", "external", "add", "dev", "fedora", "--priority", "10")
	b.mount()

	all := append(append([]testrpm.Spec{}, builds...), fedora...)
	debug := func(s testrpm.Spec) bool {
		return s.Name == "tool-debuginfo" || s.Name == "base-debuginfo" || s.Name == "tool-debugsource"
	}
	cache := 0
	holds := func(what, arch string, keep func(testrpm.Spec) bool) {
		t.Helper()
		cache++
		name := string(rune('a' + cache))
		same(t, what, b.dnfOK(name, "file://"+b.mnt+"/tags/dev/"+arch, "repoquery", "--available", "--disable-modular-filtering", nevraFormat), nevras(all, keep))
	}
	of := func(arches ...string) func(testrpm.Spec) bool {
		return func(s testrpm.Spec) bool {
			for _, a := range arches {
				if s.Arch == a {
					return true
				}
			}
			return false
		}
	}
	main64, both := of("x86_64", "noarch"), of("x86_64", "i686", "noarch")
	holds("one arch", "x86_64", main64)

	stand := b.mnt + "/tags/dev/x86_64"
	b.ok("tag", "set", "dev", "--arch", "x86_64,x86_64-debug,src", "--multilib", "all")
	same(t, "the tag's directory", b.sh("ls "+b.mnt+"/tags/dev"), "src\nx86_64\nx86_64-debug")
	holds("multilib", "x86_64", func(s testrpm.Spec) bool { return both(s) && !debug(s) })
	holds("debuginfo", "x86_64-debug", func(s testrpm.Spec) bool { return both(s) && debug(s) })
	holds("sources", "src", of("src"))

	root := b.path("root")
	b.dnfOK("b", "file://"+stand, "--installroot="+root, "install", "tool.i686")
	// libsolv takes base.x86_64 along: its own rule about packages of two arches.
	same(t, "installed", b.sh("rpm --root "+root+" -qa --qf '%{name}.%{arch}\\n' | grep -v x86_64 | sort"), "base.i686\ntool-data.noarch\ntool.i686")

	b.ok("tag", "set", "dev", "--with-source", "--debuginfo=false", "--arch", "x86_64")
	holds("sources beside, debuginfo nowhere", "x86_64", func(s testrpm.Spec) bool { return (both(s) || s.Arch == "src") && !debug(s) })
	same(t, "the tag's directory", b.sh("ls "+b.mnt+"/tags/dev"), "x86_64")
	same(t, "a view of an event before", b.sh("ls "+b.mnt+"/at/6/tags/dev/x86_64-debug/Packages/t"), "tool-debuginfo-1-1.i686.rpm\ntool-debuginfo-1-1.x86_64.rpm\ntool-debugsource-1-1.noarch.rpm")
	b.ok("verify")
}
