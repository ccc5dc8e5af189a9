package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// moveRows: a tag moves whose three views have 100,000 packages each, all of them looked at before, so that the kernel holds 300,000
// names below it. Four readers stat without a pause meanwhile: one inside a view by full paths, one in a sibling tag, one in a snapshot,
// one through a directory of the view that it had opened. Right after the command's answer 300 lookups by four threads must see the
// new generation.
func moveRows(b *bench) error {
	dir, err := b.tiny(b.files)
	if err != nil {
		return err
	}
	s, err := b.newStore()
	if err != nil {
		return err
	}
	logf("import %d RPMs as builds", b.files)
	if err := s.cli("build", "import", dir, "--adopt"); err != nil {
		return err
	}
	if err := s.cli("repo", "import", "some", filepath.Join(dir, tinyFile(0)), filepath.Join(dir, tinyFile(1)), "--adopt"); err != nil {
		return err
	}
	arches := []string{"x86_64", "aarch64", "ppc64le"}
	builds := b.files / perSource
	toggled := tinyBuild(builds - 1)
	big, sibling := []string{"tag", "add", "big"}, []string{"tag", "add", "sibling", tinyBuild(0)}
	for i := range builds - 1 {
		big = append(big, tinyBuild(i))
	}
	for _, c := range [][]string{
		{"tag", "create", "big", "--arch", strings.Join(arches, ","), "--open"}, {"tag", "create", "sibling", "--arch", "x86_64", "--open"}, big, sibling,
	} {
		if err := s.cli(c...); err != nil {
			return err
		}
	}
	if err := s.mount(); err != nil {
		return err
	}
	tag := filepath.Join(s.mnt, "tags/big")
	logf("compose three views of %d packages", b.files)
	start := time.Now()
	if _, err := countNames(tag); err != nil {
		return err
	}
	first := time.Since(start)
	snapshot, err := s.latest("some")
	if err != nil {
		return err
	}
	file := tinyFile(b.files - 1) // of the toggled build
	changing := filepath.Join(tag, arches[0], "Packages", file[:1], file)

	var command, notify, second []float64
	longest := map[string][]float64{}
	stale, lookups, cached := 0, 0, 0
	for i := range b.rounds(false) {
		if cached, err = countNames(tag); err != nil {
			return err
		}
		settle()
		readers, err := background(4, "stall",
			"path="+filepath.Join(tag, arches[0], "Packages/c/*.rpm"),
			"sibling="+filepath.Join(s.mnt, "tags/sibling/x86_64/Packages/*/*.rpm"),
			"repos="+filepath.Join(snapshot, "Packages/*/*.rpm"),
			"dirfd="+filepath.Join(tag, arches[1], "Packages/c")+"//"+tinyFile(2))
		if err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond) // they run for a while before the move
		before, err := s.status()
		if err != nil {
			return err
		}
		verb, there := "add", true
		if i%2 == 1 {
			verb, there = "remove", false
		}
		start := time.Now()
		err = s.cli("tag", verb, "big", toggled)
		took := time.Since(start).Seconds()
		if err == nil {
			stale += lookup(changing, there)
			lookups += lookupsPerMove
			time.Sleep(300 * time.Millisecond) // whoever pays later is seen too
		}
		var met []stall
		if e := readers.Stop(&met); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		after, err := s.status()
		if err != nil {
			return err
		}
		command = append(command, took)
		notify = append(notify, 1000*(after.Mount.NotifySeconds-before.Mount.NotifySeconds))
		var all []float64
		for _, m := range met {
			longest[m.Reader] = append(longest[m.Reader], m.Longest)
			all = append(all, m.Longest)
			if m.Errors > 0 {
				return fmt.Errorf("reader %s: %d of %d calls failed", m.Reader, m.Errors, m.Calls)
			}
		}
		slices.Sort(all)
		second = append(second, all[len(all)-2])
	}
	b.add(result{Row: "move-command", What: fmt.Sprintf("a tag with %d names cached below it moves: the command, the composition of three views of %d packages included", cached, b.files), Unit: "s", Ours: command,
		Notes: fmt.Sprintf("composing them the first time and walking them took %s s", number(first.Seconds()))})
	b.add(result{Row: "move-daemon", What: "the daemon's part of it that the kernel takes: its notifications", Unit: "ms", Ours: notify})
	for _, r := range []struct{ name, what string }{{"path", "inside the view, by full paths"}, {"sibling", "in a sibling tag"}, {"repos", "in a snapshot"}, {"dirfd", "through a directory of the view opened before"}} {
		b.add(result{Row: "move-stall-" + r.name, What: "longest stall of the reader " + r.what, Unit: "ms", Ours: longest[r.name]})
	}
	b.add(result{Row: "move-stall-second", What: "longest stall of all readers but one", Unit: "ms", Ours: second, Goal: atMost(50)})
	b.add(result{Row: "move-stale", What: fmt.Sprintf("stale among %d lookups right after the answers", lookups), Unit: "lookups", Ours: []float64{float64(stale)}, Goal: atMost(0)})
	return nil
}

// lookupsPerMove are made by four threads.
const lookupsPerMove = 300

// lookup stats a name many times and returns how often it was not as it should be.
func lookup(name string, there bool) int {
	var stale atomic.Int64
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for range lookupsPerMove / 4 {
				if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) == there || err != nil && there {
					stale.Add(1)
				}
			}
		})
	}
	done.Wait()
	return int(stale.Load())
}

// countNames walks a tree, stats every name in it, and returns how many there are.
func countNames(root string) (int, error) {
	n := 0
	err := filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if err == nil {
			n++
			_, err = e.Info()
		}
		return err
	})
	return n, err
}
