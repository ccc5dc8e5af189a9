package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) tagWhy() *cobra.Command {
	var arch string
	cmd := a.reads(&cobra.Command{
		Use:   "why TAG[@MOMENT] PACKAGE [FLAGS]",
		Short: "Say why a package is in a tag's view, or is not",
		Long: `Says of every build and package that goes by a name what became of it in a view of TAG, and by which rule, in the order in
which they are asked: builds of the tag, of the tags that it inherits from, then external repos. What comes first wins.

PACKAGE is the name of a package or source package, NAME-VERSION-RELEASE, a full NEVRA, or a file name.`,
		Example: `  vrepofs tag why dev zlib
  vrepofs tag why dev@17 zlib-devel-1.3.1-4.fc42.x86_64 --arch x86_64
  vrepofs tag why dev zlib --json`,
		Args: exactly("TAG", "PACKAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ofTag(a, cmd, args[0], func(c *ctl.Client, name string) (*ctl.Reasons, error) {
				return c.WhyOf(cmd.Context(), a.moment(), name, arch, args[1])
			}, func(v *ctl.Reasons) {
				t := newTable("ORDER", "IN VIEW", "PACKAGE", "FROM", "RULE")
				upstream, copies := map[string]string{}, []string{}
				for i, r := range v.Reasons {
					in := "no"
					if r.Taken {
						in = "yes"
					}
					from := r.Source
					if r.Mode != "" {
						from += " (" + r.Mode + ")"
					}
					t.add(i+1, in, r.Package, from, r.Rule)
					if r.Upstream != "" && upstream[r.Source] == "" {
						upstream[r.Source] = r.Upstream
						copies = append(copies, r.Source)
					}
				}
				t.print(a.out, fmt.Sprintf("nothing in tag %s, its parents and its external repos goes by %q", v.Tag, clean(args[1])))
				for _, source := range copies {
					fmt.Fprintf(a.out, "%s is a copy of %s\n", source, clean(upstream[source]))
				}
				if len(v.Reasons) > 0 {
					fmt.Fprintf(a.talk, "view %s/%s as of event %d; what comes first wins\n", v.Tag, v.Arch, v.Event)
				}
			})
		},
	})
	cmd.Flags().StringVar(&arch, "arch", "", "`ARCH` of the view; the tag's first if not given")
	return cmd
}
