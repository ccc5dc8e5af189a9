package e2e

import (
	"strings"
	"testing"

	"vrepofs/testrpm"
)

// TestLatest: dnf sees every build of a view that holds several, and installs the one that is asked for. Beside an external repo all of them
// stay; for --compat koji the view is what mergerepo_c --koji makes of a repository of the builds and the external repo.
func TestLatest(t *testing.T) {
	needs(t, "dnf", "mergerepo_c", "createrepo_c")
	b := newBox(t)
	lib := func(version string) []testrpm.Spec {
		src := "lib-" + version + "-1.src.rpm"
		return []testrpm.Spec{{Name: "lib", Version: version}, {Name: "lib-devel", Version: version, SourceRPM: src, Arch: "noarch"}}
	}
	builds := b.rpms("builds", append(append(lib("3"), lib("1")...), lib("2")...)...)
	b.ok("build", "import", builds)
	more := b.rpms("more", append(lib("9"), testrpm.Spec{Name: "lib-static", Version: "1", SourceRPM: "lib-1-1.src.rpm"}, testrpm.Spec{Name: "other"})...)
	b.ok("repo", "import", "more", more)
	b.ok("tag", "create", "base", "--arch", "x86_64")
	b.ok("tag", "create", "dev", "--inherit", "base:10")
	b.ok("tag", "package", "add", "base", "lib")
	b.ok("tag", "add", "base", "lib-3-1")
	b.ok("tag", "add", "dev", "lib-1-1")
	b.ok("tag", "add", "dev", "lib-2-1")
	b.mount()
	url := "file://" + b.mnt + "/tags/dev/x86_64"
	sees := func(cache string) string {
		return strings.Join(strings.Fields(b.dnfOK(cache, url, "repoquery", "--available", "--showduplicates")), " ")
	}
	same(t, "one", sees("one"), "lib-0:2-1.x86_64 lib-devel-0:2-1.noarch")
	b.ok("tag", "set", "dev", "--latest", "2")
	same(t, "two", sees("two"), "lib-0:1-1.x86_64 lib-0:2-1.x86_64 lib-devel-0:1-1.noarch lib-devel-0:2-1.noarch")
	b.ok("tag", "set", "dev", "--latest", "all")
	all := "lib-0:1-1.x86_64 lib-0:2-1.x86_64 lib-0:3-1.x86_64 lib-devel-0:1-1.noarch lib-devel-0:2-1.noarch lib-devel-0:3-1.noarch"
	same(t, "all", sees("all"), all)
	b.dnfOK("all", url, "--installroot="+b.path("root"), "--setopt=tsflags=noscripts", "install", "lib-1-1")
	same(t, "installed", strings.TrimSpace(b.sh("rpm --root "+b.path("root")+" -qa --qf '%{nvr}\n'")), "lib-1-1")

	// Of the versions that the builds give, the external repo may complete each; what it has of another stays away.
	b.ok("tag", "external", "add", "dev", "more", "--priority", "10")
	same(t, "beside an external repo", sees("beside"), all+" lib-static-0:1-1.x86_64 other-0:1.0-1.x86_64")

	b.ok("tag", "set", "dev", "--compat", "koji")
	if r := b.try("createrepo_c -q --no-database " + builds + " && mergerepo_c --koji -a x86_64 --no-database --compress-type=gz -o koji -r file://" + builds + " -r file://$MNT/repos/more/latest"); r.code != 0 {
		t.Fatalf("mergerepo_c: exit %d\n%s%s", r.code, r.out, r.err)
	}
	list := func(dir string) string {
		return b.sh(`zcat ` + dir + `/repodata/*primary.xml.gz | tr -d '\n' | sed 's,<package type,\n<package type,g' |
			sed -n 's/.*<name>\([^<]*\)<.*pkgid="YES">\([0-9a-f]*\)<.*/\1 \2/p' | sort`)
	}
	theirs := list(b.path("koji"))
	same(t, "for --compat koji", list(b.mnt+"/tags/dev/x86_64"), theirs)
	if strings.Count(theirs, "\n") != 2 { // lib-3, lib-devel-3, other, the last without a newline
		t.Errorf("mergerepo_c made\n%s", theirs)
	}
}
