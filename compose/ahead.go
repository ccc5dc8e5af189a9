package compose

import (
	"context"

	"vrepofs/blob"
	"vrepofs/state"
)

// ResolveAhead is Resolve in a state that is not committed yet. changed names, for each tag that differs in it from what is committed, what
// becomes of it (state.TagStep.ID): recipes go by that, as the tag's record has the event and the time that nobody knows yet.
func ResolveAhead(r state.Reader, tag string, changed map[string]blob.Digest) (*Resolved, error) {
	v, err := Resolve(r, tag)
	if err != nil {
		return nil, err
	}
	for _, visit := range v.Order {
		if _, ahead := changed[visit.Tag]; ahead {
			v.changed, v.Generation = changed, state.Change{}
		}
	}
	return v, nil
}

// Ahead reports whether the views depend on what is not committed yet. Their Generation is then zero.
func (v *Resolved) Ahead() bool { return v.changed != nil }

// record names a tag's record in recipes.
func (v *Resolved) record(tag string) blob.Digest {
	if d, ahead := v.changed[tag]; ahead {
		return d
	}
	return state.Digest(v.Tags[tag])
}

// aheadStamp is the time that the directories and the repomd.xml of a view carry which is ahead. It is only there to be published
// (Restamp), which gives it others.
const aheadStamp = 1

// ViewAhead is View in a state that is not committed yet; see ResolveAhead. A view that depends on nothing of it is that of View.
func (c *Composer) ViewAhead(ctx context.Context, r state.Reader, tag, arch string, changed map[string]blob.Digest) (View, error) {
	resolved, err := ResolveAhead(r, tag, changed)
	if err != nil {
		return View{}, err
	}
	v, err := c.view(ctx, r, resolved, arch)
	v.Generation = resolved.Generation
	return v, err
}
