package store

import (
	"context"
	"fmt"
	iofs "io/fs"

	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/merge"
	"vrepofs/state"
)

// tag makes one change of a tag. Where the tag requires signatures, a change after which its views would hold packages without
// them is refused; what a tag that it inherits from does later is not, and holds its name in the mount back.
func (s *Store) tag(ctx context.Context, who Who, tag string, apply func(*index.Tx) error) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error {
		if err := apply(tx); err != nil {
			return err
		}
		return signedTag(tx, tag)
	})
}

// signedTag refuses a change after which the views of a tag would lack signatures that it requires.
func signedTag(r state.Reader, tag string) error {
	if err := compose.CheckSigned(r, tag); err != nil {
		return fmt.Errorf("tag %s requires signatures: %w", tag, err)
	}
	return nil
}

// CreateTag makes an empty tag with views of the given arches.
func (s *Store) CreateTag(ctx context.Context, who Who, tag string, arches []string) (state.Change, error) {
	return s.CreateSignedTag(ctx, who, tag, arches, merge.Signatures{})
}

// CreateSignedTag makes an empty tag whose views take the signed copies that are wanted.
func (s *Store) CreateSignedTag(ctx context.Context, who Who, tag string, arches []string, want merge.Signatures) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error {
		if err := state.CreateTag(tx, tag, arches); err != nil || want.Keys == nil && !want.Required {
			return err
		}
		return state.SetSignatures(tx, tag, want)
	})
}

// TagSettings is what of a tag is to change; nil stays as it is.
type TagSettings struct {
	Metadata *state.Metadata // how the repodata of its views is written
	Keys     *[]string       // wanted keys, the best first
	Required *bool           // whether its views show nothing that is not signed by one of them
	Koji     *bool           // whether its views are as Koji's hub and mergerepo_c make them
	// PkgOrigins says whether the metadata of its views tells where each package comes from.
	PkgOrigins *bool
	Latest     *int   // how many builds of each package its views hold; negative: all
	Listed     *bool  // whether it takes only builds of packages in its package list
	Until      *int64 // when it is removed, in seconds since 1970 UTC; 0: never
	// Arches are its views from now on; the others say what these hold beside packages of their arch, or leave out.
	Arches    *[]string
	Multilib  *[]string
	Sources   *bool
	Debuginfo *bool
}

// SetTag changes settings of a tag, all in one event.
func (s *Store) SetTag(ctx context.Context, who Who, tag string, set TagSettings) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return s.setTag(tx, tag, set) })
}

func (s *Store) setTag(tx *index.Tx, tag string, set TagSettings) error {
	t, err := state.GetTag(tx, tag)
	if err != nil {
		return err
	}
	if set.Until != nil {
		if err := s.checkUntil(tag, *set.Until); err != nil {
			return err
		}
		if err := state.SetUntil(tx, tag, *set.Until); err != nil {
			return err
		}
	}
	if set.Metadata != nil {
		if err := state.SetMetadata(tx, tag, *set.Metadata); err != nil {
			return err
		}
	}
	if set.Koji != nil {
		if err := state.SetKoji(tx, tag, *set.Koji); err != nil {
			return err
		}
	}
	if set.PkgOrigins != nil {
		if err := state.SetPkgOrigins(tx, tag, *set.PkgOrigins); err != nil {
			return err
		}
	}
	if set.Latest != nil {
		if err := state.SetLatest(tx, tag, *set.Latest); err != nil {
			return err
		}
	}
	if set.Listed != nil {
		if err := state.SetListed(tx, tag, *set.Listed); err != nil {
			return err
		}
	}
	if set.Arches != nil {
		if err := state.SetArches(tx, tag, *set.Arches); err != nil {
			return err
		}
	}
	if err := setContents(tx, t, set); err != nil {
		return err
	}
	want := t.Signatures
	if set.Keys != nil {
		want.Keys = *set.Keys
	}
	if set.Required != nil {
		want.Required = *set.Required
	}
	if set.Keys == nil && set.Required == nil {
		return nil
	}
	return state.SetSignatures(tx, tag, want)
}

// setContents changes what is given of what the views of a tag hold.
func setContents(tx *index.Tx, t state.Tag, set TagSettings) error {
	if set.Multilib == nil && set.Sources == nil && set.Debuginfo == nil {
		return nil
	}
	c := t.Contents
	if set.Multilib != nil {
		c.Multilib = *set.Multilib
	}
	if set.Sources != nil {
		c.Sources = *set.Sources
	}
	if set.Debuginfo != nil {
		c.NoDebuginfo = !*set.Debuginfo
	}
	return state.SetContents(tx, t.Name, c)
}

