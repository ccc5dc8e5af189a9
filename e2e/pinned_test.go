package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"vrepofs/sign/signtest"
	"vrepofs/testrpm"
)

// dnfWith runs dnf with the definitions of one file, as a client has it in /etc/yum.repos.d. What is cached is used as long as the
// definition allows.
func (b *pinnedBox) dnfWith(client, definition string, args ...string) result {
	b.Helper()
	dir := b.path("client", client)
	if err := os.MkdirAll(dir+"/log", 0o755); err != nil {
		b.Fatal(err)
	}
	b.write("client/"+client+"/repos/it.repo", definition)
	b.write("client/"+client+"/vars/vrepofshost", strings.TrimPrefix(b.host, "http://"))
	conf := b.write("client/"+client+"/conf", "[main]\ngpgcheck=0\n") // --nogpgcheck would take repo_gpgcheck away too
	all := []string{"-q", "-y", "--config=" + conf, "--releasever=9", "--forcearch=x86_64", "--setopt=reposdir=" + dir + "/repos",
		"--setopt=varsdir=" + dir + "/vars", "--setopt=pluginpath=" + dir + "/none", "--setopt=cachedir=" + dir + "/cache", "--setopt=logdir=" + dir + "/log",
		"--setopt=persistdir=" + dir + "/persist", "--setopt=skip_if_unavailable=0", "--setopt=module_platform_id=platform:el9", "--setopt=retries=1"}
	return b.finish(b.command("dnf", append(all, args...)...))
}

// available asks dnf with a definition for all packages.
func (b *pinnedBox) available(client, definition string, more ...string) string {
	b.Helper()
	r := b.dnfWith(client, definition, append(more, "repoquery", "--available", nevraFormat)...)
	if r.code != 0 {
		b.Errorf("dnf of client %s: exit %d\n%s%s\n%s", client, r.code, r.out, r.err, definition)
	}
	return sortedLines(r.out)
}

// pinnedBox is a box that is served by nginx, with the site set to that.
type pinnedBox struct {
	*box
	host string
}

func newPinnedBox(b *box) *pinnedBox {
	b.Helper()
	url := b.nginx()
	b.ok("site", "set", url)
	return &pinnedBox{b, url}
}

// curl fetches a file of the site.
func (b *pinnedBox) curl(path string) string {
	b.Helper()
	return b.sh("curl -sf '"+b.host+"/"+path+"'") + "\n"
}

