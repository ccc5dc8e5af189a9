// Package storetest makes stores for tests: real RPMs, read and committed as the command line does it.
package storetest

import (
	"testing"

	"vrepofs/blob"
	"vrepofs/disk/disktest"
	"vrepofs/ingest"
	"vrepofs/rpm"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/testrpm"
)

// Who is the author of every change.
func Who() store.Who { return store.Who{Command: "test"} }

// New makes a store in a new directory and opens it; it is closed when the test ends. The directory is in memory where
// there is one that is: these tests sync a thousand times and ask nothing of the disk.
func New(t testing.TB) *store.Store {
	t.Helper()
	dir := disktest.Scratch(t) + "/store"
	if err := store.Create(dir); err != nil {
		t.Fatal(err)
	}
	return Open(t, dir)
}

// Open opens the store in dir; it is closed when the test ends.
func Open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Read brings RPMs made from specs into the blob store and returns the import that has them.
func Read(t testing.TB, s *store.Store, specs ...testrpm.Spec) *store.Import {
	t.Helper()
	dir := t.TempDir()
	if _, err := testrpm.Write(dir, specs...); err != nil {
		t.Fatal(err)
	}
	plan, err := ingest.Scan([]string{dir}, false)
	if err != nil {
		t.Fatal(err)
	}
	lease, err := s.Blobs.NewLease()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lease.Close() })
	im := s.NewImport()
	t.Cleanup(func() { im.Close() })
	bad, err := ingest.Read(t.Context(), lease, plan.RPMs, ingest.Options{How: blob.Copy}, func(r ingest.RPM) error {
		return im.AddRPM(r.Name, 0, rpm.AppendPackage(nil, r.Package))
	})
	if err != nil || len(bad) > 0 {
		t.Fatalf("read: %v, bad: %v", err, bad)
	}
	if err := lease.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return im
}

// Snapshot imports RPMs made from specs as the newest snapshot of a repo.
func Snapshot(t testing.TB, s *store.Store, repo string, specs ...testrpm.Spec) state.Snapshot {
	t.Helper()
	snap, err := Read(t, s, specs...).Snapshot(t.Context(), Who(), repo, store.SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// Builds imports RPMs made from specs as builds and returns their NVRs, sorted.
func Builds(t testing.TB, s *store.Store, specs ...testrpm.Spec) []string {
	t.Helper()
	results, err := Read(t, s, specs...).Builds(t.Context(), Who())
	if err != nil {
		t.Fatal(err)
	}
	var nvrs []string
	for _, r := range results {
		nvrs = append(nvrs, r.Build.NVR)
	}
	return nvrs
}
