package ingest

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Source is one file to bring in.
type Source struct {
	Path string // host path
	Name string // path below the argument that it was found in, with slashes; the base name of a file argument
	Size int64  // bytes when it was found, for progress
}

// Plan is what an import is to read.
type Plan struct {
	RPMs []Source
	// Repository is the directory whose repodata is to be kept verbatim, "" when there is none. Others are then its files that
	// are not RPMs.
	Repository string
	Others     []Source
	Bytes      int64 // sum of all sizes
}

// Scan finds the RPM files under paths: files as they are, directories recursively, names ending in .rpm. Symbolic links
// to files are followed, links to directories only where they are arguments. A directory with repodata/repomd.xml is a repository:
// given alone, the plan is to keep it verbatim; beside other arguments or below one it is an error, since its repodata would
// be lost. With regenerate, repodata is passed over.
func Scan(paths []string, regenerate bool) (*Plan, error) {
	p := &Plan{}
	for _, path := range paths {
		st, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			if err := p.add(path, filepath.Base(path), st, true); err != nil {
				return nil, err
			}
			continue
		}
		if !regenerate && isRepository(path) {
			if len(paths) > 1 {
				return nil, fmt.Errorf("%s has its own repodata: import it alone to keep that, or give --regenerate: %w", path, iofs.ErrInvalid)
			}
			p.Repository = path
		}
		if err := p.walk(path, regenerate); err != nil {
			return nil, err
		}
	}
	if len(p.RPMs) == 0 && p.Repository == "" {
		return nil, fmt.Errorf("no RPM file (*.rpm) in %s: %w", strings.Join(paths, ", "), iofs.ErrNotExist)
	}
	return p, nil
}

// isRepository reports whether dir has a repomd.xml.
func isRepository(dir string) bool {
	st, err := os.Stat(filepath.Join(dir, "repodata", "repomd.xml"))
	return err == nil && st.Mode().IsRegular()
}

func (p *Plan) walk(root string, regenerate bool) error {
	root, err := filepath.EvalSymlinks(root) // WalkDir does not follow its root
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if !regenerate && path != root && isRepository(path) {
				return fmt.Errorf("%s below %s has its own repodata: import it alone to keep that, or give --regenerate: %w",
					path, root, iofs.ErrInvalid)
			}
			return nil
		}
		st, err := os.Stat(path)
		if errors.Is(err, iofs.ErrNotExist) {
			return fmt.Errorf("%s: symbolic link that leads nowhere: %w", path, err)
		}
		if err != nil {
			return err
		}
		if st.IsDir() {
			return nil
		}
		return p.add(path, filepath.ToSlash(name), st, false)
	})
}

// add enters one file; explicit ones are RPMs whatever their name.
func (p *Plan) add(path, name string, st os.FileInfo, explicit bool) error {
	isRPM := explicit || strings.HasSuffix(name, ".rpm")
	if !isRPM && p.Repository == "" {
		return nil
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file: %w", path, iofs.ErrInvalid)
	}
	s := Source{Path: path, Name: name, Size: st.Size()}
	if isRPM {
		p.RPMs = append(p.RPMs, s)
	} else {
		p.Others = append(p.Others, s)
	}
	p.Bytes += s.Size
	return nil
}
