package main

import (
	"fmt"
	"path/filepath"
)

// readRows: reads of one large RPM through the mount against the same blob file read directly, so that both have the same blocks on
// disk and the same page cache. Every round is one reader process: sequential by 1 MiB, 100,000 random blocks of 4 KiB, or the whole
// file through a mapping.
func readRows(b *bench) error {
	size := 1 << 30
	if b.quick {
		size = 16 << 20
	}
	dir, err := b.large(size)
	if err != nil {
		return err
	}
	s, err := b.newStore()
	if err != nil {
		return err
	}
	if err := s.cli("repo", "import", "large", dir, "--adopt"); err != nil {
		return err
	}
	if err := s.mount(); err != nil {
		return err
	}
	root, err := s.latest("large")
	if err != nil {
		return err
	}
	name := filepath.Join(root, "Packages/l/large-1.0-1.x86_64.rpm")
	blob, err := s.blobPath(name)
	if err != nil {
		return err
	}
	read := func(how, name string, cold bool) func() (float64, error) {
		return func() (float64, error) {
			if cold {
				if err := dropCaches(); err != nil {
					return 0, err
				}
				if how == "rand" {
					how = "rand-cold"
				}
			}
			var r rate
			err := reader(1, &r, "read", how, name)
			return r.PerSecond, err
		}
	}
	for _, row := range []struct{ how, what string }{
		{"seq", "sequential read of a %d MiB RPM by 1 MiB"}, {"rand", "random reads of 4 KiB in a %d MiB RPM"}, {"mmap", "sequential copy out of a mapping of a %d MiB RPM"},
	} {
		for _, temperature := range []string{"warm", "cold"} {
			key := "read-" + row.how + "-" + temperature
			if !b.want(key) {
				continue
			}
			cold := temperature == "cold"
			if _, err := read(row.how, blob, false)(); err != nil { // warm, or the same state before each
				return err
			}
			if !cold && row.how == "rand" {
				if _, err := read("seq", blob, false)(); err != nil {
					return err
				}
			}
			n := b.rounds(true)
			if !cold {
				n = 2*n - 1 // these are short, and a busy machine moves them most
			}
			o, p, err := inTurn(n, read(row.how, name, cold), read(row.how, blob, cold))
			if err != nil {
				return err
			}
			b.add(result{Row: key, What: fmt.Sprintf(row.what+", %s, against the blob's file on ext4", size>>20, temperature), Unit: "MB/s", Ours: o, Peer: p, Goal: ratioAtLeast(.9)})
		}
	}
	c, err := s.status()
	if err != nil {
		return err
	}
	notes := ""
	if !c.Mount.Passthrough {
		notes = "no passthrough: " + c.Mount.NoPassthrough
	}
	b.add(result{Row: "read-requests", What: fmt.Sprintf("READ requests for RPMs that the daemon got in all of these, in %d opens", c.Mount.PassthroughOpens+c.Mount.FallbackOpens), Unit: "READs",
		Ours: []float64{float64(c.Mount.BlobReads)}, Goal: atMost(0), Notes: notes})
	return nil
}
