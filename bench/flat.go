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
// paths. The median of the last quarter is held against that of the second: caches fill in the first.
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
	if err := s.cli("tag", "create", "t", "--arch", "x86_64", "--open"); err != nil {
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
	quarter := func(i int) float64 { return summarise(rss[i*len(rss)/4 : (i+1)*len(rss)/4]).Median }
	b.add(result{Row: "flat-memory", What: fmt.Sprintf("the daemon's memory over %d moves of a tag of %d packages under a walker: median of the last quarter against that of the second", b.moves, n),
		Unit: "MiB", Ours: []float64{quarter(3)}, Peer: []float64{quarter(1)}, Goal: ratioAtMost(1.1),
		Notes: fmt.Sprintf("%.0f moves/s, %d names walked meanwhile; quarters %s, %s, %s, %s MiB", float64(b.moves)/took.Seconds(), walked.Names,
			number(quarter(0)), number(quarter(1)), number(quarter(2)), number(quarter(3)))})
	b.add(result{Row: "flat-peak", What: "its peak", Unit: "MiB", Ours: []float64{slices.Max(rss)}, Goal: atMost(96 + 100*float64(n)/(1<<20))})
	return nil
}
