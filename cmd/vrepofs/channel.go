package main

import (
	"context"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) channelNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "channel",
		Short: "Channels: published trees of snapshots and views, moved as one",
		Long: `A channel is a published tree with stable paths: channels/PATH in the mount is a snapshot of a repo or the view of a
tag, or files that were put there. It stays what it is until it is set, promoted or rolled back, and each of those is one event for any number of
repositories, which copies nothing. A path is of directories with one repository at the end, never one in another;
files may be put into one.

Whoever is inside channels/ stays in the generation that it entered; a new look at the name sees the new one.
Times of what changed at a path only grow, also by a rollback; what did not change keeps them.`,
		Example: `  vrepofs channel set staging/9/core/x86_64/os core-9/x86_64     # the view of a tag, as it is now
  vrepofs channel set staging/9/epel/x86_64/os epel@latest       # a snapshot
  vrepofs channel put staging/9/core/x86_64/os/.treeinfo treeinfo
  vrepofs channel promote staging/9 production/9 --dry-run
  vrepofs channel promote staging/9 production/9 --label 9.5-ga
  vrepofs channel rollback production/9`,
	}
	noun.AddCommand(a.channelSet(), a.channelPut(), a.channelPromote(), a.channelRollback(), a.channelUnset(), a.channelList(), a.channelShow(), a.channelLog(), a.channelConfigure(),
		a.channelFreeze("freeze", "Refuse all moves at and below a path",
			"Refuses everything that would change what is seen at a path or below it, until it is thawed. Nothing need be there yet.",
			"  vrepofs channel freeze production --note \"release week\"", (*ctl.Client).FreezeChannel),
		a.channelFreeze("thaw", "Allow moves at a frozen path again", "Ends the freeze of exactly this path.",
			"  vrepofs channel thaw production", (*ctl.Client).ThawChannel))
	return noun
}

func (a *app) channelSet() *cobra.Command {
	return a.channelMove(&cobra.Command{
		Use:   "set PATH SOURCE [FLAGS]",
		Short: "Publish a snapshot or a view at a path",
		Long: `Publishes at a path a snapshot, REPO@ID or REPO@latest, or the view of a tag for one arch, TAG/ARCH, as it is now or
as of an event, a label or a time: TAG/ARCH@MOMENT. It does not follow: when the tag or the repo moves on, the channel
stays.`,
		Example: `  vrepofs channel set staging/9/core/x86_64/os core-9/x86_64
  vrepofs channel set staging/9/core/x86_64/os core-9/x86_64@17
  vrepofs channel set staging/9/epel/x86_64/os epel@20261121T043000Z --dry-run`,
		Args: exactly("PATH", "SOURCE"),
	}, func(args []string) ctl.MoveRequest {
		return ctl.MoveRequest{Verb: "set", Path: args[0], Source: args[1]}
	})
}

func (a *app) channelPromote() *cobra.Command {
	return a.channelMove(&cobra.Command{
		Use:   "promote FROM TO [FLAGS]",
		Short: "Publish everything below one path also below another",
		Long: `Makes everything at and below TO what is at and below FROM, in one event: what TO has and FROM lacks is removed.
FROM stays as it is. No byte of a package is copied, and what is the same already does not move.`,
		Example: `  vrepofs channel promote staging production --dry-run     # exactly what would happen
  vrepofs channel promote staging production --note "9.5 GA" --label 9.5-ga
  vrepofs channel promote staging/9/core production/9/core --gate closure
  vrepofs channel promote staging production --before ./smoke-test --after ./announce`,
		Args: exactly("FROM", "TO"),
	}, func(args []string) ctl.MoveRequest {
		return ctl.MoveRequest{Verb: "promote", Path: args[1], Source: args[0]}
	})
}

func (a *app) channelRollback() *cobra.Command {
	var to string
	cmd := a.channelMove(&cobra.Command{
		Use:   "rollback PATH [FLAGS]",
		Short: "Make a path what it was before",
		Long: `Makes a path and everything below it what it was before its last move, or as of an event, a label or a time. It is a
move like any other: times grow, and rolling back again undoes it. A verbatim snapshot comes back with upstream's
repomd.xml, whose revision may be lower than what clients have seen; --regenerate gives it metadata of ours.`,
		Example: `  vrepofs channel log production/9
  vrepofs channel rollback production/9 --dry-run
  vrepofs channel rollback production/9 --to 9.4-ga --note "9.5 broke NFS"
  vrepofs channel rollback production/9/epel --regenerate`,
		Args: exactly("PATH"),
	}, func(args []string) ctl.MoveRequest { return ctl.MoveRequest{Verb: "rollback", Path: args[0], To: to} })
	cmd.Flags().StringVar(&to, "to", "", "`MOMENT` to go back to: an event number, a label, or a UTC time")
	return cmd
}

