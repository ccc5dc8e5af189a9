package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/rpm"
)

// listed is a package as dnf lists it.
type listed struct {
	rpm.NEVRA
	source rpm.NEVRA
}

// TestDnfSeesEveryMerge makes a tag of each pair of ci-dnf-stack's repositories in both orders, of each three with VREPOFS_LONG, and asks dnf what it
// sees in the views: of each source package the highest version that the first repository has which has it, by a model that knows no more.
// Then it installs some, from the view and from the repositories with priorities: the same, where priorities by name and by source package are
// the same.
func TestDnfSeesEveryMerge(t *testing.T) {
	needs(t, "dnf")
	dirs, err := filepath.Glob(sharedData(t) + "/fixtures/rpm-software-management+ci-dnf-stack@*/dnf-behave-tests/fixtures/repos")
	if err != nil || len(dirs) != 1 {
		t.Fatalf("the real repositories: %v, %v", dirs, err)
	}
	modular := []string{"fedora-modular", "thirdparty"} // modules have a rule of their own, which compat koji does not know
	names := append([]string{"fedora", "install-remove", "priority-1", "priority-2", "rich", "scriptlets"}, modular...)
	b := newBox(t)
	for _, n := range names {
		b.ok("repo", "import", n, filepath.Join(dirs[0], "dnf-ci-"+n))
	}
	var merges [][]string
	for _, x := range names {
		for _, y := range names {
			for _, z := range append([]string{""}, names...) {
				switch {
				case x == y || z != "" && (z == x || z == y || !long()):
				case z == "":
					merges = append(merges, []string{x, y})
				default:
					merges = append(merges, []string{x, y, z})
				}
			}
		}
	}
	wanted := "tags:\n"
	for i, m := range merges {
		wanted += fmt.Sprintf("  m%d: {arches: [x86_64], open: true, external: {", i)
		for j, n := range m {
			wanted += fmt.Sprintf("%s: %d, ", n, j+1)
		}
		wanted += "}"
		if slices.ContainsFunc(m, func(n string) bool { return slices.Contains(modular, n) }) {
			wanted += ", compat: koji"
		}
		wanted += "}\n"
	}
	b.ok("apply", b.write("wanted.yaml", wanted))
	b.mount()
	urls := map[string]string{}
	for _, n := range names {
		urls[n] = "file://" + b.mnt + "/repos/" + n + "/latest"
	}
	originals := b.list(urls)
	clear(urls)
	for i := range merges {
		urls[fmt.Sprint("m", i)] = "file://" + b.mnt + fmt.Sprintf("/tags/m%d/x86_64", i)
	}
	views := b.list(urls)
	total := 0
	for i, m := range merges {
		var want []string
		for _, k := range modelMerge(m, originals) {
			want = append(want, k.NEVRA.String())
		}
		var got []string
		for _, k := range views[fmt.Sprint("m", i)] {
			got = append(got, k.NEVRA.String())
		}
		slices.Sort(want)
		slices.Sort(got)
		same(t, strings.Join(m, ", "), strings.Join(got, "\n"), strings.Join(want, "\n"))
		total += len(got)
	}
	t.Logf("%d views, %d packages", len(merges), total)
	if t.Failed() {
		return
	}
	b.installSome(merges, originals)
}

// list asks dnf what each repository has, by name.
func (b *box) list(urls map[string]string) map[string][]listed {
	b.Helper()
	names := slices.Sorted(func(yield func(string) bool) {
		for n := range urls {
			if !yield(n) {
				return
			}
		}
	})
	out := map[string][]listed{}
	for batch := range slices.Chunk(names, 40) {
		var args []string
		for _, n := range batch {
			args = append(args, fmt.Sprintf("--repofrompath=x-%s,%s", n, urls[n]), "--repo=x-"+n)
		}
		args = append(args, "repoquery", "--available", "--disable-modular-filtering",
			"--qf=%{repoid} %{name} %{epoch} %{version} %{release} %{arch} %{sourcerpm}")
		for line := range strings.SplitSeq(b.dnfOK("merges", urls[batch[0]], args...), "\n") {
			f := append(strings.Fields(line), "")
			name, ours := strings.CutPrefix(f[0], "x-")
			if !ours {
				continue
			}
			k := listed{NEVRA: rpm.NEVRA{Name: f[1], Arch: f[5], EVR: rpm.EVR{Epoch: f[2], Version: f[3], Release: f[4]}}}
			var err error
			if f[6] != "" && f[6] != "(none)" {
				if k.source, err = rpm.ParseSourceRPM(f[6]); err != nil {
					b.Fatalf("%q: %v", line, err)
				}
			}
			out[name] = append(out[name], k)
		}
	}
	return out
}

