package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) tagDiff() *cobra.Command {
	var arch string
	cmd := a.reads(&cobra.Command{
		Use:   "diff TAG[@MOMENT] TAG[@MOMENT] [FLAGS]",
		Short: "What differs between two tags' views, or one tag's at two moments",
		Long: `Prints what differs from the first view to the second, package by package, and where each comes from: added, removed,
upgraded and downgraded by rpm's comparison of versions, and replaced: the same name, version and arch with other bytes.
What is the same file is no difference, wherever it comes from. MOMENT is an event, a label or a time; a tag without one is
as it is now, or as of --at. Nothing is composed for it.`,
		Example: `  vrepofs tag diff dev@17 dev
  vrepofs tag diff release dev --arch aarch64
  vrepofs tag diff dev@20261121T043000Z dev --json | jq '.upgraded | length'`,
		Args: exactly("TAG", "TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				d, err := c.DiffTags(cmd.Context(), ctl.TagDiffRequest{A: a.tagAt(args[0]), B: a.tagAt(args[1]), Arch: arch})
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(d)
				}
				a.showTagDiff(d)
				return nil
			})
		},
	})
	cmd.Flags().StringVar(&arch, "arch", "", "`ARCH` of the views; the first tag's first if not given")
	return cmd
}

// tagAt splits "TAG@MOMENT"; --at holds for what names no moment.
func (a *app) tagAt(arg string) ctl.TagAt {
	name, at, found := strings.Cut(arg, "@")
	if !found {
		at = a.at
	}
	return ctl.TagAt{At: ctl.At{At: at}, Tag: name}
}

func (a *app) showTagDiff(d *ctl.TagDiff) {
	t := newTable("CHANGE", "PACKAGE", "VERSION AND SOURCE")
	var counts []string
	for _, l := range []struct {
		name string
		list []ctl.ViewChange
	}{{"added", d.Added}, {"removed", d.Removed}, {"upgraded", d.Upgraded}, {"downgraded", d.Downgraded}, {"replaced", d.Replaced}} {
		for _, c := range l.list {
			t.add(l.name, clean(c.Name+"."+c.Arch), clean(showViewChange(c)))
		}
		counts = append(counts, fmt.Sprintf("%d %s", len(l.list), l.name))
	}
	t.print(a.out, "no difference")
	fmt.Fprintf(a.talk, "%s/%s as of event %d → %s/%s as of event %d: %s\n",
		d.A.Tag, d.Arch, d.A.Generation.Event, d.B.Tag, d.Arch, d.B.Generation.Event, strings.Join(counts, ", "))
}

// showViewChange names the versions, and the source once if both sides have one.
func showViewChange(c ctl.ViewChange) string {
	show := func(k *ctl.ViewPackage) string { return k.EVR + " of " + k.Source }
	switch {
	case c.Old == nil:
		return show(c.New)
	case c.New == nil:
		return show(c.Old)
	case c.Old.EVR == c.New.EVR:
		return fmt.Sprintf("%s of %s %.12s → of %s %.12s", c.Old.EVR, c.Old.Source, c.Old.Digest, c.New.Source, c.New.Digest)
	case c.Old.Source == c.New.Source:
		return c.Old.EVR + " → " + show(c.New)
	}
	return show(c.Old) + " → " + show(c.New)
}
