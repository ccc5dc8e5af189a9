package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestGroups imports real comps.xml files into tags and asks dnf for the groups of the views in the mount, and of repositories that
// createrepo_c -g made of the same packages and the file itself.
func TestGroups(t *testing.T) {
	needs(t, "dnf", "createrepo_c")
	files := map[string]string{
		"fedora": "/fixtures/koji-project+koji/tests/test_cli/data/comps-example.xml",
		"stream": "/fixtures/osbuild+osbuild/test/data/testrepos/baseos/repodata/*-comps-BaseOS.x86_64.xml",
		"third":  "/fixtures/rpm-software-management+ci-dnf-stack@*/dnf-behave-tests/fixtures/repos/dnf-ci-thirdparty/repodata/comps.xml",
	}
	b := newBox(t)
	b.fill() // tag dev
	for name, pattern := range files {
		found, err := filepath.Glob(sharedData(t) + pattern)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		if files[name], err = filepath.Abs(found[0]); err != nil {
			t.Fatal(err)
		}
		b.ok("tag", "create", name, "--inherit", "dev:10", "--open")
		b.ok("tag", "group", "import", name, files[name])
	}
	b.mount()
	for name, file := range files {
		view, theirs := b.mnt+"/tags/"+name+"/x86_64", b.path("theirs-"+name)
		b.sh("mkdir -p " + theirs + " && cp $MNT/tags/" + name + "/x86_64/Packages/*/*.rpm " + theirs + " && cp '" + file + "' " + b.path("comps.xml"))
		if r := b.try("createrepo_c -q --no-database -g " + b.path("comps.xml") + " " + theirs); r.code != 0 {
			t.Fatalf("createrepo_c: exit %d\n%s", r.code, r.err)
		}
		// Both have the same records, and files whose names are of one form.
		records := func(dir string) string {
			return b.sh(`sed -n 's/.*<data type="\(.*\)">/\1/p; s,.*href="repodata/[0-9a-f]*-\(.*\)"/>,\1,p' ` + dir + "/repodata/repomd.xml")
		}
		same(t, name+": records of repomd.xml", records(view), records(theirs))
		same(t, name+": comps.xml.gz", b.sh("zcat "+view+"/repodata/*-comps.xml.gz"), b.sh("cat "+view+"/repodata/*-comps.xml"))
		same(t, name+": tag group export", strings.TrimSpace(b.ok("tag", "group", "export", name)), b.sh("cat "+view+"/repodata/*-comps.xml"))
		for _, query := range [][]string{{"group", "list", "--hidden"}, {"group", "info", "--hidden", "*"}} {
			// Some names have spaces behind them in Fedora's file.
			trim := func(s string) string { return strings.ReplaceAll(s, " \n", "\n") }
			ours, theirs := trim(b.dnfOK("ours-"+name, "file://"+view, query...)), trim(b.dnfOK("theirs-"+name, "file://"+theirs, query...))
			if strings.Count(ours, "\n") < 3 {
				t.Errorf("%s: dnf %v says %q", name, query, ours)
			}
			same(t, name+": dnf "+strings.Join(query, " "), ours, theirs)
		}
	}

	// A group of the tag's own installs what is in it and in the group that it requires; a parent's change is seen at once.
	b.ok("tag", "group", "add", "dev", "base")
	b.ok("tag", "group", "package", "add", "dev", "base", "libthing")
	b.ok("tag", "group", "add", "third", "build", "--name", "Build root")
	b.ok("tag", "group", "package", "add", "third", "build", "Zebra++", "@base")
	url := "file://" + b.mnt + "/tags/third/x86_64"
	b.dnfOK("install", url, "repoquery", "--available")
	b.dnfOK("install", url, "--installroot="+b.path("root"), "--setopt=tsflags=noscripts", "group", "install", "build")
	got := b.sh("rpm --root " + b.path("root") + " -qa --qf '%{name}\n' | sort")
	if !strings.Contains(got, "Zebra++\n") || !strings.Contains(got, "libthing") {
		t.Errorf("dnf group install build installed %q", got)
	}
	if info := b.dnfOK("ours-third", url, "group", "info", "build"); !strings.Contains(info, "libthing") {
		t.Errorf("dnf group info build says\n%s", info)
	}
	b.ok("tag", "group", "package", "block", "dev", "base", "libthing")
	if info := b.dnfOK("ours-third", url, "group", "info", "build"); strings.Contains(info, "libthing") {
		t.Errorf("after the block dnf group info build says\n%s", info)
	}
}
