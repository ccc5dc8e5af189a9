package merge

import (
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
	"strings"

	"vrepofs/comps"
)

// Group is what one source, a tag or an external repo, says itself of one id of comps.xml: of a group, and of an environment and a
// category if they have the same id.
type Group struct {
	ID          string
	Blocked     bool          // there is none of that id, whatever sources behind this one say
	Config      *comps.Config // nil: it does not say what the group is, only what is in it
	Environment *comps.Set
	Category    *comps.Set
	Packages    []GroupEntry
	Requires    []GroupEntry // groups whose packages it has, too
}

// GroupEntry is a package, or a required group, in a group.
type GroupEntry struct {
	comps.Entry
	Blocked bool // it is not in the group, whatever sources behind this one say
}

// GroupSource is a source of groups.
type GroupSource struct {
	Name   string // "f42-build", "fedora@20261121T043000Z"
	Groups []Group
}

// Groups are the groups of a view, each with the source that it comes from; blocked ones among them, which are in no view. All lists are
// sorted by id or name.
type Groups struct {
	Groups       []ViewGroup
	Environments []ViewSet
	Categories   []ViewSet
}

// ViewGroup is a group as the sources have it together.
type ViewGroup struct {
	ID       string
	From     string // the source that says what it is, or blocks it
	Blocked  bool
	Config   comps.Config
	Packages []ViewEntry
	Requires []ViewEntry
}

// ViewEntry is a package, or a required group, with the source that puts it into the group or keeps it out.
type ViewEntry struct {
	GroupEntry
	From string
}

// ViewSet is an environment or a category with the source that says what it is, or blocks it.
type ViewSet struct {
	comps.Set
	From    string
	Blocked bool
}

// ResolveGroups joins what the sources say, which are in the order of tags. The rules are those of Koji's hub (kojihub.py,
// get_tag_groups and readTagGroups):
//
//   - The first source that says what a group is, or blocks it, decides that for the whole view, all of its settings together.
//   - What is in a group is joined over all sources: the first that has an entry for a package, or for a required group, decides
//     what it is and whether it is blocked. Entries for groups that no source defines count for nothing.
//   - A required group that is blocked, or that no source defines, is not required.
//   - pkg_filter and noconfig of links do not concern groups: that the tag is in the order suffices.
//
// Koji has no environments and no categories. For them the first source with the id decides, too, and groups that
// are blocked or not defined are not in them.
func ResolveGroups(sources []GroupSource) *Groups {
	groups, environments, categories := map[string]*ViewGroup{}, map[string]ViewSet{}, map[string]ViewSet{}
	for _, s := range sources {
		for _, g := range s.Groups {
			if _, decided := groups[g.ID]; !decided && (g.Blocked || g.Config != nil) {
				v := &ViewGroup{ID: g.ID, From: s.Name, Blocked: g.Blocked}
				if g.Config != nil {
					v.Config = *g.Config
				}
				groups[g.ID] = v
			}
			decide(environments, g.ID, g.Environment, s.Name, g.Blocked)
			decide(categories, g.ID, g.Category, s.Name, g.Blocked)
		}
	}
	there := func(id string) bool { g := groups[id]; return g != nil && !g.Blocked }
	type inGroup struct{ group, name string }
	packages, requires := map[inGroup]bool{}, map[inGroup]bool{}
	for _, s := range sources {
		for _, g := range s.Groups {
			if !there(g.ID) {
				continue
			}
			v := groups[g.ID]
			for _, e := range g.Packages {
				if k := (inGroup{g.ID, e.Name}); !packages[k] {
					packages[k] = true
					v.Packages = append(v.Packages, ViewEntry{e, s.Name})
				}
			}
			for _, e := range g.Requires {
				if k := (inGroup{g.ID, e.Name}); !requires[k] && there(e.Name) {
					requires[k] = true
					v.Requires = append(v.Requires, ViewEntry{e, s.Name})
				}
			}
		}
	}
	out := &Groups{Environments: sets(environments, there), Categories: sets(categories, there)}
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		v := groups[id]
		sortEntries(v.Packages)
		sortEntries(v.Requires)
		out.Groups = append(out.Groups, *v)
	}
	return out
}

