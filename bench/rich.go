package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"vrepofs/testrpm"
)

// A rich package is one of richTemplates templates with another name: its metadata has the size of a distribution's, and building one
// takes as long as writing it. Names of sources have one length, so that they can be put in place of the templates'.
const (
	richTemplates = 96
	richSource    = "zqx99999"
)

// richNameOf is the i-th source package: names begin with all letters, and those of three repositories lie between each other.
func richNameOf(i int) string { return fmt.Sprintf("%c%cx%05d", 'a'+i%26, 'a'+i/26%26, i) }

// richSuffixes are the packages of one source package.
var richSuffixes = [3]string{"", "-libs", "-devel"}

// richTemplate is an RPM with what is to be replaced in it.
type richTemplate struct {
	rpm       []byte
	main      region
	sum       []byte // digest of the main header, in hex
	file, nvr string // of the package; of its source package
}

// newRichTemplate makes the k-th template of the package with a suffix. Its version goes by k.
func newRichTemplate(k int, suffix string) (richTemplate, error) {
	rng := rand.New(rand.NewPCG(uint64(k), uint64(len(suffix))))
	s := testrpm.Spec{
		Name: richSource + suffix, Version: fmt.Sprintf("%d.%d", 1+k/10, k%10), Release: fmt.Sprintf("%d.el9", 1+k%7),
		Summary:  fmt.Sprintf("Part %q of a package for benchmarks, made by template %d", suffix, k),
		Provides: []string{"lib" + richSource + suffix + ".so.1()(64bit)"},
		Requires: []string{"/bin/sh", "rpmlib(CompressedFileNames) <= 3.0.4-1"},
	}
	s.SourceRPM = richSource + "-" + s.Version + "-" + s.Release + ".src.rpm"
	for i := range 1 + rng.IntN(4) {
		s.Provides = append(s.Provides, fmt.Sprintf("%s(part-%d) = %s", richSource, i, s.Version))
	}
	for range 3 + rng.IntN(20) {
		s.Requires = append(s.Requires, fmt.Sprintf("libfjord%04d-0.so.1()(64bit)", rng.IntN(4000)))
	}
	for i := range 10 {
		s.Changelog = append(s.Changelog, testrpm.Change{
			Time:   testrpm.BuildTime - int64(i)*30*86400 - 43200,
			Author: fmt.Sprintf("A Packager <packager@example.org> - %s-%d", s.Version, 10-i),
			Text:   fmt.Sprintf("- update to the upstream release, rhbz#%d\n- build %x anew", 1000000+rng.IntN(1000000), rng.Uint64()),
		})
	}
	for i := range 4 + int(min(-45*math.Log(1-rng.Float64()), 500)) {
		s.Files = append(s.Files, testrpm.File{
			Path: fmt.Sprintf("/usr/share/%s/%x/part-%03d.dat", richSource, rng.Uint32N(512), i), Body: []byte{byte(i)}, Mode: 0o644,
		})
	}
	s.Files = append(s.Files, testrpm.File{Path: "/usr/bin/" + richSource + suffix, Body: []byte("#!/bin/sh\n"), Mode: 0o755})
	t := richTemplate{rpm: testrpm.Build(s), file: s.FileName(), nvr: strings.TrimSuffix(s.SourceRPM, ".src.rpm")}
	sig, err := headerAt(t.rpm, 96)
	if err != nil {
		return t, err
	}
	if t.main, err = headerAt(t.rpm, (sig.end+7)&^7); err != nil {
		return t, err
	}
	sum := sha256.Sum256(t.rpm[t.main.start:t.main.end])
	t.sum = []byte(hex.EncodeToString(sum[:]))
	return t, nil
}

// write writes the template's package under the name of another source package.
func (t *richTemplate) write(dir, source string) error {
	from, to := []byte(richSource), []byte(source)
	header := bytes.ReplaceAll(t.rpm[t.main.start:t.main.end], from, to)
	sum := sha256.Sum256(header)
	lead := bytes.ReplaceAll(t.rpm[:t.main.start], from, to)
	lead = bytes.Replace(lead, t.sum, []byte(hex.EncodeToString(sum[:])), 1)
	rpm := append(append(lead, header...), t.rpm[t.main.end:]...)
	return os.WriteFile(filepath.Join(dir, strings.Replace(t.file, richSource, source, 1)), rpm, 0o644)
}

// richRepos is a directory with three repositories of n packages in all, cut by viewSplit, and what is to be tagged into their view.
type richRepos struct {
	rpms    [3]string // directories of RPMs
	md      [3]string // directories in which createrepo_c put their repodata
	updates string    // builds of source packages of the last repository, newer than there
	nvrs    []string  // their names
}

const richUpdates = 64

// rich makes such repositories. One in twenty source packages of the last is in the first too, in another version, which wins.
func (b *bench) rich(n int) (richRepos, error) {
	var r richRepos
	templates := make([][3]richTemplate, richTemplates)
	for k := range templates {
		for s, suffix := range richSuffixes {
			var err error
			if templates[k][s], err = newRichTemplate(k, suffix); err != nil {
				return r, err
			}
		}
	}
	var updated []int
	dir, err := b.once(fmt.Sprintf("rich-%d", n), func(dir string) error {
		for repo := range 3 {
			if err := os.MkdirAll(filepath.Join(dir, fmt.Sprint(repo)), 0o755); err != nil {
				return err
			}
		}
		add := func(repo, source, template int) error {
			for s := range templates[template] {
				if err := templates[template][s].write(filepath.Join(dir, fmt.Sprint(repo)), richNameOf(source)); err != nil {
					return err
				}
			}
			return nil
		}
		for left, source := n/len(richSuffixes), 0; left > 0; left, source = left-1, source+1 {
			repo := richRepoOf(source)
			if err := add(repo, source, source%richTemplates); err != nil {
				return err
			}
			if source%20 == 19 && left > 1 {
				left--
				if err := add(0, source, (source+1)%richTemplates); err != nil {
					return err
				}
			}
		}
		for repo := range 3 {
			md := filepath.Join(dir, fmt.Sprint("md", repo))
			if err := os.Mkdir(md, 0o755); err != nil {
				return err
			}
			if err := command("createrepo_c", "-q", "--workers", "2", "--no-database", "-o", md, filepath.Join(dir, fmt.Sprint(repo))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	for i := range 3 {
		r.rpms[i], r.md[i] = filepath.Join(dir, fmt.Sprint(i)), filepath.Join(dir, fmt.Sprint("md", i))
	}
	for source, step := 0, max(1, n/len(richSuffixes)/richUpdates/2); len(updated) < richUpdates; source += step {
		for richRepoOf(source) != 2 {
			source++
		}
		updated = append(updated, source)
	}
	r.updates = filepath.Join(b.tmp, fmt.Sprint("rich-updates-", n))
	if err := os.MkdirAll(r.updates, 0o755); err != nil {
		return r, err
	}
	b.later(func() { os.RemoveAll(r.updates) })
	for _, source := range updated {
		t := &templates[(source+2)%richTemplates]
		for s := range t {
			if err := t[s].write(r.updates, richNameOf(source)); err != nil {
				return r, err
			}
		}
		r.nvrs = append(r.nvrs, strings.Replace(t[0].nvr, richSource, richNameOf(source), 1))
	}
	return r, nil
}

// richRepoOf is the repository of a source package.
func richRepoOf(source int) int {
	k := 0
	for x := source % 10; x >= viewSplit[k]; k++ {
		x -= viewSplit[k]
	}
	return k
}
