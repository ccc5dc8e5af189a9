package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) verifyVerb() *cobra.Command {
	var workers int
	cmd := &cobra.Command{
		Use:   "verify [FLAGS]",
		Short: "Read everything and check its digests",
		Long: `Reads the whole store: the journal's chain of digests, the content of every blob, and whether every blob that the
present refers to is there. What is bad is listed, exit status 1. A bad blob is set aside: reading it is an error until it is
imported again. It may run while the store is in use.`,
		Example: "  vrepofs verify\n  vrepofs verify --json | jq -r '.findings[].name'",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				p := a.newProgress("verifying")
				v, err := c.Verify(cmd.Context(), ctl.VerifyRequest{Workers: workers}, p.set)
				p.end()
				if err != nil {
					return err
				}
				if a.json {
					err = a.printJSON(v)
				} else {
					a.showVerification(v)
				}
				if err == nil && len(v.Findings) > 0 {
					err = errSilent
				}
				return err
			})
		},
	}
	cmd.Flags().IntVar(&workers, "workers", 0, "read `N` blobs at once (default: one per core)")
	return cmd
}

func (a *app) showVerification(v *ctl.Verification) {
	for _, f := range v.Findings {
		name := f.Name
		if name == "" {
			name = f.Digest
		}
		if name != "" {
			name += ": "
		}
		fmt.Fprintf(a.out, "bad %s: %s%s\n", f.Kind, clean(name), clean(f.Reason))
	}
	if n := len(v.Findings); n > 0 {
		fmt.Fprintf(a.out, "%s, %s read: %d bad\n", showCount(v.Blobs, "blob"), showSize(v.Bytes), n)
		fmt.Fprintln(a.talk, "vrepofs: import the files of bad and missing blobs again to mend them; a bad journal must be restored from a copy")
		return
	}
	fmt.Fprintf(a.out, "journal and %s, %s: all good\n", showCount(v.Blobs, "blob"), showSize(v.Bytes))
}
