package state

import (
	"crypto/sha256"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"

	"vrepofs/blob"
	"vrepofs/tree"
)

// ApplyTags makes tags what they are wanted to be, and says what it changed, in the order of wanted; a tag that is so already is
// not in it, and its record stays as it is. Tags are made first and removed last, so in a list their order does not matter.
func ApplyTags(tx Tx, wanted []WantedTag) ([]TagStep, error) {
	olds, seen := make([]*Tag, len(wanted)), map[string]bool{}
	for i := range wanted {
		w := &wanted[i]
		if seen[w.Name] {
			return nil, w.fail(fmt.Errorf("tag %s is named twice: %w", w.Name, iofs.ErrInvalid))
		}
		seen[w.Name] = true
		switch t, err := GetTag(tx, w.Name); {
		case err == nil:
			olds[i] = &t
		case !errors.Is(err, iofs.ErrNotExist):
			return nil, err
		case w.Absent:
		case w.Arches == nil:
			return nil, w.fail(fmt.Errorf("tag %s is new: it wants arches: %w", w.Name, iofs.ErrInvalid))
		default:
			err := CreateTag(tx, w.Name, *w.Arches)
			if err == nil {
				err = SetListed(tx, w.Name, w.Open == nil || !*w.Open)
			}
			if err != nil {
				return nil, w.fail(err, "arches")
			}
		}
	}
	each := func(f func(Tx, *WantedTag) error) error {
		for i := range wanted {
			if wanted[i].Absent {
				continue
			}
			if err := f(tx, &wanted[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for _, f := range []func(Tx, *WantedTag) error{dropExternals, applySettings, applyParents, applyExternals, applyPackages} {
		if err := each(f); err != nil {
			return nil, err
		}
	}
	if err := applyListed(tx, wanted); err != nil {
		return nil, err
	}
	if err := each(applyBuilds); err != nil {
		return nil, err
	}
	for i := range wanted {
		if w := &wanted[i]; !w.Absent {
			if err := checkUnlisted(tx, w, olds[i]); err != nil {
				return nil, err
			}
		}
	}
	if err := removeTags(tx, wanted, olds); err != nil {
		return nil, err
	}
	var steps []TagStep
	for i, w := range wanted {
		s := TagStep{Name: w.Name, Old: olds[i]}
		if !w.Absent {
			t, err := GetTag(tx, w.Name)
			if err != nil {
				return nil, err
			}
			s.New = &t
		}
		var err error
		if s.TagDiff, err = DiffTags(tx, s.Old, s.New); err != nil {
			return nil, err
		}
		switch {
		case !s.Empty():
			steps = append(steps, s)
		case s.Old != nil:
			tx.Put(TableTags, w.Name, encode(*s.Old))
		}
	}
	return steps, nil
}

// removeTags removes those that are not to be there, unless one inherits from them that is.
func removeTags(tx Tx, wanted []WantedTag, olds []*Tag) error {
	gone := map[string]*WantedTag{}
	for i := range wanted {
		if w := &wanted[i]; w.Absent {
			gone[w.Name] = w
			if olds[i] != nil {
				tx.Delete(TableTags, w.Name)
			}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	for t, err := range Tags(tx) {
		if err != nil {
			return err
		}
		for _, l := range t.Inherit {
			if w := gone[l.Parent]; w != nil {
				return w.fail(fmt.Errorf("tag %s: tag %s inherits from it: %w", l.Parent, t.Name, ErrConflict))
			}
		}
	}
	return nil
}

func applySettings(tx Tx, w *WantedTag) error {
	t, err := GetTag(tx, w.Name)
	if err != nil {
		return err
	}
	if w.Arches != nil {
		if err := SetArches(tx, w.Name, *w.Arches); err != nil {
			return w.fail(err, "arches")
		}
	}
	if w.Latest != nil {
		if err := SetLatest(tx, w.Name, *w.Latest); err != nil {
			return w.fail(err, "latest")
		}
	}
	if w.Multilib != nil || w.Sources != nil || w.Debuginfo != nil {
		c := t.Contents
		set(&c.Multilib, w.Multilib)
		set(&c.Sources, w.Sources)
		if w.Debuginfo != nil {
			c.NoDebuginfo = !*w.Debuginfo
		}
		if err := SetContents(tx, w.Name, c); err != nil {
			return w.fail(err, "multilib")
		}
	}
	if w.Koji != nil {
		if err := SetKoji(tx, w.Name, *w.Koji); err != nil {
			return w.fail(err, "compat")
		}
	}
	if w.PkgOrigins != nil {
		if err := SetPkgOrigins(tx, w.Name, *w.PkgOrigins); err != nil {
			return w.fail(err, "pkgorigins")
		}
	}
	if w.Compress != nil || w.Changelogs != nil {
		is := t.Metadata.plain()
		m := is
		set(&m.Compress, w.Compress)
		set(&m.Changelogs, w.Changelogs)
		if m = m.plain(); m != is {
			if m.Compress == "gzip" {
				m.Compress = ""
			}
			if m.Changelogs == defaultChangelogs {
				m.Changelogs = 0
			}
			if err := SetMetadata(tx, w.Name, m); err != nil {
				return w.fail(err, "compress")
			}
		}
	}
	if w.Keys != nil || w.RequireSigned != nil {
		want := t.Signatures
		set(&want.Keys, w.Keys)
		set(&want.Required, w.RequireSigned)
		if err := SetSignatures(tx, w.Name, want); err != nil {
			return w.fail(err, "keys")
		}
	}
	if w.Until != nil {
		if err := SetUntil(tx, w.Name, *w.Until); err != nil {
			return w.fail(err, "until")
		}
	}
	return nil
}

// set gives a field the value that is wanted, if one is.
func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

func applyParents(tx Tx, w *WantedTag) error {
	if w.Inherit == nil {
		return nil
	}
	t, err := GetTag(tx, w.Name)
	if err != nil {
		return err
	}
	had := map[string]string{}
	for _, l := range t.Inherit {
		had[l.Parent] = string(encode(l))
	}
	wanted := map[string]bool{}
	for _, l := range *w.Inherit {
		if _, twice := wanted[l.Parent]; twice {
			return w.fail(fmt.Errorf("tag %s: parent %s is named twice: %w", w.Name, l.Parent, iofs.ErrInvalid), "inherit "+l.Parent)
		}
		wanted[l.Parent] = had[l.Parent] == string(encode(l))
	}
	for parent := range had {
		if !wanted[parent] {
			if err := RemoveParent(tx, w.Name, parent); err != nil {
				return err
			}
		}
	}
	for _, l := range *w.Inherit {
		if wanted[l.Parent] {
			continue
		}
		if err := AddParent(tx, w.Name, l); err != nil {
			return w.fail(err, "inherit", "inherit "+l.Parent)
		}
	}
	return nil
}

// dropExternals removes external repos that are to go or to be others. That comes before arches change: one may be for an arch that goes.
func dropExternals(tx Tx, w *WantedTag) error {
	if w.External == nil {
		return nil
	}
	t, err := GetTag(tx, w.Name)
	if err != nil {
		return err
	}
	wanted := map[string]string{}
	for _, e := range *w.External {
		if _, twice := wanted[e.Repo]; twice {
			return w.fail(fmt.Errorf("tag %s: external repo %s is named twice: %w", w.Name, e.Repo, iofs.ErrInvalid), "external "+e.Ref())
		}
		wanted[e.Repo] = string(encode(e))
	}
	for _, e := range t.External {
		if wanted[e.Repo] != string(encode(e)) {
			if err := RemoveExternal(tx, w.Name, e.Repo); err != nil {
				return err
			}
		}
	}
	return nil
}

// applyExternals adds external repos that are missing.
func applyExternals(tx Tx, w *WantedTag) error {
	if w.External == nil {
		return nil
	}
	t, err := GetTag(tx, w.Name)
	if err != nil {
		return err
	}
	for _, e := range *w.External {
		if slices.ContainsFunc(t.External, func(o External) bool { return o.Repo == e.Repo }) {
			continue
		}
		if err := AddExternal(tx, w.Name, e); err != nil {
			return w.fail(err, "external", "external "+e.Ref())
		}
	}
	return nil
}

// ID names what becomes of the tag, from what to what, without the event and the time at which it does: if two steps have one ID, views of
// the tag select the same after them. r reads both sides.
func (s *TagStep) ID(r tree.Reader) (blob.Digest, error) {
	h := sha256.New()
	var a, b Tag
	fmt.Fprintf(h, "tag %q\n", s.Name)
	if s.Old != nil {
		a = *s.Old
		fmt.Fprintf(h, "was %s\n", Digest(a))
	}
	if s.New != nil {
		b = *s.New
		record := b
		record.Changed, record.Builds, record.Packages = Change{}, blob.Digest{}, blob.Digest{}
		if s.Old == nil {
			record.Created = Change{}
		}
		fmt.Fprintf(h, "is %s\n", Digest(record))
	}
	for d, err := range tree.Diff(r, a.Builds, b.Builds) {
		if err != nil {
			return blob.Digest{}, err
		}
		row := TagBuild{NVR: d.Name}
		if d.New != nil {
			if row, err = decodeTagBuild(d.Name, d.New); err != nil {
				return blob.Digest{}, fmt.Errorf("tag %s: build %s: %w", s.Name, d.Name, err)
			}
		}
		fmt.Fprintf(h, "build %q %d %q %s\n", d.Name, row.ID, row.Package, row.Record)
	}
	for _, p := range s.Packages {
		fmt.Fprintf(h, "package %q %q\n", p.Name, p.New)
	}
	return blob.Digest(h.Sum(nil)), nil
}
