package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrepofs/sign/signtest"
	"vrepofs/testrpm"
)

// dnfSigned runs dnf with a repository whose metadata and packages must be signed by the key at keyURL.
func (b *box) dnfSigned(name, url, keyURL string, args ...string) result {
	b.Helper()
	dir := b.path("dnf", name)
	if err := os.MkdirAll(dir+"/log", 0o755); err != nil {
		b.Fatal(err)
	}
	conf := b.write("dnf/"+name+"/conf", "[main]\n[it]\nname=it\nbaseurl="+url+"\ngpgkey="+strings.ReplaceAll(keyURL, " ", "\n  ")+
		"\ngpgcheck=1\nrepo_gpgcheck=1\nskip_if_unavailable=0\n")
	all := []string{"-q", "-y", "--refresh", "--config=" + conf, "--releasever=9", "--forcearch=x86_64", "--setopt=reposdir=" + dir + "/none",
		"--setopt=pluginpath=" + dir + "/none", "--setopt=cachedir=" + dir + "/cache", "--setopt=logdir=" + dir + "/log", "--setopt=persistdir=" + dir + "/persist",
		"--setopt=module_platform_id=platform:el9", "--repo=it"}
	return b.finish(b.command("dnf", append(all, args...)...))
}

// TestDnfChecksSignatures lets dnf verify metadata and packages of a channel with the key that lies beside it, through a promotion
// and a rollback, from the mount and through nginx; with another key it must refuse.
func TestDnfChecksSignatures(t *testing.T) {
	needs(t, "dnf", "nginx", "gpg", "rpmsign")
	b := newBox(t)
	metadata, packages := signtest.NewKey(t, "ed25519", ""), signtest.NewKey(t, "rsa2048", "")
	pool := b.rpms("pool", testrpm.Spec{Name: "app", Files: []testrpm.File{{Path: "/etc/app.conf", Body: []byte("app\n")}}}, testrpm.Spec{Name: "lib"})
	plain := b.rpms("plain", testrpm.Spec{Name: "plain"})
	b.sh("rpmsign --define \"__gpg $(command -v gpg)\" --define '_gpg_name " + packages.Fingerprint + "' --define '_gpg_path " + packages.Home + "' --addsign " + pool + "/*.rpm")
	b.ok("build", "import", pool, plain)
	b.ok("tag", "create", "dev", "--arch", "x86_64", "--open")
	b.ok("tag", "add", "dev", "app-1.0-1")
	b.ok("channel", "configure", "production", "--sign-key", metadata.File, "--keys", packages.Fingerprint, "--require-signed")
	b.mount()
	b.ok("channel", "set", "staging/os", "dev/x86_64")
	b.ok("channel", "promote", "staging", "production")
	packageKey := "file://" + packages.Public
	web := b.nginx()
	look := func(want string) {
		t.Helper()
		for _, base := range []string{"file://" + b.mnt, web} {
			url := base + "/channels/production/os"
			name := strings.SplitN(base, ":", 2)[0]
			r := b.dnfSigned(name, url, url+"/repodata/repomd.xml.key", "repoquery", "--available", "--qf=%{name}")
			if r.code != 0 {
				t.Errorf("%s: dnf: exit %d\n%s%s", name, r.code, r.out, r.err)
			}
			same(t, name, sortedLines(r.out), want)
		}
	}
	look("app")
	b.ok("tag", "add", "dev", "lib-1.0-1")
	b.ok("channel", "set", "staging/os", "dev/x86_64")
	b.ok("channel", "promote", "staging", "production")
	look("app\nlib")
	b.ok("channel", "rollback", "production")
	look("app")

	url := "file://" + b.mnt + "/channels/production/os"
	root := b.path("root")
	if r := b.dnfSigned("install", url, url+"/repodata/repomd.xml.key "+packageKey, "--installroot="+root, "install", "app"); r.code != 0 {
		t.Errorf("install: exit %d\n%s%s", r.code, r.out, r.err)
	}
	same(t, "installed", b.sh("rpm --root "+root+" -q app --qf '%{name}'"), "app")
	if r := b.dnfSigned("wrong", url, packageKey, "makecache"); r.code == 0 {
		t.Errorf("dnf takes metadata that another key signed\n%s%s", r.out, r.err)
	}
	if r := b.dnfSigned("unsigned", "file://"+b.mnt+"/channels/staging/os", packageKey, "makecache"); r.code == 0 {
		t.Errorf("dnf takes metadata that nobody signed\n%s%s", r.out, r.err)
	}

	// A copy by rsync is as good as the original, and what nobody signed is refused.
	b.sh("rsync -aH " + b.mnt + "/channels/production/os/ " + b.path("mirror"))
	if err := signtest.Verify(t, metadata.Public, filepath.Join(b.path("mirror"), "repodata/repomd.xml.asc"), filepath.Join(b.path("mirror"), "repodata/repomd.xml")); err != nil {
		t.Errorf("a mirror's repomd.xml: %v", err)
	}
	b.ok("tag", "add", "dev", "plain-1.0-1")
	b.ok("channel", "set", "staging/os", "dev/x86_64")
	b.fails(1, []string{"plain-1.0-1.x86_64 (unsigned)"}, "channel", "promote", "staging", "production")
	look("app")
}
