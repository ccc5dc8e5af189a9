package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"

	"vrepofs/blob"
	"vrepofs/comps"
	"vrepofs/merge"
	"vrepofs/tree"
)

// Rows of Tag.Groups are what the tables group_config, group_package_listing and group_req_listing of Koji are, without inheritance:
//
//	build            groupRow: {"group":{"name":"Build root"}}
//	build/bash       groupEntryRow: {"type":"mandatory"}
//	build/gcc        {"blocked":true}
//	build/@core      a group whose packages it has, too: {}
//
// An environment or a category with the id is in the same row.
type groupRow struct {
	Blocked     bool          `json:"blocked,omitempty"`
	Group       *comps.Config `json:"group,omitempty"`
	Environment *comps.Set    `json:"environment,omitempty"`
	Category    *comps.Set    `json:"category,omitempty"`
}

type groupEntryRow struct {
	Blocked bool `json:"blocked,omitempty"`
	comps.Entry
}

// GroupMark begins the name of a group where names of packages are, as dnf has it: "@core".
const GroupMark = "@"

// TagGroups returns what a tag itself says of groups, by id, in the order of ids.
func TagGroups(r tree.Reader, t Tag) ([]merge.Group, error) {
	var out []merge.Group
	at := map[string]int{}
	group := func(id string) *merge.Group {
		if _, known := at[id]; !known {
			at[id] = len(out)
			out = append(out, merge.Group{ID: id})
		}
		return &out[at[id]]
	}
	for item, err := range tree.List(r, t.Groups, "") {
		if err != nil {
			return nil, fmt.Errorf("tag %s: groups: %w", t.Name, err)
		}
		what := "tag " + t.Name + " group " + item.Name
		id, name, isEntry := strings.Cut(item.Name, "/")
		g := group(id)
		if !isEntry {
			var row groupRow
			if err := decode(what, item.Value, &row); err != nil {
				return nil, err
			}
			g.Blocked, g.Config, g.Environment, g.Category = row.Blocked, row.Group, row.Environment, row.Category
			continue
		}
		var row groupEntryRow
		if err := decode(what, item.Value, &row); err != nil {
			return nil, err
		}
		list := &g.Packages
		if required, isGroup := strings.CutPrefix(name, GroupMark); isGroup {
			list, name = &g.Requires, required
		}
		row.Name = name
		*list = append(*list, merge.GroupEntry{Entry: row.Entry, Blocked: row.Blocked})
	}
	slices.SortFunc(out, func(a, b merge.Group) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// changeGroups changes rows of a tag's groups. f adds what is to change; it sees the tag as it is.
func changeGroups(tx Tx, tag string, f func(t Tag) ([]tree.Change, error)) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	changes, err := f(t)
	if err != nil {
		return fmt.Errorf("tag %s: %w", tag, err)
	}
	if t.Groups, err = tree.Apply(tx, t.Groups, changes); err != nil {
		return fmt.Errorf("tag %s: groups: %w", tag, err)
	}
	if n, err := tree.Len(tx, t.Groups); err != nil {
		return err
	} else if n == 0 {
		t.Groups = blob.Digest{} // as if there had never been any
	}
	putTag(tx, t)
	return nil
}

// groupRowOf reads the row of an id; found is false when there is none.
func groupRowOf(r tree.Reader, t Tag, id string) (row groupRow, found bool, err error) {
	b, err := tree.Get(r, t.Groups, id)
	if errors.Is(err, iofs.ErrNotExist) {
		return row, false, nil
	}
	if err == nil {
		err = decode("tag "+t.Name+" group "+id, b, &row)
	}
	return row, err == nil, err
}

// checkGroupName is the check of ids of groups and names of packages in them.
func checkGroupName(what, name string) error {
	if err := tree.CheckName(name); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if strings.HasPrefix(name, GroupMark) {
		return fmt.Errorf("%s %q: begins with %s: %w", what, name, GroupMark, iofs.ErrInvalid)
	}
	return comps.CheckText(what, name)
}

// checkMember checks the name of a package, or of a group with its mark.
func checkMember(name string) error {
	if id, isGroup := strings.CutPrefix(name, GroupMark); isGroup {
		return checkGroupName("group", id)
	}
	return checkGroupName("package", name)
}

func checkAbout(a comps.About) error {
	if err := comps.CheckText("name", a.Name); err != nil {
		return err
	}
	return comps.CheckText("description", a.Description)
}

// PutGroup says in a tag what a group is, for it and all that inherit from it. A block of it in the tag ends.
func PutGroup(tx Tx, tag, id string, c comps.Config) error {
	return changeGroups(tx, tag, func(t Tag) ([]tree.Change, error) {
		if err := errors.Join(checkGroupName("group", id), checkAbout(c.About), comps.CheckText("langonly", c.LangOnly)); err != nil {
			return nil, err
		}
		row, _, err := groupRowOf(tx, t, id)
		row.Blocked, row.Group = false, &c
		return []tree.Change{{Name: id, Value: encode(row)}}, err
	})
}

// RemoveGroups removes all that a tag itself says of groups, environments and categories with these ids. What it inherits stays.
// iofs.ErrNotExist when it says nothing of one.
func RemoveGroups(tx Tx, tag string, ids ...string) error {
	return changeGroups(tx, tag, func(t Tag) (changes []tree.Change, err error) {
		for _, id := range distinct(ids) {
			n := len(changes)
			if _, found, err := groupRowOf(tx, t, id); err != nil {
				return nil, err
			} else if found {
				changes = append(changes, tree.Change{Name: id, Delete: true})
			}
			for item, err := range tree.List(tx, t.Groups, id+"/") {
				if err != nil {
					return nil, err
				}
				if !strings.HasPrefix(item.Name, id+"/") {
					break
				}
				changes = append(changes, tree.Change{Name: item.Name, Delete: true})
			}
			if len(changes) == n {
				return nil, fmt.Errorf("it says nothing of a group %s itself: %w", id, iofs.ErrNotExist)
			}
		}
		return changes, nil
	})
}

// BlockGroups keeps groups, environments and categories with these ids out of a tag and of all that inherit from it, or ends such blocks
// of the tag's own. What the tag itself says of them otherwise is kept and counts again when the block ends. iofs.ErrNotExist when a block is to
// end that is not the tag's own.
func BlockGroups(tx Tx, tag string, blocked bool, ids ...string) error {
	return changeGroups(tx, tag, func(t Tag) (changes []tree.Change, err error) {
		for _, id := range distinct(ids) {
			if err := checkGroupName("group", id); err != nil {
				return nil, err
			}
			row, _, err := groupRowOf(tx, t, id)
			if err != nil {
				return nil, err
			}
			if !blocked && !row.Blocked {
				return nil, fmt.Errorf("it does not block group %s itself: %w", id, iofs.ErrNotExist)
			}
			row.Blocked = blocked
			changes = append(changes, tree.Change{Name: id, Value: encode(row), Delete: row == groupRow{}})
		}
		return changes, nil
	})
}

// PutInGroup puts packages into a group, and the packages of other groups, whose names are marked: "@core". Blocks of them in the tag end.
func PutInGroup(tx Tx, tag, id string, entries ...comps.Entry) error {
	return changeGroups(tx, tag, func(Tag) (changes []tree.Change, err error) {
		if err := checkGroupName("group", id); err != nil {
			return nil, err
		}
		for _, e := range entries {
			if err := checkMember(e.Name); err != nil {
				return nil, err
			}
			if strings.HasPrefix(e.Name, GroupMark) {
				if e.Requires != "" || e.BaseArch {
					return nil, fmt.Errorf("group %s: a group cannot be conditional or of one arch, only packages: %w", e.Name, iofs.ErrInvalid)
				}
			} else if err := comps.CheckType(e.Type); err != nil {
				return nil, fmt.Errorf("package %s: %w", e.Name, err)
			}
			if err := comps.CheckText("requires", e.Requires); err != nil {
				return nil, err
			}
			if (e.Type == "conditional") != (e.Requires != "") {
				return nil, fmt.Errorf("package %s: type conditional and what it requires go together: %w", e.Name, iofs.ErrInvalid)
			}
			changes = append(changes, entryChange(id, e))
		}
		return changes, nil
	})
}

func entryChange(id string, e comps.Entry) tree.Change {
	return tree.Change{Name: id + "/" + e.Name, Value: encode(groupEntryRow{Entry: e})}
}

// RemoveFromGroup removes what a tag itself says of packages in a group, and of groups that it requires. iofs.ErrNotExist when it says
// nothing of one.
func RemoveFromGroup(tx Tx, tag, id string, names ...string) error {
	return changeGroups(tx, tag, func(t Tag) (changes []tree.Change, err error) {
		for _, name := range distinct(names) {
			if _, err := tree.Get(tx, t.Groups, id+"/"+name); err != nil {
				return nil, fmt.Errorf("it says nothing of %s in group %s itself: %w", name, id, err)
			}
			changes = append(changes, tree.Change{Name: id + "/" + name, Delete: true})
		}
		return changes, nil
	})
}

// BlockInGroup keeps packages, or groups that it requires, out of a group, in a tag and all that inherit from it; or it ends such blocks of
// the tag's own. iofs.ErrNotExist when a block is to end that is not the tag's own.
func BlockInGroup(tx Tx, tag, id string, blocked bool, names ...string) error {
	return changeGroups(tx, tag, func(t Tag) (changes []tree.Change, err error) {
		if err := checkGroupName("group", id); err != nil {
			return nil, err
		}
		for _, name := range distinct(names) {
			if err := checkMember(name); err != nil {
				return nil, err
			}
			key := id + "/" + name
			if blocked {
				changes = append(changes, tree.Change{Name: key, Value: encode(groupEntryRow{Blocked: true})})
				continue
			}
			var row groupEntryRow
			b, err := tree.Get(tx, t.Groups, key)
			if err == nil {
				err = decode("tag "+tag+" group "+key, b, &row)
			}
			if err == nil && !row.Blocked || errors.Is(err, iofs.ErrNotExist) {
				err = fmt.Errorf("it does not block %s in group %s itself: %w", name, id, iofs.ErrNotExist)
			}
			if err != nil {
				return nil, err
			}
			changes = append(changes, tree.Change{Name: key, Delete: true})
		}
		return changes, nil
	})
}

// ImportGroups puts the groups, environments and categories of a comps.xml into a tag. What the tag itself says otherwise is kept, as by Koji's
// import-comps, but for blocks of what comes; or with replace it says nothing else afterwards.
func ImportGroups(tx Tx, tag string, c *comps.Comps, replace bool) error {
	return changeGroups(tx, tag, func(t Tag) (changes []tree.Change, err error) {
		rows := map[string]groupRow{}
		if replace {
			for item, err := range tree.List(tx, t.Groups, "") {
				if err != nil {
					return nil, err
				}
				changes = append(changes, tree.Change{Name: item.Name, Delete: true})
			}
		}
		change := func(id string, f func(*groupRow)) error {
			if err := checkGroupName("group", id); err != nil {
				return err
			}
			row, seen := rows[id]
			if !seen && !replace {
				var err error
				if row, _, err = groupRowOf(tx, t, id); err != nil {
					return err
				}
			}
			row.Blocked = false
			f(&row)
			rows[id] = row
			return nil
		}
		for _, g := range c.Groups {
			if err := change(g.ID, func(row *groupRow) { row.Group = &g.Config }); err != nil {
				return nil, err
			}
			for _, e := range g.Packages {
				if err := checkGroupName("package", e.Name); err != nil {
					return nil, fmt.Errorf("group %s: %w", g.ID, err)
				}
				changes = append(changes, entryChange(g.ID, e))
			}
			for _, e := range g.Requires {
				if err := checkGroupName("group", e.Name); err != nil {
					return nil, fmt.Errorf("group %s: %w", g.ID, err)
				}
				e.Name = GroupMark + e.Name
				changes = append(changes, entryChange(g.ID, e))
			}
		}
		for _, s := range c.Environments {
			if err := change(s.ID, func(row *groupRow) { row.Environment = &s }); err != nil {
				return nil, err
			}
		}
		for _, s := range c.Categories {
			if err := change(s.ID, func(row *groupRow) { row.Category = &s }); err != nil {
				return nil, err
			}
		}
		for id, row := range rows {
			changes = append(changes, tree.Change{Name: id, Value: encode(row)})
		}
		return changes, nil
	})
}

// diffGroups lists which rows of groups differ.
func diffGroups(r tree.Reader, a, b Tag) ([]ValueChange, error) {
	var out []ValueChange
	for delta, err := range tree.Diff(r, a.Groups, b.Groups) {
		if err != nil {
			return nil, err
		}
		c := ValueChange{Name: delta.Name}
		if c.Old, err = groupWord(delta.Name, delta.Old); err != nil {
			return nil, err
		}
		if c.New, err = groupWord(delta.Name, delta.New); err != nil {
			return nil, err
		}
		if c.Old == c.New {
			c.New += " (changed)"
		}
		out = append(out, c)
	}
	return out, nil
}

// groupWord says in a word or two what a row of groups says.
func groupWord(name string, value []byte) (string, error) {
	if value == nil {
		return "", nil
	}
	if _, member, isEntry := strings.Cut(name, "/"); isEntry {
		var row groupEntryRow
		err := decode("group "+name, value, &row)
		switch {
		case row.Blocked:
			return "blocked", err
		case strings.HasPrefix(member, GroupMark):
			return "required", err
		case row.Requires != "":
			return row.Type + " on " + row.Requires, err
		}
		return row.Type, err
	}
	var row groupRow
	err := decode("group "+name, value, &row)
	if row.Blocked {
		return "blocked", err
	}
	var words []string
	for _, w := range []struct {
		is   bool
		word string
	}{{row.Group != nil, "group"}, {row.Environment != nil, "environment"}, {row.Category != nil, "category"}} {
		if w.is {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ", "), err
}
