package store

import (
	"fmt"
	iofs "io/fs"
	"strconv"

	"vrepofs/index"
	"vrepofs/state"
)

// Moment names a state of the store: "" now, "17" an event, "20261121T043000Z" a UTC time, else a label.
type Moment string

// Head finds the commit that a moment means. A time means the last commit at or before it and must lie before the head's
// stamp, so that the answer never changes.
func (s *Store) Head(m Moment) (index.Head, error) {
	head := s.Index.Head()
	if m == "" {
		return head, nil
	}
	if seq, err := strconv.ParseUint(string(m), 10, 64); err == nil {
		return s.Index.At(seq)
	}
	if stamp, err := state.ParseStamp(string(m)); err == nil {
		if stamp >= head.Stamp {
			return index.Head{}, fmt.Errorf("time %s is not before the last event's %s: %w", m, state.FormatStamp(head.Stamp), iofs.ErrNotExist)
		}
		return s.Index.AtStamp(stamp)
	}
	if err := state.CheckLabel(string(m)); err != nil {
		return index.Head{}, err
	}
	return s.Index.AtLabel(string(m))
}

// State is the store's tables as of a moment.
func (s *Store) State(m Moment) (state.Reader, index.Head, error) {
	h, err := s.Head(m)
	if err != nil {
		return nil, h, err
	}
	return s.Index.View(h), h, nil
}
