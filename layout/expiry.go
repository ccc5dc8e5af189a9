package layout

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"vrepofs/state"
)

// Kept is what is held in grace of one repository of channels, or of one view.
type Kept struct {
	Path        string // in the mount: "channels/production/9/core/x86_64/os", "tags/dev/x86_64"
	Generations int    // that names are still looked for in, above 0
	Since       int64  // when the oldest of them was replaced, in seconds since 1970
	Until       int64  // when it leaves
	Grace       int64  // what holds at the path, in seconds

	events map[uint64]bool // the generations
}

// expired is what ExpireGrace remembers.
type expired struct {
	held  []Kept // at the last call
	count atomic.Uint64
}

// Grace lists what is held in grace now, in order of paths. It costs a walk back for each path that moved within its grace.
func (l *Layout) Grace() ([]Kept, error) {
	now := l.st.Now()
	all, err := l.keptChannels(now)
	if err != nil {
		return nil, err
	}
	p := l.shown.Load()
	for tag, arches := range l.hot.views() {
		g, ok := p.gens[tag]
		if !ok || g.Stamp+state.DefaultGrace <= now.Unix() {
			continue
		}
		for _, arch := range arches {
			list, err := l.earlierViews(g.Event, tag, arch)
			if err != nil {
				return nil, err
			}
			if all, err = l.keep(all, "tags/"+tag+"/"+arch, list, state.DefaultGrace, now); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(all, func(a, b Kept) int { return cmp.Compare(a.Path, b.Path) })
	return all, nil
}

// keptChannels is Grace of channels: of every path that is a repository or was one.
func (l *Layout) keptChannels(now time.Time) (all []Kept, err error) {
	shown := l.shown.Load()
	if shown.channels.Event == 0 {
		return nil, nil
	}
	r := l.st.Index.View(shown.head)
	var paths []state.MovedPath
	above := map[string]bool{}
	for m, err := range state.MovedPaths(r) {
		if err != nil {
			return nil, err
		}
		paths = append(paths, m)
		above[dirOf(m.Path)] = true
	}
	for _, m := range paths {
		grace, err := l.graceAt(m.Path)
		if err != nil {
			return nil, err
		}
		if above[m.Path] || grace == 0 || m.Moved.Stamp+grace <= now.Unix() { // a burst's stamps are ahead of the clock
			continue
		}
		list, err := l.earlierChannels(shown.channels.Event, dirOf(m.Path), m.Path)
		if err != nil {
			return nil, err
		}
		if all, err = l.keep(all, "channels/"+m.Path, list, grace, now); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// keep appends what is held of one path, if anything is.
func (l *Layout) keep(all []Kept, path string, list []*earlier, grace int64, now time.Time) ([]Kept, error) {
	k := Kept{Path: path, Grace: grace, events: map[uint64]bool{}}
	for _, e := range list {
		if !time.Unix(e.ended+grace, 0).After(now) || k.Generations == graceGenerations {
			break
		}
		if e.root.Load() == nil {
			if root, err := l.composed(e); err != nil {
				return all, err
			} else if root == nil {
				continue
			}
		}
		k.Generations++
		k.Since, k.Until, k.events[e.event] = e.ended, e.ended+grace, true
	}
	if k.Generations > 0 {
		all = append(all, k)
	}
	return all, nil
}

// dirOf is the directory of a path, "" of what lies in the root.
func dirOf(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// ExpireGrace notes which generations have left their grace since it was called last: it logs and counts each. That changes nothing:
// what is looked for follows from the clock. It returns when it has something to do next. One caller at a time.
func (l *Layout) ExpireGrace(log *slog.Logger) (next time.Time, err error) {
	held, err := l.Grace()
	if err != nil {
		return next, err
	}
	now := map[string]Kept{}
	for _, k := range held {
		now[k.Path] = k
		if until := time.Unix(k.Until, 0); next.IsZero() || until.Before(next) {
			next = until
		}
	}
	for _, was := range l.expired.held {
		is := now[was.Path]
		for _, event := range slices.Sorted(maps.Keys(was.events)) {
			if !is.events[event] {
				l.expired.count.Add(1)
				log.Info("a generation has left its grace", "path", was.Path, "event", event, "held", is.Generations)
			}
		}
	}
	l.expired.held = held
	return next, nil
}

// Expired is how many generations have left their grace since the layout was made, as far as ExpireGrace has noticed.
func (l *Layout) Expired() uint64 { return l.expired.count.Load() }
