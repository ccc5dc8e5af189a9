package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"vrepofs/testrpm"
)

// TestRealFullDisk fills the file system below a store for real, index included, with a daemon that serves it: what cannot be written
// is refused with the reason, readers notice nothing, and when there is room again all that was acknowledged is there and all goes on.
func TestRealFullDisk(t *testing.T) {
	b := newBox(t)
	b.smallDisk("96m")
	b.wantErrors = true
	b.fill()
	d := b.mount()
	want := b.sh("cd $MNT && find repos tags/base tags/dev -type f | sort | xargs -d '\\n' sha256sum")
	head := b.lastEvent()

	var big []testrpm.Spec
	for i := range 120 {
		big = append(big, testrpm.Spec{Name: fmt.Sprint("big", i), Files: []testrpm.File{{Path: "/usr/share/big", Size: 1 << 20}}})
	}
	dir := b.rpms("big", big...)
	b.fails(1, []string{"no space left"}, "repo", "import", "big", dir)
	same(t, "after an import that did not fit", b.lastEvent(), head)
	if left := b.sh("ls $VREPOFS_STORE/incoming"); left != "" {
		t.Errorf("incoming/ holds %s", left)
	}
	b.ok("tag", "create", "room-again", "--arch", "x86_64") // what the import wrote was taken back

	// Not one byte is left.
	b.try("cat /dev/zero >$DIR/small/filler")
	acknowledged, refused := 0, 0
	for i := range 20 {
		r := b.vrepofs("tag", "create", fmt.Sprint("full", i), "--arch", "x86_64", "--note", strings.Repeat("x", 1500))
		switch {
		case r.code == 0:
			acknowledged++
		case r.code == 1:
			refused++
		default:
			t.Errorf("exit %d, %s", r.code, r.err)
		}
	}
	died := false
	select {
	case <-d.end:
		// Badger writes its tables through a mapping of a file with holes, and a full disk is a SIGBUS then, which no Go program
		// survives. It is no worse than kill -9.
		if died = strings.Contains(d.log.String(), "SIGBUS") && strings.Contains(d.log.String(), "badger"); !died {
			t.Fatalf("the daemon has died: %v\n%s", d.err, d.log.String())
		}
		t.Log("the daemon died of a SIGBUS in Badger")
		d.log.reset()
	default:
		same(t, "what is read while the disk is full", b.sh("cd $MNT && find repos tags/base tags/dev -type f | sort | xargs -d '\\n' sha256sum"), want)
	}
	if refused == 0 && !died {
		t.Error("nothing was refused: the disk was not full")
	}
	b.sh("rm $DIR/small/filler")
	d.signal(syscall.SIGTERM)
	<-d.end
	t.Logf("full: %d tags acknowledged, %d refused; the daemon ended with %v", acknowledged, refused, d.err)
	b.daemon = nil
	b.ok("verify")
	b.mount()
	same(t, "after that", b.sh("cd $MNT && find repos tags/base tags/dev -type f | sort | xargs -d '\\n' sha256sum"), want)
	if n := strings.Count(b.sh("ls $MNT/tags"), "full"); n != acknowledged && !(died && n == acknowledged+1) {
		t.Errorf("%d tags are there, %d were acknowledged", n, acknowledged)
	}
	b.ok("tag", "create", "after", "--arch", "x86_64")
	b.ok("repo", "import", "some", b.path("big", "big1-1.0-1.x86_64.rpm"))
	b.ok("verify")
}

// smallDisk puts a new store of the box on a file system of its own, which is mounted at small.
func (b *box) smallDisk(size string) {
	b.Helper()
	small := b.path("small")
	if err := os.Mkdir(small, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := syscall.Mount("small", small, "tmpfs", 0, "size="+size); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := syscall.Unmount(small, syscall.MNT_DETACH); err != nil {
			b.Error(err)
		}
	})
	b.store = small + "/store"
	b.ok("init")
}
