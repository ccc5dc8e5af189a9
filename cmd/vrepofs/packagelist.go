package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) packageNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "package",
		Short: "The package list of a tag: add, remove, list",
		Long: `A tag takes builds of the packages in its package list, given by the names of their source packages, and shows only those.
The list is inherited: the nearest tag that has an entry for a package decides, and lists or blocks it (vrepofs tag block).
Packages without any entry are listed by open tags that have builds of them.`,
		Example: "  vrepofs tag package add dev zlib bash\n  vrepofs tag package list dev",
	}
	noun.AddCommand(
		a.tagItems("add", "PACKAGE", "List packages in a tag, so that it takes builds of them",
			"Lists packages in a tag, so that it and tags that inherit from it take builds of them. What is blocked stays: see vrepofs tag unblock.",
			"  vrepofs tag package add dev zlib bash\n  vrepofs tag package add dev --file packages.txt", (*ctl.Client).ListPackages),
		a.packageRemove(), a.packageList())
	return noun
}

func (a *app) packageRemove() *cobra.Command {
	var force bool
	cmd := a.tagItems("remove", "PACKAGE", "Remove a tag's own entries, blocks too",
		`Removes entries of the tag itself from the package list, blocks too: what it inherits counts again. It is refused while the tag
has builds that would then not be seen.`,
		"  vrepofs tag package remove dev python2",
		func(c *ctl.Client, ctx context.Context, why ctl.Why, tag string, packages []string) (*ctl.Change, error) {
			return c.UnlistPackages(ctx, why, tag, packages, force)
		})
	cmd.Flags().BoolVar(&force, "force", false, "also if builds in the tag are then not seen; they stay there")
	return cmd
}

func (a *app) packageList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "list TAG[@MOMENT] [FLAGS]",
		Short: "Show the package list of a tag's views",
		Long: `Shows the package list of a tag's views, with what it inherits: each package, whether it is listed or blocked, and by which
tag. "by its builds" are packages for which no tag has an entry, listed by an open tag that has builds of them.`,
		Example: "  vrepofs tag package list dev\n  vrepofs tag package list dev@17 --json",
		Args:    exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ofTag(a, cmd, args[0], func(c *ctl.Client, name string) (*ctl.PackageList, error) {
				return c.PackageListOf(cmd.Context(), a.moment(), name)
			}, func(v *ctl.PackageList) {
				t := newTable("PACKAGE", "ENTRY", "TAG")
				for _, p := range v.Packages {
					entry := "listed"
					switch {
					case p.Blocked:
						entry = "blocked"
					case p.Implicit:
						entry = "by its builds"
					}
					t.add(p.Package, entry, p.Tag)
				}
				none := fmt.Sprintf("no packages; vrepofs tag package add %s PACKAGE lists one", v.Tag)
				if !v.Listed {
					none = fmt.Sprintf("no entries; tag %s is open and takes builds of any package", v.Tag)
				}
				t.print(a.out, none)
			})
		},
	})
}
