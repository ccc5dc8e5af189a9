package testrpm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
)

// Write builds the specs and writes each to dir under its FileName, replacing what is there. It makes dir when it is absent
// and returns the paths in the order of the specs.
func Write(dir string, specs ...Spec) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	paths := make([]string, len(specs))
	errs := make([]error, len(specs))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(specs) {
					return
				}
				paths[i] = filepath.Join(dir, specs[i].FileName())
				errs[i] = os.WriteFile(paths[i], Build(specs[i]), 0o644)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// smallVersion changes when Small would write other bytes than before, so that a cached directory is made anew.
const smallVersion = "testrpm small 1\n"

// Small makes dir hold n small binary RPMs of mean bytes each on average, with sizes spread as in a distribution (many small,
// few large), dependencies, file lists and change logs: for 4,000 and 64 KiB, 256 MiB in all. They are built in parallel.
// A directory that an earlier call filled with the same n and mean is left as it is: dir+".made" records that.
func Small(dir string, n, mean int) error {
	mark := filepath.Clean(dir) + ".made"
	want := fmt.Sprintf("%s%d packages, mean %d bytes\n", smallVersion, n, mean)
	if got, err := os.ReadFile(mark); err == nil && string(got) == want {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	specs := make([]Spec, n)
	for i := range specs {
		specs[i] = smallSpec(i, mean)
	}
	if _, err := Write(dir, specs...); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte(want), 0o644)
}

// smallSpec is the i-th package of Small. Three packages in a row come from one source RPM.
func smallSpec(i, mean int) Spec {
	rng := rand.New(rand.NewPCG(uint64(i), 0x76726570))
	suffix := []string{"", "-libs", "-devel"}[i%3]
	source := fmt.Sprintf("%s%04d", []string{"atlas", "boreal", "cedar", "delta", "ember", "fjord", "garnet", "harbor"}[i/3%8], i/3)
	s := Spec{
		Name:    source + suffix,
		Version: fmt.Sprintf("%d.%d.%d", 1+i/3%9, i/3%17, i/3%5),
		Release: fmt.Sprintf("%d.el9", 1+i/3%12),
		Summary: "Part " + suffix + " of " + source + ", a package for benchmarks",
	}
	s.SourceRPM = s.sourceOf(source)
	for k := range 1 + rng.IntN(4) {
		s.Provides = append(s.Provides, fmt.Sprintf("lib%s-%d.so.%d()(64bit)", source, k, 1+k))
	}
	for range 3 + rng.IntN(15) {
		j := rng.IntN(4000)
		s.Requires = append(s.Requires, fmt.Sprintf("libfjord%04d-0.so.1()(64bit)", j))
	}
	s.Requires = append(s.Requires, "/bin/sh", "rpmlib(CompressedFileNames) <= 3.0.4-1")
	for k := range 10 {
		s.Changelog = append(s.Changelog, Change{
			Time:   BuildTime - int64(k)*30*86400 - 43200,
			Author: fmt.Sprintf("A Packager <packager@example.org> - %s-%d", s.Version, 10-k),
			Text:   fmt.Sprintf("- update to the upstream release, rhbz#%d", 1000000+rng.IntN(1000000)),
		})
	}
	files := 4 + rng.IntN(30)
	// An exponential spread around the mean, cut at 12 means so that no file dominates. 0.94 makes up for headers.
	size := int(float64(mean) * 0.94 * min(-math.Log(1-rng.Float64()), 12))
	for k := range files {
		path := fmt.Sprintf("/usr/share/%s/part-%02d.dat", s.Name, k)
		if k == 0 {
			path = "/usr/bin/" + s.Name
		}
		s.Files = append(s.Files, File{Path: path, Size: size / files, Mode: 0o755})
	}
	return s
}

// sourceOf is the source RPM's file name of a package built from source.
func (s Spec) sourceOf(source string) string {
	return source + "-" + s.Version + "-" + s.Release + ".src.rpm"
}
