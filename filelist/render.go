package filelist

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"slices"
	"strings"

	"vrepofs/blob"
	"vrepofs/tree"
)

// Memo remembers derived values; it may forget any. index.Index is one.
type Memo interface {
	Memo(kind byte, key blob.Digest) ([]byte, bool)
	PutMemos(kind byte, values map[blob.Digest][]byte) error
}

// The kinds of memos: of units, and of the checksums of blobs.
const (
	memoUnit = 'l'
	memoSum  = 'h'
)

// version is part of every key: raise it with any change of the texts or of the values.
const version = 2

const (
	// unitNodes is the number of names above which a directory is a unit of its own. Looking a unit up costs what rendering some ten names
	// does; with 128, a promotion of 100 repositories of 1,000 packages by letter, one changed in each, took twice the time.
	unitNodes = 32
	// maxMemo is the number of parts up to which a unit is remembered. A larger one is put together from those in it, which costs
	// about 10 µs each: its own memo would be written anew with every change, and as long.
	maxMemo = 256
	// maxPath bounds the depth of a tree in bytes of path, as Linux does.
	maxPath = 4096
	// maxLinks is how many symbolic links are followed for one, as in Linux.
	maxLinks = 40
)

// Renderer renders lists. Its fields belong to the caller; it is as safe for concurrent use as they are.
type Renderer struct {
	Nodes tree.Reader
	Memo  Memo                                    // nil: everything is rendered
	Put   func([]byte) (blob.Digest, error)       // stores a blob; the bytes stay the caller's
	Has   func(blob.Digest) bool                  // a remembered part is there and will stay
	Open  func(tree.Entry) (io.ReadCloser, error) // the content of a file or a rope
}

// Lists are the texts of the lists of one directory tree.
type Lists struct {
	Files  blob.Rope // fullfilelist
	Times  blob.Rope // fullfiletimelist-MODULE
	Images blob.Rope // imagelist-MODULE
}

// Render lists the tree dir without the names skip at its top. The texts depend on dir and skip alone, whatever is remembered. It
// costs what was not rendered before.
func (r *Renderer) Render(ctx context.Context, dir tree.Entry, skip ...string) (Lists, error) {
	if dir.Kind != tree.KindDir {
		return Lists{}, fmt.Errorf("list a %s: want a directory", dir.Kind)
	}
	p := &pass{Renderer: r, ctx: ctx, root: dir, skip: skip, found: map[string]bool{}, has: map[blob.Digest]bool{}, read: map[blob.Digest][]byte{}}
	p.packer = packer{put: r.Put, keep: func(memos map[blob.Digest][]byte) error { return r.Memo.PutMemos(memoUnit, memos) }}
	lists, err := p.lists()
	if err != nil {
		return Lists{}, fmt.Errorf("file lists: %w", err)
	}
	return lists, nil
}

// pass is one Render.
type pass struct {
	*Renderer
	packer
	ctx   context.Context
	root  tree.Entry
	skip  []string
	found map[string]bool        // where symbolic links lead to, by directory and target
	has   map[blob.Digest]bool   // what Has said
	read  map[blob.Digest][]byte // checksums that are to be remembered
	free  []*sheet               // empty ones, for their memory
}

// lists renders all.
func (p *pass) lists() (Lists, error) {
	s := &sheet{}
	p.sections[times] = append(p.sections[times], timesHead...)
	p.took(s, times, 0)
	if err := p.dir(s, p.root, "", false); err != nil {
		return Lists{}, err
	}
	from := len(p.sections[times])
	p.sections[times] = s.appendSums(p.sections[times])
	p.took(s, times, from)
	if err := p.end(); err != nil {
		return Lists{}, err
	}
	if len(p.read) > 0 && p.Memo != nil {
		if err := p.Memo.PutMemos(memoSum, p.read); err != nil {
			return Lists{}, err
		}
	}
	p.settle(s)
	return Lists{s.rope(plain), s.rope(times), s.rope(images)}, nil
}

// dir appends the lines of what is in a directory. path is "" or ends in "/".
func (p *pass) dir(s *sheet, e tree.Entry, path string, restricted bool) error {
	if len(path) > maxPath {
		return fmt.Errorf("%.80s…: longer than %d bytes: %w", path, maxPath, iofs.ErrInvalid)
	}
	if e.Nodes <= unitNodes {
		return p.body(s, e, path, restricted)
	}
	return p.unit(s, 'd', e.Digest, path, restricted, func(u *sheet) error { return p.body(u, e, path, restricted) })
}

