package ingest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
)

// BenchmarkInspect runs over RPMs in memory; sha256 of the same bytes is the bound that it is measured against.
func BenchmarkInspect(b *testing.B) {
	for _, c := range []struct{ files, size int }{{1, 2 << 10}, {10, 60 << 10}, {10, 700 << 10}, {10, 64 << 20}} {
		raw := packRPM(b, "bench", c.files, c.size)
		name := fmt.Sprintf("%dKiB", len(raw)>>10)
		b.Run(name+"/inspect", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := inspect(bytes.NewReader(raw), int64(len(raw))); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/header", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ReadPackage(bytes.NewReader(raw), int64(len(raw))); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/sha256", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				sha256.Sum256(raw)
			}
		})
	}
}
