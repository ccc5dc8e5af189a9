package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrepofs/ctl"
)

// blobOf is the path of the blob with the digest.
func (b *box) blobOf(digest string) string {
	return filepath.Join(b.store, "blobs", digest[:2], digest[2:])
}

// flip changes one bit of a file, keeping its size, and its time: disks do not touch those.
func (b *box) flip(path string) {
	b.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var one [1]byte
	if _, err := f.ReadAt(one[:], fi.Size()/2); err != nil {
		b.Fatal(err)
	}
	one[0] ^= 0x10
	if _, err := f.WriteAt(one[:], fi.Size()/2); err != nil {
		b.Fatal(err)
	}
	if err := os.Chtimes(path, fi.ModTime(), fi.ModTime()); err != nil {
		b.Fatal(err)
	}
}

// verify runs `vrepofs verify`, which must find exactly one thing, of a kind, and returns it.
func (b *box) verifyFinds(kind string) ctl.Finding {
	b.Helper()
	r := b.vrepofs("verify", "--json")
	var v ctl.Verification
	if err := json.Unmarshal([]byte(r.out), &v); err != nil || r.code != 1 || len(v.Findings) != 1 || v.Findings[0].Kind != kind {
		b.Fatalf("verify: exit %d, %v, %+v; want exit 1 and one finding of kind %s\n%s", r.code, err, v.Findings, kind, r.err)
	}
	return v.Findings[0]
}

// TestDamagedBlobs lets blobs rot, vanish and shrink, with a daemon and without: verify names each, reading one is EIO, everything else
// goes on, and importing the file again mends it.
func TestDamagedBlobs(t *testing.T) {
	const name = "libthing-1.3~rc2-4.el9.x86_64.rpm"
	damages := []struct {
		what, kind string
		do         func(*box, string)
	}{
		{"a flipped bit", "blob", func(b *box, path string) { b.flip(path) }},
		{"no file", "missing", func(b *box, path string) { b.sh("rm -f " + path) }},
		{"cut off", "blob", func(b *box, path string) { b.sh("chmod u+w " + path + " && truncate -s -10 " + path) }},
	}
	for _, d := range damages {
		t.Run(strings.ReplaceAll(d.what, " ", "-"), func(t *testing.T) {
			b := newBox(t)
			b.fill()
			digest := strings.Fields(b.sh("sha256sum rpms/" + name))[0]
			d.do(b, b.blobOf(digest))
			b.mount()
			found := b.verifyFinds(d.kind)
			if found.Digest != digest || !strings.Contains(found.Name, name) {
				t.Errorf("verify found %+v, want digest %s and the name %s", found, digest, name)
			}
			if r := b.vrepofs("verify"); r.code != 1 || !strings.Contains(r.out, name) {
				t.Errorf("verify again, for people: %+v", r)
			}
			for _, at := range []string{"repos/r/latest", "tags/dev/x86_64", "tags/base/x86_64"} {
				file := "$MNT/" + at + "/Packages/l/" + name
				if r := b.try("cat " + file); r.code == 0 || !strings.Contains(r.err, "Input/output error") || r.out != "" {
					t.Errorf("reading %s: exit %d, %d bytes, %s; want an I/O error", file, r.code, len(r.out), r.err)
				}
				b.sh("stat " + file + " >/dev/null && cd $MNT/" + at + " && find . -type f ! -name '" + name + "' | xargs sha256sum")
			}
			b.ok("tag", "remove", "dev", "app-2.0-1.el9")
			b.ok("tag", "add", "dev", "app-2.0-1.el9")
			b.sh("cat $MNT/tags/dev/x86_64/repodata/* >/dev/null")
			b.umount()
			b.verifyFinds(d.kind)
			b.mount()
			b.ok("repo", "import", "mended", b.path("rpms"))
			b.ok("verify")
			b.sh("cmp $MNT/tags/dev/x86_64/Packages/l/" + name + " rpms/" + name + " && cmp $MNT/repos/r/latest/Packages/l/" + name + " rpms/" + name)
		})
	}
}

