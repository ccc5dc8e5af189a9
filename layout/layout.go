package layout

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/fs"
	"vrepofs/index"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/tree"
)

// Layout is a store as a mount shows it. It is safe for concurrent use.
type Layout struct {
	st    *store.Store
	shown atomic.Pointer[present] // what the live names show
	hot   hotViews
	past  levels // of events and generations, which never change
	grace graceCache

	expired expired

	candidates candidates
	passing    passing // numbers of places that the journal does not take any more

	publishing sync.Mutex // one Publish at a time
	announced  announced
}

var _ fs.Source = (*Layout)(nil)

// New returns the layout of an open store, showing its head.
func New(st *store.Store) (*Layout, error) {
	l := &Layout{st: st}
	if err := l.hot.load(st.Index); err != nil {
		return nil, err
	}
	p, err := firstPresent(st.Index)
	if err != nil {
		return nil, err
	}
	l.shown.Store(p)
	l.announced.announce(p)
	return l, nil
}

// state is the tables that a place shows.
func (l *Layout) state(p place) (state.Reader, index.Head, error) {
	if p.event == 0 {
		h := l.shown.Load().head
		return l.st.Index.View(h), h, nil
	}
	h, err := l.st.Index.At(p.event)
	if err != nil {
		return nil, h, err
	}
	return l.st.Index.View(h), h, nil
}

// Child describes a place. Times come from the state that the place shows.
func (l *Layout) Child(key string) (fs.Child, error) {
	if isCandidate(key) {
		return l.candidateChild(key)
	}
	p, err := parseKey(key)
	if err != nil {
		return fs.Child{}, err
	}
	c := fs.Child{Key: key, Tree: p.tree()}
	r, head, err := l.state(p)
	if err != nil {
		return c, err
	}
	c.Mtime = head.Stamp
	switch {
	case p.link && p.table == "":
		c.Parent, c.Symlink = "at", p.eventName()
	case p.at && p.table == "":
		c.Parent = "at"
	case p.live != 0:
		return l.hiddenChild(c, p, r)
	case p.table == "channels":
		return channelsChild(c, p, r)
	case p.at && len(p.path) == 0:
		c.Parent = "at/" + p.eventName()
	case len(p.path) == 0: // the root and its levels
	case p.table == "repos":
		return l.repoChild(c, p, r)
	case p.table == "tags":
		return l.tagChild(c, p, r)
	}
	return c, nil
}

// repoChild describes a repo, a snapshot or a latest link.
func (l *Layout) repoChild(c fs.Child, p place, r state.Reader) (fs.Child, error) {
	if len(p.path) == 1 {
		repo, err := state.GetRepo(r, p.path[0])
		if err != nil {
			return c, err
		}
		changed, err := withSite(r, repo.Changed)
		c.Parent, c.Mtime = p.prefix(), changed.Stamp
		return c, err
	}
	c.Parent = p.prefix() + "/" + p.path[0]
	if p.pinned != "" {
		return l.pinnedChild(c, p, r)
	}
	stamp, err := state.ParseStamp(p.path[1])
	if err != nil {
		return c, errKey(c.Key)
	}
	c.Mtime = stamp
	if p.link {
		c.Symlink = p.path[1]
	}
	return c, nil
}

// tagChild describes a tag or a view.
func (l *Layout) tagChild(c fs.Child, p place, r state.Reader) (fs.Child, error) {
	g, err := generation(r, p.path[0])
	if err != nil {
		return c, err
	}
	c.Mtime = g.Stamp
	switch {
	case len(p.path) == 2 && p.at:
		c.Parent = p.prefix() + "/" + p.path[0]
	case len(p.path) == 2:
		c.Parent, c.Grace = tagKey(state.Change{Event: p.event}, p.path[0]), p.tree()
	default:
		g, err = withSite(r, g)
		c.Parent, c.Mtime = p.prefix(), g.Stamp
		return c, err
	}
	if p.pinned != "" {
		return l.pinnedChild(c, p, r)
	}
	return c, nil
}

// Tree returns the root of a snapshot, of all channels, or of a view, which is composed if it was not before.
func (l *Layout) Tree(ctx context.Context, key string) (tree.Entry, error) {
	if isCandidate(key) {
		c, err := l.candidateChild(key)
		if err != nil || c.Root == nil {
			return tree.Entry{}, errKey(key)
		}
		return *c.Root, nil
	}
	p, err := parseKey(key)
	if err != nil {
		return tree.Entry{}, err
	}
	if !p.tree() {
		return tree.Entry{}, errKey(key)
	}
	if p.table == "repos" {
		r, err := l.snapshotState(p)
		if err != nil {
			return tree.Entry{}, err
		}
		s, err := state.GetSnapshot(r, p.path[0]+"@"+p.path[1])
		return s.Root, err
	}
	r, _, err := l.state(p)
	if err != nil {
		return tree.Entry{}, err
	}
	if p.live != 0 {
		return l.hiddenRoot(p, r)
	}
	if p.table == "channels" {
		root, err := state.Published(r)
		if err == nil && root.Kind == 0 {
			err = errKey(key)
		}
		return root, err
	}
	v, err := l.st.Composer.View(ctx, r, p.path[0], p.path[1])
	if err == nil && !p.at {
		l.hot.read(l.st.Index, p.path[0], p.path[1])
	}
	return v.Root, err
}

