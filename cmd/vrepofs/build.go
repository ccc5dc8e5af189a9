package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) buildNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "build",
		Short: "Builds: the RPMs of one source RPM, named NAME-VERSION-RELEASE",
		Long: `A build is the RPMs of one source RPM, in all arches, and is named by that source RPM's name, version and release
(NVR), unique in the store. Builds are what tags hold. RPMs may be added until a tag holds the build.`,
		Example: `  vrepofs build import /mnt/koji/packages/zlib
  vrepofs build show zlib-1.3.1-4.el9`,
	}
	noun.AddCommand(a.buildImport(), a.buildList(), a.buildShow(), a.buildRemove())
	return noun
}

func (a *app) buildImport() *cobra.Command {
	var f importing
	var tag string
	cmd := a.changes(&cobra.Command{
		Use:   "import PATH… [FLAGS]",
		Short: "RPM files and directories → builds, grouped by their source RPM",
		Long: `Imports RPM files, and directories recursively, and groups them by their source RPM into builds. A build that is
there already gets the RPMs that it lacks: another arch, or another signed copy. The same RPM name with other content is an
error, and so is an addition to a build that a tag holds. The whole import is one event, with --tag their tagging too:
then of several new builds of one package the highest version counts as tagged last.

One bad file means that nothing is imported, exit status 1; with --skip-bad the rest is imported, exit status 3.`,
		Example: `  vrepofs build import zlib-1.3.1-4.el9.src.rpm zlib-1.3.1-4.el9.x86_64.rpm
  vrepofs build import /mnt/koji/packages/zlib --adopt
  vrepofs build import results/ --tag dev-candidate
  vrepofs build import /mnt/koji/packages --skip-bad --json | jq -r '.builds[].build.nvr'`,
		Args: atLeast("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(cmd)
			if err != nil {
				return err
			}
			o.Paths, o.Tag = args, tag
			if cmd.Flags().Changed("tag") && tag == "" {
				return wrong(cmd, "--tag is empty: leave it out to tag nothing")
			}
			return a.runImport(cmd.Context(), o, func(r *ctl.ImportResult) {
				t := newTable("BUILD", "NEW RPMS", "RPMS", "SIZE", "ARCHES")
				for _, b := range r.Builds {
					t.add(b.Build.NVR, b.Added, b.Build.Count, showSize(b.Build.Bytes), strings.Join(b.Build.Arches, " "))
				}
				t.print(a.out, "no builds")
			})
		},
	})
	a.importFlags(cmd, &f)
	cmd.Flags().StringVar(&tag, "tag", "", "put the builds into `TAG` in the same event; those that it has already keep their place")
	return cmd
}

func (a *app) buildList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:     "list [FLAGS]",
		Short:   "List builds",
		Long:    "Lists all builds in the order of their names.",
		Example: "  vrepofs build list\n  vrepofs build list --json | jq -r '.[] | select(.package==\"zlib\").nvr'",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				list, t := jsonList{w: a.out}, newTable("BUILD", "RPMS", "SIZE", "EVENT", "ARCHES")
				err := c.ListBuilds(cmd.Context(), a.moment(), func(b ctl.Build) error {
					if a.json {
						return list.add(b)
					}
					t.add(b.NVR, b.Count, showSize(b.Bytes), b.Changed.Event, strings.Join(b.Arches, " "))
					return nil
				})
				if err != nil {
					return err
				}
				if a.json {
					return list.end()
				}
				t.print(a.out, "no builds; vrepofs build import PATH… makes some")
				return nil
			})
		},
	})
}

func (a *app) buildShow() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:     "show NVR [FLAGS]",
		Short:   "Show a build with its RPMs and the tags that hold it",
		Long:    "Shows when a build was made and changed, its RPMs with the keys that signed them, and the tags that hold it.",
		Example: "  vrepofs build show zlib-1.3.1-4.el9",
		Args:    exactly("NVR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				b, err := c.ShowBuild(cmd.Context(), a.moment(), args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(b)
				}
				fmt.Fprintf(a.out, "build      %s\npackage    %s\ncreated    %s  event %d\nchanged    %s  event %d\ntags       %s\n\n", b.NVR, b.Package,
					showTime(b.Created.Time), b.Created.Event, showTime(b.Changed.Time), b.Changed.Event, orDash(strings.Join(b.Tags, " ")))
				t := newTable("RPM", "SIZE", "DIGEST", "SIGNED BY")
				for _, r := range b.RPMs {
					t.add(clean(r.File), showSize(r.Bytes), r.Digest[:12], orDash(strings.Join(r.Keys, " ")))
				}
				t.print(a.out, "no RPMs")
				return nil
			})
		},
	})
}

func (a *app) buildRemove() *cobra.Command {
	return a.changes(&cobra.Command{
		Use:     "remove NVR [FLAGS]",
		Short:   "Remove a build that no tag holds",
		Long:    "Removes a build that no tag holds from the present. Earlier events still know it. No RPM is deleted.",
		Example: `  vrepofs build remove zlib-1.3.1-4.el9 --note "built with the wrong compiler"`,
		Args:    exactly("NVR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.RemoveBuild(cmd.Context(), why, args[0])
			})
		},
	})
}