// TestDamagedMetadata flips a bit in a part of a snapshot's primary.
func TestDamagedMetadata(t *testing.T) {
	b := newBox(t)
	b.fill()
	b.mount()
	before := b.sh("sha256sum $MNT/repos/r/latest/repodata/*-primary.xml.gz")
	b.umount()
	// The part is the only blob of these that holds gzip data of primary.
	part := b.sh(`cd $VREPOFS_STORE/blobs && for f in */*; do if zcat -q $f 2>/dev/null | grep -q 'libthing-devel.*pkgid\|<name>libthing-devel</name>'; then echo $f; fi; done | tail -1`)
	if part == "" {
		t.Fatal("no part of primary found among the blobs")
	}
	b.flip(filepath.Join(b.store, "blobs", part))
	r := b.vrepofs("verify", "--json")
	if digest := strings.ReplaceAll(part, "/", ""); r.code != 1 || !strings.Contains(r.out, digest) {
		t.Errorf("verify: exit %d, want 1 and %s\n%s", r.code, digest, r.out)
	}
	b.mount()
	if r := b.try("cat $MNT/repos/r/latest/repodata/*-primary.xml.gz >/dev/null"); r.code == 0 || !strings.Contains(r.err, "Input/output error") {
		t.Errorf("reading primary: %+v, want an I/O error", r)
	}
	b.sh("cd $MNT/repos/r/latest && cat repodata/repomd.xml repodata/*-other.xml.gz >/dev/null && find Packages -type f | xargs sha256sum")
	b.ok("repo", "import", "r", b.path("rpms")) // renders the same parts again
	same(t, "primary of the damaged snapshot once it is mended", b.sh("cd $MNT/repos/r && sha256sum $(ls -d 2* | head -1)/repodata/*-primary.xml.gz | cut -c-64"), before[:64])
	b.ok("verify")
}

// TestDamagedJournal has a bad record in the middle of the journal: verify says so. Once the index is lost, too, what is before
// the record can be read and mounted, nothing can be written, and everybody is told; a copy of the journal brings all back.
func TestDamagedJournal(t *testing.T) {
	b := newBox(t)
	b.wantErrors = true
	b.fill()
	want := b.ok("log") + b.ok("tag", "show", "dev")
	journal := b.path("store/journal/000001")
	b.sh("cp -a " + journal + " journal.copy")
	b.flip(journal)
	r := b.vrepofs("verify")
	if r.code != 1 || !strings.Contains(r.out, "journal") || !strings.Contains(r.out, "000001") {
		t.Errorf("verify: %+v, want the journal's file named", r)
	}
	refused := []string{"journal", "000001", "restore"}
	b.mount() // which does not read what its index already holds
	b.vrepofs("verify")
	b.fails(1, refused, "tag", "create", "new", "--arch", "x86_64")
	b.umount()
	b.sh("rm -rf $VREPOFS_STORE/index")
	b.fails(1, refused, "tag", "create", "new", "--arch", "x86_64")
	b.fails(1, refused, "repo", "import", "r", b.path("rpms"))
	b.mount()
	b.sh("cat $MNT/repos/r/latest/Packages/*/*.rpm >/dev/null")
	b.fails(1, refused, "tag", "create", "new", "--arch", "x86_64")
	if s := b.status(); s.Writable || !strings.Contains(s.Problem, "journal") || s.Head.Event == 0 || s.Head.Event >= 7 {
		t.Errorf("status: head %+v, writable %v, problem %q; want some of the events", s.Head, s.Writable, s.Problem)
	}
	b.umount()
	b.sh("cp -a journal.copy " + journal)
	same(t, "after the journal was restored", b.ok("log")+b.ok("tag", "show", "dev"), want)
	b.ok("verify")
	b.ok("tag", "create", "new", "--arch", "x86_64")
}

// TestTheIndexCanBeLost deletes it, in whole and in part, and has it made anew: same answers, same mount, same inodes.
func TestTheIndexCanBeLost(t *testing.T) {
	b := newBox(t)
	b.fill()
	dump := func() string {
		b.mount()
		defer b.umount()
		return b.ok("log") + b.ok("tag", "show", "dev", "--json") +
			b.sh(`cd $MNT && find . $(ls -d at/3 2>/dev/null) -printf '%p %y %i %n %s %T@ %l\n' | sort && find . -type f | sort | xargs -d '\n' sha256sum`)
	}
	want := dump()
	for what, how := range map[string]string{
		"deleted":    "rm -rf $VREPOFS_STORE/index",
		"in part":    "rm -f $VREPOFS_STORE/index/*.sst $VREPOFS_STORE/index/*.vlog",
		"no state":   "rm -f $VREPOFS_STORE/index/state",
		"rebuilt":    program + " index rebuild",
		"replicated": "mkdir copy && cp -a $VREPOFS_STORE/vrepofs $VREPOFS_STORE/blobs copy/ && cp -a $VREPOFS_STORE/journal copy/ && rm -rf $VREPOFS_STORE && mv copy $VREPOFS_STORE",
	} {
		b.sh(how)
		same(t, what, dump(), want)
	}
	b.ok("verify")
	if n := len(strings.Split(want, "\n")); n < 60 {
		t.Errorf("only %d lines were compared", n)
	}
}
