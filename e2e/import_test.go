package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrepofs/ctl"
	"vrepofs/testrpm"
)

// badRPMs writes RPM files that are none, and returns what each must be called.
func (b *box) badRPMs(dir string) map[string]string {
	b.Helper()
	good := testrpm.Build(testrpm.Spec{Name: "good", Files: []testrpm.File{{Path: "/usr/share/good", Size: 5000}}})
	edit := func(f func(rpm []byte) []byte) string { return string(f(bytes.Clone(good))) }
	write := func(name, content string) { b.write(filepath.Join(dir, name), content) }
	write("magic.rpm", edit(func(r []byte) []byte { copy(r, "\x7fELF"); return r }))
	write("text.rpm", "This is not an RPM.\n")
	write("empty.rpm", "")
	write("lead.rpm", edit(func(r []byte) []byte { return r[:96] }))
	write("header.rpm", edit(func(r []byte) []byte { return r[:500] }))
	write("payload.rpm", edit(func(r []byte) []byte { return r[:len(r)-100] }))
	write("flipped.rpm", edit(func(r []byte) []byte { r[len(r)-50] ^= 1; return r }))
	write("headerflip.rpm", edit(func(r []byte) []byte { i := bytes.Index(r, []byte("Test package good")); r[i] ^= 1; return r }))
	write("hostile.rpm", edit(func(r []byte) []byte { copy(r[96+8:], "\x7f\xff\xff\xff\x7f\xff\xff\xff"); return r }))
	return map[string]string{
		"magic.rpm": "magic", "text.rpm": "", "empty.rpm": "", "lead.rpm": "truncated", "header.rpm": "truncated", "payload.rpm": "",
		"flipped.rpm": "digest", "headerflip.rpm": "digest", "hostile.rpm": "",
	}
}

// TestBadRPMs imports good and bad files together: nothing, or with --skip-bad the good ones.
func TestBadRPMs(t *testing.T) {
	for _, served := range []bool{false, true} {
		t.Run(map[bool]string{false: "alone", true: "served"}[served], func(t *testing.T) {
			b := newBox(t)
			if served {
				b.mount()
			}
			dir := b.rpms("rpms", testrpm.Spec{Name: "one"}, testrpm.Spec{Name: "two"})
			bad := b.badRPMs("rpms/bad")
			for _, args := range [][]string{{"repo", "import", "r", dir}, {"build", "import", dir}} {
				r := b.vrepofs(args...)
				if r.code != 1 || !strings.Contains(r.err, "--skip-bad") {
					t.Errorf("%v: exit %d, %s", args, r.code, r.err)
				}
				for name, why := range bad {
					line := lineWith(r.err, "/bad/"+name)
					if !strings.Contains(line, why) || len(line) < len(name)+20 {
						t.Errorf("%v: of %s it says %q, want a reason with %q", args, name, line, why)
					}
				}
			}
			if s := b.status(); s.Head.Event != 0 {
				t.Errorf("something was imported: %+v", s)
			}
			if left := b.sh("ls $VREPOFS_STORE/incoming; find $VREPOFS_STORE/blobs -type f"); left != "" {
				t.Errorf("blobs are left:\n%s", left)
			}
			r := b.vrepofs("repo", "import", "r", dir, "--skip-bad", "--json")
			var got ctl.ImportResult
			if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != 3 || got.Snapshot == nil || got.Snapshot.RPMs != 2 || len(got.Bad) != len(bad) {
				t.Errorf("--skip-bad: exit %d, %v, %+v\n%s", r.code, err, got, r.err)
			}
			if r := b.vrepofs("build", "import", dir, "--skip-bad"); r.code != 3 || strings.Count(r.err, "left out: ") != len(bad) {
				t.Errorf("--skip-bad: exit %d\n%s", r.code, r.err)
			}
			if r := b.vrepofs("repo", "import", "onlybad", filepath.Join(dir, "bad"), "--skip-bad"); r.code != 1 {
				t.Errorf("--skip-bad with nothing good: exit %d\n%s", r.code, r.err)
			}
			b.ok("verify")
		})
	}
}

// lineWith is the first line of a text that has a word, "" if none has.
func lineWith(text, word string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, word) {
			return line
		}
	}
	return ""
}

