package layout

import (
	"errors"
	iofs "io/fs"
	"maps"
	"slices"
	"sync"

	"vrepofs/compose"
	"vrepofs/fs"
	"vrepofs/index"
	"vrepofs/merge"
	"vrepofs/state"
	"vrepofs/tree"
)

// present is what the live names show: a head, and for each tag the generation that its name is bound to.
type present struct {
	head  index.Head
	links shared[[]merge.Link]    // of every tag
	gens  map[string]state.Change // tag → generation, of every tag
	own   shared[state.Change]    // tag → its own last change, or of a repo that it follows
	koji  shared[bool]            // tags with Koji's order
	// follow has the tags that follow a repo, by repo; several may be gone or follow it no more.
	follow shared[[]string]
	want   shared[bool]     // tags that require signatures
	until  shared[int64]    // tags that end, with the time
	held   map[string]error // tags that are not on their newest generation, with the reason
	kids   map[string][]kid // the tags that inherit from a tag: links from the other end
	site   state.Change     // the last change of the site, a generation of every tag: files beside views name it
	// channels is the generation that the name channels is bound to; zero: there is none.
	channels state.Change
	levels   levels // of this present
}

// shared is a map that a present has from the one before, until it changes something in it.
type shared[V any] struct {
	m   map[string]V
	own bool // this present's alone
}

// pass is the map for the next present.
func (s shared[V]) pass() shared[V] { return shared[V]{m: s.m} }

func (s *shared[V]) put(key string, v V) {
	s.copy()
	s.m[key] = v
}

func (s *shared[V]) delete(key string) {
	if _, there := s.m[key]; there {
		s.copy()
		delete(s.m, key)
	}
}

func (s *shared[V]) copy() {
	if s.own {
		return
	}
	if s.own = true; s.m == nil {
		s.m = map[string]V{}
	} else {
		s.m = maps.Clone(s.m)
	}
}

// kid is a tag that inherits from another.
type kid struct {
	tag   string
	plain bool // by a link that lets through all that the other inherits
}

// levels keeps levels that were made, so that the mount finds what it derived from them.
type levels struct {
	mu sync.Mutex
	// mu guards made.
	made map[string]*fs.Level
}

// maxLevels bounds what is kept, for a client that crawls through the past; beyond it all are made anew.
const maxLevels = 1024

// get returns the level of a key, made at its first use.
func (l *levels) get(key string, level func() (*fs.Level, error)) (*fs.Level, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lv := l.made[key]; lv != nil {
		return lv, nil
	}
	lv, err := level()
	if err != nil {
		return nil, err
	}
	if l.made == nil || len(l.made) >= maxLevels {
		l.made = map[string]*fs.Level{}
	}
	l.made[key] = lv
	return lv, nil
}

// tags lists the tags with the generations that they are bound to.
func (p *present) tags() []fs.Child {
	children := make([]fs.Child, 0, len(p.gens))
	for _, t := range slices.Sorted(maps.Keys(p.gens)) {
		g := p.gens[t]
		children = append(children, fs.Child{Name: t, Key: tagKey(g, t), Parent: "tags", Mtime: g.Stamp})
	}
	return children
}

