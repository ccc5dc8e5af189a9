package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/comps"
	"vrepofs/ctl"
)

func (a *app) groupNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "group",
		Short: "Groups of packages (comps.xml) that a tag's views offer: import, add, block, list",
		Long: `Views offer groups of packages, as dnf group list shows them, by a comps.xml. Tags inherit groups as Koji has it: the
first tag in the order that defines a group says what it is; what is in it is joined, and of each package the first tag
that says something counts. A group has the packages of groups that it requires too: they are named @GROUP.

Environments and categories, which are lists of groups, come by import; list, show, block, unblock and remove know them.`,
		Example: `  vrepofs tag group import dev comps.xml
  vrepofs tag group add dev build --name "Build root"
  vrepofs tag group package add dev build bash gcc @core
  vrepofs tag group show dev build`,
	}
	noun.AddCommand(a.groupImport(), a.groupAdd(),
		a.tagItems("remove", "GROUP", "Remove what a tag itself says of groups",
			"Removes all that a tag itself says of groups, environments or categories. What it inherits of them is seen again.",
			"  vrepofs tag group remove dev build", (*ctl.Client).RemoveGroups),
		a.tagItems("block", "GROUP", "Keep groups out of a tag and of all that inherit from it",
			"Keeps groups, environments or categories out of a tag's views and of those that inherit from it.",
			"  vrepofs tag group block dev games", (*ctl.Client).BlockGroups),
		a.tagItems("unblock", "GROUP", "End blocks of groups that the tag itself has",
			`Ends blocks of groups that the tag itself has. To show a group that a parent blocks, define it again: vrepofs tag group add.`,
			"  vrepofs tag group unblock dev games", (*ctl.Client).UnblockGroups),
		a.groupPackageNoun(), a.groupList(), a.groupShow(), a.groupExport())
	return noun
}

func (a *app) groupPackageNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "package",
		Short: "What is in a group: add, remove, block, unblock",
		Long: `Changes what a tag says of the packages in a group, which may be one that it inherits. @GROUP stands for the packages of
another group.`,
		Example: "  vrepofs tag group package add dev build bash gcc @core\n  vrepofs tag group package block dev build gcc",
	}
	noun.AddCommand(a.groupPackageAdd(),
		a.groupItems("remove", "Remove what a tag itself says of packages in a group",
			"Removes what a tag itself says of packages in a group. What it inherits of them is seen again.",
			"  vrepofs tag group package remove dev build gcc", (*ctl.Client).RemoveFromGroup),
		a.groupItems("block", "Keep packages out of a group, in a tag and all that inherit from it",
			"Keeps packages out of a group, in a tag's views and those that inherit from it. They stay in the views themselves.",
			"  vrepofs tag group package block dev build gcc", (*ctl.Client).BlockInGroup),
		a.groupItems("unblock", "End blocks in a group that the tag itself has",
			"Ends blocks in a group that the tag itself has. To have a package that a parent blocks, add it.",
			"  vrepofs tag group package unblock dev build gcc", (*ctl.Client).UnblockInGroup))
	return noun
}

func (a *app) groupAdd() *cobra.Command {
	var name, description, langOnly string
	var hidden, byDefault, biarch bool
	var set ctl.GroupSettings
	cmd := a.changes(&cobra.Command{
		Use:   "add TAG GROUP [FLAGS]",
		Short: "Say in a tag what a group is",
		Long: `Says in a tag what a group is, for the tag and all that inherit from it, so that the group is there even if a parent
blocks it. What no flag says stays as the tag has it by now, perhaps from a parent.`,
		Example: "  vrepofs tag group add dev build --name \"Build root\" --hidden\n  vrepofs tag group add dev build --hidden=false",
		Args:    exactly("TAG", "GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for flag, to := range map[string]func(){
				"name": func() { set.Name = &name }, "description": func() { set.Description = &description },
				"langonly": func() { set.LangOnly = &langOnly }, "hidden": func() { set.Hidden = &hidden },
				"default": func() { set.Default = &byDefault }, "biarchonly": func() { set.Biarch = &biarch },
			} {
				if cmd.Flags().Changed(flag) {
					to()
				}
			}
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.SetGroup(cmd.Context(), why, args[0], args[1], set)
			})
		},
	})
	cmd.Flags().StringVar(&name, "name", "", "`NAME` for people; else GROUP")
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` for people")
	cmd.Flags().BoolVar(&hidden, "hidden", false, "do not offer it to people (uservisible is false)")
	cmd.Flags().BoolVar(&byDefault, "default", false, "install it by default")
	cmd.Flags().StringVar(&langOnly, "langonly", "", "only for people of a `LANGUAGE`")
	cmd.Flags().BoolVar(&biarch, "biarchonly", false, "only where packages of two arches are")
	return cmd
}

func (a *app) groupPackageAdd() *cobra.Command {
	var set ctl.PackageSettings
	l := items{item: "PACKAGE"}
	cmd := a.changes(&cobra.Command{
		Use:   "add TAG GROUP PACKAGE… [FLAGS]",
		Short: "Put packages into a group",
		Long: `Puts packages, by the name of the RPM, into a group of TAG's views; @GROUP puts in all packages of another group. A
