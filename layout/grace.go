package layout

import (
	"cmp"
	"errors"
	"fmt"
	iofs "io/fs"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/fs"
	"vrepofs/index"
	"vrepofs/pinned"
	"vrepofs/state"
	"vrepofs/tree"
)

const (
	// graceGenerations is how many earlier generations a missing name is looked for in.
	graceGenerations = 32
	// graceSteps bounds the walk back through a tag's generations, of which those count that were composed.
	graceSteps = 128
	// maxGraceKept bounds what is kept of walks, each some KiB; beyond it all are made anew.
	maxGraceKept = 2048
)

// earlier is an earlier generation of a path of channels, or of a view.
type earlier struct {
	event uint64 // that its place is named after
	ended int64  // when it was replaced: the stamp of the event that did
	view  compose.View
	root  atomic.Pointer[tree.Entry] // of its place; nil: a view that was not composed yet, which nobody has read
}

// graceCache keeps what walks into the past have found. All of it is derived from states that never change.
type graceCache struct {
	mu sync.Mutex
	// mu guards what follows, and is never held while anything is read.
	lists    map[string][]*earlier // earlier generations by place and path, newest first
	within   map[string]string     // the repository in which a directory of channels lies, by place and path
	settings graceSettings
}

// graceSettings is for how long names are kept, by path.
type graceSettings struct {
	table blob.Digest // of which it was read
	own   map[string]int64
	max   int64 // the greatest that holds anywhere
}

// Earlier returns the earlier generations in which a missing name is looked for: newest first, those that were replaced less than
// the grace ago, at most 32. What counts as a generation, of channels, is what the repository was in which the name lies, or
// the path itself: other channels may move as often as they like.
func (l *Layout) Earlier(key, dir, name string) ([]fs.Earlier, error) {
	p, err := parseKey(key)
	if err != nil || p.at || p.table != "channels" && p.table != "tags" || !p.tree() {
		return nil, err
	}
	if saysPresent(name) {
		return nil, nil
	}
	if p.inside != "" {
		dir = joinPath(p.inside, dir)
	}
	base := cmp.Or(p.live, p.event)
	var list []*earlier
	grace := int64(state.DefaultGrace)
	place, tail := p.table+"@", ""
	if p.table == "channels" {
		// What only some may enter is guarded by the restrictions of its generation (fs: search.open). A restriction that is set
		// for a path while nothing lies there is to be asked here, as the grace is, once there are settings for that.
		if grace, err = l.graceAt(joinPath(dir, name)); err == nil && grace > 0 {
			list, err = l.earlierChannels(base, dir, joinPath(dir, name))
		}
	} else {
		tail = "/" + p.path[0] + "/" + p.path[1]
		list, err = l.earlierViews(base, p.path[0], p.path[1])
	}
	if err != nil {
		return nil, err
	}
	now := l.st.Now()
	var out []fs.Earlier
	for _, e := range list {
		left := time.Unix(e.ended+grace, 0).Sub(now)
		if left <= 0 || len(out) == graceGenerations {
			break // those before ended earlier
		}
		root := e.root.Load()
		if root == nil {
			if root, err = l.composed(e); err != nil {
				return nil, err
			}
		}
		if root == nil || p.live != 0 && e.event > p.event {
			continue
		}
		from := strconv.FormatUint(e.event, 10)
		out = append(out, fs.Earlier{
			Key: place + from + tail, Root: *root, Dir: dir, Left: left,
			Hidden: strings.TrimSuffix(place+strconv.FormatUint(base, 10)+"~"+from+tail+"/"+dir, "/"),
		})
	}
	return out, nil
}

