package compose

import (
	"context"
	"encoding/json"
	"fmt"
	iofs "io/fs"
	"slices"

	"vrepofs/blob"
	"vrepofs/index"
	"vrepofs/state"
	"vrepofs/tree"
)

// View is what a tag is as a repository, for one arch.
type View struct {
	Tag, Arch  string
	Generation state.Change
	Recipe     blob.Digest
	Root       tree.Entry // its directory
	Count      int        // number of RPMs
	Bytes      int64      // sum of their sizes
}

// recorded is what the journal keeps of a view under its recipe.
type recorded struct {
	Dir   []byte `json:"dir"` // tree.Entry
	Count int    `json:"count"`
	Bytes int64  `json:"bytes"`
}

// View returns the view of a tag for one arch as of the state that r reads. The first time that a recipe is asked for it
// composes, which takes time in proportion to the view; after that it reads one record. iofs.ErrNotExist for a tag or an
// arch that is not there.
func (c *Composer) View(ctx context.Context, r state.Reader, tag, arch string) (View, error) {
	resolved, err := Resolve(r, tag)
	if err != nil {
		return View{}, err
	}
	return c.view(ctx, r, resolved, arch)
}

// view is View of a tag that is resolved.
func (c *Composer) view(ctx context.Context, r state.Reader, resolved *Resolved, arch string) (View, error) {
	tag := resolved.Tag
	if !slices.Contains(resolved.Tags[tag].Arches, arch) {
		return View{}, fmt.Errorf("tag %s has no arch %s: %w", tag, arch, iofs.ErrNotExist)
	}
	v := View{Tag: tag, Arch: arch, Generation: resolved.Generation, Recipe: resolved.Recipe(arch)}
	if resolved.Ahead() {
		v.Generation.Stamp = aheadStamp
	}
	if !c.fresh {
		if made, err := c.Recorded(&v); err != nil || made {
			return v, err
		}
	}
	if c.room != nil {
		n, err := resolved.size(r, arch)
		if err != nil {
			return View{}, fmt.Errorf("view %s/%s: %w", tag, arch, err)
		}
		defer c.room(n)()
	}
	if !c.fresh {
		resolved.remembered, resolved.records = c.remembered, map[string]blob.Digest{}
	}
	sel, rpms, err := resolved.rpms(r, arch)
	if err != nil {
		return View{}, fmt.Errorf("view %s/%s: %w", tag, arch, err)
	}
	beside := func(lease *blob.Lease, rendered *Rendered) error {
		if err := c.addGroups(resolved, r, lease, rendered); err != nil {
			return err
		}
		resolved.addOthers(rendered, arch)
		if !resolved.Tags[tag].PkgOrigins {
			return nil
		}
		return rendered.addOrigins(lease, resolved.origins(sel))
	}
	if err := c.compose(ctx, &v, rpms, resolved.Tags[tag].Metadata, beside); err != nil {
		return View{}, fmt.Errorf("compose %s/%s: %w", tag, arch, err)
	}
	return v, nil
}

// Recorded fills in what the view with v's recipe is, if it was composed before; it never composes.
func (c *Composer) Recorded(v *View) (made bool, err error) {
	b, made := c.index.Recorded(v.Recipe)
	if !made {
		return false, nil
	}
	if err := v.decode(b); err != nil {
		return false, fmt.Errorf("view %s/%s: %w", v.Tag, v.Arch, err)
	}
	return true, nil
}

// compose makes the view's tree and records it under its recipe. beside, if not nil, adds metadata files beside primary, filelists and other:
// what they are must follow from the recipe.
func (c *Composer) compose(ctx context.Context, v *View, rpms []*state.RPM, m state.Metadata, beside func(*blob.Lease, *Rendered) error) error {
	lease, err := c.blobs.NewLease()
	if err != nil {
		return err
	}
	defer lease.Close()
	rendered, err := c.Render(ctx, lease, place(rpms), m, nil)
	if err != nil {
		return err
	}
	if beside != nil {
		if err := beside(lease, rendered); err != nil {
			return err
		}
	}
	nodes := c.index.NewBuffer()
	if v.Root, _, err = rendered.Finish(ctx, nodes, lease, v.Generation.Stamp); err != nil {
		return err
	}
	v.Count = len(rpms)
	for _, r := range rpms {
		v.Bytes += r.Size
	}
	value, err := json.Marshal(recorded{Dir: v.Root.Append(nil), Count: v.Count, Bytes: v.Bytes})
	if err != nil {
		return err
	}
	err = c.index.Record(index.Recording{
		Memos: []index.MemoRow{{Recipe: v.Recipe, Value: value}},
		Nodes: nodes.Nodes(),
	})
	if err != nil && c.index.Err() != nil {
		// The journal takes no more, but what is there is to stay readable: the view is shown and not recorded.
		err = c.index.PutNodes(nodes.Nodes())
	}
	return err
}

// decode fills in what was recorded.
func (v *View) decode(b []byte) error {
	var r recorded
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("recorded view: %w", err)
	}
	v.Count, v.Bytes = r.Count, r.Bytes
	var err error
	v.Root, err = tree.DecodeEntry(r.Dir)
	return err
}
