package e2e

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"vrepofs/testrpm"
)

// dnf runs dnf with one repository, at url, and a cache and configuration of its own below the directory cache.
func (b *box) dnf(cache, url string, args ...string) result {
	b.Helper()
	dir := b.path("dnf", cache)
	if err := os.MkdirAll(dir+"/none", 0o755); err != nil {
		b.Fatal(err)
	}
	conf := b.write("dnf/"+cache+"/conf", "[main]\n")
	all := []string{"-q", "-y", "--refresh", "--config=" + conf, "--releasever=9", "--forcearch=x86_64", "--nogpgcheck", "--setopt=reposdir=" + dir + "/none",
		"--setopt=pluginpath=" + dir + "/none", "--setopt=cachedir=" + dir + "/cache", "--setopt=logdir=" + dir + "/log", "--setopt=persistdir=" + dir + "/persist",
		"--setopt=keepcache=0", "--setopt=skip_if_unavailable=0", "--setopt=module_platform_id=platform:el9",
		"--repofrompath=it," + url, "--repo=it"}
	return b.finish(b.command("dnf", append(all, args...)...))
}

// dnfOK is dnf that must succeed; it returns the answer's lines, sorted.
func (b *box) dnfOK(cache, url string, args ...string) string {
	b.Helper()
	r := b.dnf(cache, url, args...)
	if r.code != 0 {
		b.Errorf("dnf %s with %s: exit %d\n%s%s", strings.Join(args, " "), url, r.code, r.out, r.err)
	}
	return sortedLines(r.out)
}

