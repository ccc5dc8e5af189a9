package state

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"

	"vrepofs/merge"
	"vrepofs/tree"
)

// TagPackage is one entry of a tag in the package list.
type TagPackage struct {
	Blocked bool   `json:"blocked"` // false: listed, which overrides a parent's block
	Event   uint64 `json:"event"`
}

// TagPackages returns t's own entries in the package list.
func TagPackages(r tree.Reader, t Tag) (map[string]TagPackage, error) {
	return tagPackages(r, t, func(e TagPackage) TagPackage { return e })
}

// TagEntries is TagPackages as selection sees it: package → blocked.
func TagEntries(r tree.Reader, t Tag) (map[string]bool, error) {
	return tagPackages(r, t, func(e TagPackage) bool { return e.Blocked })
}

func tagPackages[V any](r tree.Reader, t Tag, of func(TagPackage) V) (map[string]V, error) {
	n, err := tree.Len(r, t.Packages)
	if err != nil {
		return nil, err
	}
	m := make(map[string]V, min(n, maxHint))
	for item, err := range tree.List(r, t.Packages, "") {
		if err != nil {
			return nil, err
		}
		e, err := decodeTagPackage(t.Name, item.Name, item.Value)
		if err != nil {
			return nil, err
		}
		m[item.Name] = of(e)
	}
	return m, nil
}

// maxHint bounds what a number in a tree's root makes us reserve.
const maxHint = 1 << 17

// decodeTagPackage decodes an entry. A release lists thousands, and each selection reads them, so what this program
// wrote is not left to encoding/json, which allocates five times for each.
func decodeTagPackage(tag, pkg string, value []byte) (e TagPackage, err error) {
	if rest, ok := bytes.CutPrefix(value, []byte(`{"blocked":`)); ok {
		if rest, e.Blocked = bytes.CutPrefix(rest, []byte("true")); !e.Blocked {
			rest, ok = bytes.CutPrefix(rest, []byte("false"))
		}
		digits, event := bytes.CutPrefix(rest, []byte(`,"event":`))
		digits, end := bytes.CutSuffix(digits, []byte("}"))
		plain := ok && event && end && len(digits) > 0 && len(digits) < 19 && digits[0] != '0'
		for _, c := range digits {
			plain = plain && '0' <= c && c <= '9'
			e.Event = 10*e.Event + uint64(c-'0')
		}
		if plain {
			return e, nil
		}
		e = TagPackage{}
	}
	return e, decode("tag "+tag+" package "+pkg, value, &e)
}

// PackageList is the package list of a tag's views, by merge's rule: what it says of some packages, or of all that it has if none are
// named. It costs one look into each tag of the inheritance for each package that is named, else all that they hold.
func PackageList(r Reader, tag string, packages ...string) (map[string]merge.Entry, error) {
	root, err := GetTag(r, tag)
	if err != nil {
		return nil, err
	}
	tags := map[string]Tag{tag: root}
	order, err := merge.Order(tag, root.Koji, func(name string) ([]merge.Link, error) {
		t, err := GetTag(r, name)
		tags[name] = t
		return t.Links(), err
	})
	if err != nil {
		return nil, err
	}
	read := map[string]merge.Source{} // a tag can have several visits
	sources := make([]merge.Source, len(order))
	for i, visit := range order {
		s, had := read[visit.Tag]
		if !had {
			if s, err = listSource(r, tags[visit.Tag], packages); err != nil {
				return nil, err
			}
			read[visit.Tag] = s
		}
		if s.Filter, err = merge.Filters(visit.Filters); err != nil {
			return nil, fmt.Errorf("tag %s: %w", visit.Via, err)
		}
		sources[i] = s
	}
	return merge.PackageList(sources), nil
}

// maxLookups is from how many packages on a tag's list is read as a whole.
const maxLookups = 256

