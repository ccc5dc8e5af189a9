package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/filelist"
	"vrepofs/index"
	"vrepofs/state"
	"vrepofs/tree"
)

// composeID is the file whose time, and content, tell that anything below its directory changed: Rocky's sync scripts and
// CentOS's mirrors look at it.
const composeID = "COMPOSE_ID"

// lists brings the file lists of all channels up to root, which was the directory was before the commit, and returns root with
// them and the blobs that they refer to. Below a path where nothing changed they stay as they are. It notes that channels changed,
// if they do, since lists may change alone.
func (s *Store) lists(ctx context.Context, tx publishTx, lease *blob.Lease, was, root tree.Entry) (tree.Entry, []blob.Digest, error) {
	paths, err := state.ListedPaths(tx)
	if err != nil {
		return root, nil, err
	}
	l := &lister{s: s, ctx: ctx, tx: tx, lease: lease}
	moved := root
	for _, p := range paths { // inner ones first: the outer list them
		if root, err = l.path(p, was, root); err != nil {
			return root, nil, fmt.Errorf("lists at channels/%s: %w", p, err)
		}
	}
	if root != moved {
		state.TouchChannels(tx)
	}
	return root, l.blobs, nil
}

// configureLists is Configure for a patch that says what lists are to lie at the path, which come and go with it, or what files name as
// the site, or who may enter.
func (s *Store) configureLists(ctx context.Context, who Who, c *configuration) (state.Change, error) {
	lease, err := s.Blobs.NewLease()
	if err != nil {
		return state.Change{}, err
	}
	defer lease.Close()
	return s.commit(ctx, who, func(tx *index.Tx) error {
		if err := c.apply(ctx, s, tx, lease); err != nil {
			return err
		}
		if _, lists := c.patch["lists"]; !lists {
			return nil
		}
		if c.path != "" {
			at, _, err := state.Frozen(tx, c.path)
			if err != nil {
				return err
			}
			if at != "" {
				return fmt.Errorf("channel %s: %s is frozen (vrepofs channel thaw %s ends that): %w", c.path, at, at, state.ErrConflict)
			}
		}
		was, err := state.Published(tx)
		if err != nil {
			return err
		}
		root, blobs, err := s.lists(ctx, tx, lease, was, was)
		if err != nil || root == was {
			return err
		}
		if err := lease.Flush(ctx); err != nil {
			return err
		}
		tx.Requires(blobs...)
		state.PutPublished(tx, root)
		return nil
	})
}

// lister is one call of lists.
type lister struct {
	s     *Store
	ctx   context.Context
	tx    publishTx
	lease *blob.Lease
	blobs []blob.Digest
	known map[blob.Digest]bool // what the lists before refer to, and so is there
}

// path makes the lists at one path.
func (l *lister) path(at string, was, root tree.Entry) (tree.Entry, error) {
	old, err := state.ListedAt(l.tx, at)
	if err != nil {
		return root, err
	}
	set, err := state.OwnSettings(l.tx, at)
	if err != nil {
		return root, err
	}
	want := state.Listed{}
	if set.Lists != nil && *set.Lists != "" {
		want.Module = *set.Lists
		want.Names = listNames(want.Module)
	}
	before, err := directory(l.tx, was, at)
	if err != nil {
		return root, err
	}
	dir, err := directory(l.tx, root, at)
	if err != nil {
		return root, err
	}
	if dir.Kind != 0 && dir.Kind != tree.KindDir {
		return root, fmt.Errorf("it is a %s: %w", dir.Kind, state.ErrConflict)
	}
	same := old.Module == want.Module && slices.Equal(old.Names, want.Names)
	if same && dir == before {
		return root, nil // nothing changed below it
	}
	files, others, err := l.files(before, dir, old, want)
	if err != nil {
		return root, err
	}
	if others == 0 { // the lists alone are nothing that was published
		want = state.Listed{}
	}
	put := map[string]tree.Entry{} // by name; the zero Entry: to be removed
	for _, name := range old.Names {
		if files[name].Kind != 0 {
			put[name] = tree.Entry{}
		}
	}
	if !same || want.Module != old.Module {
		state.PutListed(l.tx, at, want)
	}
	if want.Module != "" {
		bare, err := compose.Graft(l.tx, dir, l.tx.Stamp(), graftsAt("", put))
		if err != nil {
			return root, err
		}
		if put, err = l.render(at, want.Module, bare, files); err != nil {
			return root, err
		}
		for _, name := range old.Names {
			if _, stays := put[name]; !stays && files[name].Kind != 0 {
				put[name] = tree.Entry{}
			}
		}
	}
	return compose.Graft(l.tx, root, l.tx.Stamp(), graftsAt(at, put))
}

