package index

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"vrepofs/blob"
	"vrepofs/disk"
)

// diskStore makes an empty store on the file system of the test's own directory: benchmarks want real syncs.
func diskStore(b *testing.B) string {
	b.Helper()
	root := filepath.Join(b.TempDir(), "store")
	if err := Create(root, disk.OS{}); err != nil {
		b.Fatal(err)
	}
	return root
}

// One client commits small changes to a table of 10,000 names: the time is that of a durable commit.
func BenchmarkCommit(b *testing.B) {
	x := mustOpen(b, diskStore(b), Options{})
	fillTable(b, x, 10_000)
	i := 0
	for b.Loop() {
		put(b, x, fmt.Sprint("n", i%10_000), fmt.Sprint("new value ", i))
		i++
	}
	b.ReportMetric(float64(x.log.End().Offset)/float64(x.Head().Seq), "journal-B/commit")
}

// 32 clients commit at once and share syncs.
func BenchmarkCommitParallel(b *testing.B) {
	x := mustOpen(b, diskStore(b), Options{})
	fillTable(b, x, 10_000)
	b.SetParallelism(16)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			if _, err := x.Commit(ctx, putOp(fmt.Sprint("n", i%10_000), fmt.Sprint("new value ", i))); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func fillTable(b *testing.B, x *Index, n int) {
	b.Helper()
	mustCommit(b, x, Op{Apply: func(tx *Tx) error {
		for i := range n {
			tx.Put("t", fmt.Sprint("n", i), fmt.Appendf(nil, "value %d", i))
		}
		return nil
	}})
}

// packageValue is about a real package's record: 3.4 KiB that zstd halves (LIMITS §4).
func packageValue(rng *rand.Rand) []byte {
	var s strings.Builder
	for s.Len() < 3400 {
		fmt.Fprintf(&s, "Provides: lib%x.so.%d()(64bit)\n", rng.Uint64(), rng.IntN(10))
	}
	return []byte(s.String())
}

func digestOf(n uint64) blob.Digest {
	return blob.Sum(binary.BigEndian.AppendUint64(nil, n))
}

func BenchmarkPutPackages(b *testing.B) {
	x := mustOpen(b, diskStore(b), Options{})
	rng := rand.New(rand.NewPCG(1, 1))
	rows := make([]PackageRow, 500)
	values := make([][]byte, 100)
	for i := range values {
		values[i] = packageValue(rng)
	}
	n := uint64(0)
	for b.Loop() {
		for i := range rows {
			rows[i] = PackageRow{digestOf(n), values[n%100]}
			n++
		}
		if err := x.PutPackages(rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "packages/s")
}

// BenchmarkReads looks things up in a store of 100,000 files.
func BenchmarkReads(b *testing.B) {
	const files = 100_000
	x := mustOpen(b, diskStore(b), Options{})
	rng := rand.New(rand.NewPCG(1, 1))
	value := packageValue(rng)
	mustCommit(b, x, Op{Apply: func(tx *Tx) error {
		for i := range uint64(files) {
			if _, err := tx.AddFile(FileRow{Digest: digestOf(i), Size: 1000, Name: fmt.Sprintf("package-%d-1.2.3-4.fc42.x86_64.rpm", i)}); err != nil {
				return err
			}
		}
		return nil
	}})
	for i := range uint64(20_000 / 500) {
		var rows []PackageRow
		for k := range uint64(500) {
			rows = append(rows, PackageRow{digestOf(500*i + k), value})
		}
		if err := x.PutPackages(rows); err != nil {
			b.Fatal(err)
		}
	}
	fillTable(b, x, 10_000)
	view := x.View(x.Head())
	for _, c := range []struct {
		name string
		f    func() error
	}{
		{"File", func() error { _, err := x.File(1 + rng.Uint64N(files)); return err }},
		{"FileByDigest", func() error { _, err := x.FileByDigest(digestOf(rng.Uint64N(files))); return err }},
		{"Package", func() error { _, err := x.Package(digestOf(rng.Uint64N(20_000))); return err }},
		{"Get", func() error { _, err := view.Get("t", fmt.Sprint("n", rng.IntN(10_000))); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			x = reopen(b, x)
		}
	})
}

// TestMillionPackages holds the memory and the speed of a large index: DESIGN asks for at most 256 MiB of anonymous memory at
// 1,000,000 package records, when the program sets its memory limit to that (cmd does; here the environment: GOMEMLIMIT=200MiB).
func TestMillionPackages(t *testing.T) {
	if os.Getenv("VREPOFS_LONG") == "" {
		t.Skip("takes minutes: set VREPOFS_LONG=1 and GOMEMLIMIT=200MiB; VREPOFS_PACKAGES=100000 makes it shorter")
	}
	n, batch := uint64(1_000_000), uint64(500)
	if v := os.Getenv("VREPOFS_PACKAGES"); v != "" {
		fmt.Sscan(v, &n)
	}
	root := filepath.Join(t.TempDir(), "store")
	if err := Create(root, disk.OS{}); err != nil {
		t.Fatal(err)
	}
	x := mustOpen(t, root, Options{})
	rng := rand.New(rand.NewPCG(1, 1))
	values := make([][]byte, 1000)
	for i := range values {
		values[i] = packageValue(rng)
	}
	peak := 0
	for i := uint64(0); i < n; i += batch {
		rows := make([]PackageRow, batch)
		for k := range rows {
			rows[k] = PackageRow{digestOf(i + uint64(k)), values[(i+uint64(k))%1000]}
		}
		if err := x.PutPackages(rows); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, x, Op{Row: Row{Command: "import"}, Apply: func(tx *Tx) error {
			for k := range rows {
				name := fmt.Sprintf("package-%d-1.2.3-4.fc42.x86_64.rpm", i+uint64(k))
				if _, err := tx.AddFile(FileRow{Digest: rows[k].Digest, Size: 1000, Name: name}); err != nil {
					return err
				}
				tx.Put("t", name, rows[k].Digest[:])
			}
			return nil
		}})
		if i%5000 == 0 {
			peak = max(peak, rssAnon(t))
		}
		if i%50_000 == 0 {
			t.Logf("%d packages: peak RssAnon %d MiB", i, peak>>20)
		}
	}
	x = reopen(t, x)
	t.Logf("reopened: RssAnon %d MiB", rssAnon(t)>>20)
	got := uint64(0)
	for p, err := range x.Packages(blob.Digest{}) {
		if err != nil || len(p.Value) < 3000 {
			t.Fatal(p.Digest, len(p.Value), err)
		}
		if got++; got%200_000 == 0 {
			peak = max(peak, rssAnon(t))
		}
	}
	for range 100_000 {
		if _, err := x.FileByDigest(digestOf(rng.Uint64N(n))); err != nil {
			t.Fatal(err)
		}
		if _, err := x.View(x.Head()).Get("t", fmt.Sprintf("package-%d-1.2.3-4.fc42.x86_64.rpm", rng.Uint64N(n))); err != nil {
			t.Fatal(err)
		}
	}
	peak = max(peak, rssAnon(t))
	t.Logf("%d packages read, peak RssAnon %d MiB", got, peak>>20)
	if got != n || peak > 256<<20 {
		t.Errorf("%d packages, RssAnon %d MiB, want %d and at most 256", got, peak>>20, n)
	}
	x.Close()
	if err := Rebuild(root, Options{}, nil); err != nil {
		t.Fatal(err)
	}
	t.Logf("rebuilt: RssAnon %d MiB", rssAnon(t)>>20)
}

// rssAnon returns the anonymous memory of this process in bytes (proc_pid_status(5)).
func rssAnon(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "RssAnon:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
