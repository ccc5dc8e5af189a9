package main

import (
	"encoding/json"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
	"vrepofs/state"
)

// setting is one setting of a channel path at the command line: a flag that makes its JSON value, and the words that show it.
type setting struct {
	name string // of the flag, and the JSON name in state.Settings
	// flag defines the flag and returns what its value is in JSON, once it was given.
	flag func(*cobra.Command) func() (json.RawMessage, error)
	// show is the value in words, "" where it is not set.
	show func(state.Settings) string
}

// given reports whether the setting was given: by the flag of its name or, for sign, by one of several.
func (s setting) given(cmd *cobra.Command) bool {
	names := []string{s.name}
	if s.name == "sign" {
		names = signFlagNames()
	}
	return slices.ContainsFunc(names, cmd.Flags().Changed)
}

// settings lists every setting, in the order in which they are shown.
func settings() []setting {
	return []setting{
		{"grace", func(cmd *cobra.Command) func() (json.RawMessage, error) {
			d := cmd.Flags().Duration("grace", 0, "for how long a name that is gone can still be opened: `TIME` such as 72h or 0")
			return func() (json.RawMessage, error) { return seconds(*d) }
		}, func(s state.Settings) string {
			if s.Grace == nil {
				return ""
			}
			return (time.Duration(*s.Grace) * time.Second).String()
		}},
		{"sign", signFlags, showSigning},
		{"keys", keysFlag, func(s state.Settings) string {
			if s.Keys == nil {
				return ""
			}
			return orDash(strings.Join(*s.Keys, " "))
		}},
		{"require-signed", requireSignedFlag, func(s state.Settings) string {
			if s.RequireSigned == nil {
				return ""
			}
			return strconv.FormatBool(*s.RequireSigned)
		}},
		{"lists", func(cmd *cobra.Command) func() (json.RawMessage, error) {
			m := cmd.Flags().String("lists", "", "keep file lists of module `NAME` at the top of PATH: fullfiletimelist-NAME and others")
			return func() (json.RawMessage, error) { return json.Marshal(*m) }
		}, func(s state.Settings) string {
			if s.Lists == nil {
				return ""
			}
			return *s.Lists
		}},
		siteSetting(),
		{"mode", func(cmd *cobra.Command) func() (json.RawMessage, error) {
			m := cmd.Flags().String("mode", "", "who may enter PATH: octal `MODE` such as 0750, of the directory at PATH")
			return func() (json.RawMessage, error) { return json.Marshal(*m) }
		}, func(s state.Settings) string {
			if s.Mode == nil {
				return ""
			}
			return *s.Mode
		}},
		{"group", func(cmd *cobra.Command) func() (json.RawMessage, error) {
			g := cmd.Flags().String("group", "", "the group that --mode speaks of: `NAME` or number")
			return func() (json.RawMessage, error) { return groupNumber(*g) }
		}, func(s state.Settings) string {
			if s.Group == nil {
				return ""
			}
			id := strconv.FormatUint(uint64(*s.Group), 10)
			if g, err := user.LookupGroupId(id); err == nil {
				return g.Name + " (" + id + ")"
			}
			return id
		}},
	}
}

// groupNumber is the number of a group in JSON.
func groupNumber(group string) (json.RawMessage, error) {
	if g, err := user.LookupGroup(group); err == nil {
		group = g.Gid
	}
	n, err := strconv.ParseUint(group, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("there is no group %q", group)
	}
	return json.Marshal(n)
}

// seconds is a duration of whole seconds in JSON.
func seconds(d time.Duration) (json.RawMessage, error) {
	if d%time.Second != 0 {
		return nil, fmt.Errorf("%v: want whole seconds", d)
	}
	return json.Marshal(int64(d / time.Second))
}

func (a *app) channelConfigure() *cobra.Command {
	var reset []string
	known := settings()
	values := map[string]func() (json.RawMessage, error){}
	cmd := &cobra.Command{
		Use:   "configure [PATH] [FLAGS]",
		Short: "Show or change the settings of a path and all below it",
		Long: `Shows or changes the settings of a path, or of all channels when the path is /. They hold for everything below, until a
path below says otherwise. With no PATH every path that has settings is listed; with no setting among the flags, those
of PATH are shown with what they come to.

--sign-key, --sign-gpg and --sign-with put repodata/repomd.xml.asc, and the public key as repomd.xml.key, beside the
repomd.xml of repositories whose metadata vrepofs makes; upstream's own stays as it is. What is published is signed in
the same event. Only the store's owner may set what signs: the daemon reads the key, or runs the command, as itself.`,
		Example: `  vrepofs channel configure
  vrepofs channel configure production --grace 168h
  vrepofs channel configure production --sign-key /etc/vrepofs/release.key
  vrepofs channel configure production --keys 6B63CAB6630C11E0,FD431D51 --require-signed
  vrepofs channel configure production --lists rocky
  vrepofs channel configure production --reset grace`,
		Args: atMost("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := strings.Trim(strings.Join(args, ""), "/")
			patch := state.Patch{}
			for _, name := range reset {
				if !slices.ContainsFunc(known, func(s setting) bool { return s.name == name }) {
					return wrong(cmd, "--reset %s: there is no such setting", name)
				}
				patch[name] = json.RawMessage("null")
			}
			for _, s := range known {
				if !s.given(cmd) {
					continue
				}
				v, err := values[s.name]()
				if err != nil {
					return wrong(cmd, "--%s: %v", s.name, err)
				}
				patch[s.name] = v
			}
			if len(patch) > 0 {
				if len(args) == 0 {
					return wrong(cmd, "want PATH, or / for all channels")
				}
				return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
					return c.Configure(cmd.Context(), why, path, patch)
				})
			}
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				if len(args) == 0 {
					l, err := c.AllSettings(cmd.Context(), a.moment())
					if err != nil {
						return err
					}
					return a.showAllSettings(known, l.Settings)
				}
				s, err := c.Settings(cmd.Context(), a.moment(), path)
				if err != nil {
					return err
				}
				return a.showSettings(known, s)
			})
		},
	}
	cmd = a.reads(a.changes(cmd))
	for _, s := range known {
		values[s.name] = s.flag(cmd)
	}
	cmd.Flags().StringSliceVar(&reset, "reset", nil, "take a setting away, by the `NAME` of its flag, so that the path above decides")
	return cmd
}

// settingsPath is how a path of settings is shown.
func settingsPath(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

func (a *app) showAllSettings(known []setting, list []ctl.ChannelSettings) error {
	if a.json {
		return a.printJSON(list)
	}
	t := newTable("PATH", "SETTING", "VALUE")
	for _, s := range list {
		for _, k := range known {
			if v := k.show(s.Own); v != "" {
				t.add(settingsPath(s.Path), k.name, v)
			}
		}
	}
	t.print(a.out, "nothing is configured; vrepofs channel configure --help lists what can be")
	return nil
}

func (a *app) showSettings(known []setting, s *ctl.ChannelSettings) error {
	if a.json {
		return a.printJSON(s)
	}
	t := newTable("SETTING", "VALUE", "SET")
	for _, k := range known {
		if v := k.show(s.Effective); v != "" {
			from := "above"
			if k.show(s.Own) != "" {
				from = "here"
			}
			t.add(k.name, v, from)
		}
	}
	t.print(a.out, "nothing is configured at "+settingsPath(s.Path)+" or above")
	return nil
}
