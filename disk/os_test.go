package disk

import (
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOS(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	var d FS = OS{}
	f, err := d.OpenFile("l", at("a"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "0123456789"); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"sync": f.Sync("l"), "syncfs": f.SyncFS("l"), "truncate": f.Truncate("l", 4), "chmod": f.Chmod("l", 0o444),
		"mkdir": d.Mkdir("l", at("d"), 0o700), "link": d.Link("l", at("a"), at("d/b")), "rename": d.Rename("l", at("d/b"), at("d/c")),
		"syncdir": d.SyncDir("l", at("d")), "syncfs of a directory": d.SyncFS("l", dir), "close": f.Close(),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOSOrder(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	d := OS{}
	if err := os.WriteFile(at("a"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", at("s")); err != nil {
		t.Fatal(err)
	}
	// A symbolic link is followed.
	if err := d.Link("l", at("s"), at("b")); err != nil {
		t.Fatal(err)
	}
	a, _ := os.Lstat(at("a"))
	b, err := os.Lstat(at("b"))
	if err != nil || !os.SameFile(a, b) {
		t.Errorf("link of a symbolic link: %v, %v", b, err)
	}
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"open", second(d.OpenFile("l", at("none"), os.O_RDONLY, 0)), iofs.ErrNotExist},
		{"mkdir", d.Mkdir("l", at("a"), 0o700), iofs.ErrExist},
		{"link", d.Link("l", at("a"), at("b")), iofs.ErrExist},
		{"link of nothing", d.Link("l", at("none"), at("c")), iofs.ErrNotExist},
		{"rename", d.Rename("l", at("none"), at("c")), iofs.ErrNotExist},
		{"remove", d.Remove("l", at("none")), iofs.ErrNotExist},
		{"syncdir", d.SyncDir("l", at("none")), iofs.ErrNotExist},
		{"syncfs", d.SyncFS("l", at("none")), iofs.ErrNotExist},
		{"remove a full directory", d.Remove("l", dir), syscall.ENOTEMPTY},
	} {
		if !errors.Is(tt.err, tt.want) || tt.err == nil || !strings.Contains(tt.err.Error(), dir) {
			t.Errorf("%s: got %v, want %v and the path", tt.name, tt.err, tt.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestClone: either the file shares the bytes, or the caller is told to copy.
func TestClone(t *testing.T) {
	dir := t.TempDir()
	src, err := os.Create(filepath.Join(dir, "src"))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, err := src.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	f, err := OS{}.OpenFile("l", filepath.Join(dir, "dst"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = f.Clone("l", src)
	b, _ := os.ReadFile(f.Name())
	switch {
	case err == nil && string(b) == "content":
	case errors.Is(err, errors.ErrUnsupported) && len(b) == 0:
		t.Log("no reflinks here:", err)
	default:
		t.Errorf("got %v and %q", err, b)
	}
}
