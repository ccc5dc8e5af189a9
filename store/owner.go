package store

import (
	"fmt"
	iofs "io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Owner returns the uid of the user to whom the store in root belongs. iofs.ErrNotExist when there is no store.
func Owner(root string) (uint32, error) {
	fi, err := os.Stat(root + "/vrepofs")
	if err != nil {
		return 0, fmt.Errorf("no store at %s (make one with: vrepofs init --store %[1]s): %w", root, err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		panic("BUG: no Stat_t on Linux")
	}
	return st.Uid, nil
}

// CheckOwner returns an iofs.ErrPermission unless this process runs as the store's owner. Root is no exception: what it would
// create in another user's store, that user could not write to any more.
func CheckOwner(root string) error {
	owner, err := Owner(root)
	if err != nil || owner == uint32(os.Geteuid()) {
		return err
	}
	name := strconv.FormatUint(uint64(owner), 10)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return fmt.Errorf("store %s belongs to its owner, user %s: %w", root, name, iofs.ErrPermission)
}
