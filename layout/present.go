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
	links map[string][]merge.Link // of every tag
	gens  map[string]state.Change // tag → generation, of every tag
	own   map[string]state.Change // tag → its own last change, or of a repo that it follows
	koji  map[string]bool         // tags with Koji's order
	// follow has the tags that follow a repo, by repo; several may be gone or follow it no more.
	follow map[string][]string
	want   map[string]bool  // tags that require signatures
	until  map[string]int64 // tags that end, with the time
	held   map[string]error // tags that are not on their newest generation, with the reason
	site   state.Change     // the last change of the site, a generation of every tag: files beside views name it
	// channels is the generation that the name channels is bound to; zero: there is none.
	channels state.Change
	levels   levels // of this present
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
	p := &present{
		links: map[string][]merge.Link{}, gens: map[string]state.Change{}, own: map[string]state.Change{}, held: map[string]error{},
		want: map[string]bool{}, until: map[string]int64{}, koji: map[string]bool{}, follow: map[string][]string{},
	}
	n, err := p.next(x, x.Head())
	if err != nil {
		return nil, err
	}
	for tag := range n.want {
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

// next is the present of a later head, with every tag on its newest generation. It costs what changed between the two, and one copy of the maps.
func (p *present) next(x *index.Index, head index.Head) (*present, error) {
	n := &present{
		head: head, links: maps.Clone(p.links), gens: maps.Clone(p.gens), own: maps.Clone(p.own), want: maps.Clone(p.want),
		koji: maps.Clone(p.koji), until: maps.Clone(p.until), follow: maps.Clone(p.follow), held: map[string]error{},
	}
	changed := slices.Collect(maps.Keys(p.held))
	view := x.View(head)
	var err error
	if n.channels, err = channelsNow(view); err != nil {
		return nil, err
	}
	site, err := state.GetSite(view)
	if err != nil {
		return nil, err
	}
	if n.site = site.Changed; n.site != p.site {
		changed = slices.AppendSeq(changed, maps.Keys(p.links))
	}
	for d, err := range diffTable(x, p.head, head, state.TableRepos) {
		if err != nil {
			return nil, err
		}
		for _, tag := range n.follow[d.Name] {
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
			delete(n.links, d.Name)
			delete(n.gens, d.Name)
			delete(n.own, d.Name)
			delete(n.want, d.Name)
			delete(n.until, d.Name)
			delete(n.koji, d.Name)
			continue
		}
		if err := n.look(view, d.Name); err != nil {
			return nil, err
		}
	}
	for t := range n.heirs(changed) {
		g, err := n.generation(t)
		if errors.Is(err, merge.ErrTooWide) { // which concerns this tag alone
			if _, shown := n.gens[t]; !shown {
				n.gens[t] = n.own[t]
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
	p.links[t.Name] = t.Links()
	if p.own[t.Name], err = t.LastChange(r); err != nil {
		return err
	}
	if delete(p.want, t.Name); t.Signatures.Required {
		p.want[t.Name] = true
	}
	if delete(p.until, t.Name); t.Until != 0 {
		p.until[t.Name] = t.Until
	}
	if delete(p.koji, t.Name); t.Koji {
		p.koji[t.Name] = true
	}
	for _, e := range t.External {
		if e.ID == "" && !slices.Contains(p.follow[e.Repo], t.Name) {
			p.follow[e.Repo] = append(slices.Clip(p.follow[e.Repo]), t.Name)
		}
	}
	return nil
}

// heirs returns the given tags that exist and all that inherit from them.
func (p *present) heirs(tags []string) map[string]bool {
	if len(tags) == 0 {
		return nil
	}
	children := map[string][]string{}
	for t, links := range p.links {
		for _, l := range links {
			children[l.Parent] = append(children[l.Parent], t)
		}
	}
	seen := map[string]bool{}
	for stack := slices.Clone(tags); len(stack) > 0; {
		t := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if _, there := p.links[t]; !there || seen[t] {
			continue
		}
		seen[t] = true
		stack = append(stack, children[t]...)
	}
	return seen
}

// generation is the last change of a tag and all that it inherits from, and of the site.
func (p *present) generation(tag string) (g state.Change, err error) {
	g = p.site
	_, err = merge.Order(tag, p.koji[tag], func(t string) ([]merge.Link, error) {
		if c := p.own[t]; c.Event > g.Event {
			g = c
		}
		return p.links[t], nil
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
