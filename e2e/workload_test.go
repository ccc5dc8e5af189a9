package e2e

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/blob"
	"vrepofs/ingest"
	"vrepofs/rpm"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/testrpm"
)

// step is one operation on an open store, in process: what a user asks for and gets an answer to.
type step struct {
	name string
	do   func(ctx context.Context, s *store.Store) error
}

// workload is a short life of a store that goes through every way of writing: snapshots, added to and verbatim; builds, a
// signed copy of one; tags, inheritance, blocks; views composed before and after; channels set, put into, promoted, rolled back; removals. dir gets the RPM files.
func workload(t testing.TB, dir string) []step {
	t.Helper()
	who := store.Who{Command: "test"}
	write := func(name string, specs ...testrpm.Spec) string {
		path := filepath.Join(dir, name)
		if _, err := testrpm.Write(path, specs...); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := []testrpm.File{{Path: "/usr/share/x", Size: 300}}
	a1, a2 := testrpm.Spec{Name: "a", Version: "1", Files: file}, testrpm.Spec{Name: "a", Version: "2", Files: file}
	c, d := testrpm.Spec{Name: "c", Arch: "noarch"}, testrpm.Spec{Name: "d", Files: file}
	signed := a2
	signed.Signature = testrpm.FakeSignature(0x1234567890abcdef, 1)
	first, second := write("first", a1, c), write("second", d)
	builds, copies := write("builds", a1, a2, c), write("signed", signed)

	snapshot := func(from string, o store.SnapshotOptions) func(context.Context, *store.Store) error {
		return func(ctx context.Context, s *store.Store) error {
			return bring(ctx, s, from, func(im *store.Import) error {
				_, err := im.Snapshot(ctx, who, "r", o)
				return err
			})
		}
	}
	build := func(from string) func(context.Context, *store.Store) error {
		return func(ctx context.Context, s *store.Store) error {
			return bring(ctx, s, from, func(im *store.Import) error {
				_, err := im.Builds(ctx, who)
				return err
			})
		}
	}
	change := func(f func(context.Context, *store.Store) (any, error)) func(context.Context, *store.Store) error {
		return func(ctx context.Context, s *store.Store) error { _, err := f(ctx, s); return err }
	}
	view := func(tag string) func(context.Context, *store.Store) error {
		return func(ctx context.Context, s *store.Store) error { _, err := viewOf(ctx, s, tag); return err }
	}
	return []step{
		{"first snapshot", snapshot(first, store.SnapshotOptions{})},
		{"builds", build(builds)},
		{"signed copy", build(copies)},
		{"create base", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.CreateTag(ctx, who, "base", []string{"x86_64"})
		})},
		{"create dev", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.CreateTag(ctx, who, "dev", []string{"x86_64"})
		})},
		{"inherit", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.AddParent(ctx, who, "dev", state.Link{Parent: "base", Priority: 1})
		})},
		{"tag base", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.TagBuilds(ctx, who, "base", []string{"a-1-1", "c-1.0-1"})
		})},
		{"compose dev", view("dev")},
		{"second snapshot", snapshot(second, store.SnapshotOptions{Add: true})},
		{"tag dev", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.TagBuilds(ctx, who, "dev", []string{"a-2-1"})
		})},
		{"block", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.Block(ctx, who, "base", true, []string{"c"})
		})},
		{"publish dev", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.SetChannel(ctx, who, "staging/dev", "dev/x86_64", false)
		})},
		{"publish a snapshot", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.SetChannel(ctx, who, "staging/r", "r", false)
		})},
		{"put a file", put(who, "staging/KEY", map[string]string{"": "a key"})},
		{"put into a repository", put(who, "staging/r/images", map[string]string{"boot.iso": "an image", "efi/README": "read", "empty": ""})},
		{"promote", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.Promote(ctx, who, "staging", "production", false)
		})},
		{"put another file", put(who, "staging/KEY", map[string]string{"": "another key"})},
		{"compose dev again", view("dev")},
		{"compose base", view("base")},
		{"untag", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.UntagBuilds(ctx, who, "dev", []string{"a-2-1"})
		})},
		{"publish dev again", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.SetChannel(ctx, who, "staging/dev", "dev/x86_64", false)
		})},
		{"promote again", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.Promote(ctx, who, "staging", "production", false)
		})},
		{"roll back", change(func(ctx context.Context, s *store.Store) (any, error) {
			return s.Rollback(ctx, who, "production", "", false)
		})},
		{"remove a tag", change(func(ctx context.Context, s *store.Store) (any, error) { return s.DeleteTag(ctx, who, "dev") })},
	}
}

// put is a step that puts files by path and text, or one by the path "".
func put(who store.Who, at string, files map[string]string) func(context.Context, *store.Store) error {
	return func(ctx context.Context, s *store.Store) error {
		lease, err := s.Blobs.NewLease()
		if err != nil {
			return err
		}
		defer lease.Close()
		p := s.NewPut()
		for _, path := range slices.Sorted(maps.Keys(files)) {
			d, n, err := lease.Copy(strings.NewReader(files[path]))
			if err == nil {
				err = p.AddFile(path, d, n)
			}
			if err != nil {
				return err
			}
		}
		if err := lease.Flush(ctx); err != nil {
			return err
		}
		_, err = s.Move(ctx, who, p.Op(at), store.How{Dry: false})
		return err
	}
}

// bring reads the RPMs of a directory under a lease and lets commit make something of them.
func bring(ctx context.Context, s *store.Store, dir string, commit func(*store.Import) error) error {
	plan, err := ingest.Scan([]string{dir}, false)
	if err != nil {
		return err
	}
	lease, err := s.Blobs.NewLease()
	if err != nil {
		return err
	}
	defer lease.Close()
	im := s.NewImport()
	defer im.Close()
	bad, err := ingest.Read(ctx, lease, plan.RPMs, ingest.Options{How: blob.Copy, Workers: 1}, func(r ingest.RPM) error {
		return im.AddRPM(r.Name, 0, rpm.AppendPackage(nil, r.Package))
	})
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return &ingest.BadFilesError{Files: bad}
	}
	if err := lease.Flush(ctx); err != nil {
		return err
	}
	return commit(im)
}

// viewOf composes a view of a tag and returns the digest of its tree.
func viewOf(ctx context.Context, s *store.Store, tag string) (blob.Digest, error) {
	r, _, err := s.State("")
	if err != nil {
		return blob.Digest{}, err
	}
	v, err := s.Composer.View(ctx, r, tag, "x86_64")
	return v.Root.Digest, err
}

// sound verifies a whole store in process and reads everything that can be reached: every blob, every state, and every view anew.
func sound(ctx context.Context, s *store.Store) error {
	v, err := s.Verify(ctx, 1, nil)
	if err != nil {
		return err
	}
	for _, f := range v.Findings {
		return fmt.Errorf("verify finds %d bad things, the first: %s %s: %w", len(v.Findings), f.Kind, f.Name, f.Err)
	}
	return s.Index.Err()
}
