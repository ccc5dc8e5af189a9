package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"vrepofs/store"
)

func (a *app) indexNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:     "index",
		Short:   "The index, which is derived from the journal and the blobs",
		Long:    "The index (STORE/index) makes lookups fast. It is derived from journal/ and blobs/ and may be deleted at any time.",
		Example: "  vrepofs index rebuild",
	}
	noun.AddCommand(&cobra.Command{
		Use:   "rebuild",
		Short: "Make the index anew from the journal and the blobs",
		Long: `Makes the index anew from the journal and from the headers of all RPMs. The store must not be in use: unmount first.
Everything is as before then: the same events, the same bytes and inode numbers in the mount.`,
		Example: "  vrepofs umount /mnt/repos && vrepofs index rebuild && vrepofs mount /mnt/repos",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			root, err := filepath.Abs(a.store)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.talk, "vrepofs: rebuilding the index")
			head, err := store.Rebuild(root, store.Options{AcceptClock: a.acceptClock})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]any{"store": root, "event": head.Seq, "root": head.Root.String()})
			}
			fmt.Fprintf(a.out, "index of %s rebuilt up to event %d\n", root, head.Seq)
			return nil
		},
	})
	return noun
}
