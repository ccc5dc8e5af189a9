package repodata

import (
	"bytes"
	"path/filepath"
	"testing"

	"vrepofs/rpm"
)

// benchmarkFile returns a large real file uncompressed: CentOS Stream 9's primary, or what createrepo_c made of all RPMs.
func benchmarkFile(b *testing.B, kind string) []byte {
	b.Helper()
	name := filepath.Join(sharedData(b), "oracle/createrepo_c-repodata", kind+".xml.gz")
	if kind == "appstream" {
		name = appStream(b)
	}
	raw, err := readAll(b, name)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	return raw
}

// appStream returns the name of the largest primary in the shared data: 17,649 packages.
func appStream(t testing.TB) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(sharedData(t), "fixtures/osbuild+osbuild/test/data/testrepos/appstream/repodata/*primary.xml.gz"))
	if err == nil && len(names) == 1 {
		return names[0]
	}
	t.Skip("no primary of CentOS Stream 9 AppStream in the shared data")
	return ""
}

func BenchmarkReadPrimary(b *testing.B) {
	for _, kind := range []string{"primary", "appstream"} {
		b.Run(kind, func(b *testing.B) {
			raw := benchmarkFile(b, kind)
			for b.Loop() {
				if err := ReadPrimary(bytes.NewReader(raw), func(*PrimaryPackage) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadFilelists(b *testing.B) {
	raw := benchmarkFile(b, "filelists")
	for b.Loop() {
		if err := ReadFilelists(bytes.NewReader(raw), func(*FilelistsPackage) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadOther(b *testing.B) {
	raw := benchmarkFile(b, "other")
	for b.Loop() {
		if err := ReadOther(bytes.NewReader(raw), func(*OtherPackage) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkPackages returns the packages that the oracle's metadata describe.
func benchmarkPackages(b *testing.B) []*rpm.Package {
	b.Helper()
	dir := filepath.Join(sharedData(b), "oracle/createrepo_c-repodata")
	pkgs, err := joinPackages(b, dir)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return pkgs
}

func BenchmarkAppend(b *testing.B) {
	for _, kind := range []string{"primary", "filelists", "other"} {
		b.Run(kind, func(b *testing.B) {
			pkgs := benchmarkPackages(b)
			var out []byte
			for b.Loop() {
				out = out[:0]
				for _, p := range pkgs {
					out = appendKind(out, kind, p)
				}
			}
			b.SetBytes(int64(len(out)))
		})
	}
}

func appendKind(out []byte, kind string, p *rpm.Package) []byte {
	switch kind {
	case "primary":
		return AppendPrimary(out, p, Place{Href: "Packages/x/" + p.FileName, FileTime: p.BuildTime})
	case "filelists":
		return AppendFilelists(out, p)
	}
	return AppendOther(out, p, Options{})
}

// BenchmarkCompress is what the default levels were chosen by; it prints the compressed size in per cent.
func BenchmarkCompress(b *testing.B) {
	for _, f := range []Format{Gzip, Zstd} {
		for _, kind := range []string{"primary", "filelists", "other"} {
			b.Run(f.Extension()[1:]+"/"+kind, func(b *testing.B) {
				var parts [][]byte
				total := 0
				for i, p := range benchmarkPackages(b) {
					if i%64 == 0 {
						parts = append(parts, nil)
					}
					last := &parts[len(parts)-1]
					n := len(*last)
					*last = appendKind(*last, kind, p)
					total += len(*last) - n
				}
				c, err := NewCompressor(f)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(total))
				var out []byte
				for b.Loop() {
					out = out[:0]
					for _, raw := range parts {
						out = c.Member(out, raw)
					}
				}
				b.ReportMetric(100*float64(len(out))/float64(total), "%")
			})
		}
	}
}
