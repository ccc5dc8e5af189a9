package index

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"sync"

	"vrepofs/blob"
)

// Rebuild makes the index of the store in root anew from its journal, and the package values from the blobs by reparse (nil:
// they are made on demand). Blobs that are not there (iofs.ErrNotExist) are passed over; other errors of reparse are returned
// together when all is done: the index is usable then. Head, serials, places, recorded memos are what they were. A store in use
// is ErrLocked.
func Rebuild(root string, o Options, reparse func(blob.Digest) ([]byte, error)) error {
	x, err := open(root, o, true)
	if err != nil {
		return fmt.Errorf("rebuild index of %s: %w", root, err)
	}
	err = x.reparse(reparse)
	if err == nil {
		err = x.log.Err()
	}
	if e := x.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("rebuild index of %s: %w", root, err)
	}
	return nil
}

// reparse makes the package values of all known RPM blobs.
func (x *Index) reparse(reparse func(blob.Digest) ([]byte, error)) error {
	if reparse == nil {
		return nil
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex // guards errs
		errs  []error
		files = make(chan blob.Digest, 64)
	)
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if len(errs) < 100 {
			errs = append(errs, err)
		}
	}
	for range 2 {
		wg.Go(func() {
			var rows []PackageRow
			size := 0
			flush := func() {
				if err := x.PutPackages(rows); err != nil {
					fail(err)
				}
				rows, size = rows[:0], 0
			}
			for d := range files {
				v, err := reparse(d)
				if errors.Is(err, iofs.ErrNotExist) {
					continue
				}
				if err != nil {
					fail(fmt.Errorf("package %s: %w", d.Short(), err))
					continue
				}
				rows = append(rows, PackageRow{d, v})
				if size += len(v); len(rows) >= 256 || size > 4<<20 {
					flush()
				}
			}
			flush()
		})
	}
	for f, err := range x.Files() {
		if err != nil {
			fail(err)
			break
		}
		files <- f.Digest
	}
	close(files)
	wg.Wait()
	return errors.Join(errs...)
}
