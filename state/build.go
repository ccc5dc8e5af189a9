package state

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"slices"

	"vrepofs/blob"
	"vrepofs/rpm"
	"vrepofs/tree"
)

// Build is the RPMs of one source RPM, named by its name, version and release.
type Build struct {
	ID      uint64 // order of creation in the store, from 1
	NVR     string // "zlib-1.3.1-4.fc42", unique in the store
	Package string
	Version string
	Release string
	Created Change
	Changed Change
	RPMs    []RPM // sorted by name, arch, digest
}

// buildVersion begins the binary form of a Build, tagBuildVersion that of a TagBuild.
const (
	buildVersion    = 1
	tagBuildVersion = 1
)

func (b *Build) encode() []byte {
	dst := binary.AppendUvarint([]byte{buildVersion}, b.ID)
	for _, s := range []string{b.NVR, b.Package, b.Version, b.Release} {
		dst = appendString(dst, s)
	}
	dst = appendChange(appendChange(dst, b.Created), b.Changed)
	return appendRPMs(dst, b.RPMs)
}

func decodeBuild(nvr string, value []byte) (b Build, err error) {
	d := rowDecoder{rest: value}
	d.version(buildVersion)
	b.ID = d.uvarint()
	for _, s := range []*string{&b.NVR, &b.Package, &b.Version, &b.Release} {
		*s = d.string()
	}
	b.Created, b.Changed, b.RPMs = d.change(), d.change(), d.rpms()
	if err := d.end(); err != nil {
		return b, fmt.Errorf("build %s: record in the index: %w", nvr, err)
	}
	return b, nil
}

// GetBuild returns iofs.ErrNotExist when the store has no such build.
func GetBuild(r Reader, nvr string) (Build, error) {
	v, err := getRaw(r, TableBuilds, "build", nvr)
	if err != nil {
		return Build{}, err
	}
	return decodeBuild(nvr, v)
}

// Builds yields every build in the order of NVRs as strings.
func Builds(r Reader) iter.Seq2[Build, error] {
	return func(yield func(Build, error) bool) {
		for item, err := range r.List(TableBuilds, "") {
			var b Build
			if err == nil {
				b, err = decodeBuild(item.Name, item.Value)
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// SourceOf returns the package name, version and release of the build that an RPM belongs to: its source RPM's, or its
// own when it is one.
func SourceOf(r RPM) (name, version, release string, err error) {
	if rpm.IsSourceArch(r.Arch) {
		return r.Name, r.Version, r.Release, nil
	}
	if r.Source == "" {
		return "", "", "", fmt.Errorf("%s: its header names no source RPM: %w", r.File, iofs.ErrInvalid)
	}
	s, err := rpm.ParseSourceRPM(r.Source)
	if err != nil {
		return "", "", "", fmt.Errorf("%s: source RPM: %w", r.File, err)
	}
	return s.Name, s.Version, s.Release, nil
}

// AddBuild adds RPMs to the build that they belong to, which is created if need be; all must share one source RPM. RPMs
// that the build already has are no error. A NEVRA that it has with another rpm id is ErrConflict; so is any addition to
// a build that a tag holds, for what a tag shows must not change under it. added is the number of new RPMs.
func AddBuild(tx Tx, rpms []RPM) (b Build, added int, err error) {
	if len(rpms) == 0 {
		return b, 0, fmt.Errorf("build without RPMs: %w", iofs.ErrInvalid)
	}
	name, version, release, err := SourceOf(rpms[0])
	if err != nil {
		return b, 0, err
	}
	nvr := name + "-" + version + "-" + release
	if err := tree.CheckName(nvr); err != nil {
		return b, 0, fmt.Errorf("build %q: %w", nvr, err)
	}
	b, err = GetBuild(tx, nvr)
	fresh := errors.Is(err, iofs.ErrNotExist)
	if fresh {
		b = Build{NVR: nvr, Package: name, Version: version, Release: release, Created: now(tx)}
		if b.ID, err = nextID(tx, "build"); err != nil {
			return b, 0, err
		}
	} else if err != nil {
		return b, 0, err
	}
	byNEVRA := map[rpm.NEVRA]RPM{}
	have := map[blob.Digest]bool{}
	for _, r := range b.RPMs {
		byNEVRA[r.NEVRA], have[r.Digest] = r, true
	}
	for _, r := range rpms {
		if n, v, l, err := SourceOf(r); err != nil {
			return b, 0, err
		} else if n != name || v != version || l != release {
			return b, 0, fmt.Errorf("%s belongs to build %s-%s-%s, not to %s: %w", r.File, n, v, l, nvr, iofs.ErrInvalid)
		}
		if have[r.Digest] {
			continue
		}
		if old, ok := byNEVRA[r.NEVRA]; ok && old.ID != r.ID {
			return b, 0, fmt.Errorf("%s: build %s already has %s with other content (rpm id %s, not %s): %w",
				r.File, nvr, r.NEVRA, old.ID.Short(), r.ID.Short(), ErrConflict)
		}
		byNEVRA[r.NEVRA], have[r.Digest] = r, true
		b.RPMs = append(b.RPMs, r)
		added++
	}
	if added == 0 {
		return b, 0, nil
	}
	if !fresh {
		if tags, err := TagsOf(tx, nvr); err != nil {
			return b, 0, err
		} else if len(tags) > 0 {
			return b, 0, fmt.Errorf("build %s is in tag %s: untag it to add RPMs, or import them as another release: %w",
				nvr, tags[0], ErrConflict)
		}
	}
	slices.SortFunc(b.RPMs, func(x, y RPM) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Arch, y.Arch), slices.Compare(x.Digest[:], y.Digest[:]))
	})
	b.Changed = now(tx)
	tx.Put(TableBuilds, nvr, b.encode())
	return b, added, nil
}

// RemoveBuild forgets a build that no tag holds. Earlier events still know it.
func RemoveBuild(tx Tx, nvr string) error {
	if _, err := GetBuild(tx, nvr); err != nil {
		return err
	}
	tags, err := TagsOf(tx, nvr)
	if err != nil {
		return err
	}
	if len(tags) > 0 {
		return fmt.Errorf("build %s is in tag %s: remove it there first: %w", nvr, tags[0], ErrConflict)
	}
	tx.Delete(TableBuilds, nvr)
	return nil
}