// snapshotState is a state that has the snapshot: the one that made it, so that a process that stands in a snapshot stays
// there when it is removed from the present.
func (l *Layout) snapshotState(p place) (state.Reader, error) {
	if p.at {
		r, _, err := l.state(p)
		return r, err
	}
	stamp, err := state.ParseStamp(p.path[1])
	if err != nil {
		return nil, fmt.Errorf("snapshot %s@%s: %w", p.path[0], p.path[1], iofs.ErrNotExist)
	}
	h, err := l.st.Index.AtStamp(stamp)
	if err != nil {
		return nil, err
	}
	return l.st.Index.View(h), nil
}

// RPM returns what an inode serial names.
func (l *Layout) RPM(serial uint64) (fs.File, error) {
	f, err := l.st.Index.File(serial)
	return fs.File{Digest: f.Digest, Size: f.Size, Mtime: f.Mtime}, err
}

// Open opens a blob.
func (l *Layout) Open(d blob.Digest) (*os.File, error) { return l.st.Blobs.Open(d) }

// OpenRope opens the content that the rope in blob d describes.
func (l *Layout) OpenRope(d blob.Digest, size int64) (fs.Rope, error) {
	return l.st.OpenRope(d, size)
}

// Node fetches a tree node.
func (l *Layout) Node(d blob.Digest) ([]byte, error) {
	enc, err := l.st.Index.Node(d)
	if errors.Is(err, iofs.ErrNotExist) {
		return l.candidateNode(d, err)
	}
	return enc, err
}

// Xattrs answers "what am I looking at": the blob's digest, the event, and of channels and views the origin, of views the recipe. An RPM's
// inode is that of all places, so it has no origin: each view may have it from somewhere else.
func (l *Layout) Xattrs(key, path string, e tree.Entry) map[string]string {
	x := map[string]string{}
	if e.Kind == tree.KindFile || e.Kind == tree.KindRope {
		x["user.vrepofs.digest"] = e.Digest.String()
	} else if e.Kind == tree.KindText {
		x["user.vrepofs.digest"] = blob.Sum([]byte(e.Target)).String()
	}
	p, err := parseKey(key)
	if err != nil || key == "" {
		return x
	}
	if p.event != 0 {
		x["user.vrepofs.event"] = p.eventName()
	}
	if p.inside != "" {
		path = strings.TrimSuffix(p.inside+"/"+path, "/")
	}
	if p.table == "channels" && path != "" {
		if r, _, err := l.state(p); err == nil {
			if c, err := state.GetChannel(r, path); err == nil {
				x["user.vrepofs.origin"] = c.Source()
			}
		}
	}
	if p.table == "repos" && p.tree() && path == "" {
		if r, _, err := l.state(p); err == nil {
			if s, err := state.GetSnapshot(r, strings.Join(p.path, "@")); err == nil && s.Upstream != "" {
				x["user.vrepofs.origin"] = s.Upstream
			}
		}
	}
	if p.table == "tags" && p.tree() {
		if r, _, err := l.state(p); err == nil {
			if v, err := compose.Resolve(r, p.path[0]); err == nil {
				x["user.vrepofs.recipe"] = v.Recipe(p.path[1]).String()
				x["user.vrepofs.origin"] = origin(v, p.path[1])
			}
		}
	}
	return x
}

// maxOrigin bounds an attribute, in bytes: the kernel takes 64 KiB.
const maxOrigin = 4 << 10

// origin names what a view is selected from, in the order in which it is asked: "tag dev, tag base, fedora@20261121T043000Z".
func origin(v *compose.Resolved, arch string) string {
	var b strings.Builder
	add := func(s string) bool {
		if b.Len()+len(s) > maxOrigin {
			b.WriteString(", …")
			return false
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s)
		return true
	}
	seen := map[string]bool{}
	for _, visit := range v.Order {
		if !seen[visit.Tag] && !add("tag "+visit.Tag) {
			return b.String()
		}
		seen[visit.Tag] = true
	}
	for _, e := range v.Externals {
		if e.ForArch(arch) && e.Snapshot.ID != "" && !add(e.Snapshot.Ref()) {
			return b.String()
		}
	}
	return b.String()
}
