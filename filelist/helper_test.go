package filelist_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	iofs "io/fs"
	"strings"

	"vrepofs/blob"
	"vrepofs/filelist"
	"vrepofs/filelist/filelisttest"
	"vrepofs/tree"

	"pgregory.net/rapid"
)

// fixture is what a Renderer works with, in memory and counted.
type fixture struct {
	*tree.Mem
	blobs map[blob.Digest][]byte
	memos map[string][]byte
	puts  int // blobs that were new
	bytes int // their bytes
	opens int
}

func newFixture() *fixture {
	return &fixture{Mem: tree.MemStore(), blobs: map[blob.Digest][]byte{}, memos: map[string][]byte{}}
}

func (f *fixture) put(b []byte) (blob.Digest, error) {
	d := blob.Sum(b)
	if _, ok := f.blobs[d]; !ok {
		f.blobs[d] = bytes.Clone(b)
		f.puts++
		f.bytes += len(b)
	}
	return d, nil
}

// Memo and PutMemos implement filelist.Memo.
func (f *fixture) Memo(kind byte, key blob.Digest) ([]byte, bool) {
	v, ok := f.memos[string(kind)+string(key[:])]
	return v, ok
}

func (f *fixture) PutMemos(kind byte, values map[blob.Digest][]byte) error {
	for key, value := range values {
		f.memos[string(kind)+string(key[:])] = value
	}
	return nil
}

func (f *fixture) open(e tree.Entry) (io.ReadCloser, error) {
	f.opens++
	b, ok := f.blobs[e.Digest]
	if !ok {
		return nil, iofs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (f *fixture) renderer() *filelist.Renderer {
	return &filelist.Renderer{Nodes: f, Memo: f, Put: f.put, Open: f.open, Has: func(d blob.Digest) bool { return f.blobs[d] != nil }}
}

// text reads a rope.
func (f *fixture) text(t rapid.TB, r blob.Rope) string {
	var b strings.Builder
	for _, p := range r {
		v := f.blobs[p.Digest]
		if int64(len(v)) != p.BlobSize() || p.Size == 0 {
			t.Fatalf("part %s: %+v of %d bytes", p.Digest.Short(), p, len(v))
		}
		b.Write(v[p.Offset:][:p.Size])
	}
	return b.String()
}

// file puts a file with a content.
func (f *fixture) file(content string, mtime int64) tree.Entry {
	d, _ := f.put([]byte(content))
	return tree.Entry{Kind: tree.KindFile, Size: int64(len(content)), Mtime: mtime, Digest: d}
}

func rpm(i int) tree.Entry {
	return tree.Entry{Kind: tree.KindFile, RPM: true, Size: int64(i), Mtime: 1_600_000_000 + int64(i), Serial: uint64(i + 1), Digest: blob.Sum(fmt.Append(nil, i))}
}

func link(target string, mtime int64) tree.Entry {
	return tree.Entry{Kind: tree.KindSymlink, Target: target, Size: int64(len(target)), Mtime: mtime}
}

// set puts an entry at a path below dir, or removes what is there (nil). Directories on the way are made, get mtime, and stay when
// they are empty.
func (f *fixture) set(t rapid.TB, dir tree.Entry, name string, e *tree.Entry, mtime int64) tree.Entry {
	t.Helper()
	first, rest, more := strings.Cut(name, "/")
	c := tree.DirChange{Name: first, Delete: e == nil}
	if more {
		sub := tree.Entry{Kind: tree.KindDir, Nodes: 1}
		if v, err := tree.Get(f, dir.Digest, first); err == nil {
			sub, _ = tree.DecodeEntry(v)
		}
		c = tree.DirChange{Name: first, Entry: f.set(t, sub, rest, e, mtime)}
	} else if e != nil {
		c.Entry = *e
	}
	dir, err := tree.ChangeDir(f, dir, mtime, []tree.DirChange{c})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// compare renders a tree and holds the texts against the walker's.
func (f *fixture) compare(t rapid.TB, r *filelist.Renderer, root tree.Entry) filelist.Lists {
	t.Helper()
	files, times, images := filelist.Names("m")
	got, err := r.Render(context.Background(), root, files, times, images)
	if err != nil {
		t.Fatal(err)
	}
	there := root // with the lists, which links may lead to
	for _, name := range []string{files, times, images} {
		e := f.file("", 0)
		there = f.set(t, there, name, &e, 0)
	}
	want, err := filelisttest.Walk(filelisttest.Tree{Nodes: f, Root: there, Content: f.open}, "m")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		got  blob.Rope
		want []byte
	}{{files, got.Files, want.Files}, {times, got.Times, want.Times}, {images, got.Images, want.Images}} {
		if text := f.text(t, c.got); text != string(c.want) {
			t.Fatalf("%s: got\n%.3000s\nwant\n%.3000s", c.name, text, c.want)
		}
	}
	return got
}
