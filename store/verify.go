package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"slices"

	"vrepofs/blob"
	"vrepofs/state"
	"vrepofs/tree"
)

// Finding is one thing that is not as it should be.
type Finding struct {
	Kind   string      // "journal", "blob", "missing", "index"
	Digest blob.Digest // of the blob; zero for other things
	Name   string      // what the blob is: "zlib-1.3.1-4.fc42.x86_64.rpm", or where it belongs; may be empty
	Err    error
}

// Checked is how far a verification has come.
type Checked struct {
	Blobs int
	Bytes int64 // of blobs
}

// Verification is the result of Verify.
type Verification struct {
	Checked
	Findings []Finding // sorted
}

// BlobSizes returns number and total size of the blobs, looking at each file's size.
func (s *Store) BlobSizes(ctx context.Context) (n int, bytes int64, err error) {
	for d, err := range s.Blobs.All() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return n, bytes, err
		}
		info, err := s.Blobs.Stat(d)
		if errors.Is(err, iofs.ErrNotExist) {
			continue // swept meanwhile
		}
		if err != nil {
			return n, bytes, err
		}
		n++
		bytes += info.Size
	}
	return n, bytes, nil
}

// Verify checks the journal's chain, the content of every blob, and that every blob that the head refers to is there. Bad blobs
// are set aside. What is bad is in the result; an error means that the checking itself could not go on. progress, if not nil,
// is called after each blob, never twice at once.
func (s *Store) Verify(ctx context.Context, workers int, progress func(Checked)) (*Verification, error) {
	v := &Verification{}
	add := func(f Finding) { v.Findings = append(v.Findings, f) }
	if err := s.Index.VerifyJournal(); err != nil {
		add(Finding{Kind: "journal", Err: err})
	} else if err := s.Index.Err(); err != nil {
		add(Finding{Kind: "journal", Err: fmt.Errorf("writing has ended: %w", err)})
	}
	bad := map[blob.Digest]bool{}
	err := s.Blobs.VerifyAll(ctx, workers, func(d blob.Digest, err error) {
		v.Blobs++
		if info, serr := s.Blobs.Stat(d); serr == nil {
			v.Bytes += info.Size
		}
		if err != nil {
			bad[d] = true
			add(Finding{Kind: "blob", Digest: d, Name: s.blobName(d), Err: err})
		}
		if progress != nil {
			progress(v.Checked)
		}
	})
	if err != nil && (ctx.Err() != nil || len(bad) == 0) {
		return nil, err
	}
	if err := s.missing(ctx, func(d blob.Digest, where string, err error) {
		if !bad[d] {
			bad[d] = true
			add(Finding{Kind: "missing", Digest: d, Name: where, Err: err})
		}
	}); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		add(Finding{Kind: "index", Err: err})
	}
	slices.SortFunc(v.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), slices.Compare(a.Digest[:], b.Digest[:]))
	})
	return v, nil
}

// blobName is the file name of an RPM blob, "" for others.
func (s *Store) blobName(d blob.Digest) string {
	if f, err := s.Index.FileByDigest(d); err == nil {
		return f.Name
	}
	return ""
}

// missing calls report for every blob that the head's snapshots, builds and channels refer to and that is not there.
func (s *Store) missing(ctx context.Context, report func(d blob.Digest, where string, err error)) error {
	r, _, err := s.State("")
	if err != nil {
		return err
	}
	seen := map[blob.Digest]bool{}
	look := func(d blob.Digest, where string) error {
		if seen[d] {
			return ctx.Err()
		}
		seen[d] = true
		if _, err := s.Blobs.Stat(d); err != nil {
			report(d, where, err)
		}
		return ctx.Err()
	}
	for b, err := range state.Builds(r) {
		if err != nil {
			return err
		}
		for _, row := range b.RPMs {
			if err := look(row.Digest, "build "+b.NVR+": "+row.File); err != nil {
				return err
			}
		}
	}
	dirs := map[blob.Digest]bool{}
	for repo, err := range state.Repos(r) {
		if err != nil {
			return err
		}
		for snap, err := range state.Snapshots(r, repo.Name) {
			if err != nil {
				return err
			}
			if err := s.lookBelow(r, snap.Root, snap.Ref(), dirs, look); err != nil {
				return err
			}
		}
	}
	published, err := state.Published(r)
	if err != nil {
		return err
	}
	return s.lookBelow(r, published, "channels", dirs, look)
}

// lookBelow calls look for every blob in a directory, the parts of ropes included. Directories that were looked at are
// passed over: most of a snapshot is shared with the one before.
func (s *Store) lookBelow(r tree.Reader, dir tree.Entry, where string, dirs map[blob.Digest]bool, look func(blob.Digest, string) error) error {
	if dirs[dir.Digest] {
		return nil
	}
	dirs[dir.Digest] = true
	for item, err := range tree.List(r, dir.Digest, "") {
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		e, err := tree.DecodeEntry(item.Value)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", where, item.Name, err)
		}
		path := where + "/" + item.Name
		switch e.Kind {
		case tree.KindDir:
			err = s.lookBelow(r, e, path, dirs, look)
		case tree.KindFile:
			err = look(e.Digest, path)
		case tree.KindRope:
			err = s.lookRope(e.Digest, path, look)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) lookRope(d blob.Digest, path string, look func(blob.Digest, string) error) error {
	if err := look(d, path); err != nil {
		return err
	}
	rope, err := s.readRope(d)
	if err != nil {
		return nil // look or the verification of blobs has reported it
	}
	for _, d := range rope.Blobs() {
		if err := look(d, "a part of "+path); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) readRope(d blob.Digest) (blob.Rope, error) {
	f, err := s.Blobs.Open(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return blob.DecodeRope(b)
}
