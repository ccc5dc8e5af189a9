package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
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
	// Mode and Group say who may enter the directory at the path: permission bits in octal ("0750"), of which those for writing do not
	// count, and a group's number. Default: everybody.
	Mode  *string `json:"mode,omitempty"`
	Group *uint32 `json:"group,omitempty"`
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
	if err := s.checkAccess(); err != nil {
		return err
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

// settingsChanged is the name of the row that says when any setting was last changed.
const settingsChanged = "changed"

// SettingsChanged says when any setting of channels was last changed. The zero Change: never.
func SettingsChanged(r Reader) (Change, error) {
	c, err := get[Change](r, TableSettings, "settings of channel", settingsChanged)
	if errors.Is(err, iofs.ErrNotExist) {
		return Change{}, nil
	}
	return c, err
}

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
		if item.Name == settingsChanged {
			continue
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
	tx.Put(TableSettings, settingsChanged, encode(now(tx)))
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

// SettingsTable is all settings of one state, in memory: for whoever asks for those of many paths.
type SettingsTable struct {
	own map[string]Patch    // row → what is set there
	at  map[string]Settings // rows that say something of a path, one after the other → what they come to
}

// LoadSettings reads all settings. It costs what there is set.
func LoadSettings(r Reader) (*SettingsTable, error) {
	t := &SettingsTable{own: map[string]Patch{}, at: map[string]Settings{}}
	for item, err := range r.List(TableSettings, "") {
		var p Patch
		if err == nil {
			err = decode("settings of channel "+item.Name, item.Value, &p)
		}
		if err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		t.own[item.Name] = p
	}
	return t, nil
}

// Configure changes the settings of a path in the table alone, as Configure does in a transaction that reads what r reads.
func (t *SettingsTable) Configure(r Reader, path string, p Patch) error {
	b, err := patched(r, path, p)
	if err != nil {
		return err
	}
	clear(t.at)
	delete(t.own, settingsRow(path))
	if b == nil {
		return nil
	}
	var own Patch
	if err := decode("settings of channel "+path, b, &own); err != nil {
		return err
	}
	t.own[settingsRow(path)] = own
	return nil
}

// At returns what holds at a path, as SettingsAt does. It does no I/O; the caller must not change what the pointers in it show.
func (t *SettingsTable) At(path string) (Settings, error) {
	if len(t.own) == 0 {
		return Settings{}, nil
	}
	rows := []string{settingsRow("")}
	if path != "" {
		for _, p := range prefixes(path) {
			rows = append(rows, settingsRow(p))
		}
	}
	rows = slices.DeleteFunc(rows, func(row string) bool { return t.own[row] == nil })
	key := strings.Join(rows, "\x00")
	if s, ok := t.at[key]; ok {
		return s, nil
	}
	all := Patch{}
	for _, row := range rows {
		maps.Copy(all, t.own[row])
	}
	s, err := all.settings(path)
	if err == nil {
		t.at[key] = s
	}
	return s, err
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
