package disktest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"vrepofs/disk"
)

func TestFail(t *testing.T) {
	work := func(d disk.FS, dir string) error {
		f, err := d.OpenFile("open", filepath.Join(dir, "a"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write([]byte("0123456789"))
		return errors.Join(err, f.Chmod("chmod", 0o640), f.Truncate("truncate", 8), f.Sync("sync"), f.SyncFS("filesyncfs"), f.Close(),
			d.Mkdir("mkdir", filepath.Join(dir, "d"), 0o700), d.Link("link", filepath.Join(dir, "a"), filepath.Join(dir, "l")),
			d.Rename("rename", filepath.Join(dir, "l"), filepath.Join(dir, "m")), d.Remove("remove", filepath.Join(dir, "m")),
			d.SyncDir("syncdir", dir), d.SyncFS("syncfs", dir))
	}
	ff := NewFail(disk.OS{})
	if err := work(ff, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	want := []string{"chmod", "filesyncfs", "link", "mkdir", "open", "open.close", "open.write", "remove", "rename", "sync", "syncdir", "syncfs", "truncate"}
	if got := ff.Labels(); !slices.Equal(got, want) {
		t.Fatalf("labels %v, want %v", got, want)
	}
	for _, label := range want {
		ff.Break(label, 1, syscall.EIO)
		if err := work(ff, t.TempDir()); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: got %v, want %v", label, err, syscall.EIO)
		}
		if err := work(ff, t.TempDir()); err != nil {
			t.Errorf("%s fails twice: %v", label, err)
		}
	}
	if ff.Hits() != len(want) {
		t.Errorf("%d hits, want %d", ff.Hits(), len(want))
	}
	ff.BreakAll("mkdir", 2, syscall.ENOSPC)
	dir := t.TempDir()
	for i, want := range []bool{true, false, false} {
		if err := ff.Mkdir("mkdir", filepath.Join(dir, string(rune('a'+i))), 0o700); (err == nil) != want {
			t.Errorf("mkdir %d: %v", i, err)
		}
	}
	ff.Repair()
	ff.Break("w.write", 2, syscall.ENOSPC)
	f, err := ff.OpenFile("w", filepath.Join(dir, "short"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Write([]byte("abcd"))
	if n, err := f.Write([]byte("efgh")); n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("short write: %d, %v", n, err)
	}
	if b, _ := os.ReadFile(f.Name()); string(b) != "abcdef" {
		t.Errorf("after a short write: %q", b)
	}
}
