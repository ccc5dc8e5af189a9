package store

import (
	"context"

	"vrepofs/index"
	"vrepofs/state"
)

// Configure changes what a path of the channels is told to be, for itself and everything below it; "" is all channels. What is
// published already stays as it is.
func (s *Store) Configure(ctx context.Context, who Who, path string, p state.Patch) (state.Change, error) {
	return s.commit(ctx, who, func(tx *index.Tx) error { return state.Configure(tx, path, p) })
}
