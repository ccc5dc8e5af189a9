package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"vrepofs/ctl"
)

// flatRows: the daemon's memory over thousands of moves of a tag with a view of 1,000 packages, while a process walks the tag by full
// paths. The peak of the last quarter is held against the peak of the second.
func flatRows(b *bench) error {
	n := min(b.files, 1000)
	dir, err := b.tiny(n)
	if err != nil {
		return err
	}
	s, err := b.newStore()
	if err != nil {
		return err
	}
	if err := s.cli("build", "import", dir, "--adopt"); err != nil {
		return err
	}
	if err := s.cli("tag", "create", "t", "--arch", "x86_64"); err != nil {
		return err
	}
	builds := []string{"tag", "add", "t"}
	for i := range n / perSource {
		builds = append(builds, tinyBuild(i))
	}
	toggled := builds[len(builds)-1]
	if err := s.cli(builds...); err != nil {
		return err
	}
	if err := s.mount(); err != nil {
		return err
	}
	ctx := context.Background()
	c, err := ctl.Dial(ctx, s.root, ctl.DialOptions{})
	if err != nil {
		return err
	}
	defer c.Close()
	walker, err := background(1, "walk", filepath.Join(s.mnt, "tags"))
	if err != nil {
		return err
	}
	var rss []float64
	start := time.Now()
	for i := range b.moves {
		if i%2 == 0 {
			_, err = c.UntagBuilds(ctx, ctl.Why{}, "t", []string{toggled})
		} else {
			_, err = c.TagBuilds(ctx, ctl.Why{}, "t", []string{toggled})
		}
		if err != nil {
			break
		}
		rss = append(rss, rssAnon(s.pid()))
	}
	took := time.Since(start)
	var walked struct{ Names, Errors int }
	if e := walker.Stop(&walked); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	q := len(rss) / 4
	b.add(result{Row: "flat-memory", What: fmt.Sprintf("the daemon's memory in the last quarter of %d moves of a tag of %d packages under a walker, against the second quarter", b.moves, n),
		Unit: "MiB", Ours: []float64{slices.Max(rss[3*q:])}, Peer: []float64{slices.Max(rss[q : 2*q])}, Goal: ratioAtMost(1.1),
		Notes: fmt.Sprintf("%.0f moves/s, %d names walked meanwhile; at the first move %s MiB", float64(b.moves)/took.Seconds(), walked.Names, number(rss[0]))})
	return nil
}
