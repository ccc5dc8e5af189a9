package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) externalNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "external",
		Short: "External repos of a tag: add, remove, list",
		Long: `The views of a tag hold its builds, and behind them packages of external repos: repos of this store. They come in
the order of tags, in one tag by priority, the lower number first; tags that inherit from TAG have them too.

Each has a merge mode of its own, which says what of it joins what came before:
  koji     of each source package only the first source that has it, there its highest version
  simple   every package, duplicates too
  bare     every version of each package, for repositories with modules (all: the same)
  repo     of each name and arch the first
  ts       of each name and arch the latest file
  nvr      of each name and arch the highest version
A package that the tag blocks is in none. mergerepo_c and Koji differ in details, and
vrepofs tag set TAG --compat koji selects as they do.`,
		Example: `  vrepofs tag external add dev fedora@latest --priority 10
  vrepofs tag external list dev`,
	}
	noun.AddCommand(a.externalAdd(), a.externalRemove(), a.externalList())
	return noun
}

func (a *app) externalAdd() *cobra.Command {
	e := ctl.External{}
	var arches []string
	cmd := a.changes(&cobra.Command{
		Use:   "add TAG REPO[@ID] --priority N [FLAGS]",
		Short: "Give a tag an external repo",
		Long: `Gives TAG an external repo. REPO and REPO@latest follow the repo: each new snapshot is in the tag's views at once. REPO@ID is
that snapshot for ever. What is for ARCH is for its debug view ARCH-debug, too, and what is for ARCH-debug for that alone.`,
		Example: `  vrepofs tag external add dev fedora --priority 10
  vrepofs tag external add dev el8-modular@20261121T043000Z --priority 20 --mode bare --arch x86_64`,
		Args: exactly("TAG", "REPO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("priority") {
				return wrong(cmd, "--priority is missing: lower numbers come first; 10, 20, … leave room")
			}
			e.Repo, e.Arches = args[1], commaList(arches)
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.AddExternal(cmd.Context(), why, args[0], e)
			})
		},
	})
	cmd.Flags().IntVar(&e.Priority, "priority", 0, "place among the external repos of TAG: lower `N` comes first")
	cmd.Flags().StringVar(&e.Mode, "mode", "koji", "how its packages join: `MODE` koji, simple, bare, all, repo, ts or nvr")
	cmd.Flags().StringArrayVar(&arches, "arch", nil, "only in views of `ARCH`; may be repeated or separated by commas")
	return cmd
}

func (a *app) externalRemove() *cobra.Command {
	return a.changes(&cobra.Command{
		Use:     "remove TAG REPO [FLAGS]",
		Short:   "Take an external repo from a tag",
		Long:    "Takes an external repo from TAG: its views lose what came from there alone.",
		Example: "  vrepofs tag external remove dev fedora",
		Args:    exactly("TAG", "REPO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.RemoveExternal(cmd.Context(), why, args[0], args[1])
			})
		},
	})
}

func (a *app) externalList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:     "list TAG[@MOMENT] [FLAGS]",
		Short:   "List the external repos of a tag's views, in order",
		Long:    "Lists the external repos of a tag and of all that it inherits from, in the order in which they are asked for a package.",
		Example: "  vrepofs tag external list dev\n  vrepofs tag external list dev@17 --json",
		Args:    exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ofTag(a, cmd, args[0], func(c *ctl.Client, name string) (*ctl.Externals, error) {
				return c.ListExternals(cmd.Context(), a.moment(), name)
			}, a.showExternals)
		},
	})
}

func (a *app) showExternals(v *ctl.Externals) {
	t := newTable("ORDER", "PRIORITY", "MODE", "RPMS", "REPO", "OF TAG", "ARCHES")
	for i, e := range v.Externals {
		repo := e.Repo
		if e.Snapshot != "" && e.Snapshot != e.Repo {
			repo += " = " + e.Snapshot
		}
		t.add(i+1, e.Priority, e.Mode, showNumber(int64(e.RPMs)), repo, e.Tag, orDash(strings.Join(e.Arches, " ")))
	}
	t.print(a.out, "no external repos")
	if len(v.Externals) > 0 {
		fmt.Fprintln(a.talk, "builds of the tag come first, then the repos in this order; what comes first wins")
	}
}
