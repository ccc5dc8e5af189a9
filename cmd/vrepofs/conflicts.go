package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) tagConflicts() *cobra.Command {
	var arch string
	cmd := a.reads(&cobra.Command{
		Use:   "conflicts TAG[@MOMENT] [FLAGS]",
		Short: "Say where the sources of a tag's view disagree",
		Long: `Looks at everything that a view of TAG is selected from, its own builds, inherited ones and external repos, and prints

- same version, other bytes: packages of one name, version and arch of which sources have different
  files, which of them the view takes, and by which rule; "signatures only": nothing else differs;
- newer, not taken: packages of which some source has a greater version than the view has, and why;
- split: source packages of which the view has packages of several versions, from several sources;
- module streams: those of external repos that the view has not, or has a part of, and why.

None of these need be an error: the nearest tag wins, and the first source, whatever their versions. Of several candidates
the first was asked first. Module streams come whole or not at all, but with --compat koji, which knows none.`,
		Example: `  vrepofs tag conflicts dev
  vrepofs tag conflicts dev@17 --arch aarch64
  vrepofs tag conflicts dev --json | jq -r '.shadowed[].newer.package'`,
		Args: exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ofTag(a, cmd, args[0], func(c *ctl.Client, name string) (*ctl.Conflicts, error) {
				return c.ConflictsOf(cmd.Context(), a.moment(), name, arch)
			}, func(v *ctl.Conflicts) {
				a.showConflicts(v)
			})
		},
	})
	cmd.Flags().StringVar(&arch, "arch", "", "`ARCH` of the view; the tag's first if not given")
	return cmd
}

func (a *app) showConflicts(v *ctl.Conflicts) {
	section := func(title string, n int) {
		if n > 0 {
			fmt.Fprintf(a.out, "%s: %d\n", title, n)
		}
	}
	line := func(format string, args ...any) {
		for i, s := range wrap(fmt.Sprintf(format, args...), width-8) {
			indent := "    "
			if i > 0 {
				indent = "        "
			}
			fmt.Fprintf(a.out, "%s%s\n", indent, clean(s))
		}
	}
	section("same version, other bytes", len(v.SameVersion))
	for _, c := range v.SameVersion {
		what := ""
		if c.Signatures {
			what = " (signatures only)"
		}
		fmt.Fprintf(a.out, "  %s%s\n", clean(c.Package), what)
		for _, r := range c.Candidates {
			line("%.12s  %s: %s", r.Digest, r.Source, r.Rule)
		}
	}
	section("newer, not taken", len(v.Shadowed))
	for _, s := range v.Shadowed {
		fmt.Fprintf(a.out, "  %s of %s\n", clean(s.Newer.Package), clean(s.Newer.Source))
		line("in the view: %s of %s", s.Taken.Package, s.Taken.Source)
		line("%s", s.Newer.Rule)
	}
	section("split", len(v.Split))
	for _, s := range v.Split {
		fmt.Fprintf(a.out, "  %s\n", clean(s.SourcePackage))
		for _, p := range s.Parts {
			noun := "packages"
			if p.Packages == 1 {
				noun = "package"
			}
			line("%d %s of %s from %s", p.Packages, noun, p.SourceRPM, p.Source)
		}
	}
	section("module streams", len(v.Streams))
	for _, s := range v.Streams {
		what := "not in the view"
		if s.Taken > 0 {
			what = fmt.Sprintf("split: %d of %d packages are in the view", s.Taken, s.Taken+s.Left)
		}
		fmt.Fprintf(a.out, "  %s of %s: %s\n", clean(s.Stream), clean(s.Source), what)
		line("%s: %s", s.First.Package, s.First.Rule)
	}
	if len(v.SameVersion)+len(v.Shadowed)+len(v.Split)+len(v.Streams) == 0 {
		fmt.Fprintln(a.out, "no conflicts")
	}
	fmt.Fprintf(a.talk, "view %s/%s as of event %d\n", v.Tag, v.Arch, v.Event)
}
