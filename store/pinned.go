package store

import (
	"context"
	"fmt"
	iofs "io/fs"
	"slices"
	"strconv"
	"strings"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/pinned"
	"vrepofs/state"
	"vrepofs/tree"
)

// at is a path of the mount as of an event, which never changes.
func at(event uint64, path string) string {
	return "at/" + strconv.FormatUint(event, 10) + "/" + path
}

// PinnedChannel says what the files beside a channel's repository contain; ok is false where there are none, because the site is not
// known or no repository is there.
func PinnedChannel(r state.Reader, c state.Channel) (f pinned.File, ok bool, err error) {
	if c.Files != "" {
		return f, false, nil
	}
	sites, err := state.SitesAt(r, c.Path)
	path := "channels/" + c.Path
	f = pinned.File{ID: pinned.ID(c.Path), Title: c.Path, Sites: sites, Path: at(c.Changed.Event, path), Moves: path, Signed: c.Signed != ""}
	for _, e := range c.Earlier {
		f.Earlier = append(f.Earlier, at(e, path))
	}
	if f.Signed && !strings.HasPrefix(c.Signed, signedByCommand) {
		f.Key = f.Path + "/repodata/repomd.xml.key"
	}
	return f, len(sites) > 0, err
}

// PinnedView is PinnedChannel for the view of a tag. since is when the content of the files last changed. past, if it is not nil, is
// where earlier generations are looked up.
func PinnedView(r state.Reader, past Past, tag, arch string) (f pinned.File, since state.Change, ok bool, err error) {
	v, err := compose.Resolve(r, tag)
	if err == nil && !slices.Contains(v.Tags[tag].Arches, arch) {
		err = fmt.Errorf("tag %s has no arch %s: %w", tag, arch, iofs.ErrNotExist)
	}
	if err != nil {
		return f, since, false, err
	}
	var before []string
	if past != nil {
		if before, err = earlierViews(past, v.Generation, tag, arch); err != nil {
			return f, since, false, err
		}
	}
	site, err := state.GetSite(r)
	path := "tags/" + tag + "/" + arch
	return pinned.File{
		ID: pinned.ID("tag/" + tag + "/" + arch), Title: tag + " for " + arch, Sites: site.URLs, Path: at(v.Generation.Event, path), Moves: path,
		Earlier: before,
	}, Later(v.Generation, site.Changed), len(site.URLs) > 0, err
}

// PinnedSnapshot is PinnedView for a snapshot of a repo, by its id or "latest".
func PinnedSnapshot(r state.Reader, past Past, repo, id string) (f pinned.File, since state.Change, ok bool, err error) {
	rec, err := state.GetRepo(r, repo)
	if err != nil {
		return f, since, false, err
	}
	name, moves := "repo/"+repo+"/"+id, ""
	var before []string
	if id == "latest" {
		if rec.Latest == "" {
			return f, since, false, fmt.Errorf("repo %s has no snapshot: %w", repo, iofs.ErrNotExist)
		}
		name, moves, id, since = "repo/"+repo, "repos/"+repo+"/latest", rec.Latest, rec.Changed
		if past != nil {
			if before, err = earlierSnapshots(past, rec); err != nil {
				return f, since, false, err
			}
		}
	}
	if _, err := state.ParseStamp(id); err != nil {
		return f, since, false, fmt.Errorf("snapshot %s@%s: %w", repo, id, iofs.ErrNotExist)
	}
	s, err := state.GetSnapshot(r, repo+"@"+id)
	if err != nil {
		return f, since, false, err
	}
	site, err := state.GetSite(r)
	return pinned.File{
		ID: pinned.ID(name), Title: repo + " as of " + id, Sites: site.URLs, Path: at(s.Made.Event, "repos/"+repo+"/"+id), Moves: moves,
		Earlier: before,
	}, Later(Later(s.Made, since), site.Changed), len(site.URLs) > 0, err
}

// Later returns the change that came later.
func Later(a, b state.Change) state.Change {
	if a.Event < b.Event {
		return b
	}
	return a
}

