package store

import (
	"context"
	"fmt"
	"strings"

	"vrepofs/state"
)

// Part is one repository that is wanted.
type Part struct {
	Path, Source string
	Where        string // for errors: "wanted.yaml:3"; may be ""
}

// WantedChannel says what is to be at a path and below it, all of it.
type WantedChannel struct {
	Path  string
	Parts []Part // none: nothing is to be there
}

// ApplyOp makes tags what they are wanted to be, then paths, then promotes, each promotion seeing what was done before it. Sources are those of
// the moment at which it is planned; the view of a tag that changes, or that inherits from one, is that which it will be. When nothing would
// differ there is no commit, and the plan's Change is zero.
func ApplyOp(tags []state.WantedTag, wanted []WantedChannel, promotions []state.Promotion) Op {
	return Op{idle: true, tags: tags, prepare: func(ctx context.Context, s *Store, f *footing) (planner, error) {
		sources := map[string]published{}
		all := make([]state.Wanted, 0, len(wanted))
		for _, w := range wanted {
			channels := make([]state.Channel, 0, len(w.Parts))
			for _, p := range w.Parts {
				c, known := sources[p.Source]
				if !known {
					var err error
					if c, err = s.source(ctx, f, p.Source); err != nil {
						if p.Where != "" {
							err = fmt.Errorf("%s: %w", p.Where, err)
						}
						return nil, err
					}
					sources[p.Source] = c
				}
				c.Path = p.Path
				channels = append(channels, c.Channel)
			}
			all = append(all, state.Wanted{Path: w.Path, Channels: channels})
		}
		return func(f *footing) ([]state.Move, error) {
			for _, c := range sources {
				if err := isThere(f, c.Channel); err != nil {
					return nil, err
				}
				if err := c.stands(f); err != nil {
					return nil, err
				}
			}
			return state.PlanApply(f, all, promotions)
		}, nil
	}}
}

// source finds what a source names: the view of a tag as it is in a footing, or what publication finds.
func (s *Store) source(ctx context.Context, f *footing, source string) (published, error) {
	tag, arch, view := strings.Cut(source, "/")
	if !view || len(f.tags) == 0 || strings.Contains(arch, "@") {
		c, err := s.publication(ctx, source)
		return published{Channel: c}, err
	}
	if err := state.CheckName("tag", tag); err != nil {
		return published{}, err
	}
	return s.view(ctx, f, tag, arch)
}