// TestDnfByPinnedFiles gives dnf the definitions and mirrorlists as they are served: of a channel with "+" in its path, of a tag, of a
// snapshot, signed and not, by a site with a variable in it. A definition stays in its generation, a mirrorlist follows.
func TestDnfByPinnedFiles(t *testing.T) {
	needs(t, "dnf", "nginx", "curl", "gpg")
	b0 := newBox(t)
	specs := b0.fill()
	b0.ok("channel", "set", "production/9/c++/os", "dev/x86_64")
	b0.mount()
	b := newPinnedBox(b0)
	all, binaries := nevras(specs, nil), nevras(specs, isBinary)
	list := func(path string) string {
		return "[it]\nname=it\nenabled=1\nmirrorlist=" + b.host + "/" + path + ".mirrorlist\n"
	}
	channel, tag, repo := b.curl("channels/production/9/c%2B%2B/os.repo"), b.curl("tags/dev/x86_64.repo"), b.curl("repos/r/latest.repo")
	same(t, "channel", b.available("channel", channel), binaries)
	same(t, "tag", b.available("tag", tag), binaries)
	same(t, "snapshot", b.available("repo", repo), all)
	same(t, "mirrorlist of the tag", b.available("tag-list", list("tags/dev/x86_64")), binaries)
	same(t, "mirrorlist of the channel", b.available("channel-list", list("channels/production/9/c%2B%2B/os")), binaries)
	same(t, "mirrorlist of the channel, plus as it is", b.available("channel-list2", list("channels/production/9/c++/os")), binaries)
	root := b.path("root")
	if r := b.dnfWith("channel", channel, "--installroot="+root, "install", "app", "Zebra++"); r.code != 0 {
		t.Errorf("install by the definition of a channel: exit %d\n%s%s", r.code, r.out, r.err)
	}
	same(t, "installed", b.sh("rpm --root "+root+" -qa --qf '%{name}\\n' | sort"), "Zebra++\napp\ndata\nlibthing")

	b.ok("tag", "remove", "base", "Zebra++-0-0.1")
	b.ok("channel", "set", "production/9/c++/os", "dev/x86_64")
	fewer := nevras(specs, func(s testrpm.Spec) bool { return isBinary(s) && s.Name != "Zebra++" })
	same(t, "an old definition of the channel", b.available("channel", channel, "--refresh"), binaries)
	same(t, "an old definition of the tag", b.available("tag", tag, "--refresh"), binaries)
	same(t, "a new definition of the channel, over the old cache", b.available("channel", b.curl("channels/production/9/c%2B%2B/os.repo")), fewer)
	same(t, "a new definition of the tag, over the old cache", b.available("tag", b.curl("tags/dev/x86_64.repo")), fewer)
	same(t, "mirrorlist of the tag, after a move", b.available("tag-list", list("tags/dev/x86_64"), "--refresh"), fewer)
	same(t, "mirrorlist of the channel, after a move", b.available("channel-list", list("channels/production/9/c%2B%2B/os"), "--refresh"), fewer)

	// dnf puts its variables into baseurl and into mirrorlists.
	b.ok("site", "set", "http://$vrepofshost")
	channel = b.curl("channels/production/9/c%2B%2B/os.repo")
	if !strings.Contains(channel, "baseurl=http://$vrepofshost/at/") {
		t.Errorf("definition with a variable:\n%s", channel)
	}
	same(t, "a definition with a variable", b.available("variable", channel), fewer)
	same(t, "a mirrorlist with a variable", b.available("variable-list", list("channels/production/9/c%2B%2B/os")), fewer)
	b.ok("site", "set", b.host)

	// A signed channel: dnf checks by the key that the definition names.
	key := signtest.NewKey(t, "ed25519", "")
	b.ok("channel", "configure", "production", "--sign-key", key.File)
	signed := b.curl("channels/production/9/c%2B%2B/os.repo")
	if !strings.Contains(signed, "\nrepo_gpgcheck=1\ngpgkey="+b.host+"/at/") {
		t.Errorf("definition of a signed channel:\n%s", signed)
	}
	same(t, "signed", b.available("signed", signed), fewer)
	wrong := "gpgkey=file://" + signtest.NewKey(t, "ed25519", "").Public + "\n"
	if r := b.dnfWith("signed-wrong", signed[:strings.Index(signed, "gpgkey=")]+wrong, "repoquery", "--available"); r.code == 0 {
		t.Error("dnf takes another key for that of the channel")
	}
	b.ok("verify")
}

// TestDnfWhileTheTagMoves lets dnf install by the definition and by the mirrorlist of a tag that moves all the time, through nginx with a
// cache of open files. By the definition every run reads one generation, repomd.xml to last package, and none fails. By the mirrorlist
// neither: dnf 4 fetches the list once more before it downloads packages, and finds those that have gone by then on its later lines.
func TestDnfWhileTheTagMoves(t *testing.T) {
	needs(t, "dnf", "nginx", "curl")
	b0, groups := newMover(t)
	b0.mount()
	b := newPinnedBox(b0)
	first := b.lastEvent()
	all, some := len(groups)*10, (len(groups)-1)*10 // of pkg10 to pkg19 in each group
	m := startMover(b.box, groups)
	for i := range times(8, 100) {
		<-m.moved
		client := fmt.Sprint("c", i)
		definition := "[it]\nname=it\nenabled=1\nmirrorlist=" + b.host + "/tags/dev/x86_64.mirrorlist\n"
		if i%2 == 0 {
			definition = b.curl("tags/dev/x86_64.repo")
		}
		r := b.dnfWith(client, definition, "--installroot="+b.path("root", client), "--downloadonly", "--setopt=keepcache=1", "install", "*-pkg1?")
		got := strings.Fields(b.sh("find $DIR/client/" + client + "/cache -name '*.rpm' | wc -l"))[0]
		if r.code != 0 || got != fmt.Sprint(all) && got != fmt.Sprint(some) {
			t.Errorf("run %d: exit %d, %s packages, want %d or %d\n%s%s\n%s", i, r.code, got, some, all, r.out, r.err, definition)
			continue
		}
		b.sh("find $DIR/client/" + client + "/cache -name '*.rpm' | while read -r f; do cmp $f $DIR/rpms/${f##*/} || exit 1; done")
	}
	moved := m.count()
	m.end(t, first)
	t.Logf("%d moves", moved)
	if moved < 3 {
		t.Errorf("the tag moved %d times only", moved)
	}
}
