package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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
	if b.want("read-rand-fio") {
		if err := b.fioRow(name, blob, size); err != nil {
			return err
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

// fioRow is the random read again as fio does it, which the goal was taken from: fio spends more time between two reads than our own
// reader, so the constant that the kernel adds to each weighs less.
func (b *bench) fioRow(name, blob string, size int) error {
	if _, err := exec.LookPath("fio"); err != nil {
		logf("read-rand-fio left out: fio is not installed")
		return nil
	}
	run := func(name string) func() (float64, error) {
		return func() (float64, error) {
			cmd := exec.Command("fio", "--name=r", "--filename="+name, "--readonly", "--invalidate=0", "--rw=randread", "--bs=4k", "--ioengine=psync",
				"--norandommap", "--randrepeat=1", "--time_based", "--runtime=1", fmt.Sprintf("--size=%d", size), "--output-format=terse", "--terse-version=3")
			out, err := cmd.Output()
			if err != nil {
				return 0, fmt.Errorf("fio: %w", err)
			}
			const bandwidth = 6 // KiB/s of reads, fio(1) "TERSE OUTPUT"
			fields := strings.Split(string(out), ";")
			if len(fields) <= bandwidth {
				return 0, fmt.Errorf("fio said %q", tail(string(out)))
			}
			kib, err := strconv.ParseFloat(fields[bandwidth], 64)
			return kib * 1024 / 1e6, err
		}
	}
	if _, err := run(blob)(); err != nil {
		return err
	}
	o, p, err := inTurn(b.rounds(true), run(name), run(blob))
	if err != nil {
		return err
	}
	b.add(result{Row: "read-rand-fio", What: fmt.Sprintf("random reads of 4 KiB in a %d MiB RPM, warm, by fio psync", size>>20), Unit: "MB/s", Ours: o, Peer: p, Goal: ratioAtLeast(.9)})
	return nil
}
