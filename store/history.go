package store

import (
	"context"
	"errors"
	iofs "io/fs"
	"maps"
	"slices"

	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/state"
)

// TagEvent is one event that changed a tag or, where they were asked for, something that it inherits from.
type TagEvent struct {
	Rows  []index.Row // of the log: more than one if operations were committed together
	Tags  []TagChange // what it changed in the tag and its parents, the tag first, then by name
	Repos []RepoChange
}

// TagChange is what one event changed in one tag.
type TagChange struct {
	Tag string
	state.TagDiff
}

// RepoChange is what one event changed in an external repo that is followed.
type RepoChange struct {
	Repo     string
	Old, New string // the latest snapshot's reference; "" when there was none
}

// maxHistoryItems bounds the changes in one answer of TagHistory, in things; one event is never cut apart.
const maxHistoryItems = 50_000

// TagHistory returns at most limit events that changed a tag, newest first, as of a moment and from those below before (0: all);
// with inherited also those that changed a tag or a followed repo that it inherits from. more says that older ones follow. It begins
// where the tag was made last. It costs what those events changed, and the inheritance of each, not the length of the log.
func (s *Store) TagHistory(ctx context.Context, m Moment, tag string, inherited bool, before uint64, limit int) (events []TagEvent, more bool, err error) {
	head, err := s.Head(m)
	if err == nil && before > 0 && before <= head.Seq {
		head, err = s.Index.At(before - 1)
	}
	if err != nil {
		return nil, false, err
	}
	now, err := s.tagAt(head, tag, inherited)
	if err == nil && now == nil && before == 0 {
		_, err = state.GetTag(s.Index.View(head), tag) // says that there is no such tag
	}
	for n := 0; err == nil && now != nil; {
		if len(events) == limit || n >= maxHistoryItems {
			return events, true, nil
		}
		if err = ctx.Err(); err != nil {
			break
		}
		event := now.last.Event
		if head, err = s.Index.At(event - 1); err != nil {
			break
		}
		var was *tagMoment
		if was, err = s.tagAt(head, tag, inherited); err != nil {
			break
		}
		var e TagEvent
		if e, err = s.tagEvent(event, was, now); err != nil {
			break
		}
		for _, c := range e.Tags {
			n += c.Len()
		}
		if len(e.Tags)+len(e.Repos) > 0 { // else a repo that a parent follows and a nearer tag pins
			events = append(events, e)
		}
		now = was
	}
	return events, false, err
}

// tagMoment is a tag in one state, with what it inherits from if that counts.
type tagMoment struct {
	r    index.View
	name string
	tags map[string]state.Tag
	// repos has the latest snapshot of each repo that is followed.
	repos map[string]string
	last  state.Change // the last change of any of them
}

// tagAt reads a tag in a state; nil when it is not there.
func (s *Store) tagAt(head index.Head, tag string, inherited bool) (*tagMoment, error) {
	r := s.Index.View(head)
	t, err := state.GetTag(r, tag)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &tagMoment{r: r, name: tag, tags: map[string]state.Tag{tag: t}, repos: map[string]string{}, last: t.Changed}
	if !inherited {
		return m, nil
	}
	resolved, err := compose.Resolve(r, tag)
	if err != nil {
		return nil, err
	}
	m.tags, m.last = resolved.Tags, resolved.Generation
	for _, e := range resolved.Externals {
		if e.ID == "" {
			m.repos[e.Repo] = ""
			if e.Snapshot.ID != "" {
				m.repos[e.Repo] = e.Snapshot.Ref()
			}
		}
	}
	return m, nil
}

// tagEvent compares the states before and after an event; was is nil for that which made the tag.
func (s *Store) tagEvent(event uint64, was, now *tagMoment) (e TagEvent, err error) {
	for row, err := range s.Index.Log(event, event) {
		if err != nil {
			return e, err
		}
		e.Rows = append(e.Rows, row)
	}
	before := s.Index.View(index.Head{})
	if was != nil {
		before = was.r
	}
	names := slices.Sorted(maps.Keys(now.tags))
	if i := slices.Index(names, now.name); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, now.name)
	}
	for _, name := range names {
		t := now.tags[name]
		if t.Changed.Event != event {
			continue
		}
		var old *state.Tag
		if o, err := state.GetTag(before, name); err == nil {
			old = &o
		} else if was != nil && !errors.Is(err, iofs.ErrNotExist) {
			return e, err
		}
		diff, err := state.DiffTags(now.r, old, &t)
		if err != nil {
			return e, err
		}
		e.Tags = append(e.Tags, TagChange{name, diff})
	}
	for _, repo := range slices.Sorted(maps.Keys(now.repos)) {
		if was == nil {
			continue
		}
		if old, followed := was.repos[repo]; followed && old != now.repos[repo] {
			e.Repos = append(e.Repos, RepoChange{repo, old, now.repos[repo]})
		}
	}
	return e, nil
}
