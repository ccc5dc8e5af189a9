package layout_test

import (
	"fmt"
	"strings"
	"testing"

	"vrepofs/merge"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// TestPinnedFiles holds what lies beside tags, snapshots and channels: nothing without a site; then a definition and a mirrorlist, whose
// URL is that of a directory with the same content, which moves with what they lie beside and stays in the past.
func TestPinnedFiles(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	do, move := must(t), moved(t)
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"})
	first := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "x"})
	do(s.CreateTag(ctx, who, "base", []string{"x86_64"}))
	do(s.CreateTag(ctx, who, "dev", []string{"x86_64", "src"}))
	do(s.AddParent(ctx, who, "dev", state.Link{Parent: "base", Priority: 1}))
	do(s.TagBuilds(ctx, who, "base", nvrs[:1]))
	set := move(s.SetChannel(ctx, who, "p/c++/os", "dev/x86_64", false))
	m := mount(t, s)
	if got := m.sh(t, "cd $MNT; find . -name '*.repo' -o -name '*.mirrorlist'; cat tags/dev/src.repo repos/r/latest.repo 2>&1 | grep -c 'No such'"); got != "2" {
		t.Errorf("without a site: %q", got)
	}
	inside := m.stay(t, "tags/dev", "ls")

	site := do(s.SetSite(ctx, who, []string{"file://" + m.mnt, "https://$vrepofs/x/"}))
	if got := inside(); got != "src\nx86_64" {
		t.Errorf("a process that was inside when the site was set sees %q", got)
	}
	const ls = "cd $MNT; ls tags/dev repos/r channels/p/c++"
	want := strings.Join([]string{"channels/p/c++:", "os", "os.mirrorlist", "os.repo", "", "repos/r:", first.ID, "latest", "latest.mirrorlist", "latest.repo", "",
		"tags/dev:", "src", "src.mirrorlist", "src.repo", "x86_64", "x86_64.mirrorlist", "x86_64.repo"}, "\n")
	if got := m.sh(t, ls); got != want {
		t.Errorf("with a site:\n%s", got)
	}
	// follows asserts the content of the files beside a path, and that what they name first is the same as what is at the path; the
	// list names what was there before, the newest first, each at both sites.
	follows := func(path, id, pinned string, before ...string) {
		t.Helper()
		lines := strings.Split(m.sh(t, "cat $MNT/"+path+".mirrorlist"), "\n")
		var want []string
		for _, p := range append([]string{pinned}, before...) {
			escaped := strings.ReplaceAll(p, "+", "%2B")
			want = append(want, "file://"+m.mnt+"/"+escaped+"/", "https://$vrepofs/x/"+escaped+"/")
			m.sh(t, "test -d $MNT/"+p)
		}
		if fmt.Sprint(lines) != fmt.Sprint(want) {
			t.Errorf("%s.mirrorlist: %q, want %q", path, lines, want)
		}
		repo := m.sh(t, "cat $MNT/"+path+".repo")
		for _, part := range []string{"\n[" + id + "]\n", "\nbaseurl=" + lines[0] + "\n        " + lines[1] + "\n", "metadata_expire=never"} {
			if !strings.Contains(repo, part) {
				t.Errorf("%s.repo: no %q in\n%s", path, part, repo)
			}
		}
		m.sh(t, "diff -r $MNT/"+path+" $MNT/"+pinned)
	}
	event := func(c state.Change) string { return fmt.Sprint("at/", c.Event, "/") }
	generation := func() state.Change {
		r, _, err := s.State("")
		if err != nil {
			t.Fatal(err)
		}
		_, since, _, err := store.PinnedView(r, nil, "dev", "x86_64")
		if err != nil {
			t.Fatal(err)
		}
		return since
	}
	tagged := func(path string, events ...uint64) (paths []string) {
		for _, e := range events {
			paths = append(paths, fmt.Sprint("at/", e, "/", path))
		}
		return paths
	}
	filled := site.Event - 2 // the tag was made two events before, and got a parent
	follows("tags/dev/x86_64", "tag:dev:x86_64", event(state.Change{Event: filled})+"tags/dev/x86_64", tagged("tags/dev/x86_64", filled-1, filled-2)...)
	follows("tags/dev/src", "tag:dev:src", event(state.Change{Event: filled})+"tags/dev/src", tagged("tags/dev/src", filled-1, filled-2)...)
	follows("repos/r/latest", "repo:r", event(first.Made)+"repos/r/"+first.ID)
	follows("repos/r/"+first.ID, "repo:r:"+first.ID, event(first.Made)+"repos/r/"+first.ID)
	follows("channels/p/c++/os", "p:c_2B_2B:os", event(set)+"channels/p/c++/os")
	follows("at/"+fmt.Sprint(site.Event)+"/channels/p/c++/os", "p:c_2B_2B:os", event(set)+"channels/p/c++/os")

	const stat = "cd $MNT; stat -c '%n %i %Y %s %A %h' tags/dev/*.repo repos/r/*.repo channels/p/c++/*.repo"
	files := m.sh(t, stat)
	if got := m.sh(t, stat); got != files {
		t.Errorf("stat again:\n%s\nbefore\n%s", got, files)
	}
	if !strings.Contains(files, fmt.Sprintf(" %d ", site.Stamp)) || strings.Count(files, " -r--r--r-- 1") != 4 {
		t.Errorf("files after event %d at %d:\n%s", site.Event, site.Stamp, files)
	}
	// They move with a build in a parent, with a snapshot, with a promotion; whoever is inside keeps what was.
	inside = m.stay(t, "tags/dev", "cat x86_64.repo; ls x86_64/Packages")
	before := m.sh(t, "cd $MNT/tags/dev; cat x86_64.repo; ls x86_64/Packages")
	do(s.TagBuilds(ctx, who, "base", nvrs[1:]))
	if got := inside(); got != before {
		t.Errorf("the process inside reads\n%s\nand not\n%s", got, before)
	}
	follows("tags/dev/x86_64", "tag:dev:x86_64", event(generation())+"tags/dev/x86_64", tagged("tags/dev/x86_64", filled, filled-1, filled-2)...)
	second := storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "y"})
	follows("repos/r/latest", "repo:r", event(second.Made)+"repos/r/"+second.ID, event(first.Made)+"repos/r/"+first.ID)
	follows("repos/r/"+first.ID, "repo:r:"+first.ID, event(first.Made)+"repos/r/"+first.ID)
	moved := move(s.SetChannel(ctx, who, "p/c++/os", "dev/x86_64", false))
	follows("channels/p/c++/os", "p:c_2B_2B:os", event(moved)+"channels/p/c++/os", event(set)+"channels/p/c++/os")
	follows("at/"+fmt.Sprint(site.Event)+"/repos/r/latest", "repo:r", event(first.Made)+"repos/r/"+first.ID)
	do(s.RemoveSnapshot(ctx, who, "r@"+second.ID))
	follows("repos/r/latest", "repo:r", event(first.Made)+"repos/r/"+first.ID, event(second.Made)+"repos/r/"+second.ID)
	if out, err := m.try("cat $MNT/repos/r/" + second.ID + ".repo"); err == nil {
		t.Errorf("beside a snapshot that was removed: %s", out)
	}
	for _, name := range []string{"tags/dev/ppc64.repo", "tags/dev/x86_64.repo.repo", "repos/r/.repo", "repos/r/nothing.repo", "at/1/repos/r/nothing.mirrorlist", "repos/r/19990101T000000Z.repo", "repos/r.repo", "tags/dev.repo", "repos/none/latest.repo"} {
		if out, err := m.try("cat $MNT/" + name); err == nil || !strings.Contains(out, "No such file") {
			t.Errorf("%s: %q", name, out)
		}
	}
	// Another site: other contents, other times, no path moves otherwise.
	files = m.sh(t, "cd $MNT; stat -c '%n %i %Y' channels/p/c++/os tags/dev/x86_64/repodata/repomd.xml")
	do(s.SetSite(ctx, who, []string{"http://b.example.org"}))
	if got := m.sh(t, "cd $MNT; cat tags/dev/x86_64.mirrorlist repos/r/latest.mirrorlist repos/r/"+first.ID+".mirrorlist channels/p/c++/os.mirrorlist | grep -vc ^http://b.example.org/at/ || true"); got != "0" {
		t.Errorf("%s lines do not name the new site", got)
	}
	if got := m.sh(t, "cd $MNT; stat -c '%n %i %Y' channels/p/c++/os tags/dev/x86_64/repodata/repomd.xml | cut -d' ' -f1,3"); got != withoutInodes(files) {
		t.Errorf("repositories after a change of the site:\n%s\nbefore\n%s", got, files)
	}
	do(s.SetSite(ctx, who, nil))
	if got := m.sh(t, "cd $MNT; ls tags/dev repos/r channels/p/c++ | grep -c '[.]' || true"); got != "0" {
		t.Errorf("%s files are left without a site", got)
	}
	if got := m.sh(t, "cat $MNT/at/"+fmt.Sprint(site.Event)+"/tags/dev/x86_64.mirrorlist | head -1"); !strings.HasPrefix(got, "file://"+m.mnt+"/at/") {
		t.Errorf("the past has lost its file: %q", got)
	}
}

