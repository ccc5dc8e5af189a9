package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

// tagChange is a method of the client that changes some items of a tag.
type tagChange func(c *ctl.Client, ctx context.Context, why ctl.Why, tag string, items []string) (*ctl.Change, error)

func (a *app) inheritNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "inherit",
		Short: "What a tag inherits from: add, remove, list",
		Long: `A tag inherits the builds of its parents, of their parents, and so on. Parents have priorities, unique in one tag:
the lower number comes first, and the first tag that has a package wins.`,
		Example: "  vrepofs tag inherit add dev base --priority 10\n  vrepofs tag inherit list dev",
	}
	noun.AddCommand(a.inheritAdd(), a.inheritRemove(), a.inheritList())
	return noun
}

func (a *app) inheritAdd() *cobra.Command {
	var p ctl.Parent
	var depth int
	cmd := a.changes(&cobra.Command{
		Use:   "add TAG PARENT --priority N [FLAGS]",
		Short: "Make a tag inherit from another",
		Long: `Makes TAG inherit from PARENT. Of two parents that have a package the one with the lower priority number wins.

The rules are Koji's. A filter is a regular expression that the name of a source package must match from its start on;
those of all links on the way must match.`,
		Example: `  vrepofs tag inherit add dev base --priority 10
  vrepofs tag inherit add dev upstream --priority 20 --maxdepth 0 --pkg-filter 'perl-|python3-'`,
		Args: exactly("TAG", "PARENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("priority") {
				return wrong(cmd, "--priority is missing: lower numbers come first; 10, 20, … leave room")
			}
			if cmd.Flags().Changed("maxdepth") {
				p.MaxDepth = &depth
			}
			p.Tag = args[1]
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.AddParent(cmd.Context(), why, args[0], p)
			})
		},
	})
	cmd.Flags().IntVar(&p.Priority, "priority", 0, "place among the parents of TAG: lower `N` comes first and wins")
	cmd.Flags().IntVar(&depth, "maxdepth", 0, "bring `N` levels of PARENT's own parents along, 0: none; else all")
	cmd.Flags().BoolVar(&p.Intransitive, "intransitive", false, "for views of TAG itself, not of tags that inherit from it")
	cmd.Flags().BoolVar(&p.NoConfig, "noconfig", false, "inherit no configuration; as yet there is none to inherit")
	cmd.Flags().StringVar(&p.Filter, "pkg-filter", "", "only source packages whose names match `RE`, anchored at the start")
	return cmd
}

func (a *app) inheritRemove() *cobra.Command {
	return a.changes(&cobra.Command{
		Use:     "remove TAG PARENT [FLAGS]",
		Short:   "End a tag's inheritance from another",
		Long:    "Ends TAG's inheritance from PARENT: its views lose what came from there alone.",
		Example: "  vrepofs tag inherit remove dev base",
		Args:    exactly("TAG", "PARENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.RemoveParent(cmd.Context(), why, args[0], args[1])
			})
		},
	})
}

func (a *app) inheritList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:     "list TAG[@MOMENT] [FLAGS]",
		Short:   "List what a tag inherits from, in order",
		Long:    "Lists the tag itself and all that it inherits from, in the order in which they are asked for a package.",
		Example: "  vrepofs tag inherit list dev\n  vrepofs tag inherit list dev@17 --json",
		Args:    exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ofTag(a, cmd, args[0], func(c *ctl.Client, name string) (*ctl.Inheritance, error) {
				return c.ListParents(cmd.Context(), a.moment(), name)
			}, func(v *ctl.Inheritance) {
				priority := map[string]string{}
				for _, p := range v.Parents {
					priority[p.Tag] = fmt.Sprint(p.Priority)
				}
				t := newTable("ORDER", "PRIORITY", "TAG", "ONLY")
				for i, visit := range v.Order {
					t.add(i, orDash(priority[visit.Tag]), strings.Repeat("  ", visit.Depth)+visit.Tag, onlyOf(visit))
				}
				t.print(a.out, "")
				fmt.Fprintln(a.talk, "the first that has a package wins")
			})
		},
	})
}

// onlyOf says what limits a visit.
func onlyOf(v ctl.Visit) string {
	var out []string
	for _, f := range v.Filters {
		out = append(out, "packages "+clean(f))
	}
	if v.MaxDepth != nil {
		out = append(out, fmt.Sprintf("depth %d", *v.MaxDepth))
	}
	return strings.Join(out, ", ")
}
