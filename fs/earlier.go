package fs

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"vrepofs/blob"
	"vrepofs/tree"
)

// maxEarlierValid bounds for how long the kernel may take a name of an earlier generation for granted.
const maxEarlierValid = time.Minute

// search is a look for a name that a directory lacks, in earlier generations.
type search struct {
	f    *FS
	in   *dir
	of   place  // that in lies in
	path string // of in, in its place
	name string

	seen []blob.Digest // directories that do not have it
	own  *pastDir      // in, as found by its path; nil: not needed so far
}

// pastDir is a directory of a tree, found by its path.
type pastDir struct {
	entry tree.Entry // zero: there is none
	locks []lock     // the restricted directories on the way, itself included
}

// lock is a restricted directory on the way to another.
type lock struct {
	level int // 0 is the root
	perm  uint16
	gid   uint32
}

// lookupEarlier answers for a name that d lacks.
func (f *FS) lookupEarlier(cancel <-chan struct{}, d *dir, name string, out *fuse.EntryOut) fuse.Status {
	s := search{f: f, in: d, name: name, seen: make([]blob.Digest, 1, 33)}
	s.seen[0] = d.digest
	var err error
	if s.of, err = f.place(placeID(d.id.serial(), 0)); err != nil {
		return f.status("lookup", d.id, err)
	}
	if !s.of.grace {
		out.EntryValid = forever
		return fuse.OK
	}
	if !d.id.isPlace() {
		var path []string
		if _, _, _, err := f.dirs.descend(cancel, d.id, func(name string) { path = append(path, name) }); err != nil {
			return f.status("lookup", d.id, err)
		}
		s.path = strings.Join(path, "/")
	}
	generations, err := f.src.Earlier(s.of.key, s.path, name)
	if err != nil {
		return f.status("lookup", d.id, err)
	}
	damaged := false
	for i := range generations {
		g := &generations[i]
		id, e, err := s.look(cancel, g)
		if err != nil {
			damaged = true
			f.logOnce(err.Error(), "fs: lookup of %q in the earlier generation %s: %v; skipped", name, g.Key, err)
			continue
		}
		if id == 0 {
			continue
		}
		f.stats.earlierFound.Add(1)
		fillEntry(out, id, &e)
		out.SetEntryTimeout(min(g.Left, maxEarlierValid))
		if e.Kind == tree.KindDir {
			out.Attr.Mode &^= listBits
		}
		return fuse.OK
	}
	f.stats.earlierAbsent.Add(1)
	if damaged {
		return fuse.ENOENT // not to be remembered
	}
	out.EntryValid = forever
	return fuse.OK
}

// look looks in one generation. The id is 0 when the name is not there.
func (s *search) look(cancel <-chan struct{}, g *Earlier) (id nodeID, e tree.Entry, err error) {
	f := s.f
	at, err := f.pastDir(g.Key, g.Root, g.Dir)
	if err != nil || at.entry.Kind != tree.KindDir {
		return 0, e, err
	}
	if s.of.hidden && s.own == nil && at.entry.Digest == s.in.digest {
		s.own = &at // the generation that the hidden directory is of comes first
	}
	if slices.Contains(s.seen, at.entry.Digest) {
		return 0, e, nil
	}
	if open, err := s.open(cancel, &at); err != nil || !open {
		return 0, e, err
	}
	s.seen = append(s.seen, at.entry.Digest)
	if e, err = f.inDir(at.entry, s.name); err != nil || e.Kind == 0 {
		return 0, e, err
	}
	switch {
	case e.RPM:
		id = rpmID(e.Serial)
	case e.Kind == tree.KindDir:
		id, err = keyID(f.src, g.Hidden+"/"+s.name)
	default:
		if id, err = keyID(f.src, g.Key); err == nil {
			id, err = f.ordinal(id, g.Root, g.Dir, s.name)
		}
	}
	return id, e, err
}

// open reports whether whoever may enter the directory that lacks the name might enter the one of an earlier generation: each
// restricted directory on the way to that must be restricted the same on the way that was walked.
func (s *search) open(cancel <-chan struct{}, at *pastDir) (bool, error) {
	if len(at.locks) == 0 {
		return true, nil
	}
	if s.own == nil && !s.of.hidden {
		root, err := s.f.dirs.ref(cancel, placeID(s.in.id.serial(), 0))
		if err != nil {
			return false, err
		}
		own, err := s.f.pastDir(s.of.key, root.entry, s.path)
		if err != nil {
			return false, err
		}
		s.own = &own
	}
	for _, l := range at.locks {
		if s.own == nil || !slices.Contains(s.own.locks, l) {
			return false, nil
		}
	}
	return true, nil
}

// pastDir finds a directory of the tree root of a place by its path. It keeps what it finds, and that there is none.
func (f *FS) pastDir(key string, root tree.Entry, path string) (pastDir, error) {
	return f.earlier.load(key+"\x00"+path, func() (pastDir, error) {
		d := pastDir{entry: root}
		names := strings.Split(path, "/")
		if path == "" {
			names = nil
		}
		for level := 0; ; level++ {
			if d.entry.Perm != 0 {
				d.locks = append(d.locks, lock{level, d.entry.Perm, d.entry.Gid})
			}
			if level == len(names) {
				return d, nil
			}
			var err error
			if d.entry, err = f.inDir(d.entry, names[level]); err != nil || d.entry.Kind != tree.KindDir {
				return pastDir{}, err
			}
		}
	})
}

// inDir returns an entry of a directory, the zero Entry if it is not there. It reads the way to the name, not the whole directory.
func (f *FS) inDir(dir tree.Entry, name string) (tree.Entry, error) {
	v, err := tree.Get(nodes{f.src}, dir.Digest, name)
	if errors.Is(err, iofs.ErrNotExist) {
		return tree.Entry{}, nil
	}
	if err != nil {
		return tree.Entry{}, err
	}
	return tree.DecodeEntry(v)
}

// ordinal returns the node id of a name in a directory of the place with id.
func (f *FS) ordinal(id nodeID, at tree.Entry, path, name string) (nodeID, error) {
	if path != "" {
		path += "/"
	}
	for name := range strings.SplitSeq(path+name, "/") {
		d, err := f.dirs.loadRef(id, dirRef{entry: at})
		if err != nil {
			return 0, err
		}
		i, ok := d.Find(name)
		if !ok {
			return 0, errNode
		}
		at = d.Entry(i)
		id = d.child(i, &at)
	}
	return id, nil
}

// hidden reports whether a directory is, or lies in, one that no listing shows.
func (f *FS) hidden(id nodeID) (bool, error) {
	if !id.isPlace() {
		id = placeID(id.serial(), 0)
	}
	p, err := f.place(id)
	return p.hidden, err
}

// hide takes reading from the mode of a directory that is not to be listed.
func (f *FS) hide(a *fuse.Attr, id nodeID) error {
	hidden, err := f.hidden(id)
	if hidden {
		a.Mode &^= listBits
	}
	return err
}

// nodes is a tree.Reader for which a missing node is damage, not an absent name.
type nodes struct{ Source }

func (n nodes) Node(d blob.Digest) ([]byte, error) {
	b, err := n.Source.Node(d)
	if errors.Is(err, iofs.ErrNotExist) {
		err = fmt.Errorf("%v", err)
	}
	return b, err
}
