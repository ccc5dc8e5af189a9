package layout

import (
	"vrepofs/fs"
	"vrepofs/state"
)

// channelsNow is the generation of channels in a state, the event that last changed what is seen of any, or a setting of any:
// what the kernel remembers must not outlive a setting. The zero Change when there are none to be seen.
func channelsNow(r state.Reader) (state.Change, error) {
	root, err := state.Published(r)
	if err != nil || root.Kind == 0 {
		return state.Change{}, err
	}
	moved, err := state.ChannelMoved(r, "")
	if err != nil {
		return moved, err
	}
	set, err := state.SettingsChanged(r)
	if set.Event > moved.Event {
		moved = set
	}
	return moved, err
}

// channelsChild describes channels, which are one tree place.
func channelsChild(c fs.Child, p place, r state.Reader) (fs.Child, error) {
	root, err := state.Published(r)
	if err != nil {
		return c, err
	}
	if root.Kind == 0 {
		return c, errKey(c.Key)
	}
	c.Tree, c.Mtime, c.Root, c.Grace = true, root.Mtime, &root, !p.at
	if p.at {
		c.Parent = "at/" + p.eventName()
	}
	return c, nil
}

// addChannels lists channels, if there are any, in the level of a state.
func addChannels(lv *fs.Level, key string, r state.Reader) error {
	root, err := state.Published(r)
	if err == nil && root.Kind != 0 {
		lv.Children = append(lv.Children, fs.Child{Name: "channels", Key: key, Tree: true, Mtime: root.Mtime, Root: &root})
	}
	return err
}
