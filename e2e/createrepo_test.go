package e2e

import (
	"fmt"
	"strings"
	"testing"

	"vrepofs/testrpm"
)

// count reads the number of packages that repodata in dir claims, in all three files.
func (b *box) counts(dir string) string {
	b.Helper()
	return b.sh(fmt.Sprintf(`cd %s/repodata && for f in primary filelists other; do zcat *$f.xml.gz | grep -o 'packages="[0-9]*"'; done | sort -u`, dir))
}

// TestCreaterepoUpdateReadsOurs makes createrepo_c --update take our repodata for its own: it reads no RPM again.
func TestCreaterepoUpdateReadsOurs(t *testing.T) {
	needs(t, "createrepo_c")
	b := newBox(t)
	specs := b.fill()
	b.mount()
	for at, want := range map[string]int{"tags/dev/x86_64": 5, "repos/r/latest": len(specs)} {
		out := strings.ReplaceAll("out/"+at, "/", "-")
		// The options are those with which createrepo_c would write what we write; -v tells of each package whether it was read.
		r := b.try(fmt.Sprintf("mkdir -p $DIR/%[2]s && createrepo_c -v --update --no-database --general-compress-type=gz --outputdir $DIR/%[2]s --update-md-path $MNT/%[1]s $MNT/%[1]s", at, out))
		if r.code != 0 {
			t.Fatalf("createrepo_c: exit %d\n%s", r.code, r.err)
		}
		if n := strings.Count(r.err, "CACHE HIT"); n != want {
			t.Errorf("%s: %d packages taken from our repodata, want all %d\n%s", at, n, want, r.err)
		}
		same(t, at+": packages", b.counts(b.path(out)), fmt.Sprintf("packages=%q", fmt.Sprint(want)))
		// What it wrote says the same of every package as what it read.
		pkgids := func(dir string) string {
			return b.sh(`zcat ` + dir + `/repodata/*primary.xml.gz | grep -o 'pkgid="YES">[0-9a-f]*\|<time file="[0-9]*"\|href="[^"]*"' | sort`)
		}
		same(t, at+": checksums, times, hrefs", pkgids(b.path(out)), pkgids(b.mnt+"/"+at))
	}
}

// TestMergerepoReadsOurs merges a view and a snapshot of another repository.
func TestMergerepoReadsOurs(t *testing.T) {
	needs(t, "mergerepo_c")
	b := newBox(t)
	b.fill()
	b.ok("repo", "import", "other", b.rpms("other", testrpm.Spec{Name: "one"}, testrpm.Spec{Name: "two", Arch: "noarch"}, testrpm.Spec{Name: "data", Version: "1", Arch: "noarch"}))
	b.mount()
	r := b.try("mergerepo_c --no-database --compress-type=gz -o merged -r file://$MNT/tags/dev/x86_64 -r file://$MNT/repos/other/latest")
	if r.code != 0 {
		t.Fatalf("mergerepo_c: exit %d\n%s%s", r.code, r.out, r.err)
	}
	// data of the first repository hides that of the second: 5 + 2.
	same(t, "packages", b.counts(b.path("merged")), `packages="7"`)
	r = b.try("mergerepo_c --koji -a x86_64 --no-database --compress-type=gz -o koji -r file://$MNT/tags/dev/x86_64 -r file://$MNT/repos/other/latest")
	if r.code != 0 {
		t.Fatalf("mergerepo_c --koji: exit %d\n%s%s", r.code, r.out, r.err)
	}
	same(t, "packages as Koji merges", b.counts(b.path("koji")), `packages="7"`)
}