// listSource reads what a tag has to do with some packages' places in the package list, or with those of all.
func listSource(r Reader, t Tag, packages []string) (merge.Source, error) {
	s := merge.Source{Tag: t.Name, Listed: t.Listed, Packages: map[string]bool{}}
	if len(packages) == 0 || len(packages) > maxLookups {
		var err error
		if s.Packages, err = TagEntries(r, t); err != nil || t.Listed {
			return s, err
		}
		for b, err := range TagBuilds(r, t) {
			if err != nil {
				return s, err
			}
			s.Builds = append(s.Builds, merge.Build{NVR: b.NVR, Package: b.Package})
		}
		return s, nil
	}
	for _, p := range packages {
		e, ok, err := tagPackage(r, t, p)
		if err != nil {
			return s, err
		}
		if ok {
			s.Packages[p] = e.Blocked
			continue
		}
		if t.Listed {
			continue
		}
		nvr, err := anyBuild(r, t, p)
		if err != nil {
			return s, err
		}
		if nvr != "" {
			s.Builds = append(s.Builds, merge.Build{NVR: nvr, Package: p})
		}
	}
	return s, nil
}

// tagPackage returns a tag's own entry for a package; false when it has none.
func tagPackage(r tree.Reader, t Tag, pkg string) (e TagPackage, ok bool, err error) {
	value, err := tree.Get(r, t.Packages, pkg)
	if errors.Is(err, iofs.ErrNotExist) {
		return e, false, nil
	}
	if err == nil {
		e, err = decodeTagPackage(t.Name, pkg, value)
	}
	return e, err == nil, err
}

// anyBuild returns a build of a package that a tag has itself; "" when there is none. Builds lie in the order of their NVRs, which
// begin with the name of the package.
func anyBuild(r tree.Reader, t Tag, pkg string) (string, error) {
	for item, err := range tree.List(r, t.Builds, pkg+"-") {
		if err != nil {
			return "", err
		}
		if !strings.HasPrefix(item.Name, pkg+"-") {
			break
		}
		b, err := decodeTagBuild(item.Name, item.Value)
		if err != nil {
			return "", fmt.Errorf("tag %s: build %s: %w", t.Name, item.Name, err)
		}
		if b.Package == pkg {
			return b.NVR, nil
		}
	}
	return "", nil
}

// SetListed closes a tag, so that it takes builds only of packages in its package list, or opens it for all. The packages of the builds that
// it holds as an open tag, if no entry of any tag speaks of them, get entries when it is closed: its views stay as they are.
func SetListed(tx Tx, tag string, listed bool) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	if listed && !t.Listed {
		own, err := impliedPackages(tx, tag)
		if err != nil {
			return err
		}
		if err := SetBlocked(tx, tag, false, own...); err != nil {
			return err
		}
		if t, err = GetTag(tx, tag); err != nil {
			return err
		}
	}
	t.Listed = listed
	putTag(tx, t)
	return nil
}

// impliedPackages are those of the builds of an open tag, of which no entry of any tag speaks.
func impliedPackages(r Reader, tag string) ([]string, error) {
	list, err := PackageList(r, tag)
	var own []string
	for p, e := range list {
		if e.Implicit && e.Tag == tag {
			own = append(own, p)
		}
	}
	return own, err
}

// SetBlocked makes entries of a tag in the package list: it blocks packages in the tag and all that inherit from it, or lists them, which
// overrides the block of a parent.
func SetBlocked(tx Tx, tag string, blocked bool, packages ...string) error {
	var changes []tree.Change
	for _, p := range distinct(packages) {
		if err := tree.CheckName(p); err != nil {
			return fmt.Errorf("package %q: %w", p, err)
		}
		changes = append(changes, tree.Change{Name: p, Value: encode(TagPackage{Blocked: blocked, Event: tx.Seq()})})
	}
	return changeEntries(tx, tag, changes)
}

func changeEntries(tx Tx, tag string, changes []tree.Change) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	if t.Packages, err = tree.Apply(tx, t.Packages, changes); err != nil {
		return fmt.Errorf("tag %s: %w", tag, err)
	}
	putTag(tx, t)
	return nil
}

