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
	"vrepofs/merge"
	"vrepofs/tree"
)

// Tag is a named set of builds with what it inherits.
type Tag struct {
	Name     string     `json:"name"`
	Created  Change     `json:"created"`
	Changed  Change     `json:"changed"`
	Arches   []string   `json:"arches"`             // its views, in the order given: "x86_64", "x86_64-debug", "src"
	Inherit  []Link     `json:"inherit,omitempty"`  // by priority
	External []External `json:"external,omitempty"` // by priority
	// Koji asks for what Koji's hub and mergerepo_c do where the default differs (package merge) in its own views.
	Koji     bool     `json:"koji,omitempty"`
	Metadata Metadata `json:"metadata,omitzero"` // of its views
	// Contents is what its own views hold beside packages of their arch, or leave out.
	Contents merge.Contents `json:"contents,omitzero"`
	// PkgOrigins asks for pkgorigins.gz in the metadata of its own views. Their content then depends on the site, too.
	PkgOrigins bool `json:"pkgorigins,omitempty"`
	// Signatures says which copies of RPMs its views take, the inherited ones too.
	Signatures merge.Signatures `json:"signatures,omitzero"`
	// Listed says that builds are only seen, and only tagged here, if their packages are in the package list. Else the tag is open: it lists
	// the packages of its builds besides.
	Listed bool `json:"listed,omitempty"`
	// Latest is how many builds of each package its own views hold: 0 is one, negative is all.
	Latest int `json:"latest,omitempty"`
	// Until is when the tag is to be removed, in seconds since 1970 UTC; 0: never. Views do not depend on it.
	Until    int64       `json:"until,omitempty"`
	Builds   blob.Digest `json:"builds"`   // tree: NVR → TagBuild
	Packages blob.Digest `json:"packages"` // tree: package → TagPackage
	// Groups is the tree of what the tag itself says of groups; see TagGroups.
	Groups blob.Digest `json:"groups,omitzero"`
}

// Link is one parent that a tag inherits from. merge.Link says what its limits mean.
type Link struct {
	Parent       string `json:"parent"`
	Priority     int    `json:"priority"`           // lower numbers come first and win
	MaxDepth     *int   `json:"maxdepth,omitempty"` // levels of parents behind the parent; nil: no limit
	Intransitive bool   `json:"intransitive,omitempty"`
	NoConfig     bool   `json:"noconfig,omitempty"`
	Filter       string `json:"pkg_filter,omitempty"`
}

func (l Link) check() error {
	if l.MaxDepth != nil && *l.MaxDepth < 0 {
		return fmt.Errorf("maxdepth %d: want 0 or more: %w", *l.MaxDepth, iofs.ErrInvalid)
	}
	_, err := merge.CompileFilter(l.Filter)
	return err
}

// Links are the tag's links as selection sees them.
func (t Tag) Links() []merge.Link {
	links := make([]merge.Link, len(t.Inherit))
	for i, l := range t.Inherit {
		links[i] = merge.Link{Parent: l.Parent, MaxDepth: l.MaxDepth, Intransitive: l.Intransitive, NoConfig: l.NoConfig, Filter: l.Filter}
	}
	return links
}

// BuildRules are those of the tag's own views.
func (t Tag) BuildRules() merge.BuildRules { return merge.BuildRules{Latest: t.Latest, Koji: t.Koji} }

// LastChange is the last commit that changed what the tag itself gives to views: its record, or a repo that it follows.
func (t Tag) LastChange(r Reader) (Change, error) {
	last := t.Changed
	for _, e := range t.External {
		if e.ID != "" {
			continue
		}
		repo, err := GetRepo(r, e.Repo)
		if err != nil {
			return last, fmt.Errorf("tag %s: external repo: %w", t.Name, err)
		}
		if repo.Changed.Event > last.Event {
			last = repo.Changed
		}
	}
	return last, nil
}

// SetKoji says whether the views of a tag are as Koji's hub and mergerepo_c would make them.
func SetKoji(tx Tx, tag string, koji bool) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	t.Koji = koji
	putTag(tx, t)
	return nil
}

