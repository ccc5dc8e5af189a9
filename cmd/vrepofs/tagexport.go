package main

import (
	"github.com/spf13/cobra"

	"vrepofs/ctl"
	"vrepofs/wanted"
)

func (a *app) tagExport() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "export [TAG[@MOMENT]…] [FLAGS]",
		Short: "Write all that is said of tags as a file for vrepofs apply",
		Long: `Writes tags, or all tags if none is named, as YAML: everything that is said of them, their builds in the order of tagging
included. vrepofs apply makes them so again: here, where nothing then is to be done; after they have changed; or in another store
that has the builds and the external repos.`,
		Example: `  vrepofs tag export > tags.yaml
  vrepofs tag export dev@17 | vrepofs apply - --dry-run    # going back to event 17
  vrepofs tag export release --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			req := ctl.ExportTagsRequest{At: a.moment()}
			for _, arg := range args {
				req.Tags = append(req.Tags, a.tagAt(arg))
			}
			seen := map[string]bool{}
			for i, t := range req.Tags {
				if seen[t.Tag] {
					return wrong(cmd, "%s: the tag is named twice", args[i])
				}
				seen[t.Tag] = true
			}
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				v, err := c.ExportTags(cmd.Context(), req)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(v.Tags)
				}
				text, err := wanted.Export(v.Tags)
				if err == nil {
					_, err = a.out.Write(text)
				}
				return err
			})
		},
	})
}
