package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"strings"
)

// FreezeChange is the last time that a path was frozen or thawed. Its row stays after the thaw, so that the history of a path can be
// read back event by event.
type FreezeChange struct {
	Path string `json:"-"`
	Change
	Thawed bool `json:"thawed,omitempty"`
}

// freezeOf reads the row of exactly one path; the zero FreezeChange when it was never frozen.
func freezeOf(r Reader, path string) (f FreezeChange, err error) {
	f, err = get[FreezeChange](r, TableFreezes, "freeze", path)
	f.Path = path
	if errors.Is(err, iofs.ErrNotExist) {
		return FreezeChange{}, nil
	}
	return f, err
}

// Frozen returns the freeze that covers a path: of the path itself or of one above it. at is "" when there is none.
func Frozen(r Reader, path string) (at string, since Change, err error) {
	for _, p := range prefixes(path) {
		f, err := freezeOf(r, p)
		if err != nil {
			return "", Change{}, err
		}
		if f.Path != "" && !f.Thawed {
			return p, f.Change, nil
		}
	}
	return "", Change{}, nil
}

// FreezeChanges yields the last freeze or thaw of every path that ever had one, in order.
func FreezeChanges(r Reader) iter.Seq2[FreezeChange, error] {
	return func(yield func(FreezeChange, error) bool) {
		for item, err := range r.List(TableFreezes, "") {
			var f FreezeChange
			if err == nil {
				if err = decode("freeze "+item.Name, item.Value, &f); err == nil {
					f.Path = item.Name
				}
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// Freezes yields the frozen paths, in order.
func Freezes(r Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for f, err := range FreezeChanges(r) {
			if err == nil && f.Thawed {
				continue
			}
			if !yield(f.Path, err) {
				return
			}
		}
	}
}

// FreezesMoved returns the latest event at which a path, one above it or one below it was frozen or thawed, with what was; 0 when
// none ever was. Path "" is everything.
func FreezesMoved(r Reader, path string) (event uint64, changes []FreezeChange, err error) {
	for f, err := range FreezeChanges(r) {
		if err != nil {
			return 0, nil, err
		}
		if path != "" && f.Path != path && !strings.HasPrefix(f.Path, path+"/") && !strings.HasPrefix(path, f.Path+"/") || f.Event < event {
			continue
		}
		if f.Event > event {
			event, changes = f.Event, nil
		}
		changes = append(changes, f)
	}
	return event, changes, nil
}

// Freeze refuses all moves at a path and below it until Thaw. Nothing need be published there yet.
func Freeze(tx Tx, path string) error {
	if err := CheckChannelPath(path); err != nil {
		return err
	}
	if at, since, err := Frozen(tx, path); err != nil {
		return err
	} else if at != "" {
		return fmt.Errorf("channel %s: %s is frozen since event %d: %w", path, at, since.Event, iofs.ErrExist)
	}
	tx.Put(TableFreezes, path, encode(FreezeChange{Change: now(tx)}))
	return nil
}

// Thaw ends a freeze of exactly this path.
func Thaw(tx Tx, path string) error {
	if err := CheckChannelPath(path); err != nil {
		return err
	}
	at, _, err := Frozen(tx, path)
	switch {
	case err != nil:
		return err
	case at == "":
		return fmt.Errorf("channel %s is not frozen: %w", path, iofs.ErrNotExist)
	case at != path:
		return fmt.Errorf("channel %s is not frozen itself: thaw %s: %w", path, at, ErrConflict)
	}
	tx.Put(TableFreezes, path, encode(FreezeChange{Change: now(tx), Thawed: true}))
	return nil
}