// SetLatest says how many builds of each package the views of a tag hold, of those that come first; negative: all.
func SetLatest(tx Tx, tag string, latest int) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	switch {
	case latest == 0:
		return fmt.Errorf("tag %s: latest 0: want 1 or more, or all: %w", tag, iofs.ErrInvalid)
	case latest < 0:
		latest = -1
	case latest == 1:
		latest = 0 // as in records of tags that never said
	}
	t.Latest = latest
	putTag(tx, t)
	return nil
}

// SetPkgOrigins says whether the metadata of a tag's views tells where each package comes from.
func SetPkgOrigins(tx Tx, tag string, origins bool) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	t.PkgOrigins = origins
	putTag(tx, t)
	return nil
}

// TagBuild is a build's place in a tag.
type TagBuild struct {
	NVR     string
	Event   uint64      // when it was tagged: of two builds of one package the later wins
	ID      uint64      // the build's: decides between builds tagged in one event, greater wins
	Package string      // source package name
	Record  blob.Digest // of the build's record, so that a tag's record determines its builds' content
}

func (b *TagBuild) encode() []byte {
	dst := binary.AppendUvarint([]byte{tagBuildVersion}, b.Event)
	dst = appendString(binary.AppendUvarint(dst, b.ID), b.Package)
	return append(dst, b.Record[:]...)
}

func decodeTagBuild(nvr string, value []byte) (TagBuild, error) {
	d := rowDecoder{rest: value}
	d.version(tagBuildVersion)
	b := TagBuild{NVR: nvr, Event: d.uvarint(), ID: d.uvarint(), Package: d.string(), Record: d.digest()}
	return b, d.end()
}

// GetTag returns iofs.ErrNotExist when there is no such tag.
func GetTag(r Reader, name string) (Tag, error) { return get[Tag](r, TableTags, "tag", name) }

// Tags yields every tag in the order of names.
func Tags(r Reader) iter.Seq2[Tag, error] { return all[Tag](r, TableTags, "tag", "", nil) }

