package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"

	"vrepofs/repodata"
)

// metadataRows: how fast the reader of repodata goes per core, on what createrepo_c wrote of 10,000 packages, and how much larger our
// repodata in parts is than the same text in one gzip stream of the same level.
func metadataRows(b *bench) error {
	n := 10000
	if b.quick {
		n = 300
	}
	dir, err := b.small(n, 6<<10)
	if err != nil {
		return err
	}
	if b.want("metadata-read") {
		if err := b.readSpeed(dir); err != nil {
			return err
		}
	}
	if b.want("metadata-size") {
		return b.partsSize(dir, n)
	}
	return nil
}

func (b *bench) readSpeed(dir string) error {
	out := filepath.Join(b.tmp, "createrepo")
	defer os.RemoveAll(out)
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	if err := command("createrepo_c", "-q", "--workers", "2", "--no-database", "-o", out, dir); err != nil {
		return err
	}
	texts, err := texts(filepath.Join(out, "repodata"))
	if err != nil {
		return err
	}
	count, total := 0, 0
	for _, t := range texts {
		total += len(t)
	}
	var rates []float64
	for range b.rounds(true) {
		before := cpuSeconds()
		err1 := repodata.ReadPrimary(bytes.NewReader(texts["primary"]), func(*repodata.PrimaryPackage) error { count++; return nil })
		err2 := repodata.ReadFilelists(bytes.NewReader(texts["filelists"]), func(*repodata.FilelistsPackage) error { return nil })
		err3 := repodata.ReadOther(bytes.NewReader(texts["other"]), func(*repodata.OtherPackage) error { return nil })
		for _, err := range []error{err1, err2, err3} {
			if err != nil {
				return err
			}
		}
		rates = append(rates, float64(total)/1e6/(cpuSeconds()-before))
	}
	if count == 0 {
		return fmt.Errorf("no package in createrepo_c's primary.xml")
	}
	b.add(result{Row: "metadata-read", What: fmt.Sprintf("primary, filelists and other of createrepo_c read: MB of XML per second of processor time, %d MB", total/1e6), Unit: "MB/s", Ours: rates, Goal: atLeast(150)})
	return nil
}

// texts are the three metadata files of a repodata directory, uncompressed.
func texts(dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, kind := range []string{"primary", "filelists", "other"} {
		names, err := filepath.Glob(filepath.Join(dir, "*"+kind+".xml.gz"))
		if err != nil || len(names) != 1 {
			return nil, fmt.Errorf("%d files of %s in %s (%v)", len(names), kind, dir, err)
		}
		raw, err := os.ReadFile(names[0])
		if err != nil {
			return nil, err
		}
		r, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		if out[kind], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func cpuSeconds() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic("BUG: getrusage: " + err.Error())
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func (b *bench) partsSize(dir string, n int) error {
	s, err := b.newStore()
	if err != nil {
		return err
	}
	if err := s.cli("repo", "import", "small", dir, "--adopt"); err != nil {
		return err
	}
	if err := s.mount(); err != nil {
		return err
	}
	root, err := s.latest("small")
	if err != nil {
		return err
	}
	texts, err := texts(filepath.Join(root, "repodata"))
	if err != nil {
		return err
	}
	var ours, peer float64
	for _, t := range texts {
		var out bytes.Buffer
		w, err := gzip.NewWriterLevel(&out, 6) // repodata's own level
		if err != nil {
			return err
		}
		if _, err := w.Write(t); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		peer += float64(out.Len()) / 1e6
	}
	list, err := os.ReadDir(filepath.Join(root, "repodata"))
	if err != nil {
		return err
	}
	for _, e := range list {
		if fi, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".xml.gz") {
			ours += float64(fi.Size()) / 1e6
		}
	}
	b.add(result{Row: "metadata-size", What: fmt.Sprintf("primary, filelists and other of %d packages in parts, against one gzip stream each", n), Unit: "MB", Ours: []float64{ours}, Peer: []float64{peer}, Goal: ratioAtMost(1.05)})
	return nil
}
