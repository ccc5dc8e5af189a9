package state

import (
	"encoding/json"
	"errors"
	iofs "io/fs"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestSettingsTable holds that the table says of every path what SettingsAt says, also with a change that is not made yet, and
// after it.
func TestSettingsTable(t *testing.T) {
	paths := []string{"", "a", "a/b", "a/b/c", "b", "b/c", "ab"}
	values := map[string][]string{
		"grace":          {"0", "10", "null"},
		"sign":           {`{}`, `{"gpg":"A"}`, `{"command":"x","public_key_file":"/k"}`, "null"},
		"keys":           {`[]`, `["0x89ABCDEF"]`, "null"},
		"require-signed": {"true", "false", "null"},
	}
	rapid.Check(t, func(t *rapid.T) {
		tx := newTx()
		same := func(what string, table *SettingsTable) {
			for _, p := range paths {
				want, err := SettingsAt(tx, p)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := table.At(p); err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("%s: settings of %q: %+v, %v, want %+v", what, p, got, err, want)
				}
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			path := rapid.SampledFrom(paths).Draw(t, "path")
			patch := Patch{}
			for _, name := range []string{"grace", "sign", "keys", "require-signed"} {
				if rapid.Bool().Draw(t, name) {
					patch[name] = json.RawMessage(rapid.SampledFrom(values[name]).Draw(t, "value"))
				}
			}
			table, err := LoadSettings(tx)
			if err != nil {
				t.Fatal(err)
			}
			same("before", table)
			if err := table.Configure(tx, path, patch); err != nil {
				t.Fatal(err)
			}
			if err := Configure(tx.next(), path, patch); err != nil {
				t.Fatal(err)
			}
			same("changed", table)
		}
	})
}

// TestBadSettings: what cannot be meant is refused and changes nothing.
func TestBadSettings(t *testing.T) {
	for name, value := range map[string]string{
		"sign":           `{"key_file":"relative"}`,
		"keys":           `["release"]`,
		"require-signed": `"yes"`,
		"grace":          "-1",
		"unknown":        "1",
	} {
		tx := newTx()
		if err := Configure(tx, "a", Patch{name: json.RawMessage(value)}); !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
		if s, err := OwnSettings(tx, "a"); err != nil || !reflect.DeepEqual(s, Settings{}) {
			t.Errorf("%s=%s is refused and set: %+v, %v", name, value, s, err)
		}
	}
}
