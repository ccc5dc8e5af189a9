package e2e

import (
	"strings"
	"testing"

	"vrepofs/testrpm"
)

// dnfCached is dnf that goes by the metadata that it has, however old.
func (b *box) dnfCached(cache, url string, args ...string) result {
	b.Helper()
	dir := b.path("dnf", cache)
	all := []string{"-q", "-y", "--config=" + dir + "/conf", "--releasever=9", "--forcearch=x86_64", "--nogpgcheck", "--setopt=reposdir=" + dir + "/none",
		"--setopt=pluginpath=" + dir + "/none", "--setopt=cachedir=" + dir + "/cache", "--setopt=logdir=" + dir + "/log", "--setopt=persistdir=" + dir + "/persist",
		"--setopt=keepcache=0", "--setopt=metadata_expire=-1", "--setopt=module_platform_id=platform:el9", "--repofrompath=it," + url, "--repo=it"}
	return b.finish(b.command("dnf", append(all, args...)...))
}

// TestDnfWithYesterdaysMetadata lets dnf install by metadata that a channel and a tag have moved away from, from the mount and
// through nginx; when the grace of the channel is over it cannot. What a mirror copies is the present.
func TestDnfWithYesterdaysMetadata(t *testing.T) {
	needs(t, "dnf", "nginx", "rsync", "curl")
	b := newBox(t)
	b.fill()
	b.mount()
	web := b.nginx()
	b.ok("channel", "set", "production/9/dev", "dev/x86_64")
	urls := map[string]string{
		"file-channel": "file://" + b.mnt + "/channels/production/9/dev", "web-channel": web + "/channels/production/9/dev",
		"file-tag": "file://" + b.mnt + "/tags/dev/x86_64", "web-tag": web + "/tags/dev/x86_64",
	}
	for name, url := range urls {
		b.dnfOK(name, url, "makecache")
	}
	primary := b.sh("cd $MNT/channels/production/9/dev/repodata; ls *-primary.xml.gz")
	other := b.sh("cd $MNT/channels/production/9/dev/repodata; ls *-other.xml.gz")
	b.ok("build", "import", b.rpms("next", testrpm.Spec{Name: "app", Version: "2.1", Release: "1.el9", SourceRPM: "app-2.1-1.el9.src.rpm"}))
	b.ok("tag", "add", "dev", "app-2.1-1.el9")
	b.ok("tag", "remove", "dev", "app-2.0-1.el9")
	b.ok("channel", "set", "production/9/dev", "dev/x86_64")
	same(t, "listed", b.sh("cd $MNT/channels/production/9/dev; find . -name 'app-2*.x86_64.rpm'; ls repodata | grep -c "+primary+" || true"), "./Packages/a/app-2.1-1.el9.x86_64.rpm\n0")
	for name, url := range urls {
		root := b.path("root-" + name)
		if r := b.dnfCached(name, url, "--installroot="+root, "install", "app"); r.code != 0 {
			t.Fatalf("%s: install by old metadata: %s%s", name, r.out, r.err)
		}
		same(t, name, b.sh("rpm --root "+root+" -q app"), "app-2.0-1.el9.x86_64")
	}
	const old = "/channels/production/9/dev/repodata/"
	same(t, "nginx", b.sh("curl -sfo old.gz "+web+old+primary+" && sha256sum old.gz | cut -c-64"), strings.TrimSuffix(primary, "-primary.xml.gz"))
	same(t, "mirror", b.sh("rsync -a --delete $MNT/channels/production/ mirror/ && find mirror -name 'app-2*' -o -name "+primary), "mirror/9/dev/Packages/a/app-2.1-1.el9.x86_64.rpm")
	held := map[string]int{}
	for _, g := range b.status().Grace.Held {
		held[g.Path] = g.Generations
		if !g.Until.After(g.Since) || g.Grace != 72*3600 {
			t.Errorf("held: %+v", g)
		}
	}
	if held["channels/production/9/dev"] != 1 || held["tags/dev/x86_64"] == 0 || len(held) != 2 {
		t.Errorf("held: %v", held)
	}
	if out := b.ok("status"); !strings.Contains(out, "channels/production/9/dev: 1, the oldest replaced at ") {
		t.Errorf("status:\n%s", out)
	}

	b.ok("channel", "configure", "production", "--grace", "0s", "--note", "app 2.0 is broken")
	if r := b.try("cat $MNT" + old + primary); r.code == 0 || !strings.Contains(r.err, "No such file") {
		t.Errorf("metadata after the grace: exit %d, %s", r.code, r.err)
	}
	// What nginx has open it serves until its own cache forgets it (open_file_cache_valid); this it was never asked for.
	same(t, "nginx after the grace", b.code(web+old+other), "404")
	if r := b.dnfCached("file-channel", urls["file-channel"], "--installroot="+b.path("root-late"), "install", "app"); r.code == 0 {
		t.Error("dnf installs by old metadata though the grace is over")
	}
	for _, g := range b.status().Grace.Held {
		if strings.HasPrefix(g.Path, "channels/") {
			t.Errorf("held though the grace is 0: %+v", g)
		}
	}
}