// unit appends a unit, remembered or made by render.
func (p *pass) unit(s *sheet, kind byte, d blob.Digest, path string, restricted bool, render func(*sheet) error) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	key := p.key(kind, d, path, restricted)
	if u := p.known(key); u != nil {
		s.add(u)
		return nil
	}
	u := &sheet{}
	if n := len(p.free); n > 0 {
		u, p.free = p.free[n-1], p.free[:n-1]
	}
	if err := render(u); err != nil {
		return err
	}
	if p.Memo != nil && u.parts() <= maxMemo {
		p.units = append(p.units, remembered{key, u.clone()})
	}
	s.add(u)
	u.reset()
	p.free = append(p.free, u)
	return nil
}

// key is the memo key of a unit: all that its texts depend on but for where links lead, which known looks at.
func (p *pass) key(kind byte, d blob.Digest, path string, restricted bool) blob.Digest {
	b := make([]byte, 0, 128)
	b = append(b, "filelist"...)
	b = append(b, version, kind, 0)
	if restricted {
		b[len(b)-1] = 1
	}
	b = append(b, d[:]...)
	b = append(b, path...)
	if path == "" {
		for _, name := range p.skip {
			b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
		}
	}
	return sha256.Sum256(b)
}

// known looks a unit up. One whose parts are not all there, or with a link that leads elsewhere by now, is rendered again.
func (p *pass) known(key blob.Digest) *sheet {
	if p.Memo == nil {
		return nil
	}
	v, ok := p.Memo.Memo(memoUnit, key)
	if !ok {
		return nil
	}
	u, ok := decodeSheet(v)
	if !ok {
		return nil
	}
	for i := range u.texts {
		for _, part := range u.texts[i] {
			if !p.there(part.Digest) {
				return nil
			}
		}
	}
	for _, l := range u.links {
		if ok, err := p.leads(l.dir, l.target); err != nil || ok != l.ok {
			return nil
		}
	}
	return u
}

// there is Has, asked once for each blob.
func (p *pass) there(d blob.Digest) bool {
	has, asked := p.has[d]
	if !asked {
		has = p.Has(d)
		p.has[d] = has
	}
	return has
}

// body appends the lines of a directory's entries.
func (p *pass) body(s *sheet, e tree.Entry, path string, restricted bool) error {
	before := s.nodes
	for run, err := range tree.Runs(p.Nodes, e.Digest) {
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		limit := before + uint64(e.Nodes) - 1
		if run.Whole() {
			err = p.run(s, run, path, restricted, limit)
		} else {
			err = p.unit(s, 'r', run.Node, path, restricted, func(u *sheet) error {
				return p.run(u, run, path, restricted, limit-s.nodes)
			})
		}
		if err != nil {
			return err
		}
	}
	if s.nodes-before != uint64(e.Nodes)-1 {
		return fmt.Errorf("%s: %w", path, errNodes)
	}
	return nil
}

// run appends the lines of a run of entries, which may bring s.nodes up to limit.
func (p *pass) run(s *sheet, run tree.Run, path string, restricted bool, limit uint64) error {
	for it, err := range run.Items(p.Nodes) {
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		e, err := tree.DecodeEntry(it.Value)
		if err != nil {
			return fmt.Errorf("%s%s: %w", path, it.Name, err)
		}
		// Checked before it is entered: nodes that claim little cannot cost much.
		nodes := uint64(max(1, e.Nodes))
		if s.nodes+nodes > limit {
			return fmt.Errorf("%s: %w", path, errNodes)
		}
		if err := p.entry(s, it.Name, e, path, restricted); err != nil {
			return err
		}
	}
	return nil
}

