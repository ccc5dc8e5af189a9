package store

import (
	"errors"
	iofs "io/fs"
	"slices"

	"vrepofs/compose"
	"vrepofs/merge"
	"vrepofs/pinned"
	"vrepofs/state"
)

// Past returns the tables as they were after an event; event 0 is the empty store.
type Past func(event uint64) (state.Reader, error)

// Past is one over the store's own commits.
func (s *Store) Past(event uint64) (state.Reader, error) {
	h, err := s.Index.At(event)
	return s.Index.View(h), err
}

// maxBack is how many changes are looked through for earlier generations; some are none, because the arch was not there.
const maxBack = 8

// earlierViews returns where the generations of a view before one lie, the newest first, as far back as the tag existed. Nothing is composed.
func earlierViews(past Past, g state.Change, tag, arch string) (paths []string, err error) {
	for n := 0; n < maxBack && len(paths) < pinned.MaxEarlier && g.Event > 0; n++ {
		r, err := past(g.Event - 1)
		if err != nil {
			return nil, err
		}
		v, err := compose.Resolve(r, tag)
		if errors.Is(err, iofs.ErrNotExist) || errors.Is(err, merge.ErrTooWide) {
			break // there was no tag, or no view of it
		}
		if err != nil {
			return nil, err
		}
		if g = v.Generation; slices.Contains(v.Tags[tag].Arches, arch) {
			paths = append(paths, at(g.Event, "tags/"+tag+"/"+arch))
		}
	}
	return paths, nil
}

// earlierSnapshots returns where the snapshots lie that were the latest of a repo before the one that is, the newest first.
func earlierSnapshots(past Past, repo state.Repo) (paths []string, err error) {
	seen := []string{"", repo.Latest}
	for n := 0; n < maxBack && len(paths) < pinned.MaxEarlier && repo.Changed.Event > 0; n++ {
		r, err := past(repo.Changed.Event - 1)
		if err != nil {
			return nil, err
		}
		repo, err = state.GetRepo(r, repo.Name)
		if errors.Is(err, iofs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		if slices.Contains(seen, repo.Latest) {
			continue
		}
		s, err := state.GetSnapshot(r, repo.Name+"@"+repo.Latest)
		if err != nil {
			return nil, err
		}
		seen = append(seen, s.ID)
		paths = append(paths, at(s.Made.Event, "repos/"+repo.Name+"/"+s.ID))
	}
	return paths, nil
}