func (a *app) channelUnset() *cobra.Command {
	return a.channelMove(&cobra.Command{
		Use:     "unset PATH [FLAGS]",
		Short:   "Remove a path with everything below it",
		Long:    "Removes a path with everything below it, in one event. Earlier events still show it, and rollback brings it back.",
		Example: "  vrepofs channel unset staging/8 --dry-run\n  vrepofs channel unset staging/8 --note \"end of life\"",
		Args:    exactly("PATH"),
	}, func(args []string) ctl.MoveRequest { return ctl.MoveRequest{Verb: "unset", Path: args[0]} })
}

// channelMove completes a verb that moves channels.
func (a *app) channelMove(cmd *cobra.Command, request func(args []string) ctl.MoveRequest) *cobra.Command {
	m := a.moveFlags(a.changes(cmd))
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.move(cmd, request(args), m) }
	return cmd
}

// countSteps is "2 changed, 1 unchanged".
func countSteps(steps []ctl.ChannelStep) string {
	n := map[string]int{}
	for _, s := range steps {
		n[s.Action]++
	}
	var out []string
	for _, action := range []string{"set", "changed", "removed", "unchanged"} {
		if n[action] > 0 {
			out = append(out, showNumber(int64(n[action]))+" "+action)
		}
	}
	return strings.Join(out, ", ")
}

// packageLists are the parts of a difference with the words for them.
func packageLists(d *ctl.PackagesDiff) []struct {
	word string
	list ctl.PackagesList
} {
	return []struct {
		word string
		list ctl.PackagesList
	}{{"added", d.Added}, {"removed", d.Removed}, {"upgraded", d.Upgraded}, {"downgraded", d.Downgraded}, {"replaced", d.Replaced}}
}

// countPackages is "3 added, 1 upgraded", or "" when no package differs.
func countPackages(d *ctl.PackagesDiff) string {
	if d == nil {
		return ""
	}
	var out []string
	for _, l := range packageLists(d) {
		if l.list.Count > 0 {
			out = append(out, showNumber(int64(l.list.Count))+" "+l.word)
		}
	}
	return strings.Join(out, ", ")
}

// showSources is what a path is before and after.
func showSources(s ctl.ChannelStep) string {
	switch {
	case s.Before == "" || s.Before == s.After:
		return s.After
	case s.After == "":
		return s.Before
	}
	return s.Before + " → " + s.After
}

// shownPackages is how many packages of a list a person wants to see.
const shownPackages = 20

// printSteps prints what happens to each repository, then the packages of those that change.
func (a *app) printSteps(steps []ctl.ChannelStep) {
	t := newTable("ACTION", "PATH", "WHAT")
	for _, s := range steps {
		what := showSources(s)
		if n := countPackages(s.Packages); n != "" {
			what += "\n" + n
		}
		t.add(s.Action, s.Path, what)
	}
	t.print(a.out, "nothing")
	for _, s := range steps {
		if s.Action != "changed" || countPackages(s.Packages) == "" {
			continue
		}
		fmt.Fprintf(a.out, "\n%s\n", s.Path)
		for _, l := range packageLists(s.Packages) {
			word := l.word
			for i, p := range l.list.First {
				if i == shownPackages {
					break
				}
				text := p.Old + p.New
				if p.Old != "" && p.New != "" && p.Old != p.New {
					text = p.Old + " → " + p.New
				} else if p.Old == p.New {
					text = p.New
				}
				lines := wrap(clean(text), width-13)
				fmt.Fprintf(a.out, "  %-10s %s\n", word, strings.Join(lines, "\n             "))
				word = ""
			}
			if more := l.list.Count - min(shownPackages, len(l.list.First)); more > 0 {
				fmt.Fprintf(a.out, "  %-10s … and %s more\n", "", showNumber(int64(more)))
			}
		}
	}
}

func (a *app) channelList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:     "list [PATH] [FLAGS]",
		Short:   "List what is published",
		Long:    "Lists what is published at and below a path, or everything, by path: since which event it is what it is, how many RPMs it has, and what it is.",
		Example: "  vrepofs channel list\n  vrepofs channel list production/9 --at 9.4-ga",
		Args:    atMost("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := strings.Join(args, "")
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				v, err := c.ListChannels(cmd.Context(), a.moment(), path)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(v.Channels)
				}
				t := newTable("PATH", "EVENT", "RPMS", "WHAT")
				for _, ch := range v.Channels {
					what := ch.Source
					if ch.Frozen != "" {
						what += " (frozen)"
					}
					rpms := showNumber(int64(ch.RPMs))
					if ch.Mode == "files" {
						rpms = "-"
						what += ", " + showCount(ch.Files, "file")
					}
					t.add(ch.Path, ch.Changed.Event, rpms, what)
				}
				t.print(a.out, "nothing is published; vrepofs channel set PATH SOURCE does")
				return nil
			})
		},
	})
}

