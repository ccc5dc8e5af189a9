package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"vrepofs/blob"
	"vrepofs/state"
	"vrepofs/tree"
)

// SnapshotRPMs returns at most limit RPMs of a snapshot in the order of paths, from the first above after; more says that others
// follow.
func (s *Store) SnapshotRPMs(m Moment, ref, after string, limit int) (rows []state.SnapshotRPM, more bool, err error) {
	r, _, err := s.State(m)
	if err != nil {
		return nil, false, err
	}
	snap, err := state.GetSnapshot(r, ref)
	if err != nil {
		return nil, false, err
	}
	for item, err := range tree.List(r, snap.RPMs, after) {
		if err != nil {
			return nil, false, fmt.Errorf("snapshot %s: %w", snap.Ref(), err)
		}
		if item.Name == after {
			continue
		}
		if len(rows) == limit {
			return rows, true, nil
		}
		row, err := state.DecodeRPM(item.Value)
		if err != nil {
			return nil, false, fmt.Errorf("snapshot %s: %s: %w", snap.Ref(), item.Name, err)
		}
		rows = append(rows, state.SnapshotRPM{Path: item.Name, RPM: row})
	}
	return rows, false, nil
}

// Builds returns at most limit builds in the order of NVRs as strings, from the first above after; more says that others follow.
func (s *Store) Builds(m Moment, after string, limit int) (rows []state.Build, more bool, err error) {
	r, _, err := s.State(m)
	if err != nil {
		return nil, false, err
	}
	for item, err := range r.List(state.TableBuilds, after) {
		if err != nil {
			return nil, false, err
		}
		if item.Name == after {
			continue
		}
		if len(rows) == limit {
			return rows, true, nil
		}
		b, err := state.GetBuild(r, item.Name)
		if err != nil {
			return nil, false, err
		}
		rows = append(rows, b)
	}
	return rows, false, nil
}

// TagCount returns how many builds a tag has itself.
func (s *Store) TagCount(t state.Tag) (int, error) { return tree.Len(s.Index, t.Builds) }

// ChangedRPM is a NEVRA that has other bytes than before.
type ChangedRPM struct{ Old, New state.RPM }

// SnapshotDiff is what differs between two snapshots, by package. All lists are sorted by NEVRA.
type SnapshotDiff struct {
	A, B           state.Snapshot
	Added, Removed []state.RPM
	Changed        []ChangedRPM // the same NEVRA with other bytes
}

// DiffSnapshots compares the packages of two snapshots, of one repo or of two. It reads only what differs between them, so
// it costs as much as there are changes. An RPM that only lies at another path is no difference.
func (s *Store) DiffSnapshots(ctx context.Context, m Moment, a, b string) (*SnapshotDiff, error) {
	r, _, err := s.State(m)
	if err != nil {
		return nil, err
	}
	d := &SnapshotDiff{}
	if d.A, err = state.GetSnapshot(r, a); err != nil {
		return nil, err
	}
	if d.B, err = state.GetSnapshot(r, b); err != nil {
		return nil, err
	}
	olds, news := map[blob.Digest]state.RPM{}, map[blob.Digest]state.RPM{}
	for delta, err := range tree.Diff(r, d.A.RPMs, d.B.RPMs) {
		if err == nil {
			err = ctx.Err()
		}
		for i, value := range [][]byte{delta.Old, delta.New} {
			if err != nil || value == nil {
				continue
			}
			var row state.RPM
			row, err = state.DecodeRPM(value)
			if i == 0 {
				olds[row.Digest] = row
			} else {
				news[row.Digest] = row
			}
		}
		if err != nil {
			return nil, fmt.Errorf("compare %s and %s: %s: %w", d.A.Ref(), d.B.Ref(), delta.Name, err)
		}
	}
	d.pair(olds, news)
	return d, nil
}

// pair sorts what is at one side only into the three lists.
func (d *SnapshotDiff) pair(olds, news map[blob.Digest]state.RPM) {
	for digest := range olds {
		if _, both := news[digest]; both {
			delete(olds, digest)
			delete(news, digest)
		}
	}
	byNEVRA := map[string][]state.RPM{}
	for _, r := range sorted(olds) {
		byNEVRA[r.NEVRA.String()] = append(byNEVRA[r.NEVRA.String()], r)
	}
	gone := map[blob.Digest]bool{}
	for _, r := range sorted(news) {
		if old := byNEVRA[r.NEVRA.String()]; len(old) > 0 {
			d.Changed = append(d.Changed, ChangedRPM{old[0], r})
			byNEVRA[r.NEVRA.String()] = old[1:]
			gone[old[0].Digest] = true
		} else {
			d.Added = append(d.Added, r)
		}
	}
	for _, r := range sorted(olds) {
		if !gone[r.Digest] {
			d.Removed = append(d.Removed, r)
		}
	}
}

// sorted returns rows by NEVRA, then digest.
func sorted(m map[blob.Digest]state.RPM) []state.RPM {
	rows := make([]state.RPM, 0, len(m))
	for _, r := range m {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(x, y state.RPM) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), x.EVR.Compare(y.EVR), cmp.Compare(x.NEVRA.String(), y.NEVRA.String()),
			slices.Compare(x.Digest[:], y.Digest[:]))
	})
	return rows
}

// Counts are how many of each noun a state has.
type Counts struct{ Repos, Snapshots, Builds, Tags, Channels int }

// Counts counts the nouns of a state.
func (s *Store) Counts(m Moment) (Counts, error) {
	h, err := s.Head(m)
	if err != nil {
		return Counts{}, err
	}
	var c Counts
	view := s.Index.View(h)
	for table, n := range map[string]*int{
		state.TableRepos: &c.Repos, state.TableSnapshots: &c.Snapshots, state.TableBuilds: &c.Builds, state.TableTags: &c.Tags,
		state.TableChannels: &c.Channels,
	} {
		root, err := view.Table(table)
		if err != nil {
			return c, err
		}
		if *n, err = tree.Len(s.Index, root); err != nil {
			return c, err
		}
	}
	return c, nil
}