// saysPresent reports whether a file of this name says what the generation is in which it lies, or signs that: one of another
// generation would be a lie beside the rest.
func saysPresent(name string) bool {
	for _, prefix := range []string{"repomd.xml", "fullfilelist", "fullfiletimelist", "imagelist", "COMPOSE_ID", "all_latest"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	_, _, beside := pinned.Beside(name)
	return beside
}

// joinPath joins a directory's path, "" for the root, and a name; or two paths of which one may be "".
func joinPath(dir, name string) string {
	if dir == "" || name == "" {
		return dir + name
	}
	return dir + "/" + name
}

// graceAt is for how many seconds a path of channels is kept, by the settings of the present.
func (l *Layout) graceAt(path string) (int64, error) {
	s, err := l.graceSettings()
	if err != nil {
		return 0, err
	}
	for {
		if g, ok := s.own[path]; ok {
			return g, nil
		}
		if path == "" {
			return state.DefaultGrace, nil
		}
		path = dirOf(path)
	}
}

func (l *Layout) graceSettings() (graceSettings, error) {
	r := l.st.Index.View(l.shown.Load().head)
	table, err := r.Table(state.TableSettings)
	if err != nil {
		return graceSettings{}, err
	}
	l.grace.mu.Lock()
	s := l.grace.settings
	l.grace.mu.Unlock()
	if s.own != nil && s.table == table {
		return s, nil
	}
	s = graceSettings{table, map[string]int64{}, state.DefaultGrace}
	paths, err := state.AllSettings(r)
	if err != nil {
		return s, err
	}
	for _, path := range paths {
		own, err := state.OwnSettings(r, path)
		if err != nil {
			return s, err
		}
		if own.Grace != nil {
			s.own[path], s.max = *own.Grace, max(s.max, *own.Grace)
		}
	}
	l.grace.mu.Lock()
	l.grace.settings = s
	l.grace.mu.Unlock()
	return s, nil
}

// kept returns what a cache of l.grace has for a key, or what find returns.
func kept[V any](g *graceCache, cache *map[string]V, key string, find func() (V, error)) (V, error) {
	g.mu.Lock()
	v, ok := (*cache)[key]
	g.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := find()
	if err != nil {
		return v, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if *cache == nil || len(*cache) >= maxGraceKept {
		*cache = map[string]V{}
	}
	(*cache)[key] = v
	return v, nil
}

// earlierChannels returns the generations before that of event that a path in a directory of channels had.
func (l *Layout) earlierChannels(event uint64, dir, path string) ([]*earlier, error) {
	head, err := l.st.Index.At(event)
	if err != nil {
		return nil, err
	}
	r := l.st.Index.View(head)
	at := strconv.FormatUint(event, 10) + "/"
	of, err := kept(&l.grace, &l.grace.within, at+dir, func() (string, error) { return state.Within(r, dir) })
	if err == nil && of == "" {
		of, err = moverOf(r, path)
	}
	if err != nil {
		return nil, err
	}
	return kept(&l.grace, &l.grace.lists, at+of, func() ([]*earlier, error) { return l.walkChannels(head, of) })
}

// moverOf returns the longest prefix of a path, itself included, of which it is noted when it moved.
func moverOf(r state.Reader, path string) (string, error) {
	for path != "" {
		c, err := state.ChannelMoved(r, path)
		if err != nil || c.Event != 0 {
			return path, err
		}
		path = dirOf(path)
	}
	return "", nil
}

// walkChannels goes back through the generations of a path of channels that any setting holds now: one step for each event that
// moved it. Where a setting holds more later, channels are bound anew, and walked anew.
func (l *Layout) walkChannels(head index.Head, path string) (list []*earlier, err error) {
	s, err := l.graceSettings()
	if err != nil {
		return nil, err
	}
	now := l.st.Now().Unix()
	for step := 0; step < graceSteps && len(list) < graceGenerations; step++ {
		r := l.st.Index.View(head)
		of, err := state.Within(r, path)
		if err == nil && of == "" {
			of, err = moverOf(r, path)
		}
		if err != nil {
			return nil, err
		}
		moved, err := state.ChannelMoved(r, of)
		if err != nil {
			return nil, err
		}
		if moved.Event == 0 || moved.Stamp+s.max <= now {
			break
		}
		if head, err = l.st.Index.At(moved.Event - 1); errors.Is(err, iofs.ErrNotExist) {
			break // no longer kept
		} else if err != nil {
			return nil, err
		}
		r = l.st.Index.View(head)
		root, err := state.Published(r)
		if err != nil {
			return nil, err
		}
		if root.Kind == 0 {
			continue
		}
		if _, err := l.descend(root, path); errors.Is(err, iofs.ErrNotExist) {
			continue // there was no such path, so no name in it
		} else if err != nil {
			return nil, err
		}
		g, err := channelsNow(r)
		if err != nil {
			return nil, err
		}
		e := &earlier{event: g.Event, ended: moved.Stamp}
		e.root.Store(&root)
		list = append(list, e)
	}
	return list, nil
}

// earlierViews returns the generations of a view before that of event, composed or not.
func (l *Layout) earlierViews(event uint64, tag, arch string) ([]*earlier, error) {
	key := func(event uint64) string { return "tags/" + strconv.FormatUint(event, 10) + "/" + tag + "/" + arch }
	return kept(&l.grace, &l.grace.lists, key(event), func() ([]*earlier, error) {
		head, err := l.st.Index.At(event)
		if err != nil {
			return nil, err
		}
		now, err := compose.Resolve(l.st.Index.View(head), tag)
		if err != nil {
			return nil, err
		}
		var list []*earlier
		for range graceSteps {
			next := now.Generation
			if head, err = l.st.Index.At(next.Event - 1); errors.Is(err, iofs.ErrNotExist) {
				break // no longer kept
			} else if err != nil {
				return nil, err
			}
			now, err = compose.Resolve(l.st.Index.View(head), tag)
			if errors.Is(err, iofs.ErrNotExist) {
				break // the tag was created then
			} else if err != nil {
				return nil, err
			}
			if next.Stamp+state.DefaultGrace <= l.st.Now().Unix() {
				break
			}
			e := &earlier{event: now.Generation.Event, ended: next.Stamp}
			e.view = compose.View{Tag: tag, Arch: arch, Generation: now.Generation, Recipe: now.Recipe(arch)}
			list = append(list, e)
			l.grace.mu.Lock()
			before, ok := l.grace.lists[key(e.event)]
			l.grace.mu.Unlock()
			if ok { // walked when that generation was the newest
				return append(list, before[:min(len(before), graceSteps-len(list))]...), nil
			}
		}
		return list, nil
	})
}

// composed returns the root of an earlier view if it was composed, else nil.
func (l *Layout) composed(e *earlier) (*tree.Entry, error) {
	v := e.view
	made, err := l.st.Composer.Recorded(&v)
	if err != nil || !made {
		return nil, err
	}
	e.root.Store(&v.Root)
	return &v.Root, nil
}

// hiddenChild describes a directory of an earlier generation.
func (l *Layout) hiddenChild(c fs.Child, p place, r state.Reader) (fs.Child, error) {
	root, err := l.hiddenRoot(p, r)
	if err != nil {
		return c, err
	}
	c.Parent = channelsKey(state.Change{Event: p.live})
	if p.table == "tags" {
		c.Parent = tagKey(state.Change{Event: p.live}, p.path[0]) + "/" + p.path[1]
	}
	c.Tree, c.Grace, c.Hidden, c.Mtime, c.Root = true, true, true, root.Mtime, &root
	return c, nil
}

// hiddenRoot finds a directory of an earlier generation, whose state r reads.
func (l *Layout) hiddenRoot(p place, r state.Reader) (at tree.Entry, err error) {
	if p.table == "channels" {
		at, err = state.Published(r)
	} else {
		var t *compose.Resolved
		if t, err = compose.Resolve(r, p.path[0]); err == nil {
			v := compose.View{Tag: p.path[0], Arch: p.path[1], Generation: t.Generation, Recipe: t.Recipe(p.path[1])}
			_, err = l.st.Composer.Recorded(&v)
			at = v.Root
		}
	}
	if err != nil {
		return at, err
	}
	if at, err = l.descend(at, p.inside); err != nil {
		return at, fmt.Errorf("%s of event %d: %w", p.inside, p.event, err)
	}
	if at.Kind != tree.KindDir {
		err = errKey(p.inside)
	}
	return at, err
}

// descend returns what lies at a path below a directory, "" for itself. iofs.ErrNotExist when nothing does.
func (l *Layout) descend(at tree.Entry, path string) (tree.Entry, error) {
	for name := range strings.SplitSeq(path, "/") {
		if path == "" {
			break
		}
		if at.Kind != tree.KindDir {
			return at, errKey(path)
		}
		v, err := tree.Get(l.st.Index, at.Digest, name)
		if err == nil {
			at, err = tree.DecodeEntry(v)
		}
		if err != nil {
			return at, err
		}
	}
	return at, nil
}
