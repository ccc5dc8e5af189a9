package fs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vrepofs/blob"
	"vrepofs/tree"
)

// The benchmarks compare the mount with ext4 (or whatever TMPDIR is on) in alternating rounds and report medians of paired
// ratios. They need root and an otherwise idle machine:
//
//	go test -run '^$' -bench . -benchtime 11x ./fs

const (
	benchDirs    = 100
	benchPerDir  = 1000
	benchOpens   = 2000
	benchOpenLen = 64 << 10
)

func benchName(dir, i int) string {
	return fmt.Sprintf("Packages/d%03d/some-package-name-%03d%06d-1.2.3-4.fc42.x86_64.rpm", dir, dir, i)
}

// walkSource has 100,000 RPM entries without blobs behind them.
func walkSource(b *testing.B) *memSource {
	s := newSource(b)
	files := make(map[string]tree.Entry, benchDirs*benchPerDir)
	for d := range benchDirs {
		for i := range benchPerDir {
			n := uint64(d*benchPerDir + i + 1)
			files[benchName(d, i)] = tree.Entry{Kind: tree.KindFile, RPM: true, Serial: n, Mtime: 1_700_000_000, Digest: blob.Sum(fmt.Append(nil, n))}
		}
	}
	s.setTree("snap", s.makeTree(b, 1_700_000_000, files))
	s.setLevel("", Level{Live: true, Children: []Child{{Name: "snap", Key: "snap", Tree: true, Mtime: 1}}})
	return s
}

// BenchmarkWalk: find -ls and rsync -an over 100,000 files, cold (caches dropped, mounted anew) and warm.
func BenchmarkWalk(b *testing.B) {
	needMount(b)
	src := walkSource(b)
	disk := b.TempDir()
	for d := range benchDirs {
		for i := range benchPerDir {
			p := filepath.Join(disk, benchName(d, i))
			if i == 0 {
				must(b, os.MkdirAll(filepath.Dir(p), 0o755))
			}
			must(b, os.WriteFile(p, nil, 0o444))
		}
	}
	empty := b.TempDir()
	commands := []struct{ name, script string }{
		{"find", `find "$1" -ls >/dev/null`},
		{"rsync", `rsync -an "$1/" "$2/" >/dev/null`},
	}
	ratios := map[string][]float64{}
	var cpu []float64
	b.ResetTimer()
	for range b.N {
		for _, c := range commands {
			run := func(dir string) float64 {
				start := time.Now()
				out, err := exec.Command("sh", "-c", c.script, "sh", dir, empty).CombinedOutput()
				if err != nil {
					b.Fatalf("%s: %v: %s", c.script, err, out)
				}
				return time.Since(start).Seconds()
			}
			dropCaches(b)
			cold := run(disk)
			warm := run(disk)
			dropCaches(b)
			f := mountSource(b, src, Options{})
			before := cpuTime()
			ourCold := run(f.path("snap"))
			cpu = append(cpu, (cpuTime() - before).Seconds())
			ourWarm := run(f.path("snap"))
			f.unmount()
			ratios[c.name+"-cold"] = append(ratios[c.name+"-cold"], ourCold/cold)
			ratios[c.name+"-warm"] = append(ratios[c.name+"-warm"], ourWarm/warm)
		}
	}
	b.StopTimer()
	for name, r := range ratios {
		b.ReportMetric(median(r), name+"/ext4")
	}
	b.ReportMetric(median(cpu), "daemon-s/cold")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkOpen: open+close of 2,000 blobs of 64 KiB, one thread and 64.
func BenchmarkOpen(b *testing.B) {
	needMount(b)
	src := newSource(b)
	files := map[string]tree.Entry{}
	disk := b.TempDir()
	for i := range benchOpens {
		content := strings.Repeat(fmt.Sprintf("%08d", i), benchOpenLen/8)
		files[fmt.Sprintf("f%05d", i)] = src.rpm(b, content)
		must(b, os.WriteFile(filepath.Join(disk, fmt.Sprintf("f%05d", i)), []byte(content), 0o444))
	}
	src.setTree("snap", src.makeTree(b, 1, files))
	src.setLevel("", Level{Live: true, Children: []Child{{Name: "snap", Key: "snap", Tree: true, Mtime: 1}}})
	f := mountSource(b, src, Options{})
	rates := map[string][]float64{}
	for range b.N {
		for _, threads := range []int{1, 64} {
			for name, dir := range map[string]string{"vrepofs": f.path("snap"), "ext4": disk} {
				out := mustRun(b, childCommand("openloop", dir, strconv.Itoa(threads), "500ms"))
				rate, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
				must(b, err)
				k := fmt.Sprintf("%s-%d-threads-opens/s", name, threads)
				rates[k] = append(rates[k], rate)
			}
		}
	}
	for name, r := range rates {
		b.ReportMetric(median(r), name)
	}
	b.ReportMetric(0, "ns/op")
	s := f.fs.Stats()
	b.Logf("%d passthrough opens, %d registered, %d READs", s.PassthroughOpens, s.Registered, s.BlobReads)
}

// childOpenloop opens and closes all files of a directory for a while and prints how many a second.
func childOpenloop(args []string) error {
	names, err := os.ReadDir(args[0])
	if err != nil {
		return err
	}
	paths := make([]string, len(names))
	for i, e := range names {
		paths[i] = filepath.Join(args[0], e.Name())
	}
	threads, _ := strconv.Atoi(args[1])
	d, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	counts := make([]int, threads)
	errs := make([]error, threads)
	start := time.Now()
	var wg sync.WaitGroup
	for k := range threads {
		wg.Go(func() {
			for i := k * 31; time.Since(start) < d; i++ {
				fd, err := unix.Open(paths[i%len(paths)], unix.O_RDONLY|unix.O_CLOEXEC, 0)
				if err == unix.EINTR {
					continue
				}
				if err != nil {
					errs[k] = err
					return
				}
				unix.Close(fd)
				counts[k]++
			}
		})
	}
	wg.Wait()
	sum := 0
	for k := range counts {
		if errs[k] != nil {
			return errs[k]
		}
		sum += counts[k]
	}
	fmt.Printf("%.0f\n", float64(sum)/time.Since(start).Seconds())
	return nil
}

func dropCaches(b *testing.B) {
	unix.Sync()
	must(b, os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0))
}

func cpuTime() time.Duration {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
