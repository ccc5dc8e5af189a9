package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"vrepofs/blob"
	"vrepofs/rpm"
	"vrepofs/tree"
)

// MaxListed is how many packages each list of a PackageDiff has at most.
const MaxListed = 100

// PackageChange is one package before and after; Old or New is "" where there is none. Both are NEVRAs, or file names where a whole
// repository comes or goes.
type PackageChange struct{ Old, New string }

// PackageList counts packages and names the first MaxListed of them, by name.
type PackageList struct {
	Count int
	First []PackageChange
}

// PackageDiff is what differs between two trees, by package. A package of one name and arch of which one version goes and a
// greater one comes is upgraded, by rpm's comparison of versions.
type PackageDiff struct {
	Added, Removed, Upgraded, Downgraded PackageList
	Replaced                             PackageList // the same NEVRA with other bytes
}

func (l *PackageList) add(old, new string) {
	if l.Count++; l.Count <= MaxListed {
		l.First = append(l.First, PackageChange{old, new})
	}
}

// comparePackages fills in the packages of steps.
func (s *Store) comparePackages(ctx context.Context, r tree.Reader, steps []Step) error {
	for i := range steps {
		step := &steps[i]
		var old, new tree.Entry
		if step.Old != nil && step.Old.Root.Kind == tree.KindDir {
			old = step.Old.Root
		}
		if step.New != nil && step.New.Root.Kind == tree.KindDir {
			new = step.New.Root
		}
		step.Packages = &PackageDiff{}
		if old == new {
			continue
		}
		if err := s.diffPackages(ctx, r, step.Packages, old, new); err != nil {
			return fmt.Errorf("channel %s: compare packages: %w", step.Path, err)
		}
	}
	return nil
}

// rpmFile is an RPM by the last component of its path.
type rpmFile struct {
	name  string
	entry tree.Entry
	nevra rpm.NEVRA
}

// diffPackages compares the RPMs in two directories with all below them; a zero Entry has none. It reads what differs.
func (s *Store) diffPackages(ctx context.Context, r tree.Reader, d *PackageDiff, old, new tree.Entry) error {
	gone, come := map[blob.Digest]rpmFile{}, map[blob.Digest]rpmFile{}
	if err := diffRPMs(ctx, r, old, new, gone, come); err != nil {
		return err
	}
	for digest := range gone { // one that only lies at another path
		if _, both := come[digest]; both {
			delete(gone, digest)
			delete(come, digest)
		}
	}
	if len(gone) == 0 || len(come) == 0 {
		for _, f := range byName(come) {
			d.Added.add("", f.name)
		}
		for _, f := range byName(gone) {
			d.Removed.add(f.name, "")
		}
		return nil
	}
	for _, m := range []map[blob.Digest]rpmFile{gone, come} {
		for digest, f := range m {
			var err error
			if f.nevra, err = s.nevra(digest); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			m[digest] = f
		}
	}
	pairPackages(gone, come, func(kind pairKind, old, new *rpmFile) {
		switch kind {
		case added:
			d.Added.add("", new.nevra.String())
		case removed:
			d.Removed.add(old.nevra.String(), "")
		case upgraded:
			d.Upgraded.add(old.nevra.String(), new.nevra.String())
		case downgraded:
			d.Downgraded.add(old.nevra.String(), new.nevra.String())
		case replaced:
			d.Replaced.add(old.nevra.String(), new.nevra.String())
		}
	})
	return nil
}

// pairKind says what became of a package from one set to another.
type pairKind uint8

const (
	added pairKind = iota
	removed
	upgraded
	downgraded
	replaced // the same version with other bytes
)