// pinMoved returns what moves that were made in the records (state.Publish) put beside their repositories: texts, since a blob of its
// own for each would cost thrice what the promotion of 100 repositories does (BenchmarkPromote).
func pinMoved(tx publishTx, moves []state.Move) (grafts []compose.Grafted, err error) {
	set := map[string]bool{}
	for _, m := range moves {
		set[m.Path] = m.New != nil
	}
	for _, m := range moves {
		switch {
		case m.New != nil && m.New.Files == "":
			if !stays(m) {
				if grafts, err = pinOne(tx, m.Path, grafts); err != nil {
					return nil, err
				}
			}
		case m.Old != nil && m.Old.Files == "":
			for _, k := range pinned.Kinds() {
				if path := m.Path + string(k); !set[path] { // else something takes its place, which is called x/os.repo
					grafts = append(grafts, compose.Grafted{Path: path})
				}
			}
		}
	}
	return grafts, nil
}

// pinOne adds what is to lie beside the repository at a path.
func pinOne(tx publishTx, path string, grafts []compose.Grafted) ([]compose.Grafted, error) {
	sites, err := state.SitesAt(tx, path)
	if err != nil {
		return nil, err
	}
	var f pinned.File
	ok := len(sites) > 0
	if ok { // else its record need not be read
		c, err := state.GetChannel(tx, path)
		if err != nil {
			return nil, err
		}
		if f, ok, err = PinnedChannel(tx, c); err != nil {
			return nil, err
		}
	}
	for _, k := range pinned.Kinds() {
		g := compose.Grafted{Path: path + string(k)}
		if ok {
			text := f.Text(k)
			g.Entry = tree.Entry{Kind: tree.KindText, Target: text, Size: int64(len(text)), Mtime: tx.Stamp()}
		}
		grafts = append(grafts, g)
	}
	return grafts, nil
}

// SetSite says under which URLs the root of the mount can be reached, none: it cannot be, and writes the files beside all repositories
// anew. state.ErrConflict where one of them is frozen.
func (s *Store) SetSite(ctx context.Context, who Who, urls []string) (state.Change, error) {
	lease, err := s.Blobs.NewLease()
	if err != nil {
		return state.Change{}, err
	}
	defer lease.Close()
	return s.commit(ctx, who, func(tx *index.Tx) error {
		return s.repin(ctx, tx, lease, "", func() error { return state.SetSite(tx, urls) })
	})
}

// namesSite reports whether the change is of what files beside repositories contain.
func (c *configuration) namesSite() bool {
	_, ok := c.patch["site"]
	return ok
}

// apply makes the change of settings in a transaction. The lease is used if it names a site or restricts a path.
func (c *configuration) apply(ctx context.Context, s *Store, tx *index.Tx, lease *blob.Lease) error {
	change := func() error { return state.Configure(tx, c.path, c.patch) }
	var err error
	if c.namesSite() {
		err = s.repin(ctx, tx, lease, c.path, change)
	} else {
		err = change()
	}
	if err == nil && c.restricts() {
		err = s.replace(ctx, tx, lease, nil, nil, c.path)
	}
	return err
}

// repin makes a change after which files beside the channels at and below a path may name other URLs.
func (s *Store) repin(ctx context.Context, tx *index.Tx, lease *blob.Lease, path string, change func() error) error {
	before, err := sitesBelow(tx, path)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	after, err := sitesBelow(tx, path)
	if err != nil {
		return err
	}
	var grafts []compose.Grafted
	for i, a := range after {
		if slices.Equal(a.urls, before[i].urls) {
			continue
		}
		at, _, err := state.Frozen(tx, a.path)
		if err != nil {
			return err
		}
		if at != "" {
			return fmt.Errorf("the site is named in files beside channel %s: %s is frozen (vrepofs channel thaw %s ends that): %w", a.path, at, at, state.ErrConflict)
		}
		if grafts, err = pinOne(tx, a.path, grafts); err != nil {
			return err
		}
	}
	if len(grafts) == 0 {
		return nil
	}
	state.TouchChannels(tx)
	return s.replace(ctx, tx, lease, nil, grafts)
}

// channelSites is a channel with the URLs that its files name.
type channelSites struct {
	path string
	urls []string
}

// sitesBelow lists the channels at and below a path with their sites.
func sitesBelow(r state.Reader, path string) (list []channelSites, err error) {
	for c, err := range state.Channels(r, path) {
		if err != nil {
			return nil, err
		}
		if c.Files != "" {
			continue
		}
		urls, err := state.SitesAt(r, c.Path)
		if err != nil {
			return nil, err
		}
		list = append(list, channelSites{c.Path, urls})
	}
	return list, nil
}