func sortedLines(s string) string {
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// nevraFormat is dnf's query format for what function nevras returns.
const nevraFormat = "--qf=%{name}-%{epoch}:%{version}-%{release}.%{arch}"

// TestDnf lets dnf work with what vrepofs generates: a snapshot and a merged view, from the mount itself and through nginx.
func TestDnf(t *testing.T) {
	needs(t, "dnf", "nginx")
	b := newBox(t)
	specs := b.fill()
	b.mount()
	web := b.nginx()
	for _, url := range []string{"file://" + b.mnt, web} {
		name := strings.SplitN(url, ":", 2)[0]
		view := url + "/tags/dev/x86_64"
		t.Run(name, func(t *testing.T) {
			b.TB = t
			b.dnfOK(name, view, "makecache")
			same(t, "view", b.dnfOK(name, view, "repoquery", "--available", nevraFormat), nevras(specs, isBinary))
			list := b.dnfOK(name, view, "repoquery", "-l", "app")
			same(t, "files of app", list, "/etc/app.conf\n/usr/bin/app\n/usr/share/doc/app\n/usr/share/doc/app/README")
			same(t, "who owns a file", b.dnfOK(name, view, "repoquery", "--file", "/usr/include/thing.h", nevraFormat), "libthing-devel-1:1.3~rc2-4.el9.x86_64")
			if log := b.dnfOK(name, view, "repoquery", "--changelogs", "app.x86_64"); !strings.Contains(log, "A Packager <a@example.org> - 2.0-1") {
				t.Errorf("change log: %q", log)
			}
			root := b.path("root-" + name)
			b.dnfOK(name, view, "--installroot="+root, "install", "app")
			same(t, "installed", b.sh("rpm --root "+root+" -qa --qf '%{name}\\n' | sort"), "app\ndata\nlibthing")
			b.sh("rpm --root " + root + " -Va --nodeps && cmp " + root + "/etc/app.conf <(echo app)")
			snapshot := url + "/repos/r/latest"
			same(t, "snapshot", b.dnfOK(name+"-s", snapshot, "repoquery", "--available", nevraFormat), nevras(specs, nil))
			same(t, "source RPMs of the snapshot", sortedLines(b.dnf(name+"-s", snapshot, "repoquery", "--available", "--arch=src", nevraFormat).out), nevras(specs, isSource))
		})
	}
	b.TB = t
}

// TestDnfSeesATagMove makes a view's next generation there for a client that had the one before.
func TestDnfSeesATagMove(t *testing.T) {
	needs(t, "dnf", "nginx")
	b := newBox(t)
	specs := b.fill()
	b.mount()
	next := testrpm.Spec{Name: "app", Version: "2.1", Release: "1.el9"}
	b.ok("build", "import", b.rpms("next", next))
	for _, url := range []string{"file://" + b.mnt, b.nginx()} {
		name := strings.SplitN(url, ":", 2)[0]
		view := url + "/tags/dev/x86_64"
		ask := func() string { return b.dnfOK(name, view, "repoquery", "--available", nevraFormat) }
		same(t, name+": before", ask(), nevras(specs, isBinary))
		b.ok("tag", "add", "dev", "app-2.1-1.el9")
		same(t, name+": after", ask(), nevras(append(specs[1:5:5], next), nil))
		b.ok("tag", "remove", "dev", "app-2.1-1.el9")
		same(t, name+": back", ask(), nevras(specs, isBinary))
	}
}

// TestTwoPackagesOfOneFileName puts RPMs that have one file name and other bytes into one view: the second lies deeper, and dnf
// reads both.
func TestTwoPackagesOfOneFileName(t *testing.T) {
	needs(t, "dnf")
	b := newBox(t)
	spec := testrpm.Spec{Name: "twice", Files: []testrpm.File{{Path: "/usr/share/twice", Size: 1000}}}
	signed := spec
	signed.Signature = testrpm.FakeSignature(0x1234567890abcdef, 1)
	rebuilt := spec
	rebuilt.Summary = "Another build of the same name"
	for name, other := range map[string]testrpm.Spec{"signed": signed, "rebuilt": rebuilt} {
		one, two := b.rpms(name+"/1", spec), b.rpms(name+"/2", other)
		b.ok("repo", "import", name, one, two)
	}
	if b.daemon == nil {
		b.mount()
	}
	for _, name := range []string{"signed", "rebuilt"} {
		at := b.mnt + "/repos/" + name + "/latest"
		files := strings.Split(b.sh(fmt.Sprintf("cd %s/Packages && find . -name '*.rpm' | sort", at)), "\n")
		if len(files) != 2 {
			t.Fatalf("%s: files are %q, want two", name, files)
		}
		if files[0] > files[1] || files[1] != "./t/twice-1.0-1.x86_64.rpm" {
			t.Errorf("%s: files are %q, want the first at its usual place", name, files)
		}
		digest := strings.Fields(b.sh(fmt.Sprintf("cd %s/Packages && sha256sum %s", at, files[0])))[0]
		if want := "./t/" + digest[:16] + "/twice-1.0-1.x86_64.rpm"; files[0] != want {
			t.Errorf("%s: the second lies at %s, want %s", name, files[0], want)
		}
		same(t, name+": bytes", b.sh(fmt.Sprintf("cd %s/Packages && sha256sum $(find . -name '*.rpm') | cut -c-64 | sort", at)),
			b.sh(fmt.Sprintf("sha256sum $(find %s -name '*.rpm') | cut -c-64 | sort", b.path(name))))
		// dnf takes packages of one NEVRA in one repository for one, and reads either.
		got := b.dnfOK(name, "file://"+at, "repoquery", "--available", "--qf=%{name} %{location}")
		if !strings.Contains(got, "twice Packages/t/") {
			t.Errorf("%s: dnf says %q", name, got)
		}
		if name == "rebuilt" { // the signature of the other is none that rpm would let pass
			b.dnfOK(name, "file://"+at, "--installroot="+b.path("root-"+name), "install", "twice")
		}
		same(t, name+": createrepo_c reads both", b.sh("zcat "+at+"/repodata/*-primary.xml.gz | grep -c '<location href'"), "2")
	}
}
