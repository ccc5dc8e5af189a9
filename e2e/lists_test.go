package e2e

import (
	"encoding/json"
	"os"
	"path"
	"strings"
	"testing"

	"vrepofs/filelist/filelisttest"
	"vrepofs/testrpm"
)

// lists holds the lists of a path against those of a walk of the mount, and what names repositories against the repositories.
func (b *box) lists(at, module string) {
	b.Helper()
	dir := b.mnt + "/channels/" + at
	read := func(name string) string {
		text, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			b.Fatal(err)
		}
		return string(text)
	}
	want, err := filelisttest.Walk(filelisttest.OS(dir), module)
	if err != nil {
		b.Fatal(err)
	}
	for i, text := range [][]byte{want.Files, want.Times, want.Images} {
		same(b, at+"/"+filelisttest.Names(module)[i], read(filelisttest.Names(module)[i]), string(text))
	}
	if id := read("COMPOSE_ID"); !strings.HasPrefix(id, module+"-20") {
		b.Errorf("%s/COMPOSE_ID: %q", at, id)
	}
	var latest map[string]map[string]string
	if err := json.Unmarshal([]byte(read("all_latest.json")), &latest); err != nil {
		b.Fatal(err)
	}
	plain := strings.Split(strings.TrimSpace(read("all_latest.txt")), "\n")
	if n := strings.Count(read("fullfilelist"), "/repodata/repomd.xml\n"); n == 0 || len(plain) != n || len(latest["latest_ci_repos"]) != n {
		b.Errorf("%s: %d repositories, all_latest has %d and %d", at, n, len(latest["latest_ci_repos"]), len(plain))
	}
	for name, url := range latest["latest_ci_repos"] {
		_, below, _ := strings.Cut(url, "/channels/"+at+"/")
		if !strings.HasPrefix(url, "../") || strings.ReplaceAll(below, "/", "-") != name {
			b.Errorf("%s: all_latest says %s: %s", at, name, url)
		}
		fixed, err := os.ReadFile(path.Join(dir, url, "repodata/repomd.xml"))
		if err != nil || string(fixed) != read(below+"/repodata/repomd.xml") {
			b.Errorf("%s: %s is not what is published at %s: %v", at, url, below, err)
		}
	}
}

// TestLists holds the lists of two channels, one in the other, against an independent walker of the mount through moves of all kinds; those of
// a path where nothing changed keep their bytes and times; and a transfer by fullfilelist makes the tree.
func TestLists(t *testing.T) {
	needs(t, "rsync")
	b := newBox(t)
	specs := b.fill()
	b.ok("repo", "import", "ext", b.rpms("ext", specs[:3]...))
	b.ok("channel", "set", "staging/9/dev/os", "dev/x86_64")
	b.ok("channel", "set", "staging/9/ext/os", "ext")
	b.ok("channel", "configure", "production", "--lists", "rocky")
	b.mount()
	b.ok("channel", "promote", "staging", "production")
	b.lists("production", "rocky")
	if out := b.sh("rsync -aH --files-from=$MNT/channels/production/fullfilelist $MNT/channels/production/ copy/; cd copy; find . ! -name . | sort"); out == "" {
		t.Error("nothing was copied")
	}
	files := func(dir string) string {
		const find = "find . -type f ! -name 'fullf*' ! -name 'imagelist-*'"
		return "cd " + dir + "; " + find + " -printf '%p %s %T@\n' | sort; cat $(" + find + " | sort) | sha256sum"
	}
	same(t, "the copy", b.sh(files("copy")), b.sh(files("$MNT/channels/production")))
	linked := func(dir string) string {
		return b.sh("cd " + dir + "; find . -name '*.rpm' -printf '%i %p\n' | sort | awk '{if ($1\"\"==l\"\") print p, $2; l=$1; p=$2}' | sort")
	}
	same(t, "hard links of the copy", linked("copy"), linked("$MNT/channels/production"))
	if linked("copy") == "" {
		t.Error("no RPM is in two places: the test has no hard links")
	}

	step := func(what string, args ...string) {
		t.Helper()
		b.ok(args...)
		if t.Failed() {
			t.Fatalf("at %s", what)
		}
	}
	const stat = "cd $MNT/channels/production; stat -c '%n %Y %s' COMPOSE_ID all_latest.* fullfilelist fullfiletimelist-rocky imagelist-rocky; sha256sum fullf*"
	before := b.sh(stat)
	step("a move elsewhere", "channel", "set", "testing/os", "ext")
	same(t, "the lists after a move elsewhere", b.sh(stat), before)
	step("the same again", "channel", "promote", "staging", "production")
	same(t, "the lists after a promotion of the same", b.sh(stat), before)

	b.ok("repo", "import", "ext", b.rpms("ext2", specs[1], testrpm.Spec{Name: "new"}))
	b.ok("channel", "set", "staging/9/ext/os", "ext")
	step("promotion", "channel", "promote", "staging", "production")
	b.lists("production", "rocky")
	if b.sh(stat) == before {
		t.Error("a promotion left the lists as they were")
	}
	step("nested lists", "channel", "configure", "production/9", "--lists", "nine")
	b.lists("production/9", "nine")
	b.lists("production", "rocky")
	if out := b.sh("grep /fullfiletimelist $MNT/channels/production/fullfilelist"); out != "./9/fullfiletimelist-nine" {
		t.Errorf("the outer list has of lists: %q", out)
	}
	step("rollback", "channel", "rollback", "production")
	b.lists("production/9", "nine")
	b.lists("production", "rocky")
	step("one removed", "channel", "unset", "production/9/ext")
	b.lists("production", "rocky")
	b.lists("production/9", "nine")
	step("another name", "channel", "configure", "production/9", "--lists", "neuf")
	b.lists("production/9", "neuf")
	b.lists("production", "rocky")
	if out := b.sh("ls $MNT/channels/production/9 | grep nine || true"); out != "" {
		t.Errorf("left of lists under another name: %s", out)
	}
	step("reset", "channel", "configure", "production/9", "--reset", "lists")
	if out := b.sh("ls $MNT/channels/production/9"); out != "dev" {
		t.Errorf("a path without lists: %q", out)
	}
	b.lists("production", "rocky")
	step("all channels", "channel", "configure", "/", "--lists", "all")
	b.ok("channel", "unset", "production")
	if out := b.sh("cd $MNT/channels; ls"); strings.Contains(out, "production") || !strings.Contains(out, "fullfiletimelist-all") {
		t.Errorf("lists are left of a channel that is gone, or there are none of all: %q", out)
	}
	step("back", "channel", "rollback", "production", "--to", "12")
	b.lists("production", "rocky")
	b.fails(1, []string{"lists"}, "channel", "configure", "production/9/dev/os/repodata", "--lists", "x")
}