// TestStaleRepodata imports directories whose repodata says other than their files: refused with what differs, until it is to be made
// anew.
func TestStaleRepodata(t *testing.T) {
	needs(t, "createrepo_c")
	stale := map[string]struct{ how, names string }{
		"changed":  {"cp new/one-2-1.x86_64.rpm $R/one-1.0-1.x86_64.rpm", "one-1.0-1.x86_64.rpm"},
		"added":    {"cp new/one-2-1.x86_64.rpm $R/", "one-2-1.x86_64.rpm is not listed"},
		"missing":  {"rm $R/two-1.0-1.x86_64.rpm", "two-1.0-1.x86_64.rpm is listed"},
		"metadata": {"echo >> $(ls $R/repodata/*-other.xml.*)", "other"},
		"gone":     {"rm $R/repodata/*-filelists.xml.*", "filelists"},
		"repomd":   {"echo '<repomd>' > $R/repodata/repomd.xml", "repomd.xml"},
	}
	b := newBox(t)
	dir := b.rpms("orig", testrpm.Spec{Name: "one"}, testrpm.Spec{Name: "two"})
	b.rpms("new", testrpm.Spec{Name: "one", Version: "2"})
	b.sh("createrepo_c -q " + dir)
	b.mount()
	for name, s := range stale {
		b.sh("cp -a orig " + name + "; R=" + name + "; " + s.how)
		b.fails(1, []string{s.names, "--regenerate"}, "repo", "import", name, b.path(name))
		b.ok("repo", "import", name, b.path(name), "--regenerate")
		want := b.sh("ls " + name + " | grep -c rpm")
		if got, err := readRepository(b.mnt + "/repos/" + name + "/latest"); err != nil || fmt.Sprint(len(got)) != want {
			t.Errorf("%s: regenerated: %q, %v; want %s packages", name, got, err, want)
		}
	}
	b.ok("repo", "import", "orig", dir)
	b.sh("diff -r orig $MNT/repos/orig/latest/")
	b.fails(1, []string{"--regenerate"}, "repo", "import", "orig", b.path("new"), "--add")
}

// TestAdoptAndLink imports by hard links and by shared data. An adopted file that somebody writes to is noticed.
func TestAdoptAndLink(t *testing.T) {
	b := newBox(t)
	file := []testrpm.File{{Path: "/usr/share/x", Size: 9000}}
	dir := b.rpms("rpms", testrpm.Spec{Name: "kept", Files: file}, testrpm.Spec{Name: "touched", Files: file}, testrpm.Spec{Name: "written", Files: file})
	b.ok("repo", "import", "r", dir, "--adopt")
	digest := func(name string) string { return strings.Fields(b.sh("sha256sum rpms/" + name + "-*.rpm"))[0] }
	digests := map[string]string{}
	for _, name := range []string{"kept", "touched", "written"} {
		digests[name] = digest(name)
		same(t, name+": links", b.sh("stat -c %h,%a rpms/"+name+"-*.rpm"), "2,644")
		same(t, name+": inode", b.sh("stat -c %i "+b.blobOf(digests[name])), b.sh("stat -c %i rpms/"+name+"-*.rpm"))
	}
	b.mount()
	b.sh("for f in rpms/*.rpm; do cmp $f $MNT/repos/r/latest/Packages/?/${f##*/}; done")
	b.sh("touch -d 2001-01-01 rpms/touched-*.rpm; cp rpms/written-*.rpm copy.rpm")
	b.flip(b.sh("ls $DIR/rpms/written-*.rpm"))
	b.sh("cmp rpms/touched-*.rpm $MNT/repos/r/latest/Packages/t/*")
	if r := b.try("cat $MNT/repos/r/latest/Packages/w/*.rpm >/dev/null"); r.code == 0 || !strings.Contains(r.err, "Input/output error") {
		t.Errorf("reading an adopted file that was written to: %+v", r)
	}
	if found := b.verifyFinds("blob"); found.Digest != digests["written"] {
		t.Errorf("verify found %+v, want %s", found, digests["written"])
	}
	b.ok("repo", "import", "mended", b.path("copy.rpm"))
	b.sh("cmp copy.rpm $MNT/repos/r/latest/Packages/w/*.rpm && cmp rpms/kept-*.rpm $MNT/repos/r/latest/Packages/k/*")
	b.ok("verify")

	linked := b.rpms("linked", testrpm.Spec{Name: "linked", Files: file})
	b.ok("repo", "import", "linked", linked, "--link")
	b.flip(b.sh("ls $DIR/linked/*.rpm")) // shared data or a copy, never the same file
	b.ok("verify")
	b.fails(2, []string{"exclude"}, "repo", "import", "r", linked, "--link", "--adopt")
	if _, err := os.Stat(b.path("store")); err != nil {
		t.Error(err)
	}
}

// TestImportIsOneCommit adds to a snapshot, imports the same again, and keeps every snapshot as it was.
func TestImportIsOneCommit(t *testing.T) {
	b := newBox(t)
	one, two := b.rpms("one", testrpm.Spec{Name: "a"}, testrpm.Spec{Name: "b"}), b.rpms("two", testrpm.Spec{Name: "c"})
	b.mount()
	b.ok("repo", "import", "r", one)
	b.ok("repo", "import", "r", two, "--add", "--note", "c came", "--label", "with-c")
	b.ok("repo", "import", "r", two, filepath.Join(one, "a-1.0-1.x86_64.rpm"))
	same(t, "snapshots", b.sh("cd $MNT/repos/r && for s in 2*; do echo $(ls $s/Packages); done"), "a b\na b c\na c")
	same(t, "by label", b.sh("ls $MNT/at/with-c/repos/r/latest/Packages | tr '\\n' ' '"), "a b c ")
	same(t, "events", b.lastEvent(), "3")
	if out := b.ok("log"); !strings.Contains(out, "c came") || !strings.Contains(out, "with-c") {
		t.Errorf("log:\n%s", out)
	}
	b.fails(1, []string{"with-c"}, "repo", "import", "r", one, "--label", "with-c")
	same(t, "blobs of RPMs", b.sh("find $VREPOFS_STORE/blobs -type f | xargs file | grep -c 'RPM v3'"), "3")
}
