package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) tagWait() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait TAG NVR [FLAGS]",
		Short: "Wait until readers of a tag's view see a build",
		Long: `Returns once everybody who looks up tags/TAG in the mount finds a view with the build: what koji wait-repo does. Exit
status 0 then; 1 after the timeout, with what stands in the way: the package is blocked, another build wins.

It waits in the daemon, for the very commit. Without a daemon there are no readers: the newest event answers, at once.`,
		Example: `  vrepofs tag wait dev-build zlib-1.3.1-5.el9 --timeout 10m
  vrepofs tag wait dev-build zlib-1.3.1-5.el9 --timeout 0   # only ask
  vrepofs tag wait dev-build zlib-1.3.1-5.el9 --json | jq -r '.reasons[]?'`,
		Args: exactly("TAG", "NVR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout < 0 {
				return wrong(cmd, "--timeout %s: want 0 or more, such as 10m", timeout)
			}
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				v, err := c.WaitTag(cmd.Context(), args[0], args[1], timeout)
				if err != nil {
					return err
				}
				if !v.Daemon {
					fmt.Fprintln(a.talk, "vrepofs: no daemon serves the store: this is what the newest event has; nothing was waited for")
				}
				switch {
				case a.json:
					if err := a.printJSON(v); err != nil || v.There {
						return err
					}
					return errSilent
				case v.There:
					fmt.Fprintf(a.out, "%s is in tags/%s as of event %d\n", v.NVR, v.Tag, v.Event)
					return nil
				}
				after := ""
				if v.Daemon && timeout > 0 {
					after = fmt.Sprintf(" after %s", timeout)
				}
				return fmt.Errorf("%s is not in tags/%s%s: %s", v.NVR, v.Tag, after, strings.Join(v.Reasons, "; "))
			})
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Minute, "give up after `TIME`, such as 90s or 2h; 0: only ask")
	return cmd
}