// DeleteTag removes a tag that no other inherits from.
func (s *Store) DeleteTag(ctx context.Context, who Who, tag string) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.DeleteTag(tx, tag) })
}

// TagBuilds tags builds, all in one event.
func (s *Store) TagBuilds(ctx context.Context, who Who, tag string, nvrs []string) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return state.AddToTag(tx, tag, nvrs...) })
}

// ForceBuilds tags builds and lists their packages in the tag where its package list has not, all in one event.
func (s *Store) ForceBuilds(ctx context.Context, who Who, tag string, nvrs []string) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return state.ForceToTag(tx, tag, nvrs...) })
}

// UntagBuilds takes builds out of a tag, all in one event.
func (s *Store) UntagBuilds(ctx context.Context, who Who, tag string, nvrs []string) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return state.RemoveFromTag(tx, tag, nvrs...) })
}

// MoveBuilds takes builds out of one tag and puts them into another, all in one event.
func (s *Store) MoveBuilds(ctx context.Context, who Who, from, to string, nvrs []string) (state.Change, error) {
	return s.moveBuilds(ctx, who, from, to, nvrs, state.AddToTag)
}

// ForceMove is MoveBuilds that also lists the packages in to where its package list has not.
func (s *Store) ForceMove(ctx context.Context, who Who, from, to string, nvrs []string) (state.Change, error) {
	return s.moveBuilds(ctx, who, from, to, nvrs, state.ForceToTag)
}

func (s *Store) moveBuilds(
	ctx context.Context, who Who, from, to string, nvrs []string, add func(tx state.Tx, tag string, nvrs ...string) error,
) (state.Change, error) {
	return s.tag(ctx, who, to, func(tx *index.Tx) error {
		if from == to {
			return fmt.Errorf("tag %s: a move within one tag: %w", from, iofs.ErrInvalid)
		}
		if err := state.RemoveFromTag(tx, from, nvrs...); err != nil {
			return err
		}
		if err := add(tx, to, nvrs...); err != nil {
			return err
		}
		return signedTag(tx, from) // what an older build shows now
	})
}

// CloneTag makes a new tag that is what another is: see state.CloneTag.
func (s *Store) CloneTag(ctx context.Context, who Who, from, to string) (state.Change, error) {
	return s.tag(ctx, who, to, func(tx *index.Tx) error { return state.CloneTag(tx, from, to) })
}

// CloneTagAt makes a new tag that is what another was at a moment: see state.CloneTagFrom.
func (s *Store) CloneTagAt(ctx context.Context, who Who, at Moment, from, to string) (state.Change, error) {
	past, h, err := s.State(at)
	if err != nil {
		return state.Change{}, err
	}
	return s.tag(ctx, who, to, func(tx *index.Tx) error {
		if err := state.CloneTagFrom(tx, past, from, to); err != nil {
			return fmt.Errorf("as of event %d: %w", h.Seq, err)
		}
		return nil
	})
}

// Block blocks packages in a tag and all that inherit from it, or unblocks them.
func (s *Store) Block(ctx context.Context, who Who, tag string, blocked bool, packages []string) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return state.SetBlocked(tx, tag, blocked, packages...) })
}

// ListPackages gives a tag entries in the package list: see state.ListPackages.
func (s *Store) ListPackages(ctx context.Context, who Who, tag string, packages []string) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return state.ListPackages(tx, tag, packages...) })
}

// UnlistPackages removes entries of a tag from the package list: see state.UnlistPackages.
func (s *Store) UnlistPackages(ctx context.Context, who Who, tag string, force bool, packages []string) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return state.UnlistPackages(tx, tag, force, packages...) })
}

// AddParent makes a tag inherit from another.
func (s *Store) AddParent(ctx context.Context, who Who, tag string, link state.Link) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return state.AddParent(tx, tag, link) })
}

// AddExternal gives a tag an external repo.
func (s *Store) AddExternal(ctx context.Context, who Who, tag string, e state.External) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return state.AddExternal(tx, tag, e) })
}

// RemoveExternal takes an external repo from a tag.
func (s *Store) RemoveExternal(ctx context.Context, who Who, tag, repo string) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return state.RemoveExternal(tx, tag, repo) })
}

// RemoveParent ends a tag's inheritance from another.
func (s *Store) RemoveParent(ctx context.Context, who Who, tag, parent string) (state.Change, error) {
	return s.tag(ctx, who, tag, func(tx *index.Tx) error { return state.RemoveParent(tx, tag, parent) })
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
