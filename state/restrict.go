package state

import (
	"fmt"
	iofs "io/fs"
	"math"
	"slices"
	"strconv"
)

// Restriction says who may enter the directory at a path of the channels, and so see what lies below it.
type Restriction struct {
	Path string // "" is all channels
	Perm uint32 // permission bits
	Gid  uint32 // the group that they speak of
}

// checkAccess refuses modes and groups that mean nothing for a directory.
func (s *Settings) checkAccess() error {
	if s.Mode != nil {
		if m, err := strconv.ParseUint(*s.Mode, 8, 32); err != nil || m > 0o777 || m&0o500 != 0o500 {
			return fmt.Errorf("mode %q: want octal digits from 0500 to 0777, with read and search for the owner: %w", *s.Mode, iofs.ErrInvalid)
		}
	}
	if s.Group != nil && *s.Group == math.MaxUint32 {
		return fmt.Errorf("group %d means none: %w", *s.Group, iofs.ErrInvalid)
	}
	return nil
}

// RestrictionAt returns what a path says itself of who may enter it; without a mode or a group of its own everybody may. Paths above
// need not be asked: who may not enter those does not come here.
func RestrictionAt(r Reader, path string) (Restriction, error) {
	x := Restriction{Path: path, Perm: 0o555}
	s, err := OwnSettings(r, path)
	if err != nil {
		return x, err
	}
	if s.Mode != nil {
		m, err := strconv.ParseUint(*s.Mode, 8, 32)
		if err != nil {
			return x, fmt.Errorf("settings of channel %q: mode: %w", path, err)
		}
		x.Perm = uint32(m)
	}
	if s.Group != nil {
		x.Gid = *s.Group
	}
	return x, nil
}

// Restrictions returns those of all paths that have a mode or a group of their own, and of the paths given besides, the outer first.
func Restrictions(r Reader, besides ...string) ([]Restriction, error) {
	paths, err := AllSettings(r)
	if err != nil {
		return nil, err
	}
	paths = slices.DeleteFunc(paths, func(p string) bool {
		s, e := OwnSettings(r, p)
		if e != nil {
			err = e
		}
		return s.Mode == nil && s.Group == nil
	})
	paths = append(paths, besides...)
	slices.Sort(paths)
	var out []Restriction
	for _, p := range slices.Compact(paths) {
		x, e := RestrictionAt(r, p)
		if e != nil {
			err = e
		}
		out = append(out, x)
	}
	return out, err
}
