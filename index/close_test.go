package index

import (
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vrepofs/blob"
	"vrepofs/disk"
)

// TestCloseWithoutDisk holds that Close ends though Badger would try for ever to flush what it cannot write.
func TestCloseWithoutDisk(t *testing.T) {
	before := goleak.IgnoreCurrent()
	root := t.TempDir() + "/store"
	if err := Create(root, disk.OS{}); err != nil {
		t.Fatal(err)
	}
	x, err := Open(root, Options{closeWait: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.PutPackages([]PackageRow{{Digest: blob.Sum([]byte("a")), Value: []byte("a")}}); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(root + "/index"); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err == nil || !strings.Contains(err.Error(), "not closed within") {
		t.Errorf("Close: %v, want that it gave up", err)
	}
	// With its directory back Badger comes to its end; goleak waits half a second each time.
	if err := os.Mkdir(root+"/index", 0o755); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err = goleak.Find(before); err == nil {
			return
		}
	}
	t.Error(err)
}
