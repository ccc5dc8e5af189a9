package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/disk"
	"vrepofs/index"
	"vrepofs/ingest"
	"vrepofs/rpm"
	"vrepofs/state"
)

// Options are how a store is opened.
type Options struct {
	AcceptClock bool         // take the clock as it is, even behind an earlier commit's
	Command     string       // command line that the lock shows; "" means os.Args
	Log         *slog.Logger // nil means nobody listens
	FS          disk.FS      // nil means disk.OS
	// Now is the clock of commits, and by which things expire; nil means time.Now.
	Now func() time.Time
}

// Store is an open store. It is safe for concurrent use.
type Store struct {
	Root     string
	Blobs    *blob.Store
	Index    *index.Index
	Composer *compose.Composer
	log      *slog.Logger
	now      func() time.Time

	mu sync.Mutex
	// mu guards published.
	published func(context.Context) error // set by Publish
}

// Create makes an empty store; its parent directory must exist.
func Create(root string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if err := index.Create(root, disk.OS{}); err != nil {
		return err
	}
	_, err = blob.Open(root, disk.OS{})
	return err
}

// Open opens a store for reading and writing. index.ErrLocked when another process has it open.
func Open(root string, o Options) (*Store, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "vrepofs")); err != nil {
		return nil, fmt.Errorf("no store at %s (make one with: vrepofs init --store %[1]s): %w", root, err)
	}
	s := &Store{Root: root, log: o.Log, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	fs := o.FS
	if fs == nil {
		fs = disk.OS{}
	}
	if s.Blobs, err = blob.Open(root, fs); err != nil {
		return nil, err
	}
	s.Index, err = index.Open(root, index.Options{
		FS: fs, Now: s.now, AcceptClock: o.AcceptClock, Command: o.Command, HasBlob: s.hasBlob, Reparse: s.reparse,
		Report: func(format string, a ...any) { s.log.Warn(fmt.Sprintf(format, a...)) },
	})
	if err != nil {
		return nil, err
	}
	if err := s.Blobs.Recover(); err != nil {
		return nil, errors.Join(err, s.Index.Close())
	}
	s.Composer = compose.New(s.Index, s.Blobs)
	return s, nil
}

// Now is the time by the store's clock.
func (s *Store) Now() time.Time { return s.now() }

// Close closes the index; blobs need no closing.
func (s *Store) Close() error { return s.Index.Close() }

func (s *Store) hasBlob(d blob.Digest) bool {
	_, err := s.Blobs.Stat(d)
	return err == nil
}

// reparse makes a package record anew from its blob, when the index lost it. A blob does not know its file name, and nobody
// asks the record for it: builds and snapshots have it.
func (s *Store) reparse(d blob.Digest) ([]byte, error) {
	f, err := s.Blobs.Open(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := ingest.Inspect(f)
	if err != nil {
		return nil, err
	}
	if p.PkgID != d {
		return nil, fmt.Errorf("blob %s: %w", d, blob.ErrCorrupt)
	}
	return rpm.AppendPackage(nil, p), nil
}

// Who asks for a change, and what the log is to say of it.
type Who struct {
	UID         uint32
	Command     string // "tag add f42 zlib-1.3.1-4.fc42"
	Note, Label string
}

// Publish sets what is called after each commit, before the change is acknowledged to its caller: the mount tells the
// kernel there. An error is logged; the commit stands.
func (s *Store) Publish(f func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published = f
}

// commit makes one change.
func (s *Store) commit(ctx context.Context, who Who, apply func(*index.Tx) error) (state.Change, error) {
	if who.Label != "" {
		if err := state.CheckLabel(who.Label); err != nil {
			return state.Change{}, err
		}
	}
	return s.commitOps(ctx, index.Op{
		Row:   index.Row{UID: who.UID, Command: who.Command, Note: who.Note, Label: who.Label},
		Apply: apply,
	})
}

// commitOps makes one commit and publishes it.
func (s *Store) commitOps(ctx context.Context, ops ...index.Op) (state.Change, error) {
	head, err := s.Index.Commit(ctx, ops...)
	if err != nil {
		return state.Change{}, err
	}
	s.mu.Lock()
	publish := s.published
	s.mu.Unlock()
	if publish != nil {
		if err := publish(context.WithoutCancel(ctx)); err != nil {
			s.log.Error("publish", "event", head.Seq, "error", err)
		}
	}
	return state.Change{Event: head.Seq, Stamp: head.Stamp}, nil
}

// OpenRope opens the content that the rope in blob d describes, which must be size bytes long.
func (s *Store) OpenRope(d blob.Digest, size int64) (*blob.RopeReader, error) {
	f, err := s.Blobs.Open(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("rope %s: %w", d.Short(), err)
	}
	rope, err := blob.DecodeRope(b)
	if err != nil {
		return nil, fmt.Errorf("rope %s: %w", d.Short(), err)
	}
	if rope.Size() != size {
		return nil, fmt.Errorf("rope %s is %d bytes long, want %d: %w", d.Short(), rope.Size(), size, blob.ErrCorrupt)
	}
	return s.Blobs.OpenRope(rope), nil
}
