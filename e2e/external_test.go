package e2e

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestExternalRepos makes a tag of three real repositories, of which two share 219 packages with other content, and compares its view in
// the mount with what mergerepo_c --koji makes of the same, and what dnf installs from it with what it installs from the three with priorities. Then
// one of them gets a new snapshot, which the view follows.
func TestExternalRepos(t *testing.T) {
	needs(t, "mergerepo_c", "dnf")
	dirs, err := filepath.Glob(sharedData(t) + "/fixtures/rpm-software-management+ci-dnf-stack@*/dnf-behave-tests/fixtures/repos")
	if err != nil || len(dirs) != 1 {
		t.Fatalf("the real repositories: %v, %v", dirs, err)
	}
	b := newBox(t)
	b.ok("tag", "create", "merged", "--arch", "x86_64", "--open")
	var sources []string
	for i, name := range []string{"dnf-ci-priority-1", "dnf-ci-priority-2", "dnf-ci-fedora"} {
		dir, err := filepath.Abs(filepath.Join(dirs[0], name))
		if err != nil {
			t.Fatal(err)
		}
		b.ok("repo", "import", name, dir, "--regenerate", "--upstream", "https://example.org/"+name+"/")
		b.ok("tag", "external", "add", "merged", name, "--priority", fmt.Sprint(10*(i+1)))
		sources = append(sources, "-r file://$MNT/repos/"+name+"/latest")
	}
	b.ok("tag", "set", "merged", "--compat", "koji", "--multilib", "all") // mergerepo_c adds i386 to x86_64
	b.mount()
	view := b.mnt + "/tags/merged/x86_64"
	same(t, "the origin of a snapshot's directory", b.sh("getfattr --only-values -n user.vrepofs.origin $MNT/repos/dnf-ci-fedora/latest/"), "https://example.org/dnf-ci-fedora")
	r := b.try("mergerepo_c --koji -a x86_64 --no-database --compress-type=gz -o koji " + strings.Join(sources, " "))
	if r.code != 0 {
		t.Fatalf("mergerepo_c: exit %d\n%s%s", r.code, r.out, r.err)
	}
	list := func(dir string) string {
		return b.sh(`zcat ` + dir + `/repodata/*primary.xml.gz | tr -d '\n' | sed 's,<package type,\n<package type,g' |
			sed -n 's/.*<name>\([^<]*\)<.*pkgid="YES">\([0-9a-f]*\)<.*/\1 \2/p' | sort`)
	}
	same(t, "the view and what mergerepo_c makes", list(view), list(b.path("koji")))
	if n := strings.Count(list(view), "\n"); n < 100 {
		t.Fatalf("the view has %d packages only", n)
	}

	// dnf installs from it what it installs from the sources, the first of them preferred.
	install := func(name, url string, more ...string) string {
		b.dnfOK(name, url, append(more, "repoquery", "--available")...)
		b.dnfOK(name, url, append([]string{"--installroot=" + b.path(name), "--setopt=tsflags=noscripts"}, append(more, "install", "flac")...)...)
		return b.sh("rpm --root " + b.path(name) + " -qa --qf '%{name} %{sha256header}\n' | sort")
	}
	ranked := []string{"--setopt=it.priority=1"}
	for i, name := range []string{"dnf-ci-priority-2", "dnf-ci-fedora"} {
		ranked = append(ranked, fmt.Sprintf("--repofrompath=r%d,file://%s/repos/%s/latest", i, b.mnt, name), fmt.Sprintf("--repo=r%d", i),
			fmt.Sprintf("--setopt=r%d.priority=%d", i, i+2))
	}
	got := install("root", "file://"+view)
	same(t, "what dnf installs", got, install("ranked", "file://"+b.mnt+"/repos/dnf-ci-priority-1/latest", ranked...))
	if !strings.Contains(got, "flac ") {
		t.Errorf("dnf installed %q", got)
	}

	// The view follows a new snapshot.
	before := list(view)
	b.ok("repo", "import", "dnf-ci-priority-1", b.rpms("new", distro()...))
	if list(view) == before {
		t.Error("the view does not follow the new snapshot")
	}
	event := strings.Fields(b.ok("tag", "external", "remove", "merged", "dnf-ci-priority-1"))[1]
	n, err := strconv.Atoi(event)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the view as of the events before", list(fmt.Sprintf("%s/at/%d/tags/merged/x86_64", b.mnt, n-2)), before)
}
