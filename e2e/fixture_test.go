package e2e

import (
	"fmt"
	"sort"
	"strings"

	"vrepofs/testrpm"
)

// program of the standard content: installable RPMs with files, dependencies between them, and odd but usual versions.
func distro() []testrpm.Spec {
	bin := func(name string, size int) []testrpm.File {
		return []testrpm.File{{Path: "/usr/bin/" + name, Mode: 0o755, Size: size}, {Path: "/usr/share/doc/" + name, Mode: 0o40755},
			{Path: "/usr/share/doc/" + name + "/README", Size: 100}, {Path: "/etc/" + name + ".conf", Config: true, Body: []byte(name + "\n")}}
	}
	return []testrpm.Spec{
		{Name: "app", Version: "2.0", Release: "1.el9", Requires: []string{"libthing >= 1:1.0", "data"}, Files: bin("app", 3000),
			Changelog: []testrpm.Change{{Time: testrpm.BuildTime, Author: "A Packager <a@example.org> - 2.0-1", Text: "- second"}}},
		{Name: "libthing", Epoch: "1", Version: "1.3~rc2", Release: "4.el9", Provides: []string{"libthing.so.1()(64bit)"}, Files: bin("thing", 20000)},
		{Name: "libthing-devel", Epoch: "1", Version: "1.3~rc2", Release: "4.el9", SourceRPM: "libthing-1.3~rc2-4.el9.src.rpm", Requires: []string{"libthing = 1:1.3~rc2-4.el9"},
			Files: []testrpm.File{{Path: "/usr/include/thing.h", Body: []byte("#pragma once\n")}}},
		{Name: "data", Version: "20260101^git1", Release: "1", Arch: "noarch", Files: []testrpm.File{{Path: "/usr/share/data/table", Size: 70000}}, Recommends: []string{"app"}},
		{Name: "Zebra++", Version: "0", Release: "0.1", Files: bin("zebra", 10)},
		{Name: "app", Version: "2.0", Release: "1.el9", Arch: "src", Files: []testrpm.File{{Path: "app.spec", Body: []byte("Name: app\n")}}},
	}
}

// nevras are the packages of specs as dnf prints them with %{epoch}: "app-0:2.0-1.el9.x86_64", sorted, one a line.
func nevras(specs []testrpm.Spec, keep func(testrpm.Spec) bool) string {
	var out []string
	for _, s := range specs {
		if keep != nil && !keep(s) {
			continue
		}
		set := func(p *string, v string) {
			if *p == "" {
				*p = v
			}
		}
		set(&s.Epoch, "0")
		set(&s.Version, "1.0")
		set(&s.Release, "1")
		set(&s.Arch, "x86_64")
		out = append(out, fmt.Sprintf("%s-%s:%s-%s.%s", s.Name, s.Epoch, s.Version, s.Release, s.Arch))
	}
	sort.Strings(out)
	return strings.Join(out, "\n")
}

func isBinary(s testrpm.Spec) bool { return s.Arch != "src" }
func isSource(s testrpm.Spec) bool { return s.Arch == "src" }

// fill gives a store the standard content: repo "r" with one snapshot, tag "base" and "dev" which inherits from it, both with views
// of x86_64 and src. It returns the specs.
func (b *box) fill() []testrpm.Spec {
	b.Helper()
	specs := distro()
	dir := b.rpms("rpms", specs...)
	b.ok("repo", "import", "r", dir)
	b.ok("build", "import", dir)
	b.ok("tag", "create", "base", "--arch", "x86_64", "--arch", "src", "--open")
	b.ok("tag", "create", "dev", "--arch", "x86_64", "--arch", "src", "--open")
	b.ok("tag", "inherit", "add", "dev", "base", "--priority", "10")
	b.ok("tag", "add", "base", "libthing-1.3~rc2-4.el9", "data-20260101^git1-1", "Zebra++-0-0.1")
	b.ok("tag", "add", "dev", "app-2.0-1.el9")
	return specs
}
