package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// walkRows: find -ls and rsync -an over a mounted snapshot of many RPMs, against a copy of the same tree on ext4 (cp -a from the mount,
// so its inodes lie in the order of the walk). Then the daemon's memory after all of it.
func walkRows(b *bench) error {
	dir, err := b.tiny(b.files)
	if err != nil {
		return err
	}
	s, err := b.newStore()
	if err != nil {
		return err
	}
	logf("import %d RPMs", b.files)
	if err := s.cli("repo", "import", "tiny", dir, "--adopt"); err != nil {
		return err
	}
	if err := s.mount(); err != nil {
		return err
	}
	tree, err := s.latest("tiny")
	if err != nil {
		return err
	}
	ext4, empty := filepath.Join(b.tmp, "ext4"), filepath.Join(b.tmp, "empty")
	b.later(func() { os.RemoveAll(ext4); os.RemoveAll(empty) })
	logf("copy them to ext4")
	if err := command("cp", "-a", tree, ext4); err != nil {
		return err
	}
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return err
	}
	tools := map[string]func(string) (float64, error){
		"find":  func(root string) (float64, error) { return toNull("find", root, "-ls") },
		"rsync": func(root string) (float64, error) { return toNull("rsync", "-an", root+"/", empty+"/") },
	}
	peak := func() float64 { return rssAnon(s.pid()) }
	var after []float64
	for _, name := range []string{"find", "rsync"} {
		run := tools[name]
		if b.want(name + "-cold") {
			o, p, err := inTurn(b.rounds(true),
				func() (float64, error) {
					if err := s.cold(); err != nil {
						return 0, err
					}
					m := watchMemory(s.pid())
					t, err := run(tree)
					after = append(after, m.Stop())
					return t, err
				},
				func() (float64, error) {
					if err := dropCaches(); err != nil {
						return 0, err
					}
					return run(ext4)
				})
			if err != nil {
				return err
			}
			b.add(result{Row: name + "-cold", What: fmt.Sprintf("%s over %d RPMs of a mounted snapshot against ext4, cold", describe[name], b.files),
				Unit: "s", Ours: o, Peer: p, Goal: ratioAtMost(.95)})
		}
		if b.want(name + "-warm") {
			for _, root := range []string{tree, ext4} {
				if _, err := run(root); err != nil {
					return err
				}
			}
			o, p, err := inTurn(b.rounds(true), func() (float64, error) { return run(tree) }, func() (float64, error) { return run(ext4) })
			if err != nil {
				return err
			}
			after = append(after, peak())
			b.add(result{Row: name + "-warm", What: fmt.Sprintf("%s, warm", describe[name]), Unit: "s", Ours: o, Peer: p, Goal: ratioAtMost(1.15)})
		}
	}
	if b.want("walk-memory") {
		if len(after) == 0 {
			m := watchMemory(s.pid())
			for _, run := range tools {
				if _, err := run(tree); err != nil {
					return err
				}
			}
			after = append(after, m.Stop())
		}
		b.add(result{Row: "walk-memory", What: "the daemon's memory during and after these walks", Unit: "MiB", Ours: after,
			Goal: atMost(96 + 100*float64(b.files)/(1<<20)), Notes: "the goal is 96 MiB + 100 B per package"})
	}
	return nil
}

var describe = map[string]string{"find": "find -ls", "rsync": "rsync -an"}