func (a *app) channelShow() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:     "show PATH [FLAGS]",
		Short:   "Show what is published at a path",
		Long:    "Shows what is published at a path: what it is, whose metadata it has, since when, and the URLs for clients.",
		Example: "  vrepofs channel show production/9/core/x86_64/os",
		Args:    exactly("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				v, err := c.ListChannels(cmd.Context(), a.moment(), args[0])
				if err != nil {
					return err
				}
				if n := len(v.Channels); n == 0 {
					return fmt.Errorf("channel %s: nothing is published there: %w", args[0], iofs.ErrNotExist)
				} else if v.Channels[0].Path != args[0] {
					return fmt.Errorf("channel %s is a directory with %d repositories: vrepofs channel list %[1]s", args[0], n)
				}
				ch := v.Channels[0]
				if a.json {
					return a.printJSON(ch)
				}
				counts := [][2]string{{"metadata", ch.Mode}, {"rpms", showNumber(int64(ch.RPMs))}}
				if ch.Mode == "files" {
					counts = [][2]string{{"files", showNumber(int64(ch.Files))}}
				}
				for _, f := range slices.Concat([][2]string{{"path", ch.Path}, {"what", ch.Source}}, counts, [][2]string{
					{"size", showSize(ch.Bytes)},
					{"changed", fmt.Sprintf("%s  event %d", showTime(ch.Changed.Time), ch.Changed.Event)}, {"frozen", ch.Frozen},
				}) {
					if f[1] != "" {
						fmt.Fprintf(a.out, "%-10s %s\n", f[0], f[1])
					}
				}
				if ch.Pinned == nil {
					a.showPinned()
				} else {
					a.showPinned(*ch.Pinned)
				}
				return nil
			})
		},
	})
}

func (a *app) channelLog() *cobra.Command {
	var n int
	cmd := &cobra.Command{
		Use:   "log [PATH] [FLAGS]",
		Short: "What moved a path, newest first",
		Long: `Prints the events that changed what is seen at or below a path, newest first: when, who, the command with its label
and note, and what changed in each repository; and when it was frozen or thawed.`,
		Example: "  vrepofs channel log production/9/core -n 5\n  vrepofs channel log production --json | jq -r '.[].steps[].path'",
		Args:    atMost("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if n < 0 {
				return wrong(cmd, "-n %d: want a number above 0", n)
			}
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				list, t := jsonList{w: a.out}, newTable("EVENT", "TIME", "USER", "WHAT")
				err := c.ChannelLog(cmd.Context(), strings.Join(args, ""), n, func(e ctl.ChannelEvent) error {
					if a.json {
						return list.add(e)
					}
					var text []string
					user := ""
					for _, r := range e.Rows {
						user = r.User
						line := clean(r.Command)
						if r.Label != "" {
							line += " [" + r.Label + "]"
						}
						if r.Note != "" {
							line += " “" + clean(r.Note) + "”"
						}
						text = append(text, line)
					}
					for _, path := range e.Frozen {
						text = append(text, "froze "+path)
					}
					for _, path := range e.Thawed {
						text = append(text, "thawed "+path)
					}
					for _, s := range e.Steps {
						line := s.Action + " " + s.Path
						if n := countPackages(s.Packages); n != "" {
							line += ": " + n
						}
						text = append(text, line)
					}
					t.add(e.Event, showTime(e.Time), user, strings.Join(text, "\n"))
					return nil
				})
				if err != nil {
					return err
				}
				if a.json {
					return list.end()
				}
				t.print(a.out, "nothing has moved there")
				return nil
			})
		},
	}
	cmd.Flags().IntVarP(&n, "number", "n", 0, "only the newest `N` events")
	return cmd
}

// channelFreeze is the verb freeze or thaw.
func (a *app) channelFreeze(verb, short, long, example string, f func(*ctl.Client, context.Context, ctl.Why, string) (*ctl.Change, error)) *cobra.Command {
	return a.changes(&cobra.Command{
		Use:     verb + " PATH [FLAGS]",
		Short:   short,
		Long:    long,
		Example: example,
		Args:    exactly("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) { return f(c, cmd.Context(), why, args[0]) })
		},
	})
}
