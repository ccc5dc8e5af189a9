package main

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"vrepofs/store"
)

func (a *app) initVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Make an empty store",
		Long: `Makes an empty store in the directory that --store or VREPOFS_STORE names. The directory is made if only its
last component is missing. The store belongs to the user who makes it; only that user can import and mount.

Put it on the file system that shall hold the RPMs: Btrfs or XFS let an import from the same file system share
its data (--link); any file system lets it adopt files by hard links (--adopt).`,
		Example: `  vrepofs init --store /srv/vrepofs
  VREPOFS_STORE=/srv/vrepofs vrepofs init`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			root, err := filepath.Abs(a.store)
			if err != nil {
				return err
			}
			if err := store.Create(root); errors.Is(err, iofs.ErrExist) {
				return fmt.Errorf("there is a store at %s already", root)
			} else if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]string{"store": root})
			}
			fmt.Fprintf(a.out, "made an empty store at %s\n", root)
			return nil
		},
	}
}
