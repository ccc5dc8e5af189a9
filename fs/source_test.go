package fs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"vrepofs/blob"
	"vrepofs/tree"
)

// tb is what building a Source needs of a testing.TB; a child process has none.
type tb interface {
	Helper()
	Fatal(args ...any)
	TempDir() string
}

// memSource is a Source in memory; only the blobs are files. Tests build it with setLevel, setTree and setTreeFunc.
type memSource struct {
	*tree.Mem
	blobs string // directory of the blobs

	entryCalls atomic.Int64 // calls of RPM, Open, Child and PlaceSerial

	mu sync.Mutex
	// mu guards the rest.
	serials  map[string]uint32
	keys     map[uint32]string
	places   map[string]Child
	levels   map[string]*Level
	unlisted map[string][]Child // by level
	earlier  func(key, dir, name string) ([]Earlier, error)
	trees    map[string]func(context.Context) (tree.Entry, error)
	rpms     map[uint64]File
	serial   map[blob.Digest]uint64
	ropes    map[blob.Digest][]byte
}

func newMemSource(dir string) *memSource {
	s := &memSource{
		Mem: tree.MemStore(), blobs: dir,
		serials: map[string]uint32{}, keys: map[uint32]string{}, places: map[string]Child{"": {}}, levels: map[string]*Level{}, unlisted: map[string][]Child{},
		trees: map[string]func(context.Context) (tree.Entry, error){}, rpms: map[uint64]File{}, serial: map[blob.Digest]uint64{},
		ropes: map[blob.Digest][]byte{},
	}
	s.levels[""] = &Level{Live: true}
	return s
}

var _ Source = (*memSource)(nil)

func (s *memSource) Child(key string) (Child, error) {
	s.entryCalls.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.places[key]
	if !ok {
		return Child{}, fmt.Errorf("place %q: %w", key, iofs.ErrNotExist)
	}
	return c, nil
}

func (s *memSource) Find(key, name string) (Child, error) {
	lv, err := s.Level(key)
	if err != nil {
		return Child{}, err
	}
	s.mu.Lock()
	unlisted := s.unlisted[key]
	s.mu.Unlock()
	for _, c := range slices.Concat(lv.Children, unlisted) {
		if c.Name == name {
			return c, nil
		}
	}
	return Child{}, iofs.ErrNotExist
}

func (s *memSource) Level(key string) (*Level, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lv, ok := s.levels[key]
	if !ok {
		return nil, fmt.Errorf("level %q: %w", key, iofs.ErrNotExist)
	}
	return lv, nil
}

func (s *memSource) Tree(ctx context.Context, key string) (tree.Entry, error) {
	s.mu.Lock()
	fn := s.trees[key]
	s.mu.Unlock()
	if fn == nil {
		return tree.Entry{}, fmt.Errorf("tree %q: %w", key, iofs.ErrNotExist)
	}
	return fn(ctx)
}

func (s *memSource) Earlier(key, dir, name string) ([]Earlier, error) {
	s.mu.Lock()
	earlier := s.earlier
	s.mu.Unlock()
	if earlier == nil {
		return nil, nil
	}
	return earlier(key, dir, name)
}

func (s *memSource) PlaceSerial(key string) (uint32, error) {
	s.entryCalls.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.serials[key]
	if !ok {
		n = uint32(len(s.serials) + 1)
		s.serials[key], s.keys[n] = n, key
	}
	return n, nil
}

func (s *memSource) PlaceKey(serial uint32) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.keys[serial]
	if !ok {
		return "", iofs.ErrNotExist
	}
	return k, nil
}

func (s *memSource) RPM(serial uint64) (File, error) {
	s.entryCalls.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.rpms[serial]
	if !ok {
		return File{}, iofs.ErrNotExist
	}
	return f, nil
}

func (s *memSource) path(d blob.Digest) string { return filepath.Join(s.blobs, d.String()) }

func (s *memSource) Open(d blob.Digest) (*os.File, error) {
	s.entryCalls.Add(1)
	return os.Open(s.path(d))
}