package that is there by now keeps its type if no flag gives one; others are mandatory.

Any number in one event; with - or --file they are read from lines.`,
		Example: `  vrepofs tag group package add dev build bash gcc @core
  vrepofs tag group package add dev desktop nscd --type conditional --requires glibc`,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := l.read(cmd, args[2:])
			if err != nil {
				return err
			}
			if set.Type != "" && comps.CheckType(set.Type) != nil {
				return wrong(cmd, "--type %s: want %s", set.Type, strings.Join(comps.Types(), ", "))
			}
			if set.Requires == "" && set.Type == "conditional" || set.Requires != "" && set.Type != "" && set.Type != "conditional" {
				return wrong(cmd, "--type conditional and --requires PACKAGE go together")
			}
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.PutInGroup(cmd.Context(), why, args[0], args[1], list, set)
			})
		},
	})
	cmd.Flags().StringVar(&set.Type, "type", "", "when it is installed: `TYPE` mandatory, default, optional or conditional")
	cmd.Flags().StringVar(&set.Requires, "requires", "", "conditional: only together with `PACKAGE`")
	cmd.Flags().BoolVar(&set.BaseArch, "arch-only", false, "only the one of the machine's own arch (basearchonly)")
	itemFlags(cmd, &l)
	return cmd
}

// groupChange is a method of the client that changes some items of a group.
type groupChange func(c *ctl.Client, ctx context.Context, why ctl.Why, tag, group string, items []string) (*ctl.Change, error)

// groupItems is a verb that changes some packages of a group.
func (a *app) groupItems(verb, short, long, example string, f groupChange) *cobra.Command {
	l := items{item: "PACKAGE"}
	cmd := a.changes(&cobra.Command{
		Use:     verb + " TAG GROUP PACKAGE… [FLAGS]",
		Short:   short,
		Long:    long + "\n\nAny number in one event; with - or --file they are read from lines. @GROUP is a group that GROUP requires.",
		Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := l.read(cmd, args[2:])
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return f(c, cmd.Context(), why, args[0], args[1], list)
			})
		},
	})
	itemFlags(cmd, &l)
	return cmd
}

func (a *app) groupImport() *cobra.Command {
	var req ctl.ImportGroupsRequest
	cmd := a.changes(&cobra.Command{
		Use:   "import TAG {FILE | --repo REPO[@ID]} [FLAGS]",
		Short: "Put the groups of a comps.xml into a tag",
		Long: `Puts the groups, environments and categories of a comps.xml into a tag, with their translations. FILE may be compressed;
- is standard input. --repo takes the comps.xml of a snapshot, as it is now. What the tag itself says of other groups stays, and so do other packages of the same groups,
unless --replace is given. What of FILE is not kept is told.`,
		Example: "  vrepofs tag group import f42 comps-f42.xml.gz\n  vrepofs tag group import f42 comps-f42.xml --replace --note \"new comps\"\n" +
			"  vrepofs tag group import dev --repo fedora@latest",
		Args: func(cmd *cobra.Command, args []string) error {
			if req.Repo != "" {
				return exactly("TAG")(cmd, args)
			}
			return exactly("TAG", "FILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Why, req.Tag = a.why(), args[0]
			if req.Repo == "" {
				var err error
				if req.Comps, err = readComps(cmd, args[1]); err != nil {
					return err
				}
			}
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				done, err := c.ImportGroups(cmd.Context(), req)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(done)
				}
				for _, l := range done.LeftOut {
					fmt.Fprintf(a.talk, "left out: %s × %s\n", showNumber(int64(l.Count)), clean(l.What))
				}
				if done.Snapshot != "" {
					fmt.Fprintf(a.talk, "from %s\n", done.Snapshot)
				}
				fmt.Fprintf(a.out, "event %d  %s  %s with %s", done.Event, showTime(done.Time), showCount(done.Groups, "group"), showCount(done.Packages, "package"))
				if done.Environments > 0 {
					fmt.Fprintf(a.out, ", %s", showCount(done.Environments, "environment"))
				}
				if done.Categories == 1 {
					fmt.Fprint(a.out, ", 1 category")
				} else if done.Categories > 0 {
					fmt.Fprintf(a.out, ", %d categories", done.Categories)
				}
				fmt.Fprintln(a.out)
				return nil
			})
		},
	})
	cmd.Flags().StringVar(&req.Repo, "repo", "", "instead of FILE the comps.xml of a snapshot, `REPO[@ID]`")
	cmd.Flags().BoolVar(&req.Replace, "replace", false, "instead of all that the tag itself says of groups by now")
	return cmd
}

// readComps reads a file, or standard input for "-".
func readComps(cmd *cobra.Command, name string) ([]byte, error) {
	in := cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, comps.MaxSize+1))
	if err == nil && len(b) > comps.MaxSize {
		err = fmt.Errorf("more than %s", showSize(comps.MaxSize))
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

func (a *app) groupList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "list TAG[@MOMENT] [FLAGS]",
		Short: "List the groups of a tag's views",
		Long: `Lists the groups, environments and categories of a tag's views, and from which tag each is. PACKAGES counts those of
