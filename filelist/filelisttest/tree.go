package filelisttest

import (
	"errors"
	"io"
	"path"
	"strings"

	"vrepofs/tree"
)

// Tree is a directory tree as the mount shows it, without a mount.
type Tree struct {
	Nodes   tree.Reader
	Root    tree.Entry
	Content func(tree.Entry) (io.ReadCloser, error)
}

// ReadDir implements FS.
func (w Tree) ReadDir(dir string) (out []Info, err error) {
	e, err := w.find(dir)
	if err != nil {
		return nil, err
	}
	for it, err := range tree.List(w.Nodes, e.Digest, "") {
		if err != nil {
			return nil, err
		}
		e, err := tree.DecodeEntry(it.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, info(it.Name, e))
	}
	return out, nil
}

// Stat implements FS.
func (w Tree) Stat(name string) (Info, error) {
	e, err := w.find(name)
	return info(path.Base(name), e), err
}

// Open implements FS.
func (w Tree) Open(name string) (io.ReadCloser, error) {
	e, err := w.find(name)
	if err != nil {
		return nil, err
	}
	return w.Content(e)
}

func info(name string, e tree.Entry) Info {
	i := Info{Name: name, Type: 'f', Perm: e.Mode(), Mtime: e.Mtime, Ctime: e.Mtime, Size: e.Size}
	switch e.Kind {
	case tree.KindDir:
		i.Type = 'd'
	case tree.KindSymlink:
		i.Type = 'l'
	}
	return i
}

// find resolves a path as the kernel does, with the tree as all that there is.
func (w Tree) find(name string) (tree.Entry, error) {
	at := []tree.Entry{w.Root}
	links := 0
	for todo := strings.Split(name, "/"); len(todo) > 0; todo = todo[1:] {
		here := at[len(at)-1]
		switch c := todo[0]; {
		case here.Kind != tree.KindDir:
			return here, errors.New("not a directory")
		case c == ".." && len(at) == 1:
			return here, errors.New("out of the tree")
		case c == "..":
			at = at[:len(at)-1]
		case c != "" && c != ".":
			v, err := tree.Get(w.Nodes, here.Digest, c)
			if err != nil {
				return here, err
			}
			e, err := tree.DecodeEntry(v)
			if err != nil {
				return e, err
			}
			if e.Kind != tree.KindSymlink {
				at = append(at, e)
				continue
			}
			if links++; links > 40 || path.IsAbs(e.Target) {
				return e, errors.New("too many links, or out of the tree")
			}
			todo = append([]string{c}, append(strings.Split(e.Target, "/"), todo[1:]...)...)
		}
	}
	return at[len(at)-1], nil
}
