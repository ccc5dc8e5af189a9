package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) repoNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "repo",
		Short: "Repositories: named sources of packages with a line of snapshots",
		Long: `A repo is a named source of packages. Each import makes a new snapshot of it, which never changes again:
repos/REPO/ID in the mount, where ID is the UTC time of the import, and repos/REPO/latest for the newest.`,
		Example: `  vrepofs repo import fedora /mirror/fedora/os
  vrepofs repo list`,
	}
	noun.AddCommand(a.repoImport(), a.repoList(), a.repoShow(), a.repoRemove())
	return noun
}

func (a *app) repoImport() *cobra.Command {
	var f importing
	var add bool
	var upstream string
	var metadata ctl.Metadata
	cmd := a.changes(&cobra.Command{
		Use:   "import REPO PATH… [FLAGS]",
		Short: "RPM files and directories → a new snapshot of REPO",
		Long: `Imports RPM files, and directories recursively, as a new snapshot of REPO that holds exactly these RPMs; the
first import makes the repo. The whole import is one event: it is there at once, or not at all.

A directory that has repodata/repomd.xml is kept as it is, metadata and all, if that agrees with the files; else
it is refused, unless --regenerate has its metadata written anew. For everything else vrepofs writes metadata.

Every RPM is checked: sizes and digests that its own header gives. One bad file means that nothing is imported
and all bad files are listed with their reasons, exit status 1; with --skip-bad the rest is imported, exit status 3.`,
		Example: `  vrepofs repo import fedora /mirror/fedora/os              # a repository: kept verbatim
  vrepofs repo import acme build/*.rpm --note "nightly"     # some RPMs: metadata is generated
  vrepofs repo import acme fix-1.2-1.x86_64.rpm --add       # one more than in the newest snapshot
  vrepofs repo import centos /old/tree --regenerate --skip-bad --link`,
		Args: atLeast("REPO", "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(cmd)
			if err != nil {
				return err
			}
			if args[0] == "" {
				return wrong(cmd, "REPO is empty")
			}
			o.Repo, o.Paths, o.Add, o.Metadata, o.Upstream = args[0], args[1:], add, metadata, upstream
			return a.runImport(cmd.Context(), o, func(r *ctl.ImportResult) {
				s := r.Snapshot
				fmt.Fprintf(a.out, "%s  %s, %s, %s repodata\n", s.Ref, showCount(s.RPMs, "RPM"), showSize(s.Bytes), s.Mode)
			})
		},
	})
	cmd.Flags().StringVar(&upstream, "upstream", "", "say that this is a copy of the repository at `URL`: tag why tells it of each package")
	cmd.Flags().BoolVar(&add, "add", false, "keep the RPMs of the newest snapshot too")
	cmd.Flags().BoolVar(&f.regenerate, "regenerate", false, "write metadata anew where a directory has its own")
	a.importFlags(cmd, &f)
	metadataFlags(cmd, &metadata)
	return cmd
}

func (a *app) repoList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:     "list [FLAGS]",
		Short:   "List repos",
		Long:    "Lists all repos with their newest snapshot.",
		Example: "  vrepofs repo list\n  vrepofs repo list --json | jq -r '.[].name'",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				v, err := c.ListRepos(cmd.Context(), a.moment())
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(v.Repos)
				}
				t := newTable("REPO", "SNAPSHOTS", "LATEST", "CHANGED (EVENT)")
				for _, r := range v.Repos {
					t.add(r.Name, r.Snapshots, orDash(r.Latest), r.Changed.Event)
				}
				t.print(a.out, "no repos; vrepofs repo import REPO PATH… makes one")
				return nil
			})
		},
	})
}

func (a *app) repoShow() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:     "show REPO [FLAGS]",
		Short:   "Show a repo with its snapshots",
		Long:    "Shows when a repo was made and changed, and its snapshots, oldest first.",
		Example: "  vrepofs repo show fedora\n  vrepofs repo show fedora --at 17     # as of event 17",
		Args:    exactly("REPO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				r, err := c.ShowRepo(cmd.Context(), a.moment(), args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				fmt.Fprintf(a.out, "repo       %s\ncreated    %s  event %d\nchanged    %s  event %d\nlatest     %s\n\n", r.Name,
					showTime(r.Created.Time), r.Created.Event, showTime(r.Changed.Time), r.Changed.Event, orDash(r.Latest))
				snapshotTable(r.List).print(a.out, "no snapshots")
				return nil
			})
		},
	})
}

func (a *app) repoRemove() *cobra.Command {
	return a.changes(&cobra.Command{
		Use:   "remove REPO [FLAGS]",
		Short: "Remove a repo with all its snapshots",
		Long: `Removes a repo with all its snapshots from the present. Earlier events still show it: at/EVENT/repos/REPO in the
mount. No RPM is deleted.`,
		Example: `  vrepofs repo remove scratch --note "moved to acme"`,
		Args:    exactly("REPO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.RemoveRepo(cmd.Context(), why, args[0])
			})
		},
	})
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
