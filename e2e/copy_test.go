package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestWalkAndCopy compares what find, tar, cp and diff get from the mount with the files that were imported.
func TestWalkAndCopy(t *testing.T) {
	b := newBox(t)
	b.fill()
	b.mount()
	same(t, "levels", b.sh("cd $MNT && find . -maxdepth 2 | sort"), ".\n./at\n./repos\n./repos/r\n./tags\n./tags/base\n./tags/dev")
	same(t, "modes", b.sh(`find $MNT ! -type l -printf '%y %m\n' | sort -u`), "d 555\nf 444")
	same(t, "whole seconds", b.sh(`find $MNT -printf '%T@\n' | cut -d. -f2 | sort -u`), "0000000000")
	same(t, "find without a stat sees the types that stat sees", b.sh(`find $MNT -type f | wc -l`), b.sh(`find $MNT -printf '%y\n' | grep -c f`))
	if bad := b.sh(`find $MNT -type f -name '*.rpm' ! -links 2; find $MNT -type f ! -name '*.rpm' ! -links 1; find $MNT -type f -printf '%s %b %p\n' | awk '$2 != int(($1+511)/512)'`); bad != "" {
		t.Errorf("links or blocks are wrong:\n%s", bad)
	}
	for at, n := range map[string]int{"repos/r/latest": 6, "tags/dev/x86_64": 5, "tags/dev/src": 1, "tags/base/x86_64": 4} {
		// Every RPM is one that was imported, under its own name in the directory of its first letter.
		script := fmt.Sprintf(`cd $MNT/%s/Packages && for f in */*; do d=${f%%%%/*}; n=${f##*/}; l=${n:0:1}; [ $d = "${l,,}" ] || echo "$f: place"; cmp $f $DIR/rpms/$n; echo $n; done`, at)
		if got := b.sh(script); strings.Contains(got, ":") || len(strings.Fields(got)) != n {
			t.Errorf("%s holds\n%s\nwant %d files", at, got, n)
		}
	}
	b.sh("mkdir tar cp dd && tar -C $MNT/tags/dev -c . | tar -C tar -x && (cd $MNT/tags/dev && cp -a . $DIR/cp)")
	b.sh("diff -r $MNT/tags/dev tar && diff -r $MNT/tags/dev cp")
	list := `find . ! -type d -printf '%p %s %T@ %l\n' | sort`
	want := b.sh("cd $MNT/tags/dev && " + list)
	same(t, "tar", b.sh("cd tar && "+list), want)
	same(t, "cp -a", b.sh("cd cp && "+list), want)
	if len(strings.Split(want, "\n")) != 14 { // 5 + 1 RPMs, and per view repomd.xml and three files
		t.Errorf("the tag holds\n%s\nwant 14 files", want)
	}
	// What repomd.xml says of each file is so.
	for _, at := range []string{"repos/r/latest", "tags/dev/x86_64", "tags/dev/src"} {
		b.sh(fmt.Sprintf(`cd $MNT/%s/repodata && n=0; for f in *.xml.gz; do [ "${f%%%%-*}" = "$(sha256sum <$f | cut -c-64)" ] && grep -q "href=\"repodata/$f\"" repomd.xml && grep -q "<size>$(stat -c %%s $f)</size>" repomd.xml || exit 1; n=$((n+1)); done; [ $n = 3 ]`, at))
	}
}

