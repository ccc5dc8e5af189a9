package layout

import (
	"strings"

	"vrepofs/fs"
	"vrepofs/state"
)

// channelsNow is the generation of channels in a state, the event that last moved any; the zero Change when there are none to
// be seen.
func channelsNow(r state.Reader) (state.Change, error) {
	if any, err := state.HasChannels(r); err != nil || !any {
		return state.Change{}, err
	}
	return state.ChannelMoved(r, "")
}

// channelChild describes channels, a directory in them or a repository.
func channelChild(c fs.Child, p place, r state.Reader) (fs.Child, error) {
	path := strings.Join(p.path, "/")
	if p.end {
		ch, err := state.GetChannel(r, path)
		if err != nil {
			return c, err
		}
		// Whatever moved it last: it is what the directory of the tree has.
		c.Mtime = ch.Root.Mtime
	} else {
		if !hasBelow(r, path) {
			return c, errKey(c.Key)
		}
		moved, err := state.ChannelMoved(r, path)
		if err != nil {
			return c, err
		}
		c.Mtime = moved.Stamp
	}
	switch n := len(p.path); {
	case n > 0:
		c.Parent = strings.Join(append([]string{p.prefix()}, p.path[:n-1]...), "/")
	case p.at:
		c.Parent = strings.TrimSuffix(p.prefix(), "/channels")
	}
	return c, nil
}

// hasBelow reports whether a path is a directory with repositories below it.
func hasBelow(r state.Reader, path string) bool {
	prefix := path + "/"
	if path == "" {
		prefix = ""
	}
	for item, err := range r.List(state.TableChannels, prefix) {
		return err == nil && strings.HasPrefix(item.Name, prefix)
	}
	return false
}

// inChannel returns the key of a name in a directory of channels, if it is there.
func (l *Layout) inChannel(key string, p place, name string) (string, error) {
	r, _, err := l.state(p)
	if err != nil {
		return "", err
	}
	path := strings.Join(append(p.path[:len(p.path):len(p.path)], name), "/")
	if hasBelow(r, path) {
		return key + "/" + name, nil
	}
	_, err = state.GetChannel(r, path)
	return key + "/" + name + "@", err
}

// channelLevel lists a directory of channels.
func channelLevel(key string, p place, r state.Reader) (*fs.Level, error) {
	path := strings.Join(p.path, "/")
	lv := &fs.Level{}
	last := ""
	for c, err := range state.Channels(r, path) {
		if err != nil {
			return nil, err
		}
		name, _, below := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(c.Path, path), "/"), "/")
		if name == last {
			continue
		}
		last = name
		child := fs.Child{Name: name, Key: key + "/" + name, Parent: key, Mtime: c.Root.Mtime}
		if below {
			moved, err := state.ChannelMoved(r, strings.TrimPrefix(path+"/"+name, "/"))
			if err != nil {
				return nil, err
			}
			child.Mtime = moved.Stamp
		} else {
			child.Key, child.Tree = child.Key+"@", true
		}
		lv.Children = append(lv.Children, child)
	}
	return lv, nil
}
