package disk_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"vrepofs/disk"
)

// TestCheckRoom fills a small file system step by step.
func TestCheckRoom(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("small", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	fill := func(name string, mib int) {
		t.Helper()
		if err := os.WriteFile(dir+"/"+name, make([]byte, mib<<20), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		fill       int // MiB more
		user, last bool
	}{
		{0, true, true}, // 16 MiB: an eighth, 2, are kept
		{13, true, true},
		{2, false, true}, // 1 MiB left
		{1, false, false},
	} {
		fill("f"+string(rune('0'+c.fill)), c.fill)
		for share, want := range map[int64]bool{1: c.user, 4: c.last} {
			err := disk.CheckRoom(dir, share)
			if (err == nil) != want || err != nil && !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("after %d MiB more, share %d: %v, want room: %v", c.fill, share, err, want)
			}
			if err != nil && !strings.Contains(err.Error(), "kept in reserve") {
				t.Errorf("%v does not say what is kept", err)
			}
		}
	}
	if err := disk.CheckRoom(dir+"/none", 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
