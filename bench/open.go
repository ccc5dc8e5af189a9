package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// openRows: open and close of 2,000 RPMs in turn through the mount, names cached, from one thread and from 64.
func openRows(b *bench) error {
	n, length := 2000, "1s"
	if b.quick {
		n, length = 200, "200ms"
	}
	dir, err := b.small(n, 64<<10)
	if err != nil {
		return err
	}
	s, err := b.newStore()
	if err != nil {
		return err
	}
	if err := s.cli("repo", "import", "small", dir, "--adopt"); err != nil {
		return err
	}
	if err := s.mount(); err != nil {
		return err
	}
	root, err := s.latest("small")
	if err != nil {
		return err
	}
	var files, blobs []string
	err = filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".rpm") {
			blob, e := s.blobPath(name)
			files, blobs, err = append(files, name), append(blobs, blob), e
		}
		return err
	})
	if err != nil {
		return err
	}
	ours, err1 := b.list(files)
	peer, err2 := b.list(blobs)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	open := func(list string, threads int) func() (float64, error) {
		return func() (float64, error) {
			var r rate
			err := reader(threads, &r, "open", list, fmt.Sprint(threads), length)
			return r.PerSecond, err
		}
	}
	for _, row := range []struct {
		threads int
		goal    float64
	}{{1, 50e3}, {64, 100e3}} {
		key := fmt.Sprintf("open-%d", row.threads)
		if !b.want(key) {
			continue
		}
		if _, err := open(ours, row.threads)(); err != nil { // every blob is registered once
			return err
		}
		o, p, err := inTurn(b.rounds(true), open(ours, row.threads), open(peer, row.threads))
		if err != nil {
			return err
		}
		b.add(result{Row: key, What: fmt.Sprintf("open+close of %d RPMs in turn, %d threads, against the blobs' files on ext4", n, row.threads), Unit: "/s", Ours: o, Peer: p, Goal: atLeast(row.goal)})
	}
	return nil
}
