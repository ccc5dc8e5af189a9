package store

import (
	"context"
	"fmt"
	iofs "io/fs"
	"path"
	"strings"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/state"
	"vrepofs/tree"
)

// Put collects one file, or a directory, that is to be put at a path of the channels. Its blobs are already in the blob store or
// under a lease that outlives the commit. It is used by one goroutine.
//
// RPM files in it are files like others: each has a time and an inode of its own path, not those of the RPM's blob. So rsync -H
// carries them once more where the same RPM lies in a repository too; but a path at which RPMs and other files follow each other
// has times that tell them apart.
type Put struct {
	s       *Store
	single  bool // one file, whose path is ""
	entries map[string]tree.Entry
	blobs   []blob.Digest
	count   int
	bytes   int64
}

// NewPut begins to put something.
func (s *Store) NewPut() *Put { return &Put{s: s, entries: map[string]tree.Entry{}} }

// AddFile takes a file by its path in the directory that is put, or by "" if it is put alone.
func (p *Put) AddFile(path string, d blob.Digest, size int64) error {
	if path == "" {
		p.single = true
	} else if err := tree.CheckPath(path); err != nil {
		return err
	}
	p.count++
	p.bytes += size
	p.blobs = append(p.blobs, d)
	return p.add(path, tree.Entry{Kind: tree.KindFile, Size: size, Digest: d})
}

// AddLink takes a symbolic link, whose target must stay in the directory that is put.
func (p *Put) AddLink(path, target string) error {
	if err := tree.CheckPath(path); err != nil {
		return err
	}
	if err := CheckLink(path, target); err != nil {
		return err
	}
	return p.add(path, tree.Entry{Kind: tree.KindSymlink, Size: int64(len(target)), Target: target})
}

// AddDir takes a directory that is empty; others need not be named.
func (p *Put) AddDir(path string) error {
	if err := tree.CheckPath(path); err != nil {
		return err
	}
	return p.add(path, tree.Entry{Kind: tree.KindDir, Nodes: 1})
}

func (p *Put) add(path string, e tree.Entry) error {
	if _, twice := p.entries[path]; twice {
		return fmt.Errorf("%s is put twice: %w", path, iofs.ErrInvalid)
	}
	if err := e.Check(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	p.entries[path] = e
	return nil
}

// CheckLink refuses a symbolic link at a path of a directory whose target could lead out of it, whatever else is in there: absolute
// ones, ones with more ".." than directories above, and ones with ".." behind a name, which may be a link itself.
func CheckLink(at, target string) error {
	bad := func(why string) error {
		return fmt.Errorf("%s: symbolic link to %.80q %s: %w", at, target, why, iofs.ErrInvalid)
	}
	if path.IsAbs(target) {
		return bad("is absolute: make it relative")
	}
	up, down := strings.Count(at, "/"), false
	for c := range strings.SplitSeq(target, "/") {
		switch {
		case c == "" || c == ".":
		case c != "..":
			down = true
			if err := tree.CheckName(c); err != nil {
				return bad(err.Error())
			}
		case down:
			return bad("goes down and up again")
		default:
			if up--; up < 0 {
				return bad("leads out of the directory")
			}
		}
	}
	return nil
}

// Op puts it at a path. What was put there before is replaced; when the same is there already, there is no event. A dry run needs no
// blobs.
func (p *Put) Op(at string) Op {
	return Op{idle: true, prepare: func(context.Context, *Store, *footing) (planner, error) {
		if err := state.CheckChannelPath(at); err != nil {
			return nil, err
		}
		if p.single && len(p.entries) > 1 {
			return nil, fmt.Errorf("one file, or a directory: %w", iofs.ErrInvalid)
		}
		root, err := p.root()
		if err != nil {
			return nil, err
		}
		c := state.Channel{Path: at, Files: root.Digest.String(), Mode: state.PutFiles, Root: root, Count: p.count, Bytes: p.bytes}
		return func(r *footing) ([]state.Move, error) {
			moves, err := state.PlanSet(r, c)
			if err == nil {
				moves[0].Blobs = p.blobs
			}
			return moves, err
		}, nil
	}}
}

// root is the file, or the directory with all times 0, so that its digest is that of its content. Its nodes are kept beside
// the journal until the commit makes its own of them.
func (p *Put) root() (tree.Entry, error) {
	if p.single {
		return p.entries[""], nil
	}
	w := p.s.Index.NewBuffer()
	root, err := compose.MakeTree(w, 0, p.entries)
	if err == nil {
		err = p.s.Index.PutNodes(w.Nodes())
	}
	return root, err
}

// unsaved is a state that can read nodes which are not in the store.
type unsaved struct {
	index.View
	nodes tree.Reader
}

// Node is tree.Reader's.
func (u unsaved) Node(d blob.Digest) ([]byte, error) { return u.nodes.Node(d) }
