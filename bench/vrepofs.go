package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// vstore is a store that the binary made.
type vstore struct {
	b    *bench
	root string
	mnt  string // where it is or was mounted
	d    *exec.Cmd
	log  bytes.Buffer
}

// newStore makes a store and, for later, a mount point. It is removed when the family has finished.
func (b *bench) newStore() (*vstore, error) {
	dir, err := os.MkdirTemp(b.tmp, "s.")
	if err != nil {
		return nil, err
	}
	s := &vstore{b: b, root: filepath.Join(dir, "store"), mnt: filepath.Join(dir, "mnt")}
	if err := os.Mkdir(s.mnt, 0o755); err != nil {
		return nil, err
	}
	if err := s.cli("init"); err != nil {
		return nil, err
	}
	b.later(func() {
		if err := s.umount(); err != nil {
			logf("umount: %v", err)
			_ = unix.Unmount(s.mnt, unix.MNT_DETACH)
		}
		if err := os.RemoveAll(dir); err != nil {
			logf("remove a store: %v", err)
		}
	})
	return s, nil
}

// args are a command line for this store.
func (s *vstore) args(arg ...string) []string { return append([]string{"--store", s.root}, arg...) }

// cli runs the binary on this store.
func (s *vstore) cli(arg ...string) error { return command(s.b.binary, s.args(arg...)...) }

// mount starts the daemon and waits until it says that the mount can be used.
func (s *vstore) mount() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	s.log.Reset()
	d := exec.Command(s.b.binary, s.args("mount", s.mnt, "--foreground", "--ready-fd", "3")...)
	d.Stderr = &s.log
	d.ExtraFiles = []*os.File{w}
	err = d.Start()
	w.Close()
	if err != nil {
		return err
	}
	s.d = d
	if line, err := io.ReadAll(r); err != nil || len(line) == 0 {
		return errors.Join(fmt.Errorf("the daemon did not become ready (%v)", err), s.umount())
	}
	return nil
}

// umount ends the daemon and waits for it.
func (s *vstore) umount() error {
	if s.d == nil {
		return nil
	}
	d := s.d
	s.d = nil
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	killer := time.AfterFunc(time.Minute, func() { d.Process.Kill() })
	defer killer.Stop()
	if err := d.Wait(); err != nil {
		return fmt.Errorf("the daemon ended with %w: %s", err, tail(s.log.String()))
	}
	return nil
}

// cold starts the daemon anew and drops all caches.
func (s *vstore) cold() error {
	if err := s.umount(); err != nil {
		return err
	}
	if err := s.mount(); err != nil {
		return err
	}
	return dropCaches()
}

// pid is the daemon's process id.
func (s *vstore) pid() int { return s.d.Process.Pid }

// counters are what the mount counts: the part of `status` that the rows need.
type counters struct {
	Mount struct {
		Ops              map[string]uint64 `json:"ops"`
		Passthrough      bool              `json:"passthrough"`
		NoPassthrough    string            `json:"no_passthrough"`
		PassthroughOpens uint64            `json:"passthrough_opens"`
		FallbackOpens    uint64            `json:"fallback_opens"`
		BlobReads        uint64            `json:"blob_reads"`
		DirBytes         int64             `json:"dir_bytes"`
		Moves            uint64            `json:"moves"`
		NotifySeconds    float64           `json:"notify_seconds"`
	} `json:"mount"`
}

func (s *vstore) status() (counters, error) {
	var c counters
	out, err := exec.Command(s.b.binary, s.args("status", "--json")...).Output()
	if err != nil {
		return c, fmt.Errorf("status: %w", err)
	}
	return c, json.Unmarshal(out, &c)
}

// blobPath is where the store keeps the content of a file of the mount.
func (s *vstore) blobPath(name string) (string, error) {
	buf := make([]byte, 128)
	n, err := unix.Getxattr(name, "user.vrepofs.digest", buf)
	if err != nil || n != 64 {
		return "", fmt.Errorf("digest of %s: %d bytes, %w", name, n, err)
	}
	d := string(buf[:n])
	return filepath.Join(s.root, "blobs", d[:2], d[2:]), nil
}

// latest is the mounted newest snapshot of a repo: its own directory, not the link to it.
func (s *vstore) latest(repo string) (string, error) {
	return filepath.EvalSymlinks(filepath.Join(s.mnt, "repos", repo, "latest"))
}

// list writes names into a file for a reader and returns its path.
func (b *bench) list(names []string) (string, error) {
	f, err := os.CreateTemp(b.tmp, "list.")
	if err != nil {
		return "", err
	}
	if _, err := f.WriteString(strings.Join(names, "\n") + "\n"); err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}