// decide takes what a source says of an environment or a category, unless one before it said something.
func decide(all map[string]ViewSet, id string, s *comps.Set, from string, blocked bool) {
	if _, decided := all[id]; decided || s == nil && !blocked {
		return
	}
	v := ViewSet{Set: comps.Set{ID: id}, From: from, Blocked: blocked}
	if s != nil {
		v.Set = *s
		v.ID = id
	}
	all[id] = v
}

// sets sorts environments or categories. Those of which nothing is known but that the id is blocked are none.
func sets(all map[string]ViewSet, there func(id string) bool) []ViewSet {
	var out []ViewSet
	for _, id := range slices.Sorted(maps.Keys(all)) {
		v := all[id]
		if v.Blocked && v.Name == "" && v.Set.Groups == nil {
			continue
		}
		v.Set.Groups = slices.DeleteFunc(slices.Clone(v.Set.Groups), func(g string) bool { return !there(g) })
		v.Options = slices.DeleteFunc(slices.Clone(v.Options), func(o comps.Option) bool { return !there(o.Group) })
		out = append(out, v)
	}
	return out
}

func sortEntries(list []ViewEntry) {
	slices.SortFunc(list, func(a, b ViewEntry) int { return strings.Compare(a.Name, b.Name) })
}

// Comps returns the groups as the comps.xml of a view has them: without what is blocked, and with the packages of required groups behind
// those of the group itself, each once. What is required is looked at breadth first by name, each group once, so a circle ends.
//
// koji lists a package again for each required group that has it, as Koji's generate_comps does (koji/__init__.py, expand_groups).
//
// Groups that require each other can have far more packages together than anybody wrote: more than comps.Read would take is iofs.ErrInvalid.
func (v *Groups) Comps(koji bool) (*comps.Comps, error) {
	c := &comps.Comps{}
	size := 0
	more := func(list []comps.Entry) error {
		for _, e := range list {
			size += len(e.Name) + len(e.Requires) + len(`      <packagereq type="mandatory"></packagereq>`)
		}
		if size > comps.MaxSize {
			return fmt.Errorf("groups: more than %d MiB, with the packages of groups that they require: %w", comps.MaxSize>>20, iofs.ErrInvalid)
		}
		return nil
	}
	byID := map[string]*ViewGroup{}
	for i := range v.Groups {
		byID[v.Groups[i].ID] = &v.Groups[i]
	}
	for _, g := range v.Groups {
		if g.Blocked {
			continue
		}
		out := comps.Group{ID: g.ID, Config: g.Config, Packages: unblocked(g.Packages)}
		has := map[string]bool{}
		for _, p := range out.Packages {
			has[p.Name] = true
		}
		if err := more(out.Packages); err != nil {
			return nil, err
		}
		seen := map[string]bool{g.ID: true}
		for need := unblocked(g.Requires); len(need) > 0; need = need[1:] {
			id := need[0].Name
			if seen[id] {
				continue
			}
			seen[id] = true
			x := comps.Expansion{Group: id}
			for _, p := range unblocked(byID[id].Packages) {
				if has[p.Name] {
					continue
				}
				has[p.Name] = !koji
				x.Packages = append(x.Packages, p)
			}
			out.Expanded = append(out.Expanded, x)
			if err := more(append(x.Packages[:len(x.Packages):len(x.Packages)], need[0])); err != nil {
				return nil, err
			}
			need = append(need, unblocked(byID[id].Requires)...)
		}
		c.Groups = append(c.Groups, out)
	}
	for _, s := range v.Environments {
		if !s.Blocked {
			c.Environments = append(c.Environments, s.Set)
		}
	}
	for _, s := range v.Categories {
		if !s.Blocked {
			c.Categories = append(c.Categories, s.Set)
		}
	}
	return c, nil
}

func unblocked(list []ViewEntry) []comps.Entry {
	var out []comps.Entry
	for _, e := range list {
		if !e.Blocked {
			out = append(out, e.Entry)
		}
	}
	return out
}

// Lookup returns the group with an id; nil when there is none, blocked or not.
func (v *Groups) Lookup(id string) *ViewGroup {
	for i := range v.Groups {
		if v.Groups[i].ID == id {
			return &v.Groups[i]
		}
	}
	return nil
}
