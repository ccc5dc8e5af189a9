package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vrepofs/ctl"
)

// promoteRows: 100 repositories of 10,000 packages and more are promoted as one, all of them changed by ten packages, as the client of the
// daemon's socket sees it; beside it 100 repositories of 100 packages, and the same with a million names cached below channels. No two
// repositories are the same: each is another snapshot, ten packages apart from the one before. The peers publish a
// tree of the same names on ext4, all links to the files of the import: cp -al, rsync -a --link-dest into a new directory, and the walk that
// makes create-filelist's lists.
func promoteRows(b *bench) error {
	repos, big, small, changed := 100, 10000, 100, 10
	if b.quick {
		repos, big, small = 10, 500, 50
	}
	s, err := b.newStore()
	if err != nil {
		return err
	}
	corpus, err := b.tiny(big + repos*changed)
	if err != nil {
		return err
	}
	links := filepath.Join(b.tmp, "promote")
	b.later(func() { os.RemoveAll(links) })
	// One snapshot more than repositories of each size: n packages, then ten more at a time; of small ones ten go, too.
	part := func(name string, from, to int) (string, error) {
		dir := filepath.Join(links, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		for i := from; i < to; i++ {
			if err := os.Link(filepath.Join(corpus, tinyFile(i)), filepath.Join(dir, tinyFile(i))); err != nil {
				return "", err
			}
		}
		return dir, nil
	}
	logf("import %d RPMs, then %d snapshots", big, 2*repos)
	snapshot := func(repo string, i, from, to int, arg ...string) error {
		dir, err := part(fmt.Sprint(repo, i), from, to)
		if err == nil {
			err = s.cli(append([]string{"repo", "import", repo, dir, "--adopt"}, arg...)...)
		}
		return err
	}
	if err := snapshot("big", 0, 0, big); err != nil {
		return err
	}
	for i := range repos + 1 {
		if i > 0 {
			if err := snapshot("big", i, big+(i-1)*changed, big+i*changed, "--add"); err != nil {
				return err
			}
		}
		if err := snapshot("small", i, i*changed, i*changed+small); err != nil {
			return err
		}
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
	logf("set %d channels", 4*repos)
	for _, repo := range []string{"big", "small"} {
		list, err := c.ListSnapshots(ctx, ctl.At{}, repo)
		if err != nil {
			return err
		}
		for g := range 2 {
			for i := range repos {
				snap := list.Snapshots[g+i]
				if _, err := c.SetChannel(ctx, ctl.Why{}, fmt.Sprintf("%s%d/%03d/os", repo, g, i), repo+"@"+snap.ID, false); err != nil {
					return err
				}
			}
		}
	}
	turn := map[string]int{"big": 0, "small": 0}
	promoteTo := func(repo, path string) (float64, error) {
		settle()
		start := time.Now()
		plan, err := c.Promote(ctx, ctl.Why{}, fmt.Sprintf("%s%d", repo, turn[path]%2), path, false)
		took := time.Since(start)
		turn[path]++
		if err == nil {
			for _, step := range plan.Steps {
				if step.Action == "unchanged" {
					err = fmt.Errorf("%s was promoted and has not changed", step.Path)
				}
			}
		}
		return took.Seconds(), err
	}
	promote := func(repo string) (float64, error) { return promoteTo(repo, repo) }
	first := map[string]float64{}
	for repo := range turn {
		if first[repo], err = promote(repo); err != nil {
			return err
		}
	}
	ours, peer, err := inTurn(b.rounds(true), func() (float64, error) { return promote("big") }, func() (float64, error) { return promote("small") })
	if err != nil {
		return err
	}
	ms := func(v []float64) (out []float64) {
		for _, x := range v {
			out = append(out, 1000*x)
		}
		return out
	}
	what := fmt.Sprintf("%d repositories of %d packages, all of them changed, are promoted in one event: until the client has its answer", repos, big)
	b.add(result{Row: "promote", What: what, Unit: "ms", Ours: ms(ours), Goal: atMost(50),
		Notes: fmt.Sprintf("the first publication, where nothing was before, took %s s", number(first["big"]))})
	b.add(result{Row: "promote-size", What: fmt.Sprintf("the same against %d repositories of %d packages", repos, small), Unit: "ms", Ours: ms(ours), Peer: ms(peer), Goal: ratioAtMost(1.5)})
	if b.want("promote-cached") {
		var took []float64
		cached := 0
		for range b.rounds(false) {
			if cached, err = countNames(filepath.Join(s.mnt, "channels/big")); err != nil {
				return err
			}
			x, err := promote("big")
			if err != nil {
				return err
			}
			took = append(took, x)
		}
		b.add(result{Row: "promote-cached", What: fmt.Sprintf("the same with %d names cached below channels", cached), Unit: "ms", Ours: ms(took), Goal: atMost(50)})
	}
	if b.want("promote-lists") || b.want("promote-lists-all") {
		settle()
		start := time.Now()
		if err := s.cli("channel", "configure", "big", "--lists", "bench"); err != nil {
			return err
		}
		all := time.Since(start).Seconds()
		raw, err := os.ReadFile(filepath.Join(s.mnt, "channels/big/fullfiletimelist-bench"))
		if err != nil {
			return err
		}
		lines := bytes.Count(raw, []byte("\n"))
		b.add(result{Row: "promote-lists-all", What: fmt.Sprintf("the file lists of these come into being, %d lines each: the command", lines), Unit: "s",
			Ours: []float64{all}, Goal: atMost(.05 + float64(lines)/1e6)})
		// Beside it the same repositories at a path without lists.
		bare := func() (float64, error) { return promoteTo("big", "bare") }
		if _, err := bare(); err != nil {
			return err
		}
		with, without, err := inTurn(b.rounds(true), func() (float64, error) { return promote("big") }, bare)
		if err != nil {
			return err
		}
		b.add(result{Row: "promote-lists", What: "the same promotion with file lists of all of it, against one without", Unit: "ms", Ours: ms(with), Peer: ms(without)})
		if err := s.cli("channel", "configure", "big", "--reset", "lists"); err != nil {
			return err
		}
	}
	if !b.want("promote-cp") && !b.want("promote-rsync") && !b.want("promote-walk") {
		return nil
	}
	return b.promotePeers(links, repos, func() (float64, error) { return promote("big") })
}

// filelistWalk walks a tree as create-filelist does and counts its bytes of lists.
const filelistWalk = `import os, sys
os.chdir(sys.argv[1])
n = 0
def walk(d):
    global n
    for e in os.scandir(d):
        st = e.stat(follow_symlinks=False)
        if e.is_dir(follow_symlinks=False):
            walk(e.path)
        n += len("%d\t%s\t%d\t%s\n" % (max(st.st_mtime, st.st_ctime), "d" if e.is_dir() else "f", st.st_size, e.path[2:]))
walk(".")
print(n)`

// promotePeers measures the peers once each: they take long.
func (b *bench) promotePeers(links string, repos int, promote func() (float64, error)) error {
	tree, published := filepath.Join(links, "tree"), filepath.Join(links, "published")
	logf("link a tree of %d repositories on ext4", repos)
	for i := range repos {
		dir := filepath.Join(tree, fmt.Sprintf("%03d/os/Packages", i))
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return err
		}
		if err := command("cp", "-al", filepath.Join(links, "big0"), dir); err != nil {
			return err
		}
	}
	for _, p := range []struct {
		row, what string
		run       func() (float64, error)
	}{
		{"cp", "cp -al of a tree of the same names on ext4", func() (float64, error) { return timed("cp", "-al", tree, published) }},
		{"rsync", "rsync -a --link-dest of it into a new directory", func() (float64, error) {
			return timed("rsync", "-a", "--link-dest="+tree, tree+"/", published+"/")
		}},
		{"walk", "create-filelist's kind of walk of it, warm", func() (float64, error) { return timed("python3", "-c", filelistWalk, tree) }},
	} {
		if !b.want("promote-" + p.row) {
			continue
		}
		ours, err := promote()
		if err != nil {
			return err
		}
		settle()
		took, err := p.run()
		if err = errors.Join(err, os.RemoveAll(published)); err != nil {
			return err
		}
		b.add(result{Row: "promote-" + p.row, What: "a promotion of these against " + p.what, Unit: "s", Ours: []float64{ours}, Peer: []float64{took}})
	}
	return nil
}