// files returns the entries that lie in dir under the names of lists, old and wanted, and the number of all others. What we did not put
// there is state.ErrConflict.
func (l *lister) files(before, dir tree.Entry, old, want state.Listed) (files map[string]tree.Entry, others int, err error) {
	files = map[string]tree.Entry{}
	if dir.Kind == 0 {
		return files, 0, nil
	}
	n, err := tree.Len(l.tx, dir.Digest)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range slices.Concat(old.Names, want.Names) {
		if files[name].Kind != 0 {
			continue
		}
		e, err := child(l.tx, dir, name)
		if err != nil {
			return nil, 0, err
		}
		if e.Kind == 0 {
			continue
		}
		ours, err := child(l.tx, before, name)
		if err != nil {
			return nil, 0, err
		}
		if !slices.Contains(old.Names, name) || ours != e {
			return nil, 0, fmt.Errorf("%s is a name of the lists, and something else is to lie there: %w", name, state.ErrConflict)
		}
		files[name] = e
	}
	return files, n - len(files), nil
}

// render makes the files of a module at a path, by name. dir is what lies there beside them, old what they were.
func (l *lister) render(at, module string, dir tree.Entry, old map[string]tree.Entry) (map[string]tree.Entry, error) {
	l.known = map[blob.Digest]bool{}
	for _, e := range old {
		if err := l.know(e); err != nil {
			return nil, err
		}
	}
	put := map[string]tree.Entry{}
	add := func(name string, e tree.Entry, blobs ...blob.Digest) {
		for _, d := range blobs {
			if !l.known[d] {
				l.blobs = append(l.blobs, d)
			}
		}
		if o := old[name]; o.Kind == e.Kind && o.Digest == e.Digest && o.Size == e.Size {
			e = o // its time with it
		}
		put[name] = e
	}
	text := func(name string, b []byte) error {
		d, err := l.lease.Write(b)
		if err == nil {
			add(name, tree.Entry{Kind: tree.KindFile, Size: int64(len(b)), Mtime: l.tx.Stamp(), Digest: d}, d)
		}
		return err
	}
	if err := text(composeID, []byte(module+"-"+time.Unix(l.tx.Stamp(), 0).UTC().Format("20060102.150405")+"\n")); err != nil {
		return nil, err
	}
	repos, err := l.latest(at)
	if err != nil {
		return nil, err
	}
	for _, d := range filelist.Documents() {
		if err := text(d.Name, d.Text(repos)); err != nil {
			return nil, err
		}
	}
	if dir, err = compose.Graft(l.tx, dir, l.tx.Stamp(), graftsAt("", put)); err != nil {
		return nil, err
	}
	r := filelist.Renderer{Nodes: l.tx, Memo: l.s.Index, Put: l.lease.Write, Has: l.has, Open: l.open}
	files, times, images := filelist.Names(module)
	made, err := r.Render(l.ctx, dir, files, times, images)
	if err != nil {
		return nil, err
	}
	for _, list := range []struct {
		name string
		rope blob.Rope
	}{{files, made.Files}, {times, made.Times}, {images, made.Images}} {
		if o := old[list.name]; l.reads(o, list.rope) {
			put[list.name] = o
			continue
		}
		e, blobs, err := filelist.Entry(l.lease.Write, list.rope, l.tx.Stamp())
		if err != nil {
			return nil, err
		}
		add(list.name, e, blobs...)
	}
	return put, nil
}

