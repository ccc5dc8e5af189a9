package store

import (
	"context"
	"fmt"

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

// ApplyOp makes paths what they are wanted to be, then promotes, each promotion seeing what was done before it. Sources are those of
// the moment at which it is planned. When nothing would differ there is no commit, and the plan's Change is zero.
func ApplyOp(wanted []WantedChannel, promotions []state.Promotion) Op {
	return Op{idle: true, prepare: func(ctx context.Context, s *Store) (planner, error) {
		sources := map[string]state.Channel{}
		all := make([]state.Wanted, 0, len(wanted))
		for _, w := range wanted {
			channels := make([]state.Channel, 0, len(w.Parts))
			for _, p := range w.Parts {
				c, known := sources[p.Source]
				if !known {
					var err error
					if c, err = s.publication(ctx, p.Source); err != nil {
						if p.Where != "" {
							err = fmt.Errorf("%s: %w", p.Where, err)
						}
						return nil, err
					}
					sources[p.Source] = c
				}
				c.Path = p.Path
				channels = append(channels, c)
			}
			all = append(all, state.Wanted{Path: w.Path, Channels: channels})
		}
		return func(r state.Reader) ([]state.Move, error) {
			for _, c := range sources {
				if err := isThere(r, c); err != nil {
					return nil, err
				}
			}
			return state.PlanApply(r, all, promotions)
		}, nil
	}}
}
