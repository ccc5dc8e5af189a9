package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"vrepofs/testrpm"
)

// loggedSite serves the mount and notes what is asked for. on, if not nil, is called before a request is served.
type loggedSite struct {
	*httptest.Server
	mu sync.Mutex
	// mu guards the rest.
	asked []string
	on    func(path string)
}

func (b *box) loggedSite() *loggedSite {
	s := &loggedSite{}
	files := http.FileServer(http.Dir(b.mnt))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.Path)
		on := s.on
		s.mu.Unlock()
		if on != nil {
			on(r.URL.Path)
		}
		files.ServeHTTP(w, r)
	}))
	b.Cleanup(s.Close)
	return s
}

// take returns what was asked for since it was last called.
func (s *loggedSite) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.asked
	s.asked = nil
	return out
}

// TestMirrorlistOrder holds what dnf 4 makes of a mirrorlist with earlier generations and two sites: metadata is of the first generation
// alone, with fastestmirror and with many downloads at a time too; and packages are found when the tag moves, as often as the list goes
// back, after the metadata was read and before the list is fetched again for the packages.
func TestMirrorlistOrder(t *testing.T) {
	needs(t, "dnf")
	b0, groups := newMover(t)
	b0.mount()
	one, two := b0.loggedSite(), b0.loggedSite()
	b := &pinnedBox{b0, one.URL}
	b.ok("site", "set", one.URL, two.URL)
	definition := "[it]\nname=it\nenabled=1\nmirrorlist=" + one.URL + "/tags/dev/x86_64.mirrorlist\n"
	list := strings.Fields(b.sh("cat $MNT/tags/dev/x86_64.mirrorlist"))
	if len(list) != 8 || !strings.HasPrefix(list[0], one.URL+"/at/") || list[1] != two.URL+strings.TrimPrefix(list[0], one.URL) {
		t.Fatalf("mirrorlist: %q, want 4 generations at 2 sites", list)
	}
	newest := strings.TrimPrefix(list[0], one.URL)
	for i, how := range []string{"fastestmirror=0", "fastestmirror=1", "max_parallel_downloads=20"} {
		if got := b.available(fmt.Sprint("how", i), definition, "--setopt="+how); strings.Count(got, "\n") < moverGroups*moverSize-1 {
			t.Errorf("%s: dnf finds\n%s", how, got)
		}
		asked := slices.Concat(one.take(), two.take())
		n := 0
		for _, path := range asked {
			if strings.Contains(path, "/repodata/") {
				if n++; !strings.HasPrefix(path, newest+"repodata/") {
					t.Errorf("%s: metadata of another generation: %s, want %s", how, path, newest)
				}
			}
		}
		if n < 2 {
			t.Errorf("%s: %q was asked for, no metadata", how, asked)
		}
	}

	install := func(client string, moves [][]string) result {
		lists := 0
		one.mu.Lock()
		one.on = func(path string) {
			if strings.HasSuffix(path, ".mirrorlist") {
				if lists++; lists == 2 { // for the packages: dnf has the metadata
					for _, m := range moves {
						b.ok(append([]string{"tag"}, m...)...)
					}
				}
			}
		}
		one.mu.Unlock()
		r := b.dnfWith(client, definition, "--installroot="+b.path("root", client), "--downloadonly", "--setopt=keepcache=1", "install", "*-pkg1?")
		if lists != 2 {
			t.Errorf("%s: dnf fetched the mirrorlist %d times, want 2: this shows nothing", client, lists)
		}
		return r
	}
	remove := func(g int) []string { return append([]string{"remove", "dev"}, groups[g]...) }
	if r := install("three", [][]string{remove(0), remove(1), remove(2)}); r.code != 0 {
		t.Errorf("install while the tag moves three times: exit %d\n%s%s", r.code, r.out, r.err)
	}
	b.sh("test $(find $DIR/client/three/cache -name '*.rpm' | wc -l) = 40")
	b.sh("find $DIR/client/three/cache -name '*.rpm' | while read -r f; do cmp $f $DIR/rpms/${f##*/} || exit 1; done")
	for _, g := range groups[:3] {
		b.ok(append([]string{"tag", "add", "dev"}, g...)...)
	}
	// Four moves are one more than the list goes back, and packages that only the oldest generation has are missed.
	again := [][]string{remove(0), remove(1), remove(2), remove(3)}
	if r := install("four", again); r.code == 0 || !strings.Contains(r.err, "all mirrors were already tried") {
		t.Errorf("install while the tag moves four times: exit %d\n%s%s", r.code, r.out, r.err)
	}
}

// TestPinnedOfHeldTag holds that tag show names the generation that the mount serves, of a tag whose newest is held back.
func TestPinnedOfHeldTag(t *testing.T) {
	b := newBox(t)
	b.ok("build", "import", b.rpms("signed", testrpm.Spec{Name: "a", Signature: testrpm.FakeSignature(0x8899aabbccddeeff, 1)}))
	b.ok("build", "import", b.rpms("plain", testrpm.Spec{Name: "b"}))
	b.ok("site", "set", "https://a.example.org")
	b.ok("tag", "create", "base", "--arch", "x86_64", "--open")
	b.ok("tag", "create", "release", "--arch", "x86_64", "--open", "--keys", "ccddeeff", "--require-signed")
	b.ok("tag", "inherit", "add", "release", "base", "--priority", "10")
	b.ok("tag", "add", "release", "a-1.0-1")
	b.mount()
	good := b.lastEvent()
	want := "https://a.example.org/at/" + good + "/tags/release/x86_64/\n"
	pinned := func() string {
		t.Helper()
		for line := range strings.Lines(b.ok("tag", "show", "release")) {
			if f := strings.Fields(line); len(f) == 2 && f[0] == "pinned" {
				return f[1] + "\n"
			}
		}
		return ""
	}
	same(t, "before", pinned(), want)
	b.ok("tag", "add", "base", "b-1.0-1")
	if out := b.ok("tag", "show", "release", "--json"); !strings.Contains(out, "not signed") {
		t.Fatalf("the tag is not held back:\n%s", out)
	}
	same(t, "held back", pinned(), want)
	same(t, "what the mirrorlist begins with", strings.SplitAfter(b.sh("cat $MNT/tags/release/x86_64.mirrorlist"), "\n")[0], want)
	b.ok("tag", "block", "release", "b")
	if got := pinned(); got == want || got == "" {
		t.Errorf("when it moves again tag show says %q", got)
	}
}