required groups, too; for an environment or a category the groups.`,
		Example: "  vrepofs tag group list dev\n  vrepofs tag group list dev@17 --json",
		Args:    exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ofTag(a, cmd, args[0], func(c *ctl.Client, name string) (*ctl.Groups, error) {
				return c.ListGroups(cmd.Context(), a.moment(), name)
			}, func(v *ctl.Groups) {
				t := newTable("ID", "KIND", "PACKAGES", "FROM", "NAME")
				for _, g := range v.Groups {
					what := g.Name
					switch {
					case g.Blocked:
						what = strings.TrimSpace(what + " (blocked)")
					case g.Hidden:
						what = strings.TrimSpace(what + " (hidden)")
					}
					t.add(clean(g.ID), g.Kind, g.Count, g.From, orDash(clean(what)))
				}
				t.print(a.out, "no groups; vrepofs tag group import TAG comps.xml brings some")
			})
		},
	})
}

func (a *app) groupShow() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "show TAG[@MOMENT] GROUP [FLAGS]",
		Short: "Show what is in a group, and which tag each thing is from",
		Long: `Shows a group of a tag's views: what it is, what is in it, and which tag says so, blocked packages too. VIA is the required
group that brings a package.`,
		Example: "  vrepofs tag group show dev build",
		Args:    exactly("TAG", "GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ofTag(a, cmd, args[0], func(c *ctl.Client, name string) (*ctl.Groups, error) {
				return c.ShowGroup(cmd.Context(), a.moment(), name, args[1])
			}, func(v *ctl.Groups) {
				for i, g := range v.Groups {
					if i > 0 {
						fmt.Fprintln(a.out)
					}
					a.showGroup(g)
				}
			})
		},
	})
}

func (a *app) showGroup(g ctl.Group) {
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(a.out, "%-11s %s\n", name, strings.Join(wrap(clean(value), width-12), "\n            "))
		}
	}
	field(g.Kind, g.ID)
	field("name", g.Name)
	field("description", strings.ReplaceAll(g.Description, "\n", " "))
	field("from", g.From)
	var marks []string
	for _, m := range []struct {
		is   bool
		word string
	}{{g.Blocked, "blocked"}, {g.Hidden, "hidden"}, {g.Default, "default"}, {g.Biarch, "biarchonly"}, {g.LangOnly != "", "langonly " + g.LangOnly}} {
		if m.is {
			marks = append(marks, m.word)
		}
	}
	field("is", strings.Join(marks, ", "))
	field("groups", strings.Join(g.Groups, " "))
	field("options", strings.Join(g.Options, " "))
	if g.Kind != "group" || g.Blocked {
		return
	}
	fmt.Fprintln(a.out)
	t := newTable("PACKAGE", "TYPE", "FROM", "VIA", "REMARK")
	for _, p := range g.Packages {
		var remark []string
		if p.Requires != "" {
			remark = append(remark, "if "+clean(p.Requires)+" is")
		}
		if p.BaseArch {
			remark = append(remark, "own arch only")
		}
		if p.Blocked {
			remark = append(remark, "blocked")
		}
		t.add(clean(p.Name), orDash(p.Type), p.From, orDash(clean(p.Via)), strings.Join(remark, ", "))
	}
	t.print(a.out, "no packages")
}

func (a *app) groupExport() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "export TAG[@MOMENT] [FLAGS]",
		Short: "Print the comps.xml of a tag's views",
		Long: `Prints the comps.xml of a tag's views: groups without what is blocked, and with the packages of required groups behind
their own, as Koji's repositories have them.`,
		Example: "  vrepofs tag group export dev > comps.xml",
		Args:    exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := a.nameAt(cmd, args[0])
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				v, err := c.ExportGroups(cmd.Context(), a.moment(), name)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(map[string]string{"comps": string(v.Comps)})
				}
				_, err = a.out.Write(v.Comps)
				return err
			})
		},
	})
}
