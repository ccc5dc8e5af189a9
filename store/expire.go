package store

import (
	"context"
	"fmt"
	iofs "io/fs"

	"vrepofs/index"
	"vrepofs/merge"
	"vrepofs/state"
)

// NewTag is a tag to be made.
type NewTag struct {
	Name     string
	Arches   []string     // its views; none: those of the first parent, with what these hold
	Inherit  []state.Link // what it inherits from
	Settings TagSettings
}

// MakeTag makes a tag without builds, with its parents and settings, all in one event.
func (s *Store) MakeTag(ctx context.Context, who Who, n NewTag) (state.Change, error) {
	return s.tag(ctx, who, n.Name, func(tx *index.Tx) error {
		arches, contents, latest := n.Arches, merge.Contents{}, 0
		if len(arches) == 0 && len(n.Inherit) > 0 {
			parent, err := state.GetTag(tx, n.Inherit[0].Parent)
			if err != nil {
				return fmt.Errorf("tag %s: parent: %w", n.Name, err)
			}
			arches, contents, latest = parent.Arches, parent.Contents, parent.Latest
		}
		if err := state.CreateTag(tx, n.Name, arches); err != nil {
			return err
		}
		for _, l := range n.Inherit {
			if err := state.AddParent(tx, n.Name, l); err != nil {
				return err
			}
		}
		if err := state.SetContents(tx, n.Name, contents); err != nil {
			return err
		}
		if latest != 0 {
			if err := state.SetLatest(tx, n.Name, latest); err != nil {
				return err
			}
		}
		return s.setTag(tx, n.Name, n.Settings)
	})
}

// checkUntil refuses a time that is over.
func (s *Store) checkUntil(tag string, until int64) error {
	if until != 0 && until <= s.now().Unix() {
		return fmt.Errorf("tag %s: until %s: that time is over: %w", tag, state.FormatStamp(until), iofs.ErrInvalid)
	}
	return nil
}

// ExpireTags removes tags whose time is over at now, in seconds since 1970 UTC, in one event with a row of the log for each. They must be all
// of those that state.Expiring lets go, sorted, else it is state.ErrConflict. Without any it does nothing.
func (s *Store) ExpireTags(ctx context.Context, now int64, tags []string) error {
	if len(tags) == 0 {
		return nil
	}
	var ops []index.Op
	for _, t := range tags {
		ops = append(ops, index.Op{Row: index.Row{Command: "tag expire " + t, Note: "tag expired"}})
	}
	ops[0].Apply = func(tx *index.Tx) error { return state.ExpireTags(tx, now, tags) }
	_, err := s.commitOps(ctx, ops...)
	return err
}
