package layout

import (
	"slices"
	"strconv"

	"vrepofs/fs"
	"vrepofs/pinned"
	"vrepofs/state"
	"vrepofs/store"
)

// Level lists a level. Levels of the present are kept for as long as the present is, others as long as there is
// room.
func (l *Layout) Level(key string) (*fs.Level, error) {
	if isCandidate(key) {
		return l.candidateLevel(key)
	}
	p, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	if p.tree() || p.leaf() {
		return nil, errKey(key)
	}
	kept := &l.past
	if p.event == 0 {
		kept = &l.shown.Load().levels
	}
	return kept.get(key, func() (*fs.Level, error) { return l.level(key, p) })
}

func (l *Layout) level(key string, p place) (*fs.Level, error) {
	r, head, err := l.state(p)
	if err != nil {
		return nil, err
	}
	switch {
	case p.table == "" && p.at:
		lv := levelOf(key+"/", head.Stamp, "repos", "tags")
		return lv, addChannels(lv, key+"/channels", r)
	case p.table == "":
		lv := levelOf("", head.Stamp, "repos", "tags", "at")
		lv.Live = true
		return lv, addChannels(lv, channelsKey(l.shown.Load().channels), r)
	case p.table == "at":
		return &fs.Level{Live: true}, nil // looked up, not listed
	case p.table == "repos" && len(p.path) == 0:
		return repos(p, r)
	case p.table == "repos":
		return l.snapshots(p, r)
	case len(p.path) == 0:
		return l.tags(p, r)
	}
	return l.arches(key, p, r)
}

// Find returns a child of a level without listing it.
func (l *Layout) Find(key, name string) (fs.Child, error) {
	if key == "at" && isCandidate(name) {
		return l.candidateChild(name)
	} else if isCandidate(key) {
		return l.candidateChild(key + "/" + name)
	}
	p, err := parseKey(key)
	if err != nil || p.tree() || p.leaf() {
		return fs.Child{}, errKey(key)
	}
	if state.CheckName("name", name) != nil {
		return fs.Child{}, errKey(key + "/" + name) // above all, nothing with "@", which only keys have
	}
	child := name
	switch {
	case p.table == "" && !p.at && name == "channels":
		g := l.shown.Load().channels
		if g.Event == 0 {
			return fs.Child{}, errKey(name)
		}
		child = channelsKey(g)
	case p.table == "" && !p.at: // the root
		if name != "repos" && name != "tags" && name != "at" {
			return fs.Child{}, errKey(name)
		}
	case p.table == "at":
		return l.moment(name)
	case key == "tags":
		g, ok := l.shown.Load().gens[name]
		if !ok {
			return fs.Child{}, errKey(key + "/" + name)
		}
		return fs.Child{Name: name, Key: tagKey(g, name), Parent: key, Mtime: g.Stamp}, nil
	case len(p.path) == 1:
		if child, err = l.inNoun(key, p, name); err != nil {
			return fs.Child{}, err
		}
	default:
		child = key + "/" + name
	}
	c, err := l.Child(child)
	c.Name = name
	return c, err
}

// inNoun returns the key of a snapshot of a repo, of its latest link, of an arch of a tag, or of a file beside one, if it is there.
func (l *Layout) inNoun(key string, p place, name string) (string, error) {
	r, _, err := l.state(p)
	if err != nil {
		return "", err
	}
	if of, _, ok := pinned.Beside(name); ok {
		if p.at || p.table == "tags" {
			return key + "/" + name, nil // Child says whether it is there
		}
		_, since, _, err := store.PinnedSnapshot(r, nil, p.path[0], of)
		return pinnedKey(since, p.path[0], name), err
	}
	if p.table == "tags" {
		t, err := state.GetTag(r, p.path[0])
		if err == nil && !slices.Contains(t.Arches, name) {
			err = errKey(key + "/" + name)
		}
		return key + "/" + name, err
	}
	if name != "latest" {
		if _, err := state.ParseStamp(name); err != nil {
			return "", errKey(key + "/" + name)
		}
		_, err := state.GetSnapshot(r, p.path[0]+"@"+name)
		return key + "/" + name, err
	}
	repo, err := state.GetRepo(r, p.path[0])
	if err == nil && repo.Latest == "" {
		err = errKey(key + "/" + name)
	}
	return key + "/latest@" + repo.Latest, err
}

