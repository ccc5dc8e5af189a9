package blob

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkPlace puts 4,000 files of 64 KiB that are hashed already and flushes them; an op is all of them. The
// peer is cp and a sync of the file system.
func BenchmarkPlace(b *testing.B) {
	const files = 4000
	base := b.TempDir()
	var names []string
	var ds []Digest
	buf := make([]byte, 64<<10)
	if err := os.Mkdir(filepath.Join(base, "src"), 0o700); err != nil {
		b.Fatal(err)
	}
	for i := range files {
		copy(buf, fmt.Sprint("file ", i, " "))
		names = append(names, filepath.Join(base, "src", fmt.Sprint("f", i)))
		ds = append(ds, Sum(buf))
		if err := os.WriteFile(names[i], buf, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	round := 0
	// The stores stay until the end: ext4 creates files slowly in a group of inodes that were deleted within the last minute
	// (fs/ext4/ialloc.c: recently_deleted).
	place := func(b *testing.B, how How) {
		b.StopTimer()
		s := newStoreAt(b, filepath.Join(base, fmt.Sprint("store", round)))
		l := newLease(b, s)
		b.StartTimer()
		for i, name := range names {
			f, err := os.Open(name)
			if err != nil {
				b.Fatal(err)
			}
			if err := l.Place(f, ds[i], 64<<10, how); err != nil {
				b.Fatal(err)
			}
			f.Close()
		}
		if err := l.Flush(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	cp := func(b *testing.B, _ How) {
		dir := filepath.Join(base, fmt.Sprint("cp", round))
		for _, argv := range [][]string{{"cp", "-r", base + "/src", dir}, {"sync", "-f", dir}} {
			if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
				b.Fatalf("%v: %v: %s", argv, err, out)
			}
		}
	}
	for range 3 {
		for _, v := range []struct {
			name string
			put  func(*testing.B, How)
			how  How
		}{{"cp+sync", cp, 0}, {"copy", place, Copy}, {"reflink", place, Reflink}, {"hardlink", place, Hardlink}} {
			b.Run(v.name, func(b *testing.B) {
				b.SetBytes(files * 64 << 10)
				for range b.N {
					round++
					v.put(b, v.how)
				}
			})
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s := newStoreAt(b, filepath.Join(b.TempDir(), "store"))
	own := put(b, s, "content")[0]
	_, adopted := adopt(b, s, "adopted")
	for name, d := range map[string]Digest{"own": own, "adopted": adopted} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				f, err := s.Open(d)
				if err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}
