package store

import (
	"context"

	"vrepofs/index"
	"vrepofs/state"
)

// CreateTag makes an empty tag with views of the given arches.
func (s *Store) CreateTag(ctx context.Context, who Who, tag string, arches []string) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.CreateTag(tx, tag, arches) })
}

// SetMetadata says how the repodata of a tag's views is written from now on.
func (s *Store) SetMetadata(ctx context.Context, who Who, tag string, m state.Metadata) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.SetMetadata(tx, tag, m) })
}

// DeleteTag removes a tag that no other inherits from.
func (s *Store) DeleteTag(ctx context.Context, who Who, tag string) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.DeleteTag(tx, tag) })
}

// TagBuilds tags builds, all in one event.
func (s *Store) TagBuilds(ctx context.Context, who Who, tag string, nvrs []string) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.AddToTag(tx, tag, nvrs...) })
}

// UntagBuilds takes builds out of a tag, all in one event.
func (s *Store) UntagBuilds(ctx context.Context, who Who, tag string, nvrs []string) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.RemoveFromTag(tx, tag, nvrs...) })
}

// Block blocks packages in a tag and all that inherit from it, or unblocks them.
func (s *Store) Block(ctx context.Context, who Who, tag string, blocked bool, packages []string) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.SetBlocked(tx, tag, blocked, packages...) })
}

// AddParent makes a tag inherit from another.
func (s *Store) AddParent(ctx context.Context, who Who, tag, parent string, priority int) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error {
		return state.AddParent(tx, tag, state.Link{Parent: parent, Priority: priority})
	})
}

// RemoveParent ends a tag's inheritance from another.
func (s *Store) RemoveParent(ctx context.Context, who Who, tag, parent string) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.RemoveParent(tx, tag, parent) })
}

// RemoveRepo removes a repo with its snapshots, RemoveSnapshot one of them, RemoveBuild a build that no tag holds.
// Earlier events still show them.
func (s *Store) RemoveRepo(ctx context.Context, who Who, repo string) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.RemoveRepo(tx, repo) })
}

// RemoveSnapshot removes "REPO@ID".
func (s *Store) RemoveSnapshot(ctx context.Context, who Who, ref string) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { _, err := state.RemoveSnapshot(tx, ref); return err })
}

// RemoveBuild removes a build that no tag holds.
func (s *Store) RemoveBuild(ctx context.Context, who Who, nvr string) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.RemoveBuild(tx, nvr) })
}
