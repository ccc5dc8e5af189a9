package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"vrepofs/ctl"
)

// heirRows: a build is tagged in a tag from which 10,000 others inherit, all of them looked at as directories and three of them used as
// repositories. The clock runs from the request on the daemon's socket to its answer, after which every name is bound to its new
// generation. How many views were composed is told by what the store recorded.
func heirRows(b *bench) error {
	heirs := 10000
	if b.quick {
		heirs = 200
	}
	dir, err := b.small(300, 6<<10)
	if err != nil {
		return err
	}
	parts, err := splitBySource(dir)
	if err != nil {
		return err
	}
	rounds := b.rounds(true)
	updates, nvrs, err := b.updates(parts, 2*rounds+2)
	if err != nil {
		return err
	}
	s, err := b.newStore()
	if err != nil {
		return err
	}
	if err := s.cli("build", "import", dir, updates, "--adopt"); err != nil {
		return err
	}
	if err := s.cli("tag", "create", "base", "--arch", "x86_64", "--open"); err != nil {
		return err
	}
	if err := s.cli(append([]string{"tag", "add", "base"}, parts[2]...)...); err != nil {
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
	logf("make %d tags that inherit from one", heirs)
	start := time.Now()
	var g errgroup.Group
	g.SetLimit(256) // they share commits
	for i := range heirs {
		g.Go(func() error {
			_, err := c.CreateSignedTag(ctx, ctl.CreateTagRequest{Name: fmt.Sprintf("heir-%05d", i), Arches: []string{"x86_64"}, Inherit: []ctl.Parent{{Tag: "base", Priority: 10}}})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	made := time.Since(start)
	if _, err := countLevel(filepath.Join(s.mnt, "tags")); err != nil { // the kernel knows all names
		return err
	}
	next := 0
	m := watchMemory(s.pid())
	commit := func() (float64, error) {
		if _, err := countLevel(filepath.Join(s.mnt, "tags")); err != nil {
			return 0, err
		}
		settle()
		start := time.Now()
		_, err := c.TagBuilds(ctx, ctl.Why{}, "base", nvrs[next:next+1])
		next++
		return 1000 * time.Since(start).Seconds(), err
	}
	if _, err := commit(); err != nil {
		return err
	}
	told, err := s.status()
	if err != nil {
		return err
	}
	var cold []float64
	before, err := s.blobCount()
	if err != nil {
		return err
	}
	for range rounds {
		t, err := commit()
		if err != nil {
			return err
		}
		cold = append(cold, t)
	}
	after, err := s.blobCount()
	if err != nil {
		return err
	}
	tell, err := s.status()
	if err != nil {
		return err
	}
	notify := 1000 * (tell.Mount.NotifySeconds - told.Mount.NotifySeconds) / float64(rounds)
	what := fmt.Sprintf("a build is tagged in a tag from which %d others inherit, all of whose names the kernel knows: until the client has its answer", heirs)
	b.add(result{Row: "heirs", What: what, Unit: "ms", Ours: cold, Goal: atMost(50),
		Notes: fmt.Sprintf("telling the kernel took %s ms of it (mean); making the tags took %s s, 256 at a time", number(notify), number(made.Seconds()))})
	b.add(result{Row: "heirs-composed", What: "blobs that these commits wrote: a composed view would have written eight", Unit: "blobs", Ours: []float64{float64(after - before)}, Goal: atMost(0)})

	repomd := func(i int) string {
		return filepath.Join(s.mnt, "tags", fmt.Sprintf("heir-%05d", i), "x86_64/repodata/repomd.xml")
	}
	used := []int{0, heirs / 2, heirs - 1}
	for _, i := range used {
		if _, err := os.ReadFile(repomd(i)); err != nil {
			return err
		}
	}
	var hot []float64
	for range rounds {
		was, err := os.ReadFile(repomd(used[0]))
		if err != nil {
			return err
		}
		t, err := commit()
		if err != nil {
			return err
		}
		hot = append(hot, t)
		if is, err := os.ReadFile(repomd(used[0])); err != nil || bytes.Equal(was, is) {
			return fmt.Errorf("the view of an heir did not move (%v)", err)
		}
	}
	b.add(result{Row: "heirs-used", What: "the same where three of them are read, so that their views of some 160 packages are composed before the answer", Unit: "ms", Ours: hot, Goal: atMost(50)})
	b.add(result{Row: "heirs-memory", What: "the daemon's memory meanwhile", Unit: "MiB", Ours: []float64{m.Stop()}})
	return nil
}

// countLevel lists a directory and stats what is in it.
func countLevel(dir string) (int, error) {
	list, err := os.ReadDir(dir)
	for _, e := range list {
		if _, err := e.Info(); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
	}
	return len(list), err
}

// blobCount is how many blobs the store has.
func (s *vstore) blobCount() (int, error) {
	files, err := filepath.Glob(filepath.Join(s.root, "blobs/*/*"))
	return len(files), err
}
