package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"vrepofs/blob"
	"vrepofs/tree"
)

// Link is a symbolic link in a directory.
type Link struct {
	Name   string // path below the directory, with slashes
	Target string
}

// FilesPlan is a file or a directory that is to be brought in as it is.
type FilesPlan struct {
	Files []Source // a file alone has the name ""
	Links []Link
	Empty []string // directories with nothing in them
	Bytes int64    // sum of all sizes
}

// ScanFiles finds what is in a directory, or takes a single file; the argument itself may be a symbolic link. Symbolic links in a
// directory must be relative and lead to something in it (check says whether a target could do that). Devices, sockets and
// pipes are refused by name.
func ScanFiles(path string, check func(name, target string) error) (*FilesPlan, error) {
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	p := &FilesPlan{}
	if !st.IsDir() {
		return p, p.add(root, "", st)
	}
	filled := map[string]bool{} // directories with something in them
	var dirs []string
	err = filepath.WalkDir(root, func(path string, d iofs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if err := tree.CheckPath(name); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		filled[filepath.Dir(path)] = true
		switch {
		case d.IsDir():
			dirs = append(dirs, name)
			return nil
		case d.Type()&iofs.ModeSymlink != 0:
			return p.addLink(path, name, check)
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		return p.add(path, name, st)
	})
	for _, name := range dirs {
		if !filled[filepath.Join(root, filepath.FromSlash(name))] {
			p.Empty = append(p.Empty, name)
		}
	}
	return p, err
}

func (p *FilesPlan) add(path, name string, st os.FileInfo) error {
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s is %s: only files, directories and symbolic links can be put: %w", path, kindOf(st.Mode()), iofs.ErrInvalid)
	}
	p.Files = append(p.Files, Source{Path: path, Name: name, Size: st.Size()})
	p.Bytes += st.Size()
	return nil
}

func (p *FilesPlan) addLink(path, name string, check func(name, target string) error) error {
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if err := check(name, target); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%s: symbolic link to %q, which leads nowhere: %w", path, target, err)
	}
	p.Links = append(p.Links, Link{Name: name, Target: target})
	return nil
}

// kindOf names what is no regular file.
func kindOf(m iofs.FileMode) string {
	switch {
	case m&iofs.ModeSocket != 0:
		return "a socket"
	case m&iofs.ModeNamedPipe != 0:
		return "a pipe"
	case m&iofs.ModeDevice != 0:
		return "a device"
	case m&iofs.ModeSymlink != 0:
		return "a symbolic link"
	}
	return "no regular file"
}

// ReadFiles hashes the files of a plan and, unless lease is nil, brings them in under it. got is called for each in the order of
// the plan. Progress is told in files as long as they are small, and within large ones. Memory is bounded, whatever their size.
func ReadFiles(ctx context.Context, lease *blob.Lease, p *FilesPlan, o Options, got func(File) error) error {
	var done Progress
	tell := func() {
		if o.Progress != nil {
			o.Progress(done)
		}
	}
	for _, s := range p.Files {
		before := done.Bytes
		f, err := readFile(ctx, lease, s, o.How, func(n int64) { done.Bytes = before + n; tell() })
		if err != nil {
			return fmt.Errorf("%s: %w", s.Path, err)
		}
		done.Files++
		done.Bytes = before + f.Size
		if err := got(f); err != nil {
			return err
		}
		tell()
	}
	return nil
}

// readFile brings one file in. A file that is copied is read once: what is hashed is what is written.
func readFile(ctx context.Context, lease *blob.Lease, s Source, how blob.How, progress func(int64)) (File, error) {
	// What was a file when it was found may be a pipe or a link by now.
	f, err := os.OpenFile(s.Path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	if !before.Mode().IsRegular() {
		return File{}, fmt.Errorf("has become %s: %w", kindOf(before.Mode()), blob.ErrChanged)
	}
	r := &meteredReader{ctx: ctx, r: f, progress: progress}
	out := File{Name: s.Name}
	if lease != nil && how == blob.Copy {
		if out.Digest, out.Size, err = lease.Copy(r); err != nil {
			return File{}, err
		}
		after, err := f.Stat()
		if err == nil && (after.Size() != before.Size() || out.Size != before.Size() || !after.ModTime().Equal(before.ModTime())) {
			err = blob.ErrChanged
		}
		return out, err
	}
	h := sha256.New()
	if out.Size, err = io.CopyBuffer(struct{ io.Writer }{h}, r, make([]byte, 1<<20)); err != nil {
		return File{}, err
	}
	out.Digest = blob.Digest(h.Sum(nil))
	if lease == nil {
		return out, nil
	}
	return out, lease.PlaceUnchanged(f, before, out.Digest, how)
}

// meteredReader tells now and then how far it is, and ends with its context.
type meteredReader struct {
	ctx      context.Context
	r        io.Reader
	n, told  int64
	progress func(int64)
}

// meterEvery is how many bytes a reader passes between two words.
const meterEvery = 16 << 20

func (m *meteredReader) Read(b []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(b)
	if m.n += int64(n); m.n-m.told >= meterEvery && !errors.Is(err, io.EOF) {
		m.told = m.n
		m.progress(m.n)
	}
	return n, err
}
