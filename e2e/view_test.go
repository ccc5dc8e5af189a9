package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vrepofs/repodata"
)

// readRepository reads a repository as a careful client does: repomd.xml, every metadata file with its size and checksum, primary,
// and every package that it lists with size and checksum. It returns the packages' NEVRAs without epoch 0, sorted, and fails if anything in
// Packages/ is not listed.
func readRepository(dir string) ([]string, error) {
	f, err := os.Open(filepath.Join(dir, "repodata/repomd.xml"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	repomd, err := repodata.ParseRepomd(f)
	if err != nil {
		return nil, err
	}
	for _, r := range repomd.Records {
		if err := checkFile(filepath.Join(dir, r.Href), r.Size, r.Checksum); err != nil {
			return nil, err
		}
	}
	primary := repomd.Record("primary")
	if primary == nil {
		return nil, fmt.Errorf("%s: no primary", dir)
	}
	p, err := os.Open(filepath.Join(dir, primary.Href))
	if err != nil {
		return nil, err
	}
	defer p.Close()
	z, err := repodata.Decompress(p)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	nevras, listed := []string{}, map[string]bool{}
	err = repodata.ReadPrimary(z, func(p *repodata.PrimaryPackage) error {
		nevras = append(nevras, strings.Replace(p.NEVRA.String(), "-0:", "-", 1))
		listed[p.Href] = true
		return checkFile(filepath.Join(dir, p.Href), p.FileSize, p.Checksum.Hex)
	})
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "Packages/*/*.rpm"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		if rel := strings.TrimPrefix(name, dir+"/"); !listed[rel] {
			return nil, fmt.Errorf("%s is there and not listed", rel)
		}
	}
	slices.Sort(nevras)
	return nevras, nil
}

// checkFile compares a file with its declared size and SHA-256.
func checkFile(name string, size int64, sum string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); n != size || got != sum {
		return fmt.Errorf("%s: %d bytes of %s, want %d of %s", name, n, got, size, sum)
	}
	return nil
}
