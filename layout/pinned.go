package layout

import (
	"fmt"
	iofs "io/fs"

	"vrepofs/fs"
	"vrepofs/pinned"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/tree"
)

// pinnedKey is the key of a file beside a snapshot in the present: its content is that of event e, which is the last that could have
// changed it.
func pinnedKey(e state.Change, repo, name string) string {
	return place{event: e.Event}.eventKey("repos") + "/" + repo + "/" + name
}

// pinnedText makes the content of a file beside a snapshot or a view, as of the state that r reads.
func (l *Layout) pinnedText(p place, r state.Reader) (text string, since state.Change, err error) {
	var f pinned.File
	var ok bool
	var past store.Past // a definition names one generation only
	if p.pinned == pinned.Mirrorlist {
		past = l.st.Past
	}
	if p.table == "repos" {
		f, since, ok, err = store.PinnedSnapshot(r, past, p.path[0], p.path[1])
	} else {
		f, since, ok, err = store.PinnedView(r, past, p.path[0], p.path[1])
	}
	if err == nil && !ok {
		err = fmt.Errorf("the site is not set: %w", iofs.ErrNotExist)
	}
	if err != nil {
		return "", since, err
	}
	return f.Text(p.pinned), since, nil
}

// pinnedChild describes a file beside a snapshot or a view.
func (l *Layout) pinnedChild(c fs.Child, p place, r state.Reader) (fs.Child, error) {
	text, since, err := l.pinnedText(p, r)
	if err != nil {
		return c, err
	}
	c.Mtime = since.Stamp
	c.File = &tree.Entry{Kind: tree.KindText, Target: text, Size: int64(len(text)), Mtime: since.Stamp}
	return c, nil
}

// addPinned lists the files beside one child of a level whose key is level, if the site is known.
func (l *Layout) addPinned(lv *fs.Level, p place, r state.Reader, level, name string) error {
	site, err := state.GetSite(r)
	if err != nil || len(site.URLs) == 0 {
		return err
	}
	key := level + "/" + name
	if p.table == "repos" && !p.at {
		_, since, _, err := store.PinnedSnapshot(r, nil, p.path[0], name)
		if err != nil {
			return err
		}
		key = pinnedKey(since, p.path[0], name)
	}
	for _, k := range pinned.Kinds() {
		p := p
		p.path, p.pinned = []string{p.path[0], name}, k
		c, err := l.pinnedChild(fs.Child{Name: name + string(k), Key: key + string(k), Parent: level}, p, r)
		if err != nil {
			return err
		}
		lv.Children = append(lv.Children, c)
	}
	return nil
}

// withSite is the last change of what names beside snapshots and views are shown: of c, or of the site.
func withSite(r state.Reader, c state.Change) (state.Change, error) {
	s, err := state.GetSite(r)
	return store.Later(c, s.Changed), err
}

// pinnedMoves is what the kernel is to be told of files beside the snapshots of a repo.
func pinnedMoves(repo string, names ...string) (moves []fs.Move) {
	for _, n := range names {
		for _, k := range pinned.Kinds() {
			moves = append(moves, fs.Move{Parent: "repos/" + repo, Name: n + string(k)})
		}
	}
	return moves
}

// siteMoves is what the kernel is to be told when the site changed: all files beside snapshots. Tags move as a whole.
func siteMoves(r state.Reader) (moves []fs.Move, err error) {
	for repo, err := range state.Repos(r) {
		if err != nil {
			return nil, err
		}
		moves = append(moves, pinnedMoves(repo.Name, "latest")...)
		for s, err := range state.Snapshots(r, repo.Name) {
			if err != nil {
				return nil, err
			}
			moves = append(moves, pinnedMoves(repo.Name, s.ID)...)
		}
	}
	return moves, nil
}