// levelOf is a level of levels.
func levelOf(prefix string, mtime int64, names ...string) *fs.Level {
	lv := &fs.Level{}
	for _, n := range names {
		lv.Children = append(lv.Children, fs.Child{Name: n, Key: prefix + n, Mtime: mtime})
	}
	return lv
}

// repos lists the repos.
func repos(p place, r state.Reader) (*fs.Level, error) {
	lv := &fs.Level{Live: !p.at}
	for repo, err := range state.Repos(r) {
		if err != nil {
			return nil, err
		}
		changed, err := withSite(r, repo.Changed)
		if err != nil {
			return nil, err
		}
		lv.Children = append(lv.Children, fs.Child{
			Name: repo.Name, Key: p.prefix() + "/" + repo.Name, Parent: p.prefix(), Mtime: changed.Stamp,
		})
	}
	return lv, nil
}

// snapshots lists a repo: its snapshots, the link to the newest, and the files beside that. Those beside the others are found, but not
// listed: there are many.
func (l *Layout) snapshots(p place, r state.Reader) (*fs.Level, error) {
	repo, err := state.GetRepo(r, p.path[0])
	if err != nil {
		return nil, err
	}
	dir := p.prefix() + "/" + repo.Name
	lv := &fs.Level{Live: !p.at}
	for s, err := range state.Snapshots(r, repo.Name) {
		if err != nil {
			return nil, err
		}
		lv.Children = append(lv.Children, fs.Child{Name: s.ID, Key: dir + "/" + s.ID, Parent: dir, Tree: true, Mtime: s.Made.Stamp})
	}
	if repo.Latest != "" {
		stamp, err := state.ParseStamp(repo.Latest)
		if err != nil {
			return nil, err
		}
		lv.Children = append(lv.Children, fs.Child{
			Name: "latest", Key: dir + "/latest@" + repo.Latest, Parent: dir, Symlink: repo.Latest, Mtime: stamp,
		})
		if err := l.addPinned(lv, p, r, dir, "latest"); err != nil {
			return nil, err
		}
	}
	return lv, nil
}

// tags lists the tags, in the present each with the generation that is shown.
func (l *Layout) tags(p place, r state.Reader) (*fs.Level, error) {
	lv := &fs.Level{Live: !p.at}
	if !p.at {
		lv.Children = l.shown.Load().tags()
		return lv, nil
	}
	for t, err := range state.Tags(r) {
		if err != nil {
			return nil, err
		}
		g, err := generation(r, t.Name)
		if err == nil {
			g, err = withSite(r, g)
		}
		if err != nil {
			return nil, err
		}
		lv.Children = append(lv.Children, fs.Child{Name: t.Name, Key: p.prefix() + "/" + t.Name, Parent: p.prefix(), Mtime: g.Stamp})
	}
	return lv, nil
}

// arches lists the views of a tag and the files beside them.
func (l *Layout) arches(key string, p place, r state.Reader) (*fs.Level, error) {
	t, err := state.GetTag(r, p.path[0])
	if err != nil {
		return nil, err
	}
	g, err := generation(r, t.Name)
	if err != nil {
		return nil, err
	}
	lv := &fs.Level{}
	for _, a := range t.Arches {
		lv.Children = append(lv.Children, fs.Child{Name: a, Key: key + "/" + a, Parent: key, Tree: true, Mtime: g.Stamp})
		if err := l.addPinned(lv, p, r, key, a); err != nil {
			return nil, err
		}
	}
	return lv, nil
}

// moment finds a name under at/: an event is a directory; a time and a label are links to one.
func (l *Layout) moment(name string) (fs.Child, error) {
	h, err := l.st.Head(store.Moment(name))
	if err != nil || h.Seq == 0 || h.Seq > l.shown.Load().head.Seq {
		return fs.Child{}, errKey("at/" + name)
	}
	event := strconv.FormatUint(h.Seq, 10)
	c := fs.Child{Name: name, Key: "at/" + event, Parent: "at", Mtime: h.Stamp}
	if name != event {
		if _, err := strconv.ParseUint(name, 10, 64); err == nil {
			return fs.Child{}, errKey("at/" + name) // "007" is no event
		}
		c.Key, c.Symlink = c.Key+"@", event
	}
	return c, nil
}