// TestInodes holds that the same RPM is one inode in every place, and that no two others share one.
func TestInodes(t *testing.T) {
	b := newBox(t)
	b.fill()
	b.mount()
	script := `cd $MNT && find . ! -type l -printf '%i %y %f %p\n' | sort -n`
	before := b.sh(script)
	rpms := map[string]string{}
	others := map[string]string{}
	for line := range strings.SplitSeq(before, "\n") {
		f := strings.SplitN(line, " ", 4)
		ino, kind, name, path := f[0], f[1], f[2], f[3]
		if kind == "f" && strings.HasSuffix(name, ".rpm") {
			if was, ok := rpms[ino]; ok && was != name {
				t.Errorf("inode %s is %s and %s", ino, was, name)
			}
			rpms[ino] = name
		} else if was, ok := others[ino]; ok {
			t.Errorf("inode %s is %s and %s", ino, was, path)
		}
		others[ino] = path
		if kind == "f" && strings.HasSuffix(name, ".rpm") {
			delete(others, ino)
		}
	}
	if len(rpms) != 6 {
		t.Errorf("%d inodes of RPMs, want 6", len(rpms))
	}
	b.umount()
	b.mount()
	same(t, "inodes of the next daemon", b.sh(script), before)
}

// TestAttributesAndWrites asks what a thing is, and tries to change it.
func TestAttributesAndWrites(t *testing.T) {
	needs(t, "getfattr")
	b := newBox(t)
	b.fill()
	b.mount()
	attr := func(name, path string) string {
		return b.sh(fmt.Sprintf("getfattr --absolute-names --only-values -n user.vrepofs.%s $MNT/%s", name, path))
	}
	const file = "tags/dev/x86_64/Packages/a/app-2.0-1.el9.x86_64.rpm"
	digest := b.sh("sha256sum <$DIR/rpms/app-2.0-1.el9.x86_64.rpm | cut -c-64")
	same(t, "digest of an RPM", attr("digest", file), digest)
	same(t, "its blob", b.sh(fmt.Sprintf("sha256sum <$VREPOFS_STORE/blobs/%s/%s | cut -c-64", digest[:2], digest[2:])), digest)
	var tag struct {
		Generation struct {
			Event uint64
		}
	}
	b.json(&tag, "tag", "show", "dev")
	same(t, "event of a view", attr("event", "tags/dev/x86_64"), fmt.Sprint(tag.Generation.Event))
	recipe := attr("recipe", "tags/dev/x86_64")
	if len(recipe) != 64 {
		t.Errorf("recipe of a view: %q", recipe)
	}
	same(t, "origin of a view", attr("origin", "tags/dev/x86_64"), "tag dev, tag base")
	if r := b.try("getfattr --absolute-names -n user.vrepofs.origin $MNT/" + file); r.code == 0 {
		t.Errorf("an RPM, which is one inode in all views, has the origin %q", r.out)
	}
	same(t, "the same view at its event has the same recipe", attr("recipe", fmt.Sprintf("at/%d/tags/dev/x86_64", tag.Generation.Event)), recipe)
	if r := b.try("getfattr --absolute-names -n user.other $MNT/" + file); r.code == 0 || !strings.Contains(r.err, "No such attribute") {
		t.Errorf("an attribute that is not there: %+v", r)
	}
	for _, script := range []string{
		"touch $MNT/new", "touch $MNT/" + file, "mkdir $MNT/repos/x", "rm $MNT/" + file, "rmdir $MNT/tags/dev", "mv $MNT/tags/dev $MNT/tags/x",
		"truncate -s 0 $MNT/" + file, "echo x >> $MNT/" + file, "chmod 644 $MNT/" + file, "chown 1 $MNT/" + file, "ln -s x $MNT/link", "ln $MNT/" + file + " $MNT/link",
		"ln $MNT/" + file + " $MNT/tags/dev/x86_64/link", "mkfifo $MNT/fifo", "setfattr -n user.x -v y $MNT/" + file, "mv -T $MNT/repos/r $MNT/repos/s", "rm $MNT/repos/r/latest",
	} {
		if r := b.try(script); r.code == 0 || !strings.Contains(r.err, "Read-only file system") {
			t.Errorf("%s: exit %d, %s", script, r.code, r.err)
		}
	}
	same(t, "after all that", b.sh("sha256sum <$MNT/"+file+" | cut -c-64"), digest)
}
