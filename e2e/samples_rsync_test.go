package e2e

import (
	"os"
	"strings"
	"sync"
	"testing"
)

// rsyncSample serves the box's mount with contrib/rsyncd.conf and returns the URL. Its repo "fedora" has the snapshot that
// fedora-20261121 stands for. failures are what the daemon's processes said of connections that failed.
func rsyncSample(b *box, rsync string) (url string, failures func() string) {
	b.Helper()
	id := b.sh("readlink $MNT/repos/fedora/latest")
	conf := b.write("rsyncd.conf", sample(b, "rsyncd.conf", "/srv/repos", b.mnt, "/run/vrepofs-rsyncd.lock", b.path("rsyncd.lock"), "20261121T043000Z", id))
	var mu sync.Mutex
	var said strings.Builder
	address := b.rsyncd(rsync, conf, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		said.WriteString(err.Error())
	})
	return "rsync://" + address, func() string {
		mu.Lock()
		defer mu.Unlock()
		return said.String()
	}
}

// TestSampleRsyncd copies through the sample rsyncd.conf: each module is what it says, and nobody can write or make it read
// everything.
func TestSampleRsyncd(t *testing.T) {
	rsyncs(t, func(t *testing.T, rsync string) {
		b := newBox(t)
		b.fill()
		b.ok("repo", "import", "fedora", b.path("rpms"))
		b.publish("https://repos.example.org")
		b.mount()
		url, failures := rsyncSample(b, rsync)
		modules := map[string]string{"dev": "tags/dev", "dev-x86_64": "tags/dev/x86_64", "channels": "channels", "production": "channels/production", "fedora": "repos/fedora/latest", "fedora-20261121": "repos/fedora/latest"}
		for module, dir := range modules {
			b.sh(rsync + " -aH --delete " + url + "/" + module + "/ copy/ && diff -r copy $MNT/" + dir)
			same(t, "second run of "+module, b.sh(rsync+" -aHi --delete "+url+"/"+module+"/ copy/"), "")
		}
		if text := failures(); text != "" {
			t.Error(text)
		}
		if log, err := os.ReadFile(b.path("rsyncd.log")); err != nil || strings.Contains(string(log), "nknown") {
			t.Errorf("rsyncd's log: %s, %v", log, err) // Unknown Parameter encountered
		}
		for line := range strings.SplitSeq(b.sh(rsync+" "+url), "\n") {
			if module := strings.Fields(line)[0]; modules[module] == "" {
				t.Errorf("module %s is listed and not tested", module)
			}
		}
		// The module of latest is the next snapshot for the next connection.
		b.rpms("more", distro()[0])
		b.ok("repo", "import", "fedora", b.path("more"))
		b.sh(rsync + " -aH --delete " + url + "/fedora/ copy/ && diff -r copy $MNT/repos/fedora/latest && ! diff -rq copy $MNT/tags/dev/x86_64 >/dev/null")

		for what, c := range map[string][2]string{"writing": {"-a rpms/ " + url + "/dev/new/", "read only"}, "reading everything": {"-ac " + url + "/dev/ copy/", "refuse"}} {
			if r := b.try(rsync + " " + c[0]); r.code == 0 || !strings.Contains(r.err, c[1]) {
				t.Errorf("%s: exit %d\n%s%s", what, r.code, r.out, r.err)
			}
		}
		// Nothing is mounted: an error, and the mirror keeps what it has.
		b.sh(rsync + " -aH --delete " + url + "/dev/ copy/")
		before := b.sh("ls -lR copy")
		b.umount()
		if r := b.try(rsync + " -aH --delete " + url + "/dev/ copy/"); r.code == 0 {
			t.Error("a module is there without a mount")
		}
		same(t, "the mirror, when nothing is mounted", b.sh("ls -lR copy"), before)
	})
}

// TestSampleRsyncdInFlight copies through the sample rsyncd.conf while the tag moves all the time: each copy is one generation.
func TestSampleRsyncdInFlight(t *testing.T) {
	rsyncs(t, func(t *testing.T, rsync string) {
		b, groups := newMover(t)
		b.ok("repo", "import", "fedora", b.path("rpms"))
		b.mount()
		url, failures := rsyncSample(b, rsync)
		copiesInFlight(t, b, groups, times(8, 60), func(i int, dst string) error {
			return runIn(b, rsync, "-aH", url+[]string{"/dev/x86_64/", "/dev-x86_64/"}[i%2], dst+"/")
		})
		if text := failures(); text != "" {
			t.Error(text)
		}
	})
}
