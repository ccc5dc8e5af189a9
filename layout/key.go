package layout

import (
	"fmt"
	iofs "io/fs"
	"strconv"
	"strings"

	"vrepofs/state"
)

// place is a key taken apart.
type place struct {
	event uint64   // of at/EVENT, tags@EVENT and channels@EVENT; 0 in the present
	at    bool     // below at/EVENT
	table string   // "repos", "tags", "channels", "at", or "" for the root and at/EVENT itself
	path  []string // what follows the table: repo and id, tag and arch, or the path of a channel
	link  bool     // a symbolic link: latest@ID, or EVENT@
	end   bool     // of a channel's path: a repository, which ends in "@"
}

// errKey is the reason why a key that this package did not make is refused.
func errKey(key string) error { return fmt.Errorf("place %q: %w", key, iofs.ErrNotExist) }

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
	case strings.HasPrefix(c[0], "channels@"):
		n, err := strconv.ParseUint(c[0][len("channels@"):], 10, 64)
		if err != nil {
			return p, errKey(key)
		}
		p = place{event: n, table: "channels", path: c[1:]}
	case strings.HasPrefix(c[0], "tags@"):
		n, err := strconv.ParseUint(c[0][len("tags@"):], 10, 64)
		if err != nil || len(c) < 2 {
			return p, errKey(key)
		}
		p = place{event: n, table: "tags", path: c[1:]}
	default:
		return p, errKey(key)
	}
	switch {
	case p.table == "channels":
		if n := len(p.path); n > 0 {
			p.path[n-1], p.end = strings.CutSuffix(p.path[n-1], "@")
		}
	case p.table != "" && p.table != "repos" && p.table != "tags" || len(p.path) > 2:
		return p, errKey(key)
	}
	if p.table == "repos" && len(p.path) == 2 {
		var id string
		if id, p.link = strings.CutPrefix(p.path[1], "latest@"); p.link {
			p.path = []string{p.path[0], id}
		}
	}
	return p, nil
}

// tree reports whether the place is a snapshot, a view or a repository of a channel.
func (p place) tree() bool {
	if p.table == "channels" {
		return p.end
	}
	return len(p.path) == 2 && !p.link
}

// prefix is what keys of the same table begin with, in channels of the same generation.
func (p place) prefix() string {
	if p.table == "channels" && !p.at {
		return channelsKey(state.Change{Event: p.event})
	}
	if p.at {
		return "at/" + strconv.FormatUint(p.event, 10) + "/" + p.table
	}
	return p.table
}

// tagKey is the key of a tag of a generation in the present.
func tagKey(g state.Change, tag string) string {
	return "tags@" + strconv.FormatUint(g.Event, 10) + "/" + tag
}

// channelsKey is the key of all channels of a generation in the present.
func channelsKey(g state.Change) string { return "channels@" + strconv.FormatUint(g.Event, 10) }
