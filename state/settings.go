package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"strings"

	"vrepofs/merge"
)

// Settings is what a path of the channels is told to be, for itself and everything below it. A field that is not set is that of
// the nearest path above, and in the end its default. To add a setting: a pointer here, whose JSON name is that of its flag, its
// limits in check, and its flag in settings of cmd/vrepofs/configure.go.
type Settings struct {
	// Grace is for how long, in seconds, a name that is gone from the path can still be opened. Default DefaultGrace.
	Grace *int64 `json:"grace,omitempty"`
	// Sign is by what the repomd.xml of generated repositories is signed; its zero value: by nothing.
	Sign *Signing `json:"sign,omitempty"`
	// Keys and RequireSigned say what packages must be signed by, as in a tag: nothing else is published at the path. Keys mean
	// nothing where signatures are not required.
	Keys          *[]string `json:"keys,omitempty"`
	RequireSigned *bool     `json:"require-signed,omitempty"`
	// Lists is the module ("rocky") whose file lists lie at the top of the path; "" is none. This one is not inherited: the lists of a
	// path are of all below it.
	Lists *string `json:"lists,omitempty"`
	// Site is under which URLs clients of the path reach the root of the mount; empty: they cannot. Default: those of the store's Site.
	Site *[]string `json:"site,omitempty"`
}

// DefaultGrace is Settings.Grace where nothing else is said: 72 hours, in seconds.
const DefaultGrace = 72 * 3600

func (s *Settings) check() error {
	if g := s.Grace; g != nil && (*g < 0 || *g > maxGrace) {
		return fmt.Errorf("grace of %d seconds: want 0 to %d: %w", *g, int64(maxGrace), iofs.ErrInvalid)
	}
	if s.Sign != nil {
		if err := s.Sign.check(); err != nil {
			return err
		}
	}
	if s.Keys != nil {
		keys, err := merge.ParseKeys(*s.Keys)
		if err != nil {
			return err
		}
		*s.Keys = append([]string{}, keys...)
	}
	if m := s.Lists; m != nil && *m != "" {
		if err := CheckName("module", *m); err != nil {
			return err
		}
	}
	if s.Site != nil {
		urls, err := checkSites(*s.Site)
		if err != nil {
			return err
		}
		s.Site = &urls
	}
	return nil
}

// maxGrace is a year, in seconds.
const maxGrace = 366 * 24 * 3600

// Patch is a change of settings: JSON names with their new values; null takes the setting away (RFC 7396).
type Patch map[string]json.RawMessage

// settingsRow is the name of a path's row in TableSettings: "/" for all channels.
func settingsRow(path string) string { return "/" + path }

// OwnSettings returns what is set at exactly this path; "" is all channels.
func OwnSettings(r Reader, path string) (Settings, error) {
	own, err := ownPatch(r, path)
	if err != nil {
		return Settings{}, err
	}
	return own.settings(path)
}

// SettingsAt returns what holds at a path: for each setting what the nearest path says, from itself up to "", all channels.
func SettingsAt(r Reader, path string) (Settings, error) {
	all, err := ownPatch(r, "")
	if err != nil {
		return Settings{}, err
	}
	if path != "" {
		for _, p := range prefixes(path) {
			own, err := ownPatch(r, p)
			if err != nil {
				return Settings{}, err
			}
			delete(all, "lists") // of the path above alone
			maps.Copy(all, own)
		}
	}
	return all.settings(path)
}

// AllSettings returns the paths that have settings of their own, in order; "" is all channels.
func AllSettings(r Reader) ([]string, error) {
	var paths []string
	for item, err := range r.List(TableSettings, "") {
		if err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		paths = append(paths, strings.TrimPrefix(item.Name, "/"))
	}
	return paths, nil
}

// Configure changes the settings of a path; "" is all channels. iofs.ErrInvalid for a setting that is not known or out of its
// limits.
func Configure(tx Tx, path string, p Patch) error {
	if path != "" {
		if err := CheckChannelPath(path); err != nil {
			return err
		}
	}
	b, err := patched(tx, path, p)
	if err != nil {
		return err
	}
	if b != nil {
		tx.Put(TableSettings, settingsRow(path), b)
	} else if there, err := exists(tx, TableSettings, settingsRow(path)); err != nil {
		return err
	} else if there {
		tx.Delete(TableSettings, settingsRow(path))
	}
	return nil
}

// patched is the row of a path's settings after a change; nil: there is nothing left.
func patched(r Reader, path string, p Patch) ([]byte, error) {
	own, err := ownPatch(r, path)
	if err != nil {
		return nil, err
	}
	for name, value := range p {
		if bytes.Equal(value, []byte("null")) {
			delete(own, name)
		} else {
			own[name] = value
		}
	}
	s, err := own.settings(path)
	if err != nil {
		return nil, err
	}
	if _, ok := p["lists"]; ok && s.Lists != nil && *s.Lists != "" {
		if err := checkListsAbove(r, path); err != nil {
			return nil, err
		}
	}
	if b := encode(s); string(b) != "{}" {
		return b, nil
	}
	return nil, nil
}

// WithSettings returns r as it would be read after Configure, as far as SettingsAt and OwnSettings go.
func WithSettings(r Reader, path string, p Patch) (Reader, error) {
	b, err := patched(r, path, p)
	return &configured{r, settingsRow(path), b}, err
}

// configured is a Reader with one other row of settings.
type configured struct {
	Reader
	row   string
	value []byte
}

// Get implements Reader.
func (c *configured) Get(table, name string) ([]byte, error) {
	if table != TableSettings || name != c.row {
		return c.Reader.Get(table, name)
	}
	if c.value == nil {
		return nil, iofs.ErrNotExist
	}
	return c.value, nil
}

func ownPatch(r Reader, path string) (Patch, error) {
	p, err := get[Patch](r, TableSettings, "settings of channel", settingsRow(path))
	if errors.Is(err, iofs.ErrNotExist) {
		return Patch{}, nil
	}
	return p, err
}

// settings reads a patch with nothing taken away.
func (p Patch) settings(path string) (s Settings, err error) {
	d := json.NewDecoder(bytes.NewReader(encode(p)))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("settings of channel %q: %w: %w", path, err, iofs.ErrInvalid)
	}
	if err := s.check(); err != nil {
		return s, fmt.Errorf("settings of channel %q: %w", path, err)
	}
	return s, nil
}