// firstPresent reads the head of the index.
func firstPresent(x *index.Index) (*present, error) {
	p := &present{gens: map[string]state.Change{}}
	n, err := p.next(x, x.Head())
	if err != nil {
		return nil, err
	}
	for tag := range n.want.m {
		if err := n.holdUnsigned(x, tag); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// maxBack is how many generations of a tag that requires signatures are looked at for one that has them.
const maxBack = 32

// holdUnsigned binds a tag whose newest generation lacks signatures that it requires to its last one that has them: what Publish did
// in a process before this one.
func (p *present) holdUnsigned(x *index.Index, tag string) error {
	g := p.gens[tag]
	for range maxBack {
		head, err := x.At(g.Event)
		if err != nil {
			return err
		}
		view := x.View(head)
		err = compose.CheckSigned(view, tag)
		if err == nil {
			p.gens[tag] = g
			return nil
		}
		if !errors.Is(err, state.ErrConflict) {
			return nil // whoever looks inside is told
		}
		if p.held[tag] == nil {
			p.held[tag] = err
		}
		if head, err = x.At(g.Event - 1); err != nil {
			return err
		}
		if g, err = generation(x.View(head), tag); err != nil {
			break // there was no such tag yet
		}
	}
	delete(p.held, tag)
	return nil
}

// next is the present of a later head, with every tag on its newest generation. It costs what changed between the two, a few
// hundred nanoseconds for each tag that inherits from what changed, and a copy of one or two maps.
func (p *present) next(x *index.Index, head index.Head) (*present, error) {
	n := &present{
		head: head, links: p.links.pass(), gens: maps.Clone(p.gens), own: p.own.pass(), want: p.want.pass(), koji: p.koji.pass(),
		until: p.until.pass(), follow: p.follow.pass(), held: map[string]error{}, kids: p.kids,
	}
	var changed []string
	view := x.View(head)
	var err error
	if n.channels, err = channelsNow(view); err != nil {
		return nil, err
	}
	site, err := state.GetSite(view)
	if err != nil {
		return nil, err
	}
	n.site = site.Changed
	for d, err := range diffTable(x, p.head, head, state.TableRepos) {
		if err != nil {
			return nil, err
		}
		for _, tag := range n.follow.m[d.Name] {
			if err := n.look(view, tag); err != nil {
				return nil, err
			}
			changed = append(changed, tag)
		}
	}
	for d, err := range diffTable(x, p.head, head, state.TableTags) {
		if err != nil {
			return nil, err
		}
		changed = append(changed, d.Name)
		if d.New == nil {
			delete(n.gens, d.Name)
			n.links.delete(d.Name)
			n.own.delete(d.Name)
			n.want.delete(d.Name)
			n.until.delete(d.Name)
			n.koji.delete(d.Name)
			continue
		}
		if err := n.look(view, d.Name); err != nil {
			return nil, err
		}
	}
	if n.links.own {
		n.findKids()
	}
	heirs := n.heirs(changed)
	for tag := range p.held {
		heirs[tag] = heir{walk: true} // what is shown of it is an older one
	}
	if n.site != p.site {
		for tag := range n.links.m {
			heirs[tag] = heir{walk: true}
		}
	}
	for t, h := range heirs {
		if _, there := n.links.m[t]; !there {
			continue
		}
		if was, shown := n.gens[t]; shown && !h.walk && !n.links.own && !n.koji.own {
			if h.last.Event > was.Event {
				n.gens[t] = h.last
			}
			continue
		}
		g, err := n.generation(t)
		if errors.Is(err, merge.ErrTooWide) { // which concerns this tag alone
			if _, shown := n.gens[t]; !shown {
				n.gens[t] = n.own.m[t]
			}
			n.held[t] = err
			continue
		}
		if err != nil {
			return nil, err
		}
		n.gens[t] = g
	}
	return n, nil
}

// look notes what a tag is, if it is there.
func (p *present) look(r state.Reader, tag string) error {
	t, err := state.GetTag(r, tag)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if links, had := p.links.m[t.Name]; !had || !sameLinks(links, t.Links()) {
		p.links.put(t.Name, t.Links())
	}
	own, err := t.LastChange(r)
	if err != nil {
		return err
	}
	p.own.put(t.Name, own)
	note(&p.want, t.Name, t.Signatures.Required)
	note(&p.until, t.Name, t.Until)
	note(&p.koji, t.Name, t.Koji)
	for _, e := range t.External {
		if e.ID == "" && !slices.Contains(p.follow.m[e.Repo], t.Name) {
			p.follow.put(e.Repo, append(slices.Clip(p.follow.m[e.Repo]), t.Name))
		}
	}
	return nil
}

// note puts a value that is not zero, and deletes one that is.
func note[V comparable](s *shared[V], key string, v V) {
	var zero V
	switch had := s.m[key]; {
	case v == had:
	case v == zero:
		s.delete(key)
	default:
		s.put(key, v)
	}
}

func sameLinks(a, b []merge.Link) bool {
	return slices.EqualFunc(a, b, func(x, y merge.Link) bool {
		sameDepth := x.MaxDepth == nil && y.MaxDepth == nil || x.MaxDepth != nil && y.MaxDepth != nil && *x.MaxDepth == *y.MaxDepth
		x.MaxDepth, y.MaxDepth = nil, nil
		return sameDepth && x == y
	})
}

// findKids makes kids anew.
func (p *present) findKids() {
	p.kids = make(map[string][]kid, len(p.kids))
	for t, links := range p.links.m {
		for _, l := range links {
			p.kids[l.Parent] = append(p.kids[l.Parent], kid{t, l.MaxDepth == nil && !l.Intransitive})
		}
	}
}

// heir is a tag that changed or may inherit from one that did.
type heir struct {
	last state.Change // the last change of what it inherits from, among the tags that changed
	// walk says that only its inheritance itself can tell: a link on the way may keep the change from it.
	walk bool
}

// heirs returns the given tags that exist and all that may inherit from them. Where links let all through, a tag inherits from what it can
// reach: merge.Order passes a link over only if its parent was visited, or is being visited, by a way that lets all through too.
func (p *present) heirs(tags []string) map[string]heir {
	heirs := map[string]heir{}
	var stack []string
	add := func(tag string, h heir) {
		if _, there := p.links.m[tag]; !there {
			return
		}
		was, had := heirs[tag]
		if h.walk = h.walk || was.walk; was.last.Event > h.last.Event {
			h.last = was.last
		}
		if !had || h != was {
			heirs[tag] = h
			stack = append(stack, tag)
		}
	}
	for _, tag := range tags {
		add(tag, heir{last: p.own.m[tag]})
	}
	for len(stack) > 0 {
		t := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		h := heirs[t]
		for _, k := range p.kids[t] {
			add(k.tag, heir{h.last, h.walk || !k.plain})
		}
	}
	return heirs
}

// generation is the last change of a tag and all that it inherits from, and of the site.
func (p *present) generation(tag string) (g state.Change, err error) {
	g = p.site
	_, err = merge.Order(tag, p.koji.m[tag], func(t string) ([]merge.Link, error) {
		if c := p.own.m[t]; c.Event > g.Event {
			g = c
		}
		return p.links.m[t], nil
	})
	return g, err
}

// diffTable yields what differs in one table between two states.
func diffTable(x *index.Index, a, b index.Head, table string) func(func(tree.Delta, error) bool) {
	return func(yield func(tree.Delta, error) bool) {
		ra, err := x.View(a).Table(table)
		if err != nil {
			yield(tree.Delta{}, err)
			return
		}
		rb, err := x.View(b).Table(table)
		if err != nil {
			yield(tree.Delta{}, err)
			return
		}
		for d, err := range tree.Diff(x, ra, rb) {
			if !yield(d, err) {
				return
			}
		}
	}
}

// generation is the last change of a tag and all that it inherits from, as of the state that r reads.
func generation(r state.Reader, tag string) (state.Change, error) {
	v, err := compose.Resolve(r, tag)
	if err != nil {
		return state.Change{}, err
	}
	return v.Generation, nil
}