// pairPackages pairs packages that only one of two sets has by name and arch: first those of one version, then the greatest that is left
// with the greatest. It calls f for each pair and each that is left alone: come by name, then what is removed. Of an added or a removed
// package one side is nil. It takes from gone what it pairs.
func pairPackages(gone, come map[blob.Digest]rpmFile, f func(kind pairKind, old, new *rpmFile)) {
	type key struct{ name, arch string }
	olds := map[key][]rpmFile{} // greatest version first
	for _, f := range byVersion(gone) {
		k := key{f.nevra.Name, f.nevra.Arch}
		olds[k] = append(olds[k], f)
	}
	coming := byVersion(come)
	same := make([]*rpmFile, len(coming))
	for i, new := range coming {
		k := key{new.nevra.Name, new.nevra.Arch}
		j := slices.IndexFunc(olds[k], func(old rpmFile) bool { return rpm.Compare(old.nevra.EVR, new.nevra.EVR) == 0 })
		if j >= 0 {
			same[i] = &rpmFile{}
			*same[i] = olds[k][j]
			olds[k] = slices.Delete(olds[k], j, j+1)
		}
	}
	for i := range coming {
		new, old := &coming[i], same[i]
		k := key{new.nevra.Name, new.nevra.Arch}
		if old == nil && len(olds[k]) > 0 {
			old = &olds[k][0]
			olds[k] = olds[k][1:]
		}
		if old == nil {
			f(added, nil, new)
			continue
		}
		delete(gone, old.entry.Digest)
		kind := replaced
		switch c := rpm.Compare(old.nevra.EVR, new.nevra.EVR); {
		case c < 0:
			kind = upgraded
		case c > 0:
			kind = downgraded
		}
		f(kind, old, new)
	}
	for _, old := range byVersion(gone) {
		f(removed, &old, nil)
	}
}

// nevra reads a package's name from its record.
func (s *Store) nevra(d blob.Digest) (rpm.NEVRA, error) {
	b, err := s.Index.Package(d)
	if err != nil {
		return rpm.NEVRA{}, err
	}
	p, err := rpm.DecodePackage(b)
	if err != nil {
		return rpm.NEVRA{}, fmt.Errorf("package record: %w", err)
	}
	return p.NEVRA, nil
}

// diffRPMs collects the RPMs that are in one of two directories only, by digest.
func diffRPMs(ctx context.Context, r tree.Reader, old, new tree.Entry, gone, come map[blob.Digest]rpmFile) error {
	for d, err := range tree.Diff(r, old.Digest, new.Digest) {
		if err == nil {
			err = ctx.Err()
		}
		var was, is tree.Entry
		if err == nil && d.Old != nil {
			was, err = tree.DecodeEntry(d.Old)
		}
		if err == nil && d.New != nil {
			is, err = tree.DecodeEntry(d.New)
		}
		if err != nil {
			return err
		}
		if was.RPM {
			gone[was.Digest] = rpmFile{name: d.Name, entry: was}
		}
		if is.RPM {
			come[is.Digest] = rpmFile{name: d.Name, entry: is}
		}
		if was.Kind != tree.KindDir {
			was = tree.Entry{}
		}
		if is.Kind != tree.KindDir {
			is = tree.Entry{}
		}
		if was.Digest != is.Digest {
			if err := diffRPMs(ctx, r, was, is, gone, come); err != nil {
				return err
			}
		}
	}
	return nil
}

func byName(m map[blob.Digest]rpmFile) []rpmFile {
	return files(m, func(a, b rpmFile) int {
		return cmp.Or(cmp.Compare(a.name, b.name), slices.Compare(a.entry.Digest[:], b.entry.Digest[:]))
	})
}

// byVersion sorts by name and arch, of each the greatest version first.
func byVersion(m map[blob.Digest]rpmFile) []rpmFile {
	return files(m, func(a, b rpmFile) int {
		return cmp.Or(cmp.Compare(a.nevra.Name, b.nevra.Name), cmp.Compare(a.nevra.Arch, b.nevra.Arch),
			-rpm.Compare(a.nevra.EVR, b.nevra.EVR), slices.Compare(a.entry.Digest[:], b.entry.Digest[:]))
	})
}

func files(m map[blob.Digest]rpmFile, compare func(a, b rpmFile) int) []rpmFile {
	out := make([]rpmFile, 0, len(m))
	for _, f := range m {
		out = append(out, f)
	}
	slices.SortFunc(out, compare)
	return out
}
