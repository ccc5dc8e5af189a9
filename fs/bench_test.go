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

// BenchmarkMove: a tag with 300,000 cached names below it moves. Four readers look all the while, at the moving name, at another
// name, at an absent name, and from inside; each reports its longest stall.
func BenchmarkMove(b *testing.B) {
	needMount(b)
	src := newSource(b)
	gens := make([]tree.Entry, 2)
	for g := range gens {
		files := map[string]tree.Entry{"gen": src.file(b, int64(g), fmt.Sprint(g))}
		for d := range 300 {
			for i := range 1000 {
				n := uint64(d*1000 + i + 1)
				files[fmt.Sprintf("d%03d/f%06d", d, n)] = tree.Entry{Kind: tree.KindFile, RPM: true, Serial: n, Digest: [32]byte{1}}
			}
		}
		gens[g] = src.makeTree(b, int64(g), files)
	}
	bind := func(g int) {
		key := fmt.Sprintf("tags@%d/f40", g)
		src.setTree(key, gens[g%2])
		src.setLevel("tags", Level{Live: true, Children: []Child{{Name: "f40", Key: key, Tree: true, Mtime: 1}, {Name: "f39", Key: "tags/f39", Symlink: "x"}}})
	}
	src.setLevel("", Level{Live: true, Children: []Child{{Name: "tags", Key: "tags"}}})
	g := 0 // each generation has a key of its own
	bind(g)
	for _, rebound := range []bool{true, false} {
		b.Run(fmt.Sprint("rebound=", rebound), func(b *testing.B) {
			f := mountSource(b, src, Options{})
			worst := map[string][]float64{}
			for range b.N {
				g++
				bind(g)
				f.fs.Moved([]Move{{Parent: "tags", Name: "f40"}})
				f.sh(`find tags/f40 >/dev/null`)
				readers := map[string]*exec.Cmd{}
				outs := map[string]*strings.Builder{}
				stop := filepath.Join(b.TempDir(), "stop")
				for _, name := range []string{"tags/f40/gen", "tags/f39", "tags/absent", "gen"} {
					c := f.child("stall", name, stop)
					if name == "gen" {
						c.Dir = f.path("tags/f40")
					}
					out := &strings.Builder{}
					c.Stdout = out
					must(b, c.Start())
					readers[name], outs[name] = c, out
				}
				time.Sleep(200 * time.Millisecond) // readers get going
				g++
				bind(g)
				start := time.Now()
				f.fs.Moved([]Move{{Parent: "tags", Name: "f40", Rebound: rebound}})
				worst["daemon-ms"] = append(worst["daemon-ms"], float64(time.Since(start).Microseconds())/1000)
				time.Sleep(1500 * time.Millisecond)
				must(b, os.WriteFile(stop, nil, 0o644))
				for name, c := range readers {
					must(b, c.Wait())
					ms, err := strconv.ParseFloat(strings.TrimSpace(outs[name].String()), 64)
					must(b, err)
					worst[name+"-ms"] = append(worst[name+"-ms"], ms)
				}
			}
			for name, v := range worst {
				b.ReportMetric(median(v), name)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// childStall looks at a path until another one exists, and prints the longest look in ms.
func childStall(args []string) error {
	var st unix.Stat_t
	longest := time.Duration(0)
	for n := 0; ; n++ {
		if n%256 == 0 && unix.Stat(args[1], &st) == nil {
			break
		}
		start := time.Now()
		_ = unix.Lstat(args[0], &st)
		longest = max(longest, time.Since(start))
	}
	fmt.Printf("%.2f\n", float64(longest.Microseconds())/1000)
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
