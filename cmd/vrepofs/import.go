package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"vrepofs/blob"
	"vrepofs/ctl"
)

// importing gives a command the flags of imports.
type importing struct {
	skipBad, regenerate, link, adopt bool
	workers                          int
}

func (a *app) importFlags(cmd *cobra.Command, f *importing) {
	cmd.Flags().BoolVar(&f.skipBad, "skip-bad", false, "leave bad RPM files out and list them; exit status 3 if there were any")
	cmd.Flags().BoolVar(&f.link, "link", false, "share the files' data where the file system can (Btrfs, XFS), else copy")
	cmd.Flags().BoolVar(&f.adopt, "adopt", false, "hard-link the files instead of copying them: they must not be written to any more")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "read `N` files at once (default: one per core)")
}

// metadataFlags gives a command the flags of generated repodata.
func metadataFlags(cmd *cobra.Command, m *ctl.Metadata) {
	cmd.Flags().StringVar(&m.Compress, "compress", "", "compress generated metadata with `KIND`: gzip (default), or zstd, which createrepo_c of Debian 12 and of EL 8 cannot read")
	cmd.Flags().IntVar(&m.Changelogs, "changelogs", 0, "keep the `N` newest change log entries of each package (default: 10; -1: all)")
}

// options turns flags into what the client wants.
func (f *importing) options(cmd *cobra.Command) (ctl.ImportOptions, error) {
	o := ctl.ImportOptions{SkipBad: f.skipBad, Regenerate: f.regenerate, Workers: f.workers}
	switch {
	case f.link && f.adopt:
		return o, wrong(cmd, "--link and --adopt exclude each other")
	case f.workers < 0:
		return o, wrong(cmd, "--workers %d: want a number above 0", f.workers)
	case f.link:
		o.How = blob.Reflink
	case f.adopt:
		o.How = blob.Hardlink
	}
	return o, nil
}

// runImport imports and prints what came of it; show prints a result for people.
func (a *app) runImport(ctx context.Context, o ctl.ImportOptions, show func(*ctl.ImportResult)) error {
	a.skipBad = o.SkipBad
	return a.with(ctx, func(c *ctl.Client) error {
		p := a.newProgress("importing")
		o.Progress = p.set
		result, err := c.Import(ctx, a.why(), o)
		p.end()
		if err != nil {
			return err
		}
		if a.json {
			if err := a.printJSON(result); err != nil {
				return err
			}
		} else {
			show(result)
		}
		if len(result.Bad) == 0 {
			return nil
		}
		if !a.json {
			for _, b := range result.Bad {
				fmt.Fprintf(a.talk, "left out: %s: %s\n", clean(b.Path), clean(b.Reason))
			}
		}
		return &partlyError{fmt.Sprintf("%s left out", showCount(len(result.Bad), "bad file"))}
	})
}