// modelMerge is what a view of x86_64 over repositories is to hold.
func modelMerge(names []string, originals map[string][]listed) []listed {
	var out []listed
	claims, have := map[string]rpm.NEVRA{}, map[string]bool{}
	for _, n := range names {
		best := map[string]rpm.NEVRA{}
		var mine []listed
		for _, k := range originals[n] {
			if k.Arch != "x86_64" && k.Arch != "noarch" {
				continue
			}
			mine = append(mine, k)
			source := k.source
			if k.Version == source.Version && k.Release == source.Release {
				source.Epoch = k.Epoch
			}
			if old, found := best[source.Name]; !found || rpm.Compare(source.EVR, old.EVR) > 0 {
				best[source.Name] = source
			}
		}
		for name, source := range best {
			if _, claimed := claims[name]; !claimed {
				claims[name] = source
			}
		}
		for _, k := range mine {
			if c := claims[k.source.Name]; c.Version == k.source.Version && c.Release == k.source.Release && !have[k.NVRA()] {
				have[k.NVRA()] = true
				out = append(out, k)
			}
		}
	}
	return out
}

// byPriority is what dnf looks at by priorities: of each name the packages of the first repository that has it.
func byPriority(names []string, originals map[string][]listed) map[rpm.NEVRA]bool {
	out, of := map[rpm.NEVRA]bool{}, map[string]string{}
	for _, n := range names {
		for _, k := range originals[n] {
			if k.Arch != "x86_64" && k.Arch != "noarch" {
				continue
			}
			if _, found := of[k.Name]; !found {
				of[k.Name] = n
			}
			if of[k.Name] == n {
				out[k.NEVRA] = true
			}
		}
	}
	return out
}

// installSome installs a package of each pair where what dnf looks at by priorities is what the view has, from the view and from the repositories
// with priorities.
func (b *box) installSome(merges [][]string, originals map[string][]listed) {
	b.Helper()
	eligible, installed := 0, 0
	for i, m := range merges {
		first, view := byPriority(m, originals), modelMerge(m, originals)
		alike := len(m) == 2 && len(view) == len(first)
		var names []string
		for _, k := range view {
			alike = alike && first[k.NEVRA]
			if !strings.HasPrefix(k.Name, "glibc") { // wants basesystem, which is in one repository alone
				names = append(names, k.Name)
			}
		}
		if !alike {
			continue
		}
		eligible++
		slices.Sort(names)
		name := names[i*37%len(names)]
		var said []string
		install := func(root, url string, more ...string) string {
			b.dnfOK(root, url, append(slices.Clone(more), "repoquery", "--available")...) // outside of the root, so that its directories are there
			r := b.dnf(root, url, append(more, "--setopt=*.module_hotfixes=1", "--installroot="+b.path(root), "--setopt=tsflags=noscripts", "install", name)...)
			said = append(said, r.err)
			return fmt.Sprintf("exit %d\n%s", r.code, b.sh("rpm --root "+b.path(root)+" -qa --qf '%{name} %{sha256header}\n' | sort"))
		}
		got := install(fmt.Sprint("view", i), fmt.Sprintf("file://%s/tags/m%d/x86_64", b.mnt, i))
		same(b, fmt.Sprintf("%v: install %s", m, name), got, install(fmt.Sprint("ranked", i), "file://"+b.mnt+"/repos/"+m[0]+"/latest",
			"--setopt=it.priority=1", "--repofrompath=second,file://"+b.mnt+"/repos/"+m[1]+"/latest", "--repo=second", "--setopt=second.priority=2"))
		if strings.HasPrefix(got, "exit 0") && strings.Contains(got, name+" ") {
			installed++
		} else {
			b.Logf("%v: install %s: %s\n%s", m, name, got, said)
		}
	}
	b.Logf("%d pairs are the same by priorities; %d installations", eligible, installed)
	if installed < 3 {
		b.Errorf("%d installations, want more", installed)
	}
}