// withoutInodes takes the second of three columns away.
func withoutInodes(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		f := strings.Fields(l)
		lines[i] = f[0] + " " + f[2]
	}
	return strings.Join(lines, "\n")
}

// TestSiteInOrigins: where the site is in a view's metadata, a change of it is a new generation of the view: other bytes, a greater
// revision, greater times; the generation before stays as it was.
func TestSiteInOrigins(t *testing.T) {
	s := storetest.New(t)
	m := mount(t, s)
	ctx, who := t.Context(), storetest.Who()
	do := must(t)
	storetest.Snapshot(t, s, "r", testrpm.Spec{Name: "a", Arch: "noarch"})
	do(s.CreateTag(ctx, who, "dev", []string{"x86_64"}))
	do(s.AddExternal(ctx, who, "dev", state.External{Repo: "r", Priority: 1, Mode: merge.ModeKoji}))
	on := true
	before := do(s.SetTag(ctx, who, "dev", store.TagSettings{PkgOrigins: &on}))
	show := func(dir string) string {
		return m.sh(t, "cd $MNT/"+dir+"/tags/dev/x86_64/repodata; zcat *-pkgorigins.gz; grep -o '<revision>.*' repomd.xml; stat -c %Y . repomd.xml")
	}
	want := func(c state.Change, site string) string {
		r, _, err := s.State("")
		if err != nil {
			t.Fatal(err)
		}
		snap, err := state.GetSnapshot(r, "r@latest")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("a-1.0-1.noarch\t%s/repos/r/%s/\n<revision>%d</revision>\n%[3]d\n%[3]d", site, snap.ID, c.Stamp)
	}
	if got, want := show("."), want(before, "vrepofs:"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	moved := do(s.SetSite(ctx, who, []string{"http://a.example.org/x"}))
	if got, want := show("."), want(moved, "http://a.example.org/x"); got != want {
		t.Errorf("with a site: %q, want %q", got, want)
	}
	if got, want := show(fmt.Sprint("at/", before.Event)), want(before, "vrepofs:"); got != want {
		t.Errorf("the generation before: %q, want %q", got, want)
	}
}
