package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vrepofs/tree"
)

// TagDiff is what differs between two states of a tag. All lists are sorted by name.
type TagDiff struct {
	Created, Deleted bool
	Added            []string // NVRs of builds that only the new state has
	Retagged         []string // that both have, tagged again, and so more recent than they were
	Removed          []string // that only the old state has
	Packages         []ValueChange
	Groups           []ValueChange // by "core" or, for what is in it, "core/bash"
	Parents          []ValueChange
	Externals        []ValueChange
	Settings         []ValueChange
}

// ValueChange is one thing whose value differs: an entry of the package list ("blocked", "listed"), a row of groups ("mandatory"),
// a parent ("priority 10"), an external repo, a setting. "" is a thing that is not there, or a setting with its default.
type ValueChange struct{ Name, Old, New string }

// Empty reports whether nothing differs.
func (d *TagDiff) Empty() bool {
	return !d.Created && !d.Deleted && d.Len() == 0
}

// Len is the number of things that differ.
func (d *TagDiff) Len() int {
	return len(d.Added) + len(d.Retagged) + len(d.Removed) + len(d.Packages) + len(d.Groups) + len(d.Parents) + len(d.Externals) + len(d.Settings)
}

// DiffTags compares two states of a tag; nil is a tag that is not there. r reads the nodes of both. It costs what differs.
func DiffTags(r tree.Reader, old, new *Tag) (d TagDiff, err error) {
	d = TagDiff{Created: old == nil && new != nil, Deleted: old != nil && new == nil}
	var a, b Tag
	if old != nil {
		a = *old
	}
	if new != nil {
		b = *new
	}
	for delta, err := range tree.Diff(r, a.Builds, b.Builds) {
		switch {
		case err != nil:
			return d, fmt.Errorf("compare builds of tag %s: %w", b.Name, err)
		case delta.Old == nil:
			d.Added = append(d.Added, delta.Name)
		case delta.New == nil:
			d.Removed = append(d.Removed, delta.Name)
		default:
			d.Retagged = append(d.Retagged, delta.Name)
		}
	}
	for delta, err := range tree.Diff(r, a.Packages, b.Packages) {
		if err != nil {
			return d, fmt.Errorf("compare packages of tag %s: %w", b.Name, err)
		}
		c := ValueChange{Name: delta.Name}
		if c.Old, err = packageWord(b.Name, delta.Name, delta.Old); err != nil {
			return d, err
		}
		if c.New, err = packageWord(b.Name, delta.Name, delta.New); err != nil {
			return d, err
		}
		d.Packages = append(d.Packages, c)
	}
	if d.Groups, err = diffGroups(r, a, b); err != nil {
		return d, fmt.Errorf("compare groups of tag %s: %w", b.Name, err)
	}
	links := func(t Tag) map[string]string {
		m := map[string]string{}
		for _, l := range t.Inherit {
			m[l.Parent] = words(l, "parent")
		}
		return m
	}
	externals := func(t Tag) map[string]string {
		m := map[string]string{}
		for _, e := range t.External {
			m[e.Repo] = words(e, "repo")
		}
		return m
	}
	settings := func(t *Tag) map[string]string {
		if t == nil {
			return nil
		}
		m := flat(*t, "name", "created", "changed", "inherit", "external", "builds", "packages", "groups")
		if t.Until != 0 {
			m["until"] = FormatStamp(t.Until)
		}
		if t.Latest < 0 {
			m["latest"] = "all"
		}
		return m
	}
	d.Parents = differing(links(a), links(b))
	d.Externals = differing(externals(a), externals(b))
	d.Settings = differing(settings(old), settings(new))
	return d, nil
}

// packageWord says what an entry of a package list says.
func packageWord(tag, name string, value []byte) (string, error) {
	if value == nil {
		return "", nil
	}
	p, err := decodeTagPackage(tag, name, value)
	if err != nil {
		return "", err
	}
	if p.Blocked {
		return "blocked", nil
	}
	return "listed", nil
}

// words are the members of a record but one, in the order of their names: "intransitive true, priority 10".
func words(record any, but string) string {
	m := flat(record, but)
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k + " " + m[k])
	}
	return b.String()
}

// flat are the members of a record by name, with those of records inside it as "signatures.keys", and without some. It goes by the
// encoding, so that a member that a later version adds is compared, too.
func flat(record any, but ...string) map[string]string {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(encode(record), &m); err != nil {
		panic("BUG: state record is no JSON object: " + err.Error())
	}
	for _, k := range but {
		delete(m, k)
	}
	out := map[string]string{}
	flatten(out, "", m)
	return out
}

func flatten(out map[string]string, prefix string, m map[string]json.RawMessage) {
	for k, v := range m {
		var inner map[string]json.RawMessage
		if len(v) > 0 && v[0] == '{' && json.Unmarshal(v, &inner) == nil {
			flatten(out, prefix+k+".", inner)
			continue
		}
		var list []string
		var text string
		switch {
		case json.Unmarshal(v, &text) == nil:
		case json.Unmarshal(v, &list) == nil:
			for i, s := range list {
				if i > 0 {
					text += " "
				}
				text += s
			}
		default:
			text = string(v)
		}
		out[prefix+k] = text
	}
}

// differing lists what differs between two maps, by name.
func differing(a, b map[string]string) []ValueChange {
	var out []ValueChange
	for k, v := range a {
		if w := b[k]; w != v {
			out = append(out, ValueChange{k, v, w})
		}
	}
	for k, w := range b {
		if _, both := a[k]; !both && w != "" {
			out = append(out, ValueChange{k, "", w})
		}
	}
	slices.SortFunc(out, func(x, y ValueChange) int { return strings.Compare(x.Name, y.Name) })
	return out
}
