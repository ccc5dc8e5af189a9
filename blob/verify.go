package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Verify reads the whole blob and compares its digest. A blob with other bytes is set aside, and the error is a
// *CorruptError that names both digests. A read error of the disk is returned as it is and sets nothing aside.
func (s *Store) Verify(ctx context.Context, d Digest) error {
	_, err := s.verify(ctx, d)
	return err
}

// verify returns how the file looked before and after its right bytes were read; the zero adoption if it changed meanwhile.
func (s *Store) verify(ctx context.Context, d Digest) (adoption, error) {
	if err := ctx.Err(); err != nil {
		return adoption{}, err
	}
	f, before, err := s.open(d)
	if err != nil {
		return adoption{}, err
	}
	defer f.Close()
	got, _, err := hashReader(ctxReader{ctx, f})
	if err != nil {
		return adoption{}, fmt.Errorf("verify blob %s: %w", d, err)
	}
	if got != d {
		return adoption{}, errors.Join(&CorruptError{Digest: d, Got: got}, s.setAside(d, before))
	}
	var after unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &after); err != nil {
		return adoption{}, fmt.Errorf("verify blob %s: fstat: %w", d, err)
	}
	now := adoptionOf(after)
	if now != adoptionOf(before) {
		return adoption{}, nil
	}
	// Record a user's file anew, so that the next Open need not hash it.
	row, known, err := s.adopted.get(d)
	if err == nil && (known && row != now || !known && before.Nlink > 1) && !racyAt(now.ctime) {
		// Not being able to, on a full or read-only disk, costs only time.
		_ = s.adopted.add([]adoptionRow{{d, now}})
	}
	return now, err
}

// recheck hashes a user's file that has changed; callers at the same time share the work.
func (s *Store) recheck(d Digest) (adoption, error) {
	v, err, _ := s.rehash.Do(string(d[:]), func() (any, error) { return s.verify(context.Background(), d) })
	now, _ := v.(adoption)
	return now, err
}

// setAside moves the file of d, which was seen as st, to blobs/bad. If it cannot, d is remembered as bad.
func (s *Store) setAside(d Digest, st unix.Stat_t) error {
	err := s.fs.Mkdir("blob.bad.mkdir", s.badDir(), 0o755)
	if err == nil || errors.Is(err, iofs.ErrExist) {
		err = s.fs.Rename("blob.bad.rename", s.Path(d), s.badPath(d))
	}
	if errors.Is(err, iofs.ErrNotExist) {
		return nil // somebody else was faster
	}
	if err != nil {
		s.setBad(d, true)
		return fmt.Errorf("set blob %s aside: %w", d, err)
	}
	var now unix.Stat_t
	if err := unix.Lstat(s.badPath(d), &now); err == nil && now.Ino != st.Ino {
		// Somebody put the blob anew in this moment: that was the new one.
		if err := s.fs.Rename("blob.bad.back", s.badPath(d), s.Path(d)); err != nil {
			return fmt.Errorf("set blob %s aside: %w", d, err)
		}
	}
	return nil
}

// setAsideBefore lists blobs/bad.
func (s *Store) setAsideBefore() (map[Digest]bool, error) {
	names, err := os.ReadDir(s.badDir())
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return nil, err
	}
	var bad map[Digest]bool
	for _, e := range names {
		if d, err := Parse(e.Name()); err == nil {
			if bad == nil {
				bad = map[Digest]bool{}
			}
			bad[d] = true
		}
	}
	return bad, nil
}

// VerifyAll verifies every blob of the store with so many workers (at least 1) and calls report, if it is not nil, for
// each: never twice at once, in no particular order. The blobs that were set aside earlier are reported as ErrCorrupt,
// strange names in blobs/ with the zero Digest. The error is that of ctx, or says how many blobs were bad; then ErrCorrupt
// is in it if one was corrupt.
func (s *Store) VerifyAll(ctx context.Context, workers int, report func(Digest, error)) error {
	var (
		mu        sync.Mutex
		all, bad  int
		kind      error = errors.New("unreadable")
		group, wc       = errgroup.WithContext(ctx)
	)
	tell := func(d Digest, err error) {
		mu.Lock()
		defer mu.Unlock()
		all++
		if err != nil {
			bad++
			if errors.Is(err, ErrCorrupt) {
				kind = ErrCorrupt
			}
		}
		if report != nil {
			report(d, err)
		}
	}
	aside, err := s.setAsideBefore()
	if err != nil {
		return fmt.Errorf("verify blobs: %w", err)
	}
	for d := range aside {
		if !s.Has(d) {
			tell(d, &CorruptError{Digest: d, Reason: "it was set aside"})
		}
	}
	group.SetLimit(max(workers, 1))
	for d, err := range s.All() {
		if wc.Err() != nil {
			break
		}
		if err != nil {
			tell(d, err)
			continue
		}
		group.Go(func() error {
			err := s.Verify(wc, d)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !errors.Is(err, iofs.ErrNotExist) { // swept meanwhile
				tell(d, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("verify blobs: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("verify blobs: %w", err)
	}
	if bad > 0 {
		return fmt.Errorf("verify blobs: %d of %d: %w", bad, all, kind)
	}
	return nil
}

func hashReader(r io.Reader) (Digest, int64, error) {
	h := sha256.New()
	n, err := copyBuffered(h, r)
	return Digest(h.Sum(nil)), n, err
}

// ctxReader ends with the context's error.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r ctxReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}
