package layout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"vrepofs/compose"
	"vrepofs/fs"
	"vrepofs/state"
)

// Publish brings the live names to the store's head and, if mount is not nil, tells the kernel. Views of moving tags that were
// read of late are composed first. When it returns every later lookup sees the change. Calls that come together are
// served together: a call whose commit was published by another returns at once.
func (l *Layout) Publish(ctx context.Context, mount *fs.FS) error {
	l.publishing.Lock()
	defer l.publishing.Unlock()
	was := l.shown.Load()
	head := l.st.Index.Head()
	if head == was.head {
		return nil
	}
	now, err := was.next(l.st.Index, head)
	if err != nil {
		return fmt.Errorf("publish event %d: %w", head.Seq, err)
	}
	l.prepare(ctx, was, now)
	moves, err := l.moves(was, now)
	if err != nil {
		return fmt.Errorf("publish event %d: %w", head.Seq, err)
	}
	l.shown.Store(now)
	if mount != nil {
		mount.Moved(moves)
	}
	l.announced.announce(now)
	return nil
}

// Held returns the tags whose name stays on an older generation because a view of the newest could not be composed, with
// the reason.
func (l *Layout) Held() map[string]error { return maps.Clone(l.shown.Load().held) }

// Shown returns the generation that a tag's name is bound to: the newest, unless it is held back. ok is false when no such tag is shown.
func (l *Layout) Shown(tag string) (g state.Change, ok bool) {
	g, ok = l.shown.Load().gens[tag]
	return g, ok
}

// prepare composes the hot views of tags that move, and looks whether those that require signatures have them; a tag of which one
// fails is held back on its last good generation.
func (l *Layout) prepare(ctx context.Context, was, now *present) {
	type failure struct {
		tag string
		err error
	}
	var g errgroup.Group
	g.SetLimit(2)
	failed := make(chan failure, 16)
	collected := make(chan []failure)
	go func() {
		var all []failure
		for f := range failed {
			all = append(all, f)
		}
		collected <- all
	}()
	view := l.st.Index.View(now.head)
	for tag := range now.want.m {
		if now.gens[tag] == was.gens[tag] {
			continue
		}
		if err := compose.CheckSigned(view, tag); err != nil {
			failed <- failure{tag, err}
		}
	}
	for tag, arches := range l.hot.views() {
		if g, there := now.gens[tag]; !there || g == was.gens[tag] {
			continue
		}
		t, err := state.GetTag(view, tag)
		if err != nil {
			failed <- failure{tag, err}
			continue
		}
		for _, arch := range arches {
			if !slices.Contains(t.Arches, arch) {
				continue
			}
			g.Go(func() error {
				if _, err := l.st.Composer.View(ctx, view, tag, arch); err != nil {
					failed <- failure{tag, err}
				}
				return nil
			})
		}
	}
	g.Wait()
	close(failed)
	for _, f := range <-collected {
		if old, ok := was.gens[f.tag]; ok {
			now.gens[f.tag], now.held[f.tag] = old, f.err
		}
	}
}

// moves is what the kernel is to be told: the names of live levels that are bound to other places, new or gone.
func (l *Layout) moves(was, now *present) ([]fs.Move, error) {
	var moves []fs.Move
	if a, b := was.channels, now.channels; a != b {
		moves = append(moves, fs.Move{Parent: "", Name: "channels", Rebound: a.Event != 0 && b.Event != 0})
	}
	for _, tag := range different(was.gens, now.gens) {
		_, before := was.gens[tag]
		_, after := now.gens[tag]
		moves = append(moves, fs.Move{Parent: "tags", Name: tag, Rebound: before && after})
	}
	for d, err := range diffTable(l.st.Index, was.head, now.head, state.TableRepos) {
		if err != nil {
			return nil, err
		}
		if d.Old == nil || d.New == nil {
			moves = append(moves, fs.Move{Parent: "repos", Name: d.Name})
		}
		moves = append(moves, fs.Move{Parent: "repos/" + d.Name, Name: "latest"})
		moves = append(moves, pinnedMoves(d.Name, "latest")...)
	}
	for d, err := range diffTable(l.st.Index, was.head, now.head, state.TableSnapshots) {
		if err != nil {
			return nil, err
		}
		repo, id, _ := strings.Cut(d.Name, "@")
		moves = append(moves, fs.Move{Parent: "repos/" + repo, Name: id})
		moves = append(moves, pinnedMoves(repo, id)...)
	}
	if was.site != now.site {
		more, err := siteMoves(l.st.Index.View(now.head))
		if err != nil {
			return nil, err
		}
		moves = append(moves, more...)
	}
	return moves, nil
}

// different returns the keys whose values are not the same in both maps, sorted.
func different(a, b map[string]state.Change) []string {
	var keys []string
	for k, v := range b {
		if was, both := a[k]; !both || was != v {
			keys = append(keys, k)
		}
	}
	for k := range a {
		if _, both := b[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}
