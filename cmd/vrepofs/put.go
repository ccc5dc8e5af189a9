package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"vrepofs/blob"
	"vrepofs/ctl"
)

func (a *app) channelPut() *cobra.Command {
	var link, adopt, dry bool
	cmd := &cobra.Command{
		Use:   "put PATH FILE|DIR [FLAGS]",
		Short: "Put a file or a directory at a path",
		Long: `Puts what is no repository at a path: an ISO image, .treeinfo, keys, a README, a directory with all that is in it. It
is promoted, rolled back, frozen and unset like a repository. What was put there before is replaced; when it is the
same already, nothing happens.

It may lie in a repository, where installers look for .treeinfo and images/: under a name that the repository itself
does not have. It stays there when the repository moves on.

A directory may have symbolic links that are relative and stay in it. Owners, modes and times are not kept: a file's
time is when its content last changed at the path. RPMs in it are files like others, with no repodata.`,
		Example: `  vrepofs channel put staging/9/isos/boot.iso boot.iso
  vrepofs channel put staging/9/core/x86_64/os/.treeinfo treeinfo
  vrepofs channel put staging/9/core/x86_64/os/images lorax/images --dry-run`,
		Args: exactly("PATH", "FILE|DIR"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o := ctl.PutOptions{Path: args[0], Source: args[1], DryRun: dry}
		switch {
		case link && adopt:
			return wrong(cmd, "--link and --adopt exclude each other")
		case link:
			o.How = blob.Reflink
		case adopt:
			o.How = blob.Hardlink
		}
		return a.with(cmd.Context(), func(c *ctl.Client) error { return a.put(cmd.Context(), c, o) })
	}
	a.changes(cmd).Flags().BoolVar(&dry, "dry-run", false, "print what would happen, and change nothing")
	cmd.Flags().BoolVar(&link, "link", false, "share the files' data where the file system can (Btrfs, XFS), else copy")
	cmd.Flags().BoolVar(&adopt, "adopt", false, "hard-link the files instead of copying them: they must not be written to any more")
	return cmd
}

// put puts and prints what came of it.
func (a *app) put(ctx context.Context, c *ctl.Client, o ctl.PutOptions) error {
	progress := a.newProgress("putting")
	o.Progress = progress.set
	p, err := c.Put(ctx, a.why(), o)
	progress.end()
	switch {
	case err != nil:
		return err
	case a.json:
		return a.printJSON(p)
	case p.DryRun:
		a.printSteps(p.Steps)
		fmt.Fprintf(a.talk, "would be: %s; nothing was changed\n", countSteps(p.Steps))
	case p.Change == nil:
		fmt.Fprintf(a.out, "unchanged: %s is there already\n", p.Steps[0].After)
	default:
		fmt.Fprintf(a.out, "event %d  %s  %s\n", p.Change.Event, showTime(p.Change.Time), countSteps(p.Steps))
	}
	return nil
}
