package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// mergeSizes are the sizes of the cost table, in packages; that of 60k has goals.
var mergeSizes = map[string]int{"6k": 6000, "60k": 60000, "300k": 300000}

// mergeRowsOf are the rows of one size: a view of three external repos, asked by priority in mode koji.
//
//	merge-N          it is composed: from the first read of its repomd.xml in the mount of a daemon that was just started, over a
//	                 store that has the repos and never composed a view, to the last byte. No part of its repodata is in the store, nothing
//	                 of the store is in the daemon's memory; the page cache is warm, the peer's too
//	merge-N-memory   the daemon's memory in all of this, and the peer's
//	merge-N-build    a build is tagged into the view of that daemon: from the start of the command until its repomd.xml is read
//	merge-N-again    the daemon is started anew and the view, whose recipe is recorded, is looked at
func mergeRowsOf(size string) family {
	return family{func(b *bench) error { return mergeRows(b, size) }, []string{"merge-" + size, "merge-" + size + "-memory", "merge-" + size + "-build", "merge-" + size + "-again"}}
}

func mergeRows(b *bench, size string) error {
	n := mergeSizes[size]
	goals := size == "60k"
	if b.quick {
		n /= 100
	}
	repos, err := b.rich(n)
	if err != nil {
		return err
	}
	template, err := b.newStore()
	if err != nil {
		return err
	}
	logf("import three repositories of %d packages in all", n)
	for i, dir := range repos.rpms {
		if err := template.cli("repo", "import", fmt.Sprint("r", i), dir); err != nil {
			return err
		}
	}
	if err := template.cli("build", "import", repos.updates); err != nil {
		return err
	}
	if err := template.cli("tag", "create", "merged", "--arch", "x86_64", "--open"); err != nil {
		return err
	}
	for i := range repos.rpms {
		if err := template.cli("tag", "external", "add", "merged", fmt.Sprint("r", i), "--priority", fmt.Sprint(i+1)); err != nil {
			return err
		}
	}
	var memory, build, again, peerMemory []float64
	ours := func() (t float64, err error) {
		s, remove, err := template.copied()
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, remove()) }()
		if err := s.mount(); err != nil {
			return 0, err
		}
		repomd := filepath.Join(s.mnt, "tags/merged/x86_64/repodata/repomd.xml")
		m := watchMemory(s.pid())
		settle()
		start := time.Now()
		before, err := os.ReadFile(repomd)
		if err != nil {
			return 0, err
		}
		t = time.Since(start).Seconds()
		var builds []float64
		for i := range 5 {
			settle()
			start = time.Now()
			if err := s.cli("tag", "add", "merged", repos.nvrs[i]); err != nil {
				return 0, err
			}
			after, err := os.ReadFile(repomd)
			if err != nil {
				return 0, err
			}
			builds = append(builds, time.Since(start).Seconds())
			if bytes.Equal(before, after) {
				return 0, errors.New("repomd.xml is still the old one after the answer")
			}
			before = after
		}
		build = append(build, summarise(builds).Median)
		memory = append(memory, m.Stop())
		if err := s.umount(); err != nil {
			return 0, err
		}
		if err := s.mount(); err != nil {
			return 0, err
		}
		start = time.Now()
		same, err := os.ReadFile(repomd)
		again = append(again, 1000*time.Since(start).Seconds())
		if err == nil && !bytes.Equal(same, before) {
			err = errors.New("repomd.xml is another after a restart")
		}
		return t, err
	}
	out := filepath.Join(b.tmp, "merged")
	args := []string{"--koji", "-a", "x86_64,noarch", "--no-database", "--compress-type=gz", "-o", out}
	for _, dir := range repos.md {
		args = append(args, "-r", "file://"+dir)
	}
	peer := func() (float64, error) {
		if err := os.RemoveAll(out); err != nil {
			return 0, err
		}
		settle()
		t, mib, err := timedMemory("mergerepo_c", args...)
		peerMemory = append(peerMemory, mib)
		return t, err
	}
	o, p, err := inTurn(b.rounds(false), ours, peer)
	if err != nil {
		return err
	}
	only := func(g goal) goal {
		g.Set = goals
		return g
	}
	b.add(result{Row: "merge-" + size, What: fmt.Sprintf("view of three repositories, %d packages in all, in mode koji, composed from scratch: until its repomd.xml is read in the mount of a new daemon over a store without any view, against mergerepo_c --koji -a x86_64,noarch, gzip", n),
		Unit: "s", Ours: o, Peer: p, Goal: only(ratioAtMost(.2))})
	b.add(result{Row: "merge-" + size + "-memory", What: "the daemon's memory in this and the next row, against mergerepo_c's", Unit: "MiB", Ours: memory, Peer: peerMemory, Goal: only(atMost(200))})
	b.add(result{Row: "merge-" + size + "-build", What: "tag add of a build into it, from the command to its repomd.xml read in the mount (median of 5 in each round), against mergerepo_c", Unit: "s",
		Ours: build, Peer: p, Goal: only(ratioAtMost(1. / 60))})
	b.add(result{Row: "merge-" + size + "-again", What: "the same view, its recipe recorded, looked at again: repomd.xml read in the mount of a daemon that was just started", Unit: "ms",
		Ours: again, Goal: only(atMost(10))})
	return nil
}

// copied makes a copy of a store that is not mounted, with a mount point of its own. Blobs are links to the same files.
func (s *vstore) copied() (*vstore, func() error, error) {
	dir, err := os.MkdirTemp(s.b.tmp, "c.")
	if err != nil {
		return nil, nil, err
	}
	c := &vstore{b: s.b, root: filepath.Join(dir, "store"), mnt: filepath.Join(dir, "mnt")}
	remove := func() error { return errors.Join(c.umount(), os.RemoveAll(dir)) }
	err = errors.Join(os.Mkdir(c.root, 0o755), os.Mkdir(c.mnt, 0o755))
	if err != nil {
		return c, remove, err
	}
	parts, err := os.ReadDir(s.root)
	if err != nil {
		return c, remove, err
	}
	for _, p := range parts {
		how := "-a"
		if p.Name() == "blobs" {
			how = "-al"
		}
		if err := command("cp", how, filepath.Join(s.root, p.Name()), c.root); err != nil {
			return c, remove, err
		}
	}
	return c, remove, nil
}
