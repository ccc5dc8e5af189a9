package ctl

import (
	"context"
	"fmt"

	"vrepofs/state"
)

// ChannelSettings is what a path of the channels is told to be.
type ChannelSettings struct {
	Path      string         `json:"path"`      // "" is all channels
	Own       state.Settings `json:"own"`       // set at the path itself
	Effective state.Settings `json:"effective"` // what holds there: its own or of the nearest path above
}

// ChannelSettingsList answers Settings: the paths asked for that have settings.
type ChannelSettingsList struct {
	Settings []ChannelSettings `json:"settings"`
}

// SettingsRequest asks for the settings of one path, or of every path that has some.
type SettingsRequest struct {
	At
	Path string `json:"path"`
	All  bool   `json:"all,omitempty"`
}

// ConfigureRequest changes the settings of a path.
type ConfigureRequest struct {
	Why
	Path  string      `json:"path"`
	Patch state.Patch `json:"patch"` // null takes a setting away
}

// Settings returns what holds at a path of the channels; "" is all channels.
func (c *Client) Settings(ctx context.Context, at At, path string) (*ChannelSettings, error) {
	l, err := call[ChannelSettingsList](ctx, c, "channel/settings", SettingsRequest{At: at, Path: path})
	if err != nil {
		return nil, err
	}
	if len(l.Settings) != 1 {
		return nil, fmt.Errorf("channel/settings: %d answers for one path", len(l.Settings))
	}
	return &l.Settings[0], nil
}

// AllSettings returns every path that has settings of its own, in order.
func (c *Client) AllSettings(ctx context.Context, at At) (*ChannelSettingsList, error) {
	return call[ChannelSettingsList](ctx, c, "channel/settings", SettingsRequest{At: at, All: true})
}

// Configure changes the settings of a path of the channels; "" is all channels.
func (c *Client) Configure(ctx context.Context, why Why, path string, p state.Patch) (*Change, error) {
	return call[Change](ctx, c, "channel/configure", ConfigureRequest{why, path, p})
}

func (h *Handler) settings(_ context.Context, req *SettingsRequest) (*ChannelSettingsList, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	paths := []string{req.Path}
	if req.All {
		if paths, err = state.AllSettings(r); err != nil {
			return nil, err
		}
	} else if req.Path != "" {
		if err := state.CheckChannelPath(req.Path); err != nil {
			return nil, err
		}
	}
	out := &ChannelSettingsList{Settings: []ChannelSettings{}}
	for _, path := range paths {
		s := ChannelSettings{Path: path}
		if s.Own, err = state.OwnSettings(r, path); err != nil {
			return nil, err
		}
		if s.Effective, err = state.SettingsAt(r, path); err != nil {
			return nil, err
		}
		out.Settings = append(out.Settings, s)
	}
	return out, nil
}

func (h *Handler) configure(ctx context.Context, req *ConfigureRequest) (*Change, error) {
	return changed(h.st.Configure(ctx, who(ctx, req.Why), req.Path, req.Patch))
}
