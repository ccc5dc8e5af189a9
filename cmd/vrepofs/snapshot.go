package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) snapshotNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "snapshot",
		Short: "Snapshots: immutable states of a repo, named REPO@ID",
		Long: `A snapshot is what one import made of a repo. Its id is the UTC time of that import; REPO@ID names it,
REPO@latest or just REPO the newest. repos/REPO/ID in the mount is the same for ever.`,
		Example: `  vrepofs snapshot list fedora
  vrepofs snapshot diff fedora@20261121T043000Z fedora@latest`,
	}
	noun.AddCommand(a.snapshotList(), a.snapshotShow(), a.snapshotDiff(), a.snapshotRemove())
	return noun
}

func snapshotTable(list []ctl.Snapshot) *table {
	t := newTable("ID", "EVENT", "RPMS", "SIZE", "REPODATA")
	for _, s := range list {
		t.add(s.ID, s.Event, s.RPMs, showSize(s.Bytes), s.Mode)
	}
	return t
}

func (a *app) snapshotList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:     "list REPO [FLAGS]",
		Short:   "List the snapshots of a repo, oldest first",
		Long:    "Lists the snapshots of a repo, oldest first. An id is the UTC time at which the snapshot was made.",
		Example: "  vrepofs snapshot list fedora\n  vrepofs snapshot list fedora --json | jq -r '.[-1].ref'",
		Args:    exactly("REPO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				v, err := c.ListSnapshots(cmd.Context(), a.moment(), args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(v.Snapshots)
				}
				snapshotTable(v.Snapshots).print(a.out, "no snapshots")
				return nil
			})
		},
	})
}

func (a *app) snapshotShow() *cobra.Command {
	var rpms bool
	cmd := a.reads(&cobra.Command{
		Use:   "show REPO@ID [FLAGS]",
		Short: "Show a snapshot",
		Long:  "Shows when a snapshot was made, how much it holds and where it lies in the mount; with --rpms its RPMs instead.",
		Example: `  vrepofs snapshot show fedora@latest
  vrepofs snapshot show fedora@20261121T043000Z --rpms | grep kernel`,
		Args: exactly("REPO@ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				if rpms {
					return a.snapshotRPMs(cmd, c, args[0])
				}
				s, err := c.ShowSnapshot(cmd.Context(), a.moment(), args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(s)
				}
				fmt.Fprintf(a.out, "snapshot   %s\nmade       %s  event %d\nRPMs       %s, %s\nrepodata   %s\n", s.Ref, showTime(s.Time), s.Event,
					showNumber(int64(s.RPMs)), showSize(s.Bytes), s.Mode)
				if s.Revision != "" {
					fmt.Fprintf(a.out, "revision   %s\n", clean(s.Revision))
				}
				if s.Upstream != "" {
					fmt.Fprintf(a.out, "upstream   %s\n", s.Upstream)
				}
				fmt.Fprintf(a.out, "in mount   %s\n", s.Path)
				return nil
			})
		},
	})
	cmd.Flags().BoolVar(&rpms, "rpms", false, "list its RPMs by path")
	return cmd
}

func (a *app) snapshotRPMs(cmd *cobra.Command, c *ctl.Client, ref string) error {
	list := jsonList{w: a.out}
	err := c.SnapshotRPMs(cmd.Context(), a.moment(), ref, func(r ctl.RPM) error {
		if a.json {
			return list.add(r)
		}
		_, err := fmt.Fprintln(a.out, r.Path)
		return err
	})
	if err == nil && a.json {
		err = list.end()
	}
	return err
}

func (a *app) snapshotDiff() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "diff A B [FLAGS]",
		Short: "What differs between two snapshots, by package",
		Long: `Prints what differs between two snapshots, of one repo or of two: packages that only B has (+), that only A has
(-), and packages of one name, version and arch with other bytes (!), where "signature" means that only that differs.`,
		Example: `  vrepofs snapshot diff fedora@20261121T043000Z fedora@latest
  vrepofs snapshot diff epel acme --json | jq '.added | length'`,
		Args: exactly("A", "B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				d, err := c.DiffSnapshots(cmd.Context(), a.moment(), args[0], args[1])
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(d)
				}
				for _, r := range d.Removed {
					fmt.Fprintf(a.out, "- %s\n", clean(r.NEVRA))
				}
				for _, r := range d.Added {
					fmt.Fprintf(a.out, "+ %s\n", clean(r.NEVRA))
				}
				for _, ch := range d.Changed {
					what := "content"
					if ch.Resigned {
						what = "signature"
					}
					fmt.Fprintf(a.out, "! %s  %s %.12s → %.12s\n", clean(ch.New.NEVRA), what, ch.Old.Digest, ch.New.Digest)
				}
				fmt.Fprintf(a.talk, "%s → %s: %d added, %d removed, %d changed\n", d.A.Ref, d.B.Ref, len(d.Added), len(d.Removed), len(d.Changed))
				return nil
			})
		},
	})
}

func (a *app) snapshotRemove() *cobra.Command {
	return a.changes(&cobra.Command{
		Use:   "remove REPO@ID [FLAGS]",
		Short: "Remove a snapshot from its repo's line",
		Long: `Removes a snapshot from its repo's line. Earlier events still show it: at/EVENT/repos/REPO/ID in the mount. No RPM
is deleted.`,
		Example: `  vrepofs snapshot remove fedora@20261121T043000Z --note "broken mirror"`,
		Args:    exactly("REPO@ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.RemoveSnapshot(cmd.Context(), why, args[0])
			})
		},
	})
}