// ListPackages makes entries for packages in a tag that has none for them. ErrConflict when the package list of the tag blocks one, in the
// tag itself or in one that it inherits from: SetBlocked overrides that.
func ListPackages(tx Tx, tag string, packages ...string) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	list, err := PackageList(tx, tag, packages...)
	if err != nil {
		return err
	}
	var missing []string
	for _, p := range packages {
		if e := list[p]; e.Blocked {
			return fmt.Errorf("tag %s: %w", tag, blockedError(tag, p, e))
		}
		if _, has, err := tagPackage(tx, t, p); err != nil {
			return err
		} else if !has {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return SetBlocked(tx, tag, false, missing...)
}

// UnlistPackages removes entries of a tag, blocks too, so that those of its parents count again. iofs.ErrNotExist for a package of which
// the tag has no entry of its own. Unless force is given, ErrConflict when builds in the tag itself would then be no longer seen.
func UnlistPackages(tx Tx, tag string, force bool, packages ...string) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	var changes []tree.Change
	var seen []string // whose builds are seen
	for _, p := range distinct(packages) {
		e, has, err := tagPackage(tx, t, p)
		if err != nil {
			return err
		}
		if !has {
			return fmt.Errorf("tag %s: package %s has no entry of this tag: %w", tag, p, iofs.ErrNotExist)
		}
		if !e.Blocked {
			seen = append(seen, p)
		}
		changes = append(changes, tree.Change{Name: p, Delete: true})
	}
	if err := changeEntries(tx, tag, changes); err != nil || force || len(seen) == 0 {
		return err
	}
	return checkSeen(tx, t, seen)
}

// checkSeen refuses that builds in a tag itself are not seen because the package list has not their packages, which are given.
func checkSeen(r Reader, t Tag, packages []string) error {
	list, err := PackageList(r, t.Name, packages...)
	if err != nil {
		return err
	}
	for _, p := range packages {
		if e, ok := list[p]; ok && !e.Blocked {
			continue
		}
		nvr, err := anyBuild(r, t, p)
		if err != nil {
			return err
		}
		if nvr != "" {
			return fmt.Errorf("tag %s: it holds builds of package %s, as %s, which would not be seen (vrepofs tag remove %s %s, or --force): %w",
				t.Name, p, nvr, t.Name, nvr, ErrConflict)
		}
	}
	return nil
}

// checkListed refuses builds of packages that the package list of a listed tag lacks or blocks; with force it lists them in the tag. An open
// tag takes all, and force lists what is blocked.
func checkListed(tx Tx, t Tag, force bool, packages []string) error {
	packages = distinct(packages)
	if !t.Listed && !force {
		return nil
	}
	list, err := PackageList(tx, t.Name, packages...)
	if err != nil {
		return err
	}
	var missing, blocked []string
	for _, p := range packages {
		switch e, ok := list[p]; {
		case e.Blocked:
			blocked = append(blocked, p)
		case !ok && t.Listed:
			missing = append(missing, p)
		}
	}
	switch {
	case len(missing)+len(blocked) == 0:
		return nil
	case force:
		return SetBlocked(tx, t.Name, false, slices.Concat(missing, blocked)...)
	case len(missing) > 0:
		what, names := "package "+missing[0]+" is", missing[0]
		if n := len(missing); n > maxNamed {
			names = "PACKAGE…"
			what = fmt.Sprintf("%s and %d more packages are", strings.Join(missing[:maxNamed], ", "), n-maxNamed)
		} else if n > 1 {
			names = strings.Join(missing, " ")
			what = "packages " + strings.Join(missing, ", ") + " are"
		}
		return fmt.Errorf("%s not in the package list of tag %s (vrepofs tag package add %s %s lists, vrepofs tag set %s --open takes all): %w",
			what, t.Name, t.Name, names, t.Name, ErrConflict)
	}
	return fmt.Errorf("tag %s: %w", t.Name, blockedError(t.Name, blocked[0], list[blocked[0]]))
}

func blockedError(tag, pkg string, e merge.Entry) error {
	return fmt.Errorf("package %s is blocked in tag %s (vrepofs tag unblock %s %s lets it in): %w", pkg, e.Tag, tag, pkg, ErrConflict)
}
