package e2e

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"vrepofs/ctl"
	"vrepofs/testrpm"
)

// TestStaysInside leaves a process in a view, in a directory below it and with a file open, and moves the tag many times: the process
// sees nothing of it; one that comes by the name sees the newest.
func TestStaysInside(t *testing.T) {
	b, groups := newMover(t)
	b.mount()
	first := b.lastEvent()
	at := "$MNT/at/" + first + "/tags/dev/x86_64"
	want := b.sh("cd " + at + " && find . -type f | sort | xargs sha256sum")
	top, deep := b.enter(b.mnt+"/tags/dev/x86_64"), b.enter(b.mnt+"/tags/dev/x86_64/Packages/b")
	deep.ask("exec 5<ba-pkg00-1.0-1.x86_64.rpm; exec 6<../../repodata/repomd.xml; shopt -s nullglob")
	m := startMover(b, groups)
	for i := range times(15, 200) {
		same(t, "files of the view that it is in", top.ask("find . -type f | sort | xargs sha256sum"), want+"\n0")
		same(t, "repodata from below", deep.ask("cmp ../../repodata/repomd.xml "+at+"/repodata/repomd.xml && ls | wc -l"), "30\n0")
		select {
		case <-m.moved:
		case <-m.done:
			t.Fatal(m.err)
		}
		if i == 3 {
			b.sh("echo 2 >/proc/sys/vm/drop_caches")
		}
	}
	m.end(t, first)
	same(t, "an open RPM", deep.ask("cmp /dev/fd/5 $DIR/rpms/ba-pkg00-1.0-1.x86_64.rpm"), "0")
	same(t, "open metadata", deep.ask("cmp /dev/fd/6 "+at+"/repodata/repomd.xml"), "0")
	same(t, "by the name", b.sh("cmp $MNT/tags/dev/x86_64/repodata/repomd.xml $MNT/at/"+b.lastEvent()+"/tags/dev/x86_64/repodata/repomd.xml"), "")
	if b.sh("cmp -s $MNT/tags/dev/x86_64/repodata/repomd.xml "+at+"/repodata/repomd.xml || echo differs") != "differs" {
		t.Error("the tag has not moved")
	}
	t.Logf("%d moves", len(m.events))
}

// Test64Readers lets 64 processes read everything at once, each in an order of its own, and check it.
func Test64Readers(t *testing.T) {
	b, _ := newMover(t)
	b.ok("repo", "import", "r", b.path("rpms"))
	b.mount()
	sums := strings.Split(b.sh("cd $MNT && find repos/r/latest/ tags/dev -type f | xargs sha256sum"), "\n")
	imported := b.sh("cd rpms && sha256sum * | cut -c-64 | sort")
	var rpms []string
	for _, s := range sums {
		if strings.HasSuffix(s, ".rpm") && strings.Contains(s, " tags/") {
			rpms = append(rpms, s[:64])
		}
	}
	slices.Sort(rpms)
	same(t, "RPMs of the view", strings.Join(rpms, "\n"), imported)
	b.umount()
	b.mount() // cold: the first of the 64 composes
	rng := rand.New(rand.NewPCG(1, 64))
	var wg sync.WaitGroup
	for i := range 64 {
		rng.Shuffle(len(sums), func(i, j int) { sums[i], sums[j] = sums[j], sums[i] })
		list := b.write(fmt.Sprintf("sums/%d", i), strings.Join(sums, "\n")+"\n")
		wg.Go(func() {
			c := exec.Command("sha256sum", "--check", "--quiet", list)
			c.Dir = b.mnt
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("reader %d: %v\n%.500s", i, err, out)
			}
		})
	}
	wg.Wait()
	m := b.status().Mount
	if m.BlobReads != 0 || m.Errors != 0 || m.BlobErrors != 0 || m.Timeouts != 0 {
		t.Errorf("counters: %+v", m)
	}
	t.Logf("%d passthrough opens, %d opens of metadata, %d compositions", m.PassthroughOpens, m.RopeOpens, m.Compositions)
}

// TestListWhileNamesMove lists a live directory in small pieces while names in it come, go and move in between: what is there
// all the time is listed once, nothing is listed twice, and a listing that begins afterwards is right.
func TestListWhileNamesMove(t *testing.T) {
	b := newBox(t)
	b.ok("build", "import", b.rpms("rpms", testrpm.Spec{Name: "p"}))
	b.mount()
	c, err := ctl.Dial(t.Context(), b.store, ctl.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	change := func(_ *ctl.Change, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var stay []string
	why := ctl.Why{Command: "test"}
	for i := range 40 {
		stay = append(stay, fmt.Sprintf("stay-%02d-%s", i, strings.Repeat("x", 40)))
		change(c.CreateTag(t.Context(), why, stay[i], []string{"x86_64"}))
	}
	rng := rand.New(rand.NewPCG(3, 3))
	come := map[string]bool{}
	mutate := func() {
		name := fmt.Sprintf("%c-comes-and-goes-%d", 'a'+rng.IntN(26), rng.IntN(30))
		if come[name] {
			change(c.DeleteTag(t.Context(), why, name))
		} else {
			change(c.CreateTag(t.Context(), why, name, []string{"x86_64"}))
		}
		come[name] = !come[name]
		moving := stay[rng.IntN(len(stay))]
		change(c.TagBuilds(t.Context(), why, moving, []string{"p-1.0-1"}))
		change(c.UntagBuilds(t.Context(), why, moving, []string{"p-1.0-1"}))
	}
	for round := range times(10, 100) {
		pieces := 0
		names := listInPieces(t, b.mnt+"/tags", func() {
			pieces++
			mutate()
		})
		seen := map[string]int{}
		for _, n := range names {
			seen[n]++
		}
		for n, k := range seen {
			if k > 1 {
				t.Errorf("round %d: %s is listed %d times", round, n, k)
			}
		}
		for _, n := range stay {
			if seen[n] != 1 {
				t.Errorf("round %d: %s, which is always there, is listed %d times", round, n, seen[n])
			}
		}
		if pieces < 3 {
			t.Fatalf("the listing came in %d pieces: this test shows nothing", pieces)
		}
		want := slices.Clone(stay)
		for n, there := range come {
			if there {
				want = append(want, n)
			}
		}
		slices.Sort(want)
		same(t, "a listing afterwards", b.sh("ls $MNT/tags"), strings.Join(want, "\n"))
	}
}

// listInPieces reads a directory with a small buffer and calls between after each piece.
func listInPieces(t *testing.T, dir string, between func()) []string {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var names []string
	buf := make([]byte, 600)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil {
			t.Fatalf("getdents: %v", err)
		}
		if n == 0 {
			return names
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
		between()
	}
}
