package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) tagHistory() *cobra.Command {
	var n int
	var inherited bool
	cmd := a.reads(&cobra.Command{
		Use:   "history TAG[@MOMENT] [FLAGS]",
		Short: "Who changed a tag, when, and what, newest first",
		Long: `Prints every event that changed a tag since it was made, newest first: when, who, the command, label and note, and what
changed: + a build was tagged, - was untagged, * was tagged again; packages that were blocked or unblocked, parents,
external repos, settings.

With --inherited also the events that changed a tag that it inherits from, or gave a repo that is followed another
snapshot: every event that changed its views. It costs what changed, however long the log is.`,
		Example: `  vrepofs tag history dev -n 20
  vrepofs tag history dev --inherited
  vrepofs tag history dev@17 --json | jq -r '.[].tags[].added[]?'`,
		Args: exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if n < 0 {
				return wrong(cmd, "-n %d: want a number above 0", n)
			}
			name, err := a.nameAt(cmd, args[0])
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				list, t := jsonList{w: a.out}, newTable("EVENT", "TIME", "USER", "WHAT")
				err := c.TagHistory(cmd.Context(), a.moment(), name, inherited, n, func(e ctl.TagEvent) error {
					if a.json {
						return list.add(e)
					}
					user, text := "-", []string{}
					for i, row := range e.Rows {
						if user = row.User; i > 0 && row.User != e.Rows[0].User {
							user = "…"
						}
						text = append(text, logText(row))
					}
					t.add(e.Event, showTime(e.Time), user, strings.Join(append(text, historyLines(name, e)...), "\n"))
					return nil
				})
				if err != nil {
					return err
				}
				if a.json {
					return list.end()
				}
				t.print(a.out, "nothing has changed "+name)
				if len(t.rows) > 0 {
					fmt.Fprintln(a.talk, "the newest event comes first")
				}
				return nil
			})
		},
	})
	cmd.Flags().IntVarP(&n, "number", "n", 0, "only the newest `N` events")
	cmd.Flags().BoolVar(&inherited, "inherited", false, "with the tags that it inherits from and the repos that are followed")
	return cmd
}

// maxHistoryShown bounds the lines of builds of one event; --json has all.
const maxHistoryShown = 10

// historyLines say what an event changed.
func historyLines(tag string, e ctl.TagEvent) []string {
	var lines []string
	for _, c := range e.Tags {
		before, n := "", len(lines)
		if c.Tag != tag {
			before = c.Tag + ": "
		}
		builds := 0
		for _, g := range []struct {
			sign string
			nvrs []string
		}{{"+ ", c.Added}, {"- ", c.Removed}, {"* ", c.Retagged}} {
			for _, nvr := range g.nvrs {
				if builds++; builds <= maxHistoryShown {
					lines = append(lines, before+g.sign+nvr)
				}
			}
		}
		if builds > maxHistoryShown {
			lines = append(lines, fmt.Sprintf("%sand %s more: %s added, %s removed, %s tagged again; --json lists them", before,
				showCount(builds-maxHistoryShown, "build"), showNumber(int64(len(c.Added))), showNumber(int64(len(c.Removed))), showNumber(int64(len(c.Retagged)))))
		}
		for _, p := range c.Packages {
			lines = append(lines, before+"package "+changeText(p))
		}
		for i, p := range c.Groups {
			if i == maxHistoryShown {
				lines = append(lines, fmt.Sprintf("%sand %s more; --json lists them", before, showCount(len(c.Groups)-i, "change")+" of groups"))
				break
			}
			lines = append(lines, before+"group "+changeText(p))
		}
		for _, p := range c.Parents {
			lines = append(lines, before+"parent "+changeText(p))
		}
		for _, p := range c.Externals {
			lines = append(lines, before+"external "+changeText(p))
		}
		for _, p := range c.Settings {
			lines = append(lines, before+"setting "+changeText(p))
		}
		if len(lines) == n && c.Created {
			lines = append(lines, before+"created")
		}
	}
	for _, r := range e.Repos {
		lines = append(lines, "repo "+changeText(ctl.ValueChange{Name: r.Repo, Old: r.Old, New: r.New}))
	}
	if len(lines) == 0 {
		lines = append(lines, "nothing differs")
	}
	return lines
}

// changeText shows a change of one value.
func changeText(v ctl.ValueChange) string {
	return clean(fmt.Sprintf("%s: %s → %s", v.Name, orDash(v.Old), orDash(v.New)))
}
