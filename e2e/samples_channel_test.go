package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// publish fills channels with two repositories that have lists and files that name the site.
func (b *box) publish(site string) {
	b.Helper()
	b.ok("channel", "set", "production/9/dev/os", "dev/x86_64")
	b.ok("channel", "set", "production/9/r/os", "r")
	b.ok("channel", "configure", "production", "--lists", "mod")
	b.ok("site", "set", site)
}

// testWebChannels: what is published, and what lies beside it, is asked again each time and is there with the next request; packages and
// named metadata are kept; what files beside repositories name can be read, and stays.
func testWebChannels(b *box, url string) {
	b.Helper()
	b.publish(url)
	const os, hour, ask = "/channels/production/9/dev/os", "200 public, max-age=3600", "200 no-cache"
	for path, want := range map[string]string{
		"/channels/": ask, "/channels/production/9/": ask, os + "/repodata/repomd.xml": ask, os + ".repo": ask, os + ".mirrorlist": ask,
		"/channels/production/fullfilelist": ask, "/channels/production/fullfiletimelist-mod": ask, "/channels/production/imagelist-mod": ask,
		"/channels/production/COMPOSE_ID": ask, "/tags/dev/x86_64.repo": ask, "/tags/dev/x86_64.mirrorlist": ask, "/repos/r/latest.repo": ask,
		os + "/Packages/l/libthing-1.3~rc2-4.el9.x86_64.rpm":                      hour,
		os + "/repodata/" + b.sh("basename $MNT"+os+"/repodata/*-primary.xml.gz"): "200 public, max-age=31536000, immutable",
	} {
		same(b, path, b.header("Cache-Control", url+path), want)
	}
	for _, name := range strings.Fields(b.sh("cd $MNT/channels/production; echo all_latest*")) {
		same(b, name, b.header("Cache-Control", url+"/channels/production/"+name), ask)
	}
	for _, kind := range []string{".repo", ".mirrorlist"} {
		if got := b.header("Content-Type", url+os+kind); !strings.HasPrefix(got, "200 text/plain") {
			b.Errorf("type of %s: %s", kind, got)
		}
	}
	pinned := b.sh("curl -sf " + url + os + ".mirrorlist | head -n1")
	before := b.sh("curl -sf " + pinned + "repodata/repomd.xml | sha256sum")
	for i := range 4 {
		b.ok("channel", "set", "production/9/dev/os", []string{"r", "dev/x86_64"}[i%2])
		for _, path := range []string{os + "/repodata/repomd.xml", os + ".repo", os + ".mirrorlist", "/channels/production/fullfilelist", "/channels/production/fullfiletimelist-mod", "/channels/production/COMPOSE_ID"} {
			same(b, path+" after a move", b.sh("curl -sf "+url+path), b.sh("cat $MNT"+path))
		}
		now := b.sh("curl -sf $(curl -sf " + url + os + ".mirrorlist | head -n1)repodata/repomd.xml | sha256sum")
		same(b, "what the mirrorlist names", now, b.sh("sha256sum <$MNT"+os+"/repodata/repomd.xml"))
	}
	same(b, "what the first mirrorlist named", b.sh("curl -sf "+pinned+"repodata/repomd.xml | sha256sum"), before)
}

// TestInstall installs below a directory, and looks at what a host gets: a program that runs, a helper that mount(8) finds, a unit that
// names the program, and the samples as they are.
func TestInstall(t *testing.T) {
	needs(t, "make", "install")
	b := newBox(t)
	root := b.path("root")
	source, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	source += "/.."
	c := exec.Command("make", "-s", "-C", source, "install", "DESTDIR="+root, "PREFIX=/usr", "VERSION=v9.9")
	c.Env = append(os.Environ(), "MAKEFLAGS=") // of this user, whose modules and builds Go has kept
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v\n%s", err, out)
	}
	same(t, "version", b.sh(root+"/usr/bin/vrepofs version | grep -o v9.9"), "v9.9")
	same(t, "helper", b.sh("readlink "+root+"/sbin/mount.vrepofs"), "/usr/bin/vrepofs")
	unit := root + "/usr/lib/systemd/system/vrepofs@.service"
	same(t, "programs of the unit", b.sh("grep -o '^Exec[A-Za-z]*=[^ ]*' "+unit), "ExecStart=/usr/bin/vrepofs\nExecStop=/usr/bin/vrepofs")
	doc := strings.TrimPrefix(b.sh("sed -n 's,^Documentation=file://,,p' "+unit), "\n")
	b.sh("test -s " + root + doc)
	b.sh("diff -r " + source + "/contrib " + root + "/usr/share/doc/vrepofs/contrib")
	same(t, "modes", b.sh("cd "+root+"; find . -type f ! -perm 0644 -printf '%p %m\n'"), "./usr/bin/vrepofs 755")
}