// entry appends the lines of an entry.
func (p *pass) entry(s *sheet, name string, e tree.Entry, path string, restricted bool) error {
	end := s.nodes + uint64(max(1, e.Nodes))
	listed, err := p.listed(s, name, e, path)
	if err != nil || !listed {
		s.nodes = end
		return err
	}
	switch {
	case e.Kind == tree.KindDir:
		_, world := access(e)
		if err := p.dir(s, e, path+name+"/", restricted || !world); err != nil {
			return err
		}
	case name == checked && e.Kind != tree.KindSymlink:
		c, err := p.checksums(e)
		if err != nil {
			return fmt.Errorf("%s%s: %w", path, name, err)
		}
		s.sums = append(s.sums, sum{path + name, c})
	}
	s.nodes = end
	from := len(p.sections[plain])
	p.sections[plain] = appendPath(p.sections[plain], path, name)
	p.took(s, plain, from)
	from = len(p.sections[times])
	p.sections[times] = appendTimes(p.sections[times], path, name, &e, restricted)
	p.took(s, times, from)
	if isImage(name) {
		from = len(p.sections[images])
		p.sections[images] = appendPath(p.sections[images], path, name)
		p.took(s, images, from)
	}
	return p.full()
}

// listed reports whether an entry is on the lists, as create-filelist's recursedir decides.
func (p *pass) listed(s *sheet, name string, e tree.Entry, path string) (bool, error) {
	if path == "" && p.skips(name) {
		return false, nil
	}
	if e.Kind == tree.KindSymlink {
		ok, err := p.leads(path, e.Target)
		s.links = append(s.links, link{path, e.Target, ok})
		return ok, err
	}
	group, _ := access(e)
	return group, nil
}

func (p *pass) skips(name string) bool {
	for _, s := range p.skip {
		if s == name {
			return true
		}
	}
	return false
}

// leads reports whether a symbolic link in the directory path leads to something in the tree that its group may read.
func (p *pass) leads(path, target string) (bool, error) {
	key := path + "\x00" + target
	ok, done := p.found[key]
	if done {
		return ok, nil
	}
	e, err := p.follow(path, target)
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return false, fmt.Errorf("%s: link to %.80q: %w", path, target, err)
	}
	ok = err == nil
	if ok {
		ok, _ = access(e)
	}
	p.found[key] = ok
	return ok, nil
}

// follow finds what a symbolic link leads to. Out of the tree there is nothing: who mirrors the tree has no more.
func (p *pass) follow(path, target string) (tree.Entry, error) {
	type step struct {
		name string
		e    tree.Entry
	}
	at := []step{{"", p.root}} // from the top to where we are
	todo := append(split(path), split(target)...)
	if strings.HasPrefix(target, "/") {
		return tree.Entry{}, iofs.ErrNotExist
	}
	links := 1
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		here := at[len(at)-1].e
		if here.Kind != tree.KindDir {
			return tree.Entry{}, iofs.ErrNotExist
		}
		switch name {
		case "", ".":
			continue
		case "..":
			if len(at) == 1 {
				return tree.Entry{}, iofs.ErrNotExist
			}
			at = at[:len(at)-1]
			continue
		}
		if len(at) == 1 && len(todo) == 0 && p.skips(name) {
			return tree.Entry{Kind: tree.KindFile}, nil // a list, which is there when it is read
		}
		v, err := tree.Get(p.Nodes, here.Digest, name)
		if err != nil {
			return tree.Entry{}, err
		}
		e, err := tree.DecodeEntry(v)
		if err != nil {
			return tree.Entry{}, err
		}
		if e.Kind != tree.KindSymlink {
			at = append(at, step{name, e})
			continue
		}
		if links++; links > maxLinks || strings.HasPrefix(e.Target, "/") {
			return tree.Entry{}, iofs.ErrNotExist
		}
		todo = append(split(e.Target), todo...)
	}
	return at[len(at)-1].e, nil
}

// split returns the components of a path. One that ends in "/" has a last component of ".", so that only a directory will do.
func split(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// checksums returns those of a file, read once for each content.
func (p *pass) checksums(e tree.Entry) (c checksums, err error) {
	memo := e.Kind == tree.KindFile // a rope's digest is not that of its bytes
	if memo {
		v, ok := p.read[e.Digest]
		if !ok && p.Memo != nil {
			v, ok = p.Memo.Memo(memoSum, e.Digest)
		}
		if ok && len(v) == len(c) {
			return checksums(v), nil
		}
	}
	f, err := p.Open(e)
	if err != nil {
		return c, err
	}
	defer f.Close()
	if c, err = checksumsOf(f); err == nil && memo {
		p.read[e.Digest] = slices.Clone(c[:])
	}
	return c, err
}
