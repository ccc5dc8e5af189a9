package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// importFiles is how many RPMs the import rows take.
func (b *bench) importFiles() int {
	if b.quick {
		return 200
	}
	return 4000
}

// importRows: the rate of an import of many small RPMs with two workers against createrepo_c's, each into a fresh store or directory,
// files in the page cache. Adopting writes no file content, as createrepo_c does not; copying is held against a copy that is as durable
// (cp, then sync -f). ext4 cannot share blocks, so --link would copy here and has no row of its own.
func importRows(b *bench) error {
	n := b.importFiles()
	dir, err := b.small(n, 64<<10)
	if err != nil {
		return err
	}
	if err := command("sh", "-c", `cat "$1"/* >/dev/null`, "sh", dir); err != nil {
		return err
	}
	var peaks []float64
	ours := func(how ...string) func() (float64, error) {
		return func() (float64, error) {
			// The stores of all rounds stay until the end: ext4 creates files slowly where others were deleted less than 5 s
			// ago (recently_deleted in fs/ext4/ialloc.c), and nobody deletes a store before an import.
			s, err := b.newStore()
			if err != nil {
				return 0, err
			}
			settle()
			t, mib, err := timedMemory(b.binary, s.args(append([]string{"repo", "import", "small", dir, "--workers", "2"}, how...)...)...)
			peaks = append(peaks, mib)
			return float64(n) / t, err
		}
	}
	out := filepath.Join(b.tmp, "createrepo")
	peer := func(script string) func() (float64, error) {
		return func() (float64, error) {
			if err := os.RemoveAll(out); err != nil {
				return 0, err
			}
			if err := os.Mkdir(out, 0o755); err != nil {
				return 0, err
			}
			settle()
			t, err := timed("sh", "-ec", script, "sh", dir, out)
			return float64(n) / t, err
		}
	}
	defer os.RemoveAll(out)
	if b.want("import-adopt") {
		o, p, err := inTurn(b.rounds(true), ours("--adopt"), peer(`createrepo_c -q --workers 2 --no-database -o "$2" "$1"`))
		if err != nil {
			return err
		}
		b.add(result{Row: "import-adopt", What: fmt.Sprintf("repo import --adopt of %d RPMs of 64 KB, 2 workers, against createrepo_c --workers 2 --no-database", n),
			Unit: "RPM/s", Ours: o, Peer: p, Goal: ratioAtLeast(1.5)})
	}
	if b.want("import-copy") {
		o, p, err := inTurn(b.rounds(true), ours(), peer(`cp -r "$1" "$2/r"; sync -f "$2"; createrepo_c -q --workers 2 --no-database "$2/r"`))
		if err != nil {
			return err
		}
		b.add(result{Row: "import-copy", What: fmt.Sprintf("repo import of %d RPMs of 64 KB, 2 workers, against cp, sync -f, createrepo_c", n),
			Unit: "RPM/s", Ours: o, Peer: p, Goal: ratioAtLeast(1.5)})
	}
	if b.want("import-memory") {
		if len(peaks) == 0 {
			if _, err := ours("--adopt")(); err != nil {
				return err
			}
		}
		b.add(result{Row: "import-memory", What: "memory of these imports, the store in process", Unit: "MiB", Ours: peaks, Goal: atMost(128)})
	}
	return nil
}