type memRope struct{ *bytes.Reader }

func (memRope) Close() error { return nil }

func (s *memSource) OpenRope(d blob.Digest, size int64) (Rope, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.ropes[d]
	if !ok || int64(len(b)) != size {
		return nil, fmt.Errorf("rope of %d bytes: %w", size, iofs.ErrNotExist)
	}
	return memRope{bytes.NewReader(b)}, nil
}

func (s *memSource) Xattrs(key, path string, e tree.Entry) map[string]string {
	x := map[string]string{"user.vrepofs.origin": key + ":" + path}
	if !e.Digest.IsZero() {
		x["user.vrepofs.digest"] = e.Digest.String()
	}
	return x
}

// setLevel makes or replaces a level; its children's places come to be, with it as parent.
func (s *memSource) setLevel(key string, lv Level) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range lv.Children {
		c := &lv.Children[i]
		c.Parent = key
		s.places[c.Key] = *c
	}
	s.levels[key] = &lv
}

func (s *memSource) setTree(key string, e tree.Entry) {
	s.setTreeFunc(key, func(context.Context) (tree.Entry, error) { return e, nil })
}

func (s *memSource) setTreeFunc(key string, fn func(context.Context) (tree.Entry, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trees[key] = fn
}

// put stores a blob.
func (s *memSource) put(t tb, content []byte) blob.Digest {
	t.Helper()
	d := blob.Sum(content)
	if _, err := os.Stat(s.path(d)); err == nil {
		return d
	}
	if err := os.WriteFile(s.path(d), content, 0o444); err != nil {
		t.Fatal(err)
	}
	return d
}

// file is an entry for a verbatim file, rpm for an RPM, rope for a generated file.
func (s *memSource) file(t tb, mtime int64, content string) tree.Entry {
	return tree.Entry{Kind: tree.KindFile, Size: int64(len(content)), Mtime: mtime, Digest: s.put(t, []byte(content))}
}

func (s *memSource) rpm(t tb, content string) tree.Entry {
	d := s.put(t, []byte(content))
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.serial[d]
	if !ok {
		n = uint64(len(s.serial) + 1)
		s.serial[d] = n
		s.rpms[n] = File{Digest: d, Size: int64(len(content)), Mtime: 1_600_000_000 + int64(n)}
	}
	f := s.rpms[n]
	return tree.Entry{Kind: tree.KindFile, RPM: true, Serial: n, Size: f.Size, Mtime: f.Mtime, Digest: d}
}

func (s *memSource) rope(mtime int64, content []byte) tree.Entry {
	d := blob.Sum(append([]byte("rope:"), content...))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ropes[d] = content
	return tree.Entry{Kind: tree.KindRope, Size: int64(len(content)), Mtime: mtime, Digest: d}
}

func link(mtime int64, target string) tree.Entry {
	return tree.Entry{Kind: tree.KindSymlink, Mtime: mtime, Size: int64(len(target)), Target: target}
}

// makeTree builds a directory from paths ("Packages/a/x.rpm") and entries; directories between have mtime.
func (s *memSource) makeTree(t tb, mtime int64, files map[string]tree.Entry) tree.Entry {
	t.Helper()
	here := map[string]tree.Entry{}
	below := map[string]map[string]tree.Entry{}
	for path, e := range files {
		first, rest, deeper := strings.Cut(path, "/")
		if !deeper {
			here[first] = e
			continue
		}
		if below[first] == nil {
			below[first] = map[string]tree.Entry{}
		}
		if rest != "" {
			below[first][rest] = e
		}
	}
	for name, files := range below {
		here[name] = s.makeTree(t, mtime, files)
	}
	e, err := tree.MakeDir(s.Mem, mtime, func(yield func(string, tree.Entry) bool) {
		for _, name := range slices.Sorted(maps.Keys(here)) {
			if !yield(name, here[name]) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var _ io.ReaderAt = memRope{}
