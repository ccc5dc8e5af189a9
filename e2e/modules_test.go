package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestModules makes a tag of real repositories, one with module streams and a plain one, and compares what dnf sees of modules and packages in its
// view with what it sees in the sources themselves.
func TestModules(t *testing.T) {
	needs(t, "dnf")
	dirs, err := filepath.Glob(sharedData(t) + "/fixtures/rpm-software-management+ci-dnf-stack@*/dnf-behave-tests/fixtures/repos")
	if err != nil || len(dirs) != 1 {
		t.Fatalf("the real repositories: %v, %v", dirs, err)
	}
	b := newBox(t)
	for _, name := range []string{"dnf-ci-fedora-modular", "dnf-ci-thirdparty", "dnf-ci-fedora"} {
		dir, err := filepath.Abs(filepath.Join(dirs[0], name))
		if err != nil {
			t.Fatal(err)
		}
		b.ok("repo", "import", name, dir)
	}
	b.ok("tag", "create", "one", "--arch", "x86_64", "--open")
	b.ok("tag", "external", "add", "one", "dnf-ci-fedora-modular", "--priority", "10")
	b.ok("tag", "create", "dev", "--arch", "x86_64", "--open")
	b.ok("tag", "inherit", "add", "dev", "one", "--priority", "10")
	b.ok("tag", "external", "add", "dev", "dnf-ci-fedora", "--priority", "20")
	b.ok("tag", "create", "last", "--arch", "x86_64", "--open")
	b.ok("tag", "external", "add", "last", "dnf-ci-thirdparty", "--priority", "10")
	b.ok("tag", "external", "add", "last", "dnf-ci-fedora-modular", "--priority", "20")
	b.mount()
	plain := []string{"--setopt=module_platform_id=platform:f29"}
	url := func(path string) string { return "file://" + b.mnt + "/" + path }
	ask := func(cache, url string, args ...string) string {
		return b.dnfOK(cache, url, append(plain, args...)...)
	}
	modules := func(cache, url string) string {
		var out []string
		for _, line := range strings.Split(ask(cache, url, "module", "list", "--all"), "\n") {
			if f := strings.Fields(line); len(f) > 2 && !strings.HasPrefix(line, "Hint:") && f[0] != "Name" && f[0] != "it" {
				out = append(out, strings.Join(f, " "))
			}
		}
		return strings.Join(out, "\n")
	}
	arches := []string{"repoquery", "--available", "--arch=x86_64,noarch", nevraFormat}
	unfiltered := append(arches[:len(arches):len(arches)], "--disable-modular-filtering")

	// A source alone: the same modules, and the same packages of the view's arch with and without dnf's filter, and after a stream is chosen.
	source, view := url("repos/dnf-ci-fedora-modular/latest"), url("tags/one/x86_64")
	list := modules("source", source)
	if !strings.Contains(list, "nodejs 8 ") || !strings.Contains(list, "postgresql 9.6 ") {
		t.Fatalf("dnf sees modules\n%s", list)
	}
	same(t, "modules", modules("view", view), list)
	same(t, "packages", ask("view", view, arches...), ask("source", source, arches...))
	all := ask("view", view, unfiltered...)
	same(t, "packages without the filter", all, ask("source", source, unfiltered...))
	for _, stream := range []string{"nodejs-1:8.11.4", "nodejs-1:10.11.0", "nodejs-1:11.0.0"} {
		if !strings.Contains(all, stream) {
			t.Errorf("no %s in the view:\n%s", stream, all)
		}
	}
	install := func(root, url string, more ...string) string {
		args := append([]string{"--installroot=" + b.path(root), "--setopt=tsflags=noscripts"}, more...)
		ask(root, url, append(more[:len(more):len(more)], "repoquery", "--available")...)
		ask(root, url, append(args, "module", "install", "nodejs:8/minimal")...)
		return b.sh("rpm --root " + b.path(root) + " -qa --qf '%{nevra}\n' | sort")
	}

	// Behind it a plain one: its packages are beside the streams, but for source packages that a stream has.
	base := url("repos/dnf-ci-fedora/latest")
	merged := url("tags/dev/x86_64")
	same(t, "modules of two", modules("two", merged), list)
	ranked := []string{"--repofrompath=base," + base, "--repo=base", "--setopt=it.priority=1", "--setopt=base.priority=2"}
	both := ask("both", source, append(ranked, arches...)...)
	got := ask("two", merged, arches...)
	names := func(list string) map[string]bool {
		out := map[string]bool{}
		for _, l := range strings.Split(list, "\n") {
			out[l] = true
		}
		return out
	}
	there := names(both)
	for l := range names(got) {
		if !there[l] {
			t.Errorf("dnf sees %s in the view and not in the two", l)
		}
	}
	wget := 0
	for l := range names(got) {
		if strings.HasPrefix(l, "wget-") {
			wget++
		}
	}
	if len(names(got)) < 200 || wget == 0 {
		t.Errorf("dnf sees %d packages in the view of two", len(names(got)))
	}
	installed := install("root-view", merged)
	same(t, "what dnf installs of a stream", installed, install("root-both", source, ranked...))
	if !strings.Contains(installed, "nodejs-1:8.11.4") {
		t.Errorf("installed\n%s", installed)
	}

	// The modules metadata is the first source's: streams that it does not describe are out, whole, and said to be.
	shown := b.ok("tag", "show", "last")
	if !strings.Contains(shown, "modules     dnf-ci-thirdparty@") || !strings.Contains(shown, "(not merged: dnf-ci-fedora-modular@") {
		t.Errorf("tag show:\n%s", shown)
	}
	left := ask("last", url("tags/last/x86_64"), unfiltered...)
	if strings.Contains(left, "nodejs") || !strings.Contains(left, "arabian-dance-0:1.0") {
		t.Errorf("packages\n%s", left)
	}
	if said := b.ok("tag", "conflicts", "last"); !strings.Contains(said, "nodejs:8:20180816123422:6c81f848 of dnf-ci-fedora-modular@") {
		t.Errorf("tag conflicts:\n%s", said)
	}
	same(t, "modules of the first", modules("last", url("tags/last/x86_64")), modules("third", url("repos/dnf-ci-thirdparty/latest")))

	// The metadata file is upstream's, byte for byte.
	b.sh("cmp " + b.mnt + "/tags/dev/x86_64/repodata/*-modules.yaml.gz " + b.mnt + "/repos/dnf-ci-fedora-modular/latest/repodata/*-modules.yaml.gz")
}
