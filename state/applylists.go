package state

import (
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"

	"vrepofs/blob"
	"vrepofs/tree"
)

// applyPackages makes the package list. An entry that is wanted otherwise than it is changes sides, also where only one side is named.
func applyPackages(tx Tx, w *WantedTag) error {
	if w.Packages == nil && w.Blocked == nil {
		return nil
	}
	t, err := GetTag(tx, w.Name)
	if err != nil {
		return err
	}
	have, err := TagPackages(tx, t)
	if err != nil {
		return err
	}
	wanted := map[string]bool{} // package → blocked
	var changes []tree.Change
	for _, side := range []struct {
		blocked  bool
		key      string
		packages *[]string
	}{{false, "packages", w.Packages}, {true, "blocked", w.Blocked}} {
		if side.packages == nil {
			continue
		}
		for _, p := range *side.packages {
			if err := tree.CheckName(p); err != nil {
				return w.fail(fmt.Errorf("tag %s: package %q: %w", w.Name, p, err), side.key, side.key+" "+p)
			}
			if blocked, there := wanted[p]; there && blocked != side.blocked {
				return w.fail(fmt.Errorf("tag %s: package %s is listed and blocked: %w", w.Name, p, iofs.ErrInvalid), side.key, side.key+" "+p)
			} else if there {
				continue
			}
			wanted[p] = side.blocked
			if e, there := have[p]; !there || e.Blocked != side.blocked {
				changes = append(changes, tree.Change{Name: p, Value: encode(TagPackage{Blocked: side.blocked, Event: tx.Seq()})})
			}
		}
	}
	for p, e := range have {
		if _, stays := wanted[p]; !stays && (e.Blocked && w.Blocked != nil || !e.Blocked && w.Packages != nil) {
			changes = append(changes, tree.Change{Name: p, Delete: true})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return changeEntries(tx, w.Name, changes)
}

// applyListed opens and closes tags. A tag that is closed, and of which no packages are named, gets entries for those of its builds, as
// SetListed has it, as if it were the only one.
func applyListed(tx Tx, wanted []WantedTag) error {
	own := make([][]string, len(wanted))
	for i, w := range wanted {
		if w.Absent || w.Open == nil || *w.Open || w.Packages != nil {
			continue
		}
		t, err := GetTag(tx, w.Name)
		if err != nil {
			return err
		}
		if t.Listed {
			continue
		}
		if own[i], err = impliedPackages(tx, w.Name); err != nil {
			return err
		}
	}
	for i, w := range wanted {
		if w.Absent || w.Open == nil {
			continue
		}
		if err := SetBlocked(tx, w.Name, false, own[i]...); err != nil {
			return w.fail(err, "open")
		}
		t, err := GetTag(tx, w.Name)
		if err != nil {
			return err
		}
		t.Listed = !*w.Open
		putTag(tx, t)
	}
	return nil
}

// checkUnlisted refuses that builds of a tag are seen no more because their packages are no longer listed.
func checkUnlisted(tx Tx, w *WantedTag, old *Tag) error {
	t, err := GetTag(tx, w.Name)
	if err != nil || !t.Listed || old == nil {
		return err
	}
	had, err := TagPackages(tx, *old)
	if err != nil {
		return err
	}
	has, err := TagPackages(tx, t)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for p, e := range had {
		if _, stays := has[p]; !stays && !e.Blocked {
			gone[p] = true
		}
	}
	if !old.Listed {
		for b, err := range TagBuilds(tx, t) {
			if err != nil {
				return err
			}
			if _, entry := has[b.Package]; !entry {
				gone[b.Package] = true
			}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return w.fail(checkSeen(tx, t, slices.Sorted(maps.Keys(gone))), "open", "packages")
}

// applyBuilds makes the builds. Of the builds of one package the longest beginning of the list that the tag has in this order already
// stays as it is; what follows it is tagged now, in the order of the list.
func applyBuilds(tx Tx, w *WantedTag) error {
	if w.Builds == nil {
		return nil
	}
	t, err := GetTag(tx, w.Name)
	if err != nil {
		return err
	}
	have := map[string]TagBuild{}
	for b, err := range TagBuilds(tx, t) {
		if err != nil {
			return err
		}
		have[b.NVR] = b
	}
	last, now := map[string]TagBuild{}, map[string][]Build{} // by package
	var add []string
	remove := maps.Clone(have)
	for _, nvr := range distinct(*w.Builds) {
		old, there := have[nvr]
		delete(remove, nvr)
		if there && now[old.Package] == nil {
			if before, any := last[old.Package]; !any || before.compare(old) < 0 {
				last[old.Package] = old
				continue
			}
		}
		b, err := GetBuild(tx, nvr)
		if err != nil {
			return w.fail(fmt.Errorf("tag %s: %w", w.Name, err), "builds", "builds "+nvr)
		}
		now[b.Package] = append(now[b.Package], b)
		add = append(add, nvr)
	}
	if len(remove) > 0 {
		if err := RemoveFromTag(tx, w.Name, slices.Sorted(maps.Keys(remove))...); err != nil {
			return w.fail(err, "builds")
		}
	}
	if len(add) == 0 {
		return nil
	}
	if t, err = GetTag(tx, w.Name); err != nil {
		return err
	}
	if err := checkAdded(tx, w, t, now); err != nil {
		return err
	}
	var changes []tree.Change
	for _, p := range slices.Sorted(maps.Keys(now)) {
		// Builds of one package exchange the numbers that decide between those of one event.
		var ids []uint64
		for _, b := range now[p] {
			ids = append(ids, b.ID)
		}
		slices.Sort(ids)
		for i, b := range now[p] {
			row := TagBuild{Event: tx.Seq(), ID: ids[i], Package: b.Package, Record: blob.Sum(b.encode())}
			changes = append(changes, tree.Change{Name: b.NVR, Value: row.encode()})
		}
	}
	if t.Builds, err = tree.Apply(tx, t.Builds, changes); err != nil {
		return fmt.Errorf("tag %s: %w", w.Name, err)
	}
	putTag(tx, t)
	return nil
}

// checkAdded refuses builds that the tag would not show, by Koji's rule: of packages that are not listed, or that are blocked unless
// it is this very list that blocks them.
func checkAdded(tx Tx, w *WantedTag, t Tag, builds map[string][]Build) error {
	var packages []string
	for p := range builds {
		if w.Blocked == nil || !slices.Contains(*w.Blocked, p) {
			packages = append(packages, p)
		}
	}
	slices.Sort(packages)
	if len(packages) == 0 {
		return nil
	}
	return w.fail(checkListed(tx, t, false, packages), "builds", "builds "+builds[packages[0]][0].NVR)
}