// reads reports whether the list e has the bytes of a rope, from whatever blobs: then it stays, with its time. It reads what the two do not
// share, up to the first difference.
func (l *lister) reads(e tree.Entry, list blob.Rope) bool {
	if e.Kind == 0 || e.Size != list.Size() {
		return false
	}
	was := blob.Rope{{Digest: e.Digest, Size: e.Size}}
	if e.Kind == tree.KindRope {
		var err error
		if was, err = l.s.readRope(e.Digest); err != nil || was.Size() != e.Size {
			return false
		}
	}
	same, err := blob.SameBytes(l.lease.Open, was, list)
	return same && err == nil
}

// know notes the blobs of a list as it was. They are there: what the head refers to is.
func (l *lister) know(e tree.Entry) error {
	l.known[e.Digest] = true
	if e.Kind != tree.KindRope {
		return nil
	}
	rope, err := l.s.readRope(e.Digest)
	if err != nil {
		l.s.log.Warn("a file list cannot be read; it is made anew", "error", err)
		delete(l.known, e.Digest)
		return nil
	}
	for _, d := range rope.Blobs() {
		l.known[d] = true
	}
	return nil
}

func (l *lister) has(d blob.Digest) bool { return l.known[d] || l.lease.Has(d) }

// open opens a file of the tree, of this commit or of an earlier one.
func (l *lister) open(e tree.Entry) (io.ReadCloser, error) {
	if e.Kind == tree.KindRope {
		r, err := l.s.OpenRope(e.Digest, e.Size)
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{io.NewSectionReader(r, 0, e.Size), r}, nil
	}
	if e.Kind == tree.KindText {
		return io.NopCloser(strings.NewReader(e.Target)), nil
	}
	f, err := l.s.Blobs.OpenSized(e.Digest, e.Size)
	if errors.Is(err, iofs.ErrNotExist) {
		return l.lease.Open(e.Digest)
	}
	return f, err
}

// latest names the repositories at and below a path with the URL of each as it now is for ever: below the first site or, if there is
// none, relative to the path.
func (l *lister) latest(at string) ([]filelist.Latest, error) {
	base, prefix := "../", ""
	if at != "" {
		base, prefix = strings.Repeat("../", strings.Count(at, "/")+2), at+"/"
	}
	site, err := state.GetSite(l.tx)
	if err != nil {
		return nil, err
	}
	if len(site.URLs) > 0 {
		base = site.URLs[0] + "/"
	}
	var repos []filelist.Latest
	taken := map[string]bool{}
	for c, err := range state.Channels(l.tx, at) {
		if err != nil {
			return nil, err
		}
		if c.Files != "" {
			continue
		}
		id := strings.ReplaceAll(strings.TrimPrefix(c.Path, prefix), "/", "-")
		name := id
		for i := 2; taken[name]; i++ {
			name = id + "-" + strconv.Itoa(i)
		}
		taken[name] = true
		repos = append(repos, filelist.Latest{Name: name, URL: base + "at/" + strconv.FormatUint(c.Changed.Event, 10) + "/channels/" + c.Path})
	}
	return repos, nil
}

// listNames are the names of the files of a module, in order.
func listNames(module string) []string {
	files, times, images := filelist.Names(module)
	names := []string{composeID, files, times, images}
	for _, d := range filelist.Documents() {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	return names
}

// graftsAt puts entries by name at a path; "" is the directory itself.
func graftsAt(at string, entries map[string]tree.Entry) []compose.Grafted {
	var put []compose.Grafted
	for name, e := range entries {
		put = append(put, compose.Grafted{Path: path.Join(at, name), Entry: e})
	}
	return put
}

// directory finds a directory by path; "" is root. The zero Entry when there is none.
func directory(r tree.Reader, root tree.Entry, at string) (tree.Entry, error) {
	if at == "" || root.Kind == 0 {
		return root, nil
	}
	e, err := compose.Lookup(r, root, at)
	if errors.Is(err, iofs.ErrNotExist) {
		return tree.Entry{}, nil
	}
	return e, err
}

// child finds a name in a directory, which may be the zero Entry.
func child(r tree.Reader, dir tree.Entry, name string) (tree.Entry, error) {
	if dir.Kind == 0 {
		return dir, nil
	}
	return directory(r, dir, name)
}
