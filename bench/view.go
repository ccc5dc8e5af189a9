package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vrepofs/testrpm"
)

// viewSplit is how the packages of a view are spread over its tag and the two that it inherits from, and over the peer's three
// repositories, in tenths.
var viewSplit = [3]int{2, 3, 5}

// viewRows: a build is tagged into a view of 10,000 packages from three tags; the clock runs from the start of the command until
// repomd.xml of the new generation was read through the mount. The peer is mergerepo_c over three repositories with the same 10,000
// packages, in its default method, which is its quickest.
func viewRows(b *bench) error {
	n := 10000
	if b.quick {
		n = 300
	}
	dir, err := b.small(n, 6<<10)
	if err != nil {
		return err
	}
	parts, err := splitBySource(dir)
	if err != nil {
		return err
	}
	s, err := b.newStore()
	if err != nil {
		return err
	}
	rounds := b.rounds(true)
	updates, nvrs, err := b.updates(parts, rounds+1)
	if err != nil {
		return err
	}
	if err := s.cli("build", "import", dir, updates, "--adopt"); err != nil {
		return err
	}
	tags := []string{"dev", "testing", "base"}
	for i, tag := range tags {
		if err := s.cli("tag", "create", tag, "--arch", "x86_64", "--open"); err != nil {
			return err
		}
		if err := s.cli(append([]string{"tag", "add", tag}, parts[i]...)...); err != nil {
			return err
		}
		if i > 0 {
			if err := s.cli("tag", "inherit", "add", tags[i-1], tag, "--priority", "10"); err != nil {
				return err
			}
		}
	}
	if err := s.mount(); err != nil {
		return err
	}
	repomd := filepath.Join(s.mnt, "tags/dev/x86_64/repodata/repomd.xml")
	start := time.Now()
	if _, err := os.ReadFile(repomd); err != nil {
		return err
	}
	first := time.Since(start).Seconds()
	m := watchMemory(s.pid())
	next := 0
	visible := func() (float64, error) {
		before, err := os.ReadFile(repomd)
		if err != nil {
			return 0, err
		}
		settle()
		start := time.Now()
		if err := s.cli("tag", "add", "dev", nvrs[next]); err != nil {
			return 0, err
		}
		next++
		after, err := os.ReadFile(repomd)
		t := time.Since(start).Seconds()
		if err == nil && bytes.Equal(before, after) {
			err = fmt.Errorf("repomd.xml is still the old one after the answer")
		}
		return t, err
	}
	merge, err := b.mergePeer(dir, parts)
	if err != nil {
		return err
	}
	if _, err := visible(); err != nil {
		return err
	}
	o, p, err := inTurn(rounds, visible, merge)
	if err != nil {
		return err
	}
	peak := m.Stop()
	b.add(result{Row: "view-visible", What: fmt.Sprintf("tag add of a build into a view of %d packages from three tags, from the command to its repomd.xml read in the mount, against mergerepo_c of three repositories", n),
		Unit: "s", Ours: o, Peer: p, Goal: ratioAtMost(.05), Notes: fmt.Sprintf("the view's first composition, from nothing, took %s s", number(first))})
	b.add(result{Row: "view-memory", What: "the daemon's memory meanwhile", Unit: "MiB", Ours: []float64{peak}})
	return nil
}

// splitBySource lists the builds of a directory that testrpm.Small made, cut in three by viewSplit.
func splitBySource(dir string) (parts [3][]string, err error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return parts, err
	}
	var nvrs []string
	for _, e := range list {
		if nvr, ok := strings.CutSuffix(e.Name(), ".x86_64.rpm"); ok && !strings.Contains(nvr, "-libs-") && !strings.Contains(nvr, "-devel-") {
			nvrs = append(nvrs, nvr)
		}
	}
	slices.Sort(nvrs)
	for i, nvr := range nvrs {
		k := 0
		for x := i % 10; x >= viewSplit[k]; k++ {
			x -= viewSplit[k]
		}
		parts[k] = append(parts[k], nvr)
	}
	return parts, nil
}

// updates makes n newer builds of packages of base, of three RPMs each, and returns their directory and names.
func (b *bench) updates(parts [3][]string, n int) (string, []string, error) {
	dir := filepath.Join(b.tmp, "updates")
	var specs []testrpm.Spec
	var nvrs []string
	for i := range n {
		old := parts[2][i*len(parts[2])/n]
		name := old[:strings.IndexByte(old, '-')]
		for _, suffix := range []string{"", "-libs", "-devel"} {
			specs = append(specs, testrpm.Spec{Name: name + suffix, Version: "99", SourceRPM: name + "-99-1.src.rpm",
				Requires: []string{"libfjord0001-0.so.1()(64bit)", "/bin/sh"}, Files: []testrpm.File{{Path: "/usr/bin/" + name + suffix, Size: 4000}}})
		}
		nvrs = append(nvrs, name+"-99-1")
	}
	_, err := testrpm.Write(dir, specs...)
	b.later(func() { os.RemoveAll(dir) })
	return dir, nvrs, err
}

// mergePeer makes three repositories with the packages of parts and returns what merges them once.
func (b *bench) mergePeer(dir string, parts [3][]string) (func() (float64, error), error) {
	root := filepath.Join(b.tmp, "merge")
	b.later(func() { os.RemoveAll(root) })
	args := []string{"--no-database", "-o", filepath.Join(root, "out")}
	for i, part := range parts {
		repo := filepath.Join(root, fmt.Sprint(i))
		if err := os.MkdirAll(repo, 0o755); err != nil {
			return nil, err
		}
		source := map[string]bool{}
		for _, nvr := range part {
			source[nvr[:strings.IndexByte(nvr, '-')]] = true
		}
		list, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if name := e.Name(); source[name[:strings.IndexByte(name, '-')]] {
				if err := os.Link(filepath.Join(dir, name), filepath.Join(repo, name)); err != nil {
					return nil, err
				}
			}
		}
		if err := command("createrepo_c", "-q", "--workers", "2", "--no-database", repo); err != nil {
			return nil, err
		}
		args = append(args, "-r", "file://"+repo)
	}
	return func() (float64, error) {
		if err := os.RemoveAll(filepath.Join(root, "out")); err != nil {
			return 0, err
		}
		settle()
		return timed("mergerepo_c", args...)
	}, nil
}
