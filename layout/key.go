package layout

import (
	"fmt"
	iofs "io/fs"
	"strconv"
	"strings"

	"vrepofs/pinned"
	"vrepofs/state"
	"vrepofs/tree"
)

// place is a key taken apart.
type place struct {
	event  uint64      // of at/EVENT, tags@EVENT, repos@EVENT and channels@EVENT; 0 in the present
	at     bool        // below at/EVENT
	table  string      // "repos", "tags", "channels", "at", or "" for the root and at/EVENT itself
	path   []string    // what follows the table: repo and id (or latest, of a file), or tag and arch
	link   bool        // a symbolic link: latest@ID, or EVENT@
	pinned pinned.Kind // of a file beside what path says; "" for the directory itself

	// Of a directory of an earlier generation, event, that no listing shows: the generation that it is looked up in, and its path.
	live   uint64
	inside string
}

// errKey is the reason why a key that this package did not make is refused.
func errKey(key string) error { return fmt.Errorf("place %q: %w", key, iofs.ErrNotExist) }

// keyError is errKey where err says that a part of a key cannot be read.
func keyError(key string, err error) error {
	if err != nil {
		return errKey(key)
	}
	return nil
}

// parseKey takes a key apart. It accepts only what this package writes.
func parseKey(key string) (place, error) {
	switch key {
	case "":
		return place{}, nil
	case "repos", "tags", "at":
		return place{table: key}, nil
	}
	c := strings.Split(key, "/")
	var p place
	switch {
	case strings.Contains(c[0], "~"):
		return parseHidden(key, c)
	case c[0] == "at":
		event, link := strings.CutSuffix(c[1], "@")
		n, err := strconv.ParseUint(event, 10, 64)
		if err != nil || link && len(c) > 2 {
			return p, errKey(key)
		}
		p = place{event: n, at: true, link: link}
		if len(c) > 2 {
			p.table, p.path = c[2], c[3:]
		}
	case c[0] == "repos":
		p = place{table: c[0], path: c[1:]}
	case strings.HasPrefix(key, "channels@"):
		n, err := strconv.ParseUint(key[len("channels@"):], 10, 64)
		return place{event: n, table: "channels"}, keyError(key, err)
	case strings.HasPrefix(c[0], "tags@"), strings.HasPrefix(c[0], "repos@"):
		table, event, _ := strings.Cut(c[0], "@")
		n, err := strconv.ParseUint(event, 10, 64)
		if err != nil || len(c) < 2 {
			return p, errKey(key)
		}
		p = place{event: n, table: table, path: c[1:]}
	default:
		return p, errKey(key)
	}
	switch {
	case p.table == "channels":
		if len(p.path) > 0 {
			return p, errKey(key)
		}
	case p.table != "" && p.table != "repos" && p.table != "tags" || len(p.path) > 2:
		return p, errKey(key)
	}
	if len(p.path) == 2 {
		if name, k, ok := pinned.Beside(p.path[1]); ok {
			p.path, p.pinned = []string{p.path[0], name}, k
		}
	}
	if p.table == "repos" && p.pinned == "" && p.event != 0 && !p.at || p.table == "repos" && p.pinned != "" && p.event == 0 {
		return p, errKey(key) // of the present repos@EVENT has files only, and repos all else
	}
	if p.table == "repos" && len(p.path) == 2 && p.pinned == "" {
		var id string
		if id, p.link = strings.CutPrefix(p.path[1], "latest@"); p.link {
			p.path = []string{p.path[0], id}
		}
	}
	return p, nil
}

// parseHidden takes apart the key of a directory of an earlier generation: "channels@21~17/a/b", "tags@21~17/f42/x86_64/a/b".
func parseHidden(key string, c []string) (p place, err error) {
	table, events, _ := strings.Cut(c[0], "@")
	live, from, _ := strings.Cut(events, "~")
	p.table = table
	if p.live, err = strconv.ParseUint(live, 10, 64); err == nil {
		p.event, err = strconv.ParseUint(from, 10, 64)
	}
	inside := c[1:]
	if table == "tags" && len(c) > 3 {
		p.path, inside = c[1:3], c[3:]
	}
	p.inside = strings.Join(inside, "/")
	if err != nil || p.event >= p.live || table != "channels" && len(p.path) == 0 || tree.CheckPath(p.inside) != nil {
		return place{}, errKey(key)
	}
	return p, nil
}

// tree reports whether the place is a snapshot, a view or all channels.
func (p place) tree() bool {
	return p.table == "channels" || len(p.path) == 2 && !p.link && p.pinned == ""
}

// leaf reports whether the place is a symbolic link or a file.
func (p place) leaf() bool { return p.link || p.pinned != "" }

// eventName is the name of the place's event below at/.
func (p place) eventName() string { return strconv.FormatUint(p.event, 10) }

// prefix is what keys of the same table begin with.
func (p place) prefix() string {
	if p.at {
		return "at/" + p.eventName() + "/" + p.table
	}
	return p.table
}

// eventKey begins a key of the present whose content is that of the place's event.
func (p place) eventKey(table string) string { return table + "@" + p.eventName() }

// tagKey is the key of a tag of a generation in the present.
func tagKey(g state.Change, tag string) string {
	return place{event: g.Event}.eventKey("tags") + "/" + tag
}

// channelsKey is the key of all channels of a generation in the present.
func channelsKey(g state.Change) string { return "channels@" + strconv.FormatUint(g.Event, 10) }
