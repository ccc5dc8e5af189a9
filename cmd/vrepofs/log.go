package main

import (
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) logVerb() *cobra.Command {
	var n int
	cmd := &cobra.Command{
		Use:   "log [FLAGS]",
		Short: "Who did what and when, newest first",
		Long: `Prints the log, newest first: event, time, user, command, and below it the label in brackets and the note. The
user is the one whom the kernel named. at/EVENT in the mount shows everything as of an event.`,
		Example: "  vrepofs log -n 20\n  vrepofs log --json | jq -r '.[] | select(.label) | \"\\(.event) \\(.label)\"'",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n < 0 {
				return wrong(cmd, "-n %d: want a number above 0", n)
			}
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				list, t := jsonList{w: a.out}, newTable("EVENT", "TIME", "USER", "COMMAND")
				err := c.Log(cmd.Context(), n, func(r ctl.LogRow) error {
					if a.json {
						return list.add(r)
					}
					t.add(r.Event, showTime(r.Time), r.User, logText(r))
					return nil
				})
				if err != nil {
					return err
				}
				if a.json {
					return list.end()
				}
				t.print(a.out, "nothing has happened yet")
				return nil
			})
		},
	}
	cmd.Flags().IntVarP(&n, "number", "n", 0, "only the newest `N` rows")
	return cmd
}

// logText is the command of a row and, on the next line, its label and note.
func logText(r ctl.LogRow) string {
	text := clean(r.Command)
	var more []string
	if r.Label != "" {
		more = append(more, "["+r.Label+"]")
	}
	if r.Note != "" {
		more = append(more, "“"+clean(r.Note)+"”")
	}
	if len(more) > 0 {
		text += "\n" + strings.Join(more, " ")
	}
	return text
}