// TagBuilds yields the builds tagged in t itself, not the inherited ones, in the order of NVRs.
func TagBuilds(r tree.Reader, t Tag) iter.Seq2[TagBuild, error] {
	return func(yield func(TagBuild, error) bool) {
		for item, err := range tree.List(r, t.Builds, "") {
			var b TagBuild
			if err == nil {
				if b, err = decodeTagBuild(item.Name, item.Value); err != nil {
					err = fmt.Errorf("tag %s: build %s: %w", t.Name, item.Name, err)
				}
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// TagsOf returns the names of the tags that hold a build themselves.
func TagsOf(r Reader, nvr string) ([]string, error) {
	var names []string
	for t, err := range Tags(r) {
		if err != nil {
			return nil, err
		}
		if _, err := tree.Get(r, t.Builds, nvr); err == nil {
			names = append(names, t.Name)
		} else if !errors.Is(err, iofs.ErrNotExist) {
			return nil, err
		}
	}
	return names, nil
}

// putTag writes t as changed by this commit.
func putTag(tx Tx, t Tag) {
	t.Changed = now(tx)
	tx.Put(TableTags, t.Name, encode(t))
}

// CreateTag makes an empty tag whose views are of the given arches.
func CreateTag(tx Tx, name string, arches []string) error {
	if err := CheckName("tag", name); err != nil {
		return err
	}
	if had, err := exists(tx, TableTags, name); err != nil {
		return err
	} else if had {
		return fmt.Errorf("tag %s: %w", name, iofs.ErrExist)
	}
	if err := checkArches(name, arches); err != nil {
		return err
	}
	putTag(tx, Tag{Name: name, Created: now(tx), Arches: slices.Clone(arches)})
	return nil
}

// DeleteTag removes a tag that no other inherits from. Earlier events still show it.
func DeleteTag(tx Tx, name string) error {
	if _, err := GetTag(tx, name); err != nil {
		return err
	}
	for t, err := range Tags(tx) {
		if err != nil {
			return err
		}
		for _, l := range t.Inherit {
			if l.Parent == name {
				return fmt.Errorf("tag %s: tag %s inherits from it: %w", name, t.Name, ErrConflict)
			}
		}
	}
	tx.Delete(TableTags, name)
	return nil
}

// AddToTag tags builds. A build that the tag already has is tagged again: it becomes the most recent. ErrConflict when the tag is
// listed and its package list has not their packages, or blocks them.
func AddToTag(tx Tx, tag string, nvrs ...string) error { return addToTag(tx, tag, false, nvrs) }

// ForceToTag is AddToTag that also lists in the tag what its package list has not or blocks.
func ForceToTag(tx Tx, tag string, nvrs ...string) error { return addToTag(tx, tag, true, nvrs) }

func addToTag(tx Tx, tag string, force bool, nvrs []string) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	var changes []tree.Change
	var packages []string
	for _, nvr := range distinct(nvrs) {
		b, err := GetBuild(tx, nvr)
		if err != nil {
			return err
		}
		v := TagBuild{Event: tx.Seq(), ID: b.ID, Package: b.Package, Record: blob.Sum(b.encode())}
		changes = append(changes, tree.Change{Name: nvr, Value: v.encode()})
		packages = append(packages, b.Package)
	}
	if err := checkListed(tx, t, force, packages); err != nil {
		return err
	}
	if t, err = GetTag(tx, tag); err != nil { // with what force listed
		return err
	}
	if t.Builds, err = tree.Apply(tx, t.Builds, changes); err != nil {
		return fmt.Errorf("tag %s: %w", tag, err)
	}
	putTag(tx, t)
	return nil
}

// RemoveFromTag untags builds; each must be in the tag itself.
func RemoveFromTag(tx Tx, tag string, nvrs ...string) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	var changes []tree.Change
	for _, nvr := range distinct(nvrs) {
		if _, err := tree.Get(tx, t.Builds, nvr); err != nil {
			return fmt.Errorf("tag %s: build %s is not tagged there: %w", tag, nvr, err)
		}
		changes = append(changes, tree.Change{Name: nvr, Delete: true})
	}
	if t.Builds, err = tree.Apply(tx, t.Builds, changes); err != nil {
		return fmt.Errorf("tag %s: %w", tag, err)
	}
	putTag(tx, t)
	return nil
}

// AddParent makes a tag inherit from another. Priorities and parents of one tag are unique, as in Koji's tag_inheritance.
func AddParent(tx Tx, tag string, link Link) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	if _, err := GetTag(tx, link.Parent); err != nil {
		return fmt.Errorf("tag %s: parent: %w", tag, err)
	}
	if err := link.check(); err != nil {
		return fmt.Errorf("tag %s: parent %s: %w", tag, link.Parent, err)
	}
	if link.Parent == tag {
		return fmt.Errorf("tag %s cannot inherit from itself: %w", tag, iofs.ErrInvalid)
	}
	for _, l := range t.Inherit {
		if l.Parent == link.Parent {
			return fmt.Errorf("tag %s already inherits from %s with priority %d: %w", tag, l.Parent, l.Priority, iofs.ErrExist)
		}
		if l.Priority == link.Priority {
			return fmt.Errorf("tag %s: priority %d is that of parent %s: %w", tag, l.Priority, l.Parent, ErrConflict)
		}
	}
	t.Inherit = append(slices.Clone(t.Inherit), link)
	slices.SortFunc(t.Inherit, func(a, b Link) int { return cmp.Compare(a.Priority, b.Priority) })
	putTag(tx, t)
	return nil
}

// RemoveParent ends a tag's inheritance from another.
func RemoveParent(tx Tx, tag, parent string) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(t.Inherit, func(l Link) bool { return l.Parent == parent })
	if i < 0 {
		return fmt.Errorf("tag %s does not inherit from %s: %w", tag, parent, iofs.ErrNotExist)
	}
	t.Inherit = slices.Delete(slices.Clone(t.Inherit), i, i+1)
	putTag(tx, t)
	return nil
}

// distinct returns the names without repetitions, in the order given.
func distinct(names []string) []string {
	seen := make(map[string]bool, len(names))
	var out []string
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}
