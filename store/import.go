package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"maps"
	"slices"
	"strings"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/index"
	"vrepofs/rpm"
	"vrepofs/state"
	"vrepofs/tree"
)

// Import collects what an import brought in until it is committed as one snapshot or as builds. Its blobs are already in
// the blob store or under a lease that outlives the commit. An Import that is dropped leaves package records behind, which are
// only a cache. It is used by one goroutine. Close it.
type Import struct {
	s        *Store
	rows     []imported
	files    []importedFile
	records  []index.PackageRow
	size     int             // bytes of records
	writing  chan error      // the result of the batch that is being written; nil: none is
	kept     compose.Records // the first records, for rendering
	keptSize int             // bytes of kept
	decoded  rpm.Package     // scratch memory of AddRPM
	entered  bool            // rows have their serials
	draft    *draft          // what Prepare has made of a snapshot; nil: nothing yet
}

// draft is a generated snapshot that is rendered and durable, but not committed.
type draft struct {
	base     string // the snapshot that it is added to; "" if none
	items    []compose.Item
	rendered *compose.Rendered
	lease    *blob.Lease // of the metadata
}

type imported struct {
	path  string // in a verbatim snapshot
	mtime int64  // wished for; 0: the time of entry
	row   state.RPM
}

type importedFile struct {
	path   string
	digest blob.Digest
	size   int64
	named  bool
}

// recordBatch is how many bytes of package records are written at once.
const recordBatch = 4 << 20

// recordsKept is how many bytes of package records stay in memory until they are rendered, some 8,000 packages'. What is
// beyond is read back from the index.
const recordsKept = 24 << 20

// NewImport begins an import.
func (s *Store) NewImport() *Import { return &Import{s: s, kept: compose.Records{}} }

// Close drops what was prepared and not committed. Calling it again does nothing.
func (im *Import) Close() error {
	var err error
	if im.draft != nil {
		err = im.draft.lease.Close()
	}
	im.draft, im.kept = nil, nil
	return errors.Join(err, im.written())
}

// AddRPM takes one RPM: its path (of use in a verbatim snapshot), the modification time that its upstream gives it or 0, and
// its package record as rpm.AppendPackage writes it.
func (im *Import) AddRPM(path string, mtime int64, record []byte) error {
	p := &im.decoded
	if err := p.Decode(record); err != nil {
		return fmt.Errorf("%s: package record: %w", path, err)
	}
	if err := tree.CheckName(p.FileName); err != nil {
		return err
	}
	if im.entered {
		return fmt.Errorf("%s: added after Prepare: %w", path, iofs.ErrInvalid)
	}
	im.rows = append(im.rows, imported{path, mtime, state.RowOf(p, 0, 0)})
	record = slices.Clone(record)
	im.records = append(im.records, index.PackageRow{Digest: p.PkgID, Value: record})
	if im.keptSize < recordsKept {
		im.kept[p.PkgID] = record
		im.keptSize += len(record)
	}
	if im.size += len(record); im.size >= recordBatch {
		return im.flush()
	}
	return nil
}

// AddFile takes one file of a verbatim snapshot that is not an RPM. named says that its name determines its content.
func (im *Import) AddFile(path string, d blob.Digest, size int64, named bool) error {
	im.files = append(im.files, importedFile{path, d, size, named})
	return nil
}

// flush begins to write the collected records, once the batch before is written: whoever reads files goes on meanwhile.
func (im *Import) flush() error {
	if err := im.written(); err != nil || len(im.records) == 0 {
		return err
	}
	rows, done := im.records, make(chan error, 1)
	go func() { done <- im.s.Index.PutPackages(rows) }()
	im.writing = done
	im.records, im.size = nil, 0
	return nil
}

// written waits for the batch that is being written.
func (im *Import) written() error {
	if im.writing == nil {
		return nil
	}
	err := <-im.writing
	im.writing = nil
	return err
}

// enter writes what is left of the package records and gives every RPM its serial and modification time, once.
func (im *Import) enter() error {
	if im.entered {
		return nil
	}
	if err := im.flush(); err != nil {
		return err
	}
	if err := im.written(); err != nil {
		return err
	}
	files := make([]index.FileRow, len(im.rows))
	for i, r := range im.rows {
		files[i] = index.FileRow{Digest: r.row.Digest, Size: r.row.Size, Mtime: r.mtime, Name: r.row.File}
	}
	files, err := im.s.Index.AddFiles(files)
	if err != nil {
		return err
	}
	for i := range im.rows {
		im.rows[i].row.Serial, im.rows[i].row.Mtime = files[i].Serial, files[i].Mtime
	}
	im.entered = true
	return nil
}

// Prepare does, once all RPMs and files are added, that part of Snapshot, or of Builds where repo is "", for which the blobs of
// the RPMs need not be durable: their owner can see to that meanwhile. Nothing refers to them before the commit. Snapshot is
// to be given the same repo and options then. It may be left out.
func (im *Import) Prepare(ctx context.Context, repo string, o SnapshotOptions) error {
	if repo != "" {
		if err := state.CheckName("repo", repo); err != nil {
			return err
		}
		if err := o.Metadata.Check(); err != nil {
			return err
		}
	}
	if err := im.enter(); err != nil {
		return err
	}
	if repo == "" || o.Verbatim || im.draft != nil {
		return nil
	}
	return im.render(ctx, repo, o)
}

// SnapshotOptions say what kind of snapshot an import becomes.
type SnapshotOptions struct {
	Verbatim bool // keep paths and files as they are; else repodata is generated
	Add      bool // beside the RPMs of the newest snapshot; only with generated repodata
	// Metadata of a generated one.
	Metadata state.Metadata
	// Revision of a verbatim snapshot's repomd.xml, for listings.
	Revision string
	// Upstream is the URL of the repository that it is a copy of; "": not known.
	Upstream string
}

// Snapshot commits the import as the newest snapshot of a repo.
func (im *Import) Snapshot(ctx context.Context, who Who, repo string, o SnapshotOptions) (state.Snapshot, error) {
	if err := state.CheckName("repo", repo); err != nil {
		return state.Snapshot{}, err
	}
	if err := im.Prepare(ctx, repo, o); err != nil {
		return state.Snapshot{}, err
	}
	if o.Verbatim {
		return im.verbatim(ctx, who, repo, o)
	}
	return im.generated(ctx, who, repo, o)
}

// render makes the draft of a snapshot with repodata of our own. What was written for it is durable then, so that the commit, which
// others wait for, has little to flush.
func (im *Import) render(ctx context.Context, repo string, o SnapshotOptions) (err error) {
	d := &draft{}
	var rpms []state.RPM
	if o.Add {
		r, _, err := im.s.State("")
		if err != nil {
			return err
		}
		old, err := state.GetSnapshot(r, repo)
		if err != nil {
			return fmt.Errorf("--add: %w", err)
		}
		if old.Mode != state.Generated {
			return fmt.Errorf("--add: snapshot %s keeps its repodata verbatim; import everything with --regenerate: %w", old.Ref(), state.ErrConflict)
		}
		d.base = old.ID
		for row, err := range state.SnapshotRPMs(r, old) {
			if err != nil {
				return err
			}
			rpms = append(rpms, row.RPM)
		}
	}
	for _, r := range im.rows {
		rpms = append(rpms, r.row)
	}
	if d.lease, err = im.s.Blobs.NewLease(); err != nil {
		return err
	}
	d.items = compose.Place(distinct(rpms))
	if d.rendered, err = im.s.Composer.Render(ctx, d.lease, d.items, o.Metadata, im.kept); err == nil {
		err = d.lease.Flush(ctx)
	}
	if err != nil {
		return errors.Join(err, d.lease.Close())
	}
	im.draft, im.kept = d, nil
	return nil
}

// generated commits the draft.
func (im *Import) generated(ctx context.Context, who Who, repo string, o SnapshotOptions) (state.Snapshot, error) {
	snap := state.Snapshot{Repo: repo, Mode: state.Generated, Metadata: o.Metadata, Upstream: o.Upstream}
	d := im.draft
	_, err := im.s.commit(ctx, who, func(tx *index.Tx) error {
		if o.Add {
			if now, err := state.GetSnapshot(tx, repo); err != nil || now.ID != d.base {
				return fmt.Errorf("repo %s got another snapshot meanwhile, try again: %w", repo, state.ErrConflict)
			}
		}
		var blobs []blob.Digest
		var err error
		if snap.Root, blobs, err = d.rendered.Finish(ctx, tx, d.lease, tx.Stamp()); err != nil {
			return err
		}
		tx.Requires(blobs...)
		return im.putSnapshot(tx, &snap, func(yield func(string, state.RPM) bool) {
			for _, it := range d.items {
				if !yield(it.Href, *it.RPM) {
					return
				}
			}
		})
	})
	return snap, err
}

// verbatim commits a snapshot whose files lie as they were found.
func (im *Import) verbatim(ctx context.Context, who Who, repo string, o SnapshotOptions) (state.Snapshot, error) {
	snap := state.Snapshot{Repo: repo, Mode: state.Verbatim, Revision: o.Revision, Upstream: o.Upstream}
	if o.Add {
		return snap, fmt.Errorf("--add makes new repodata: give --regenerate too: %w", iofs.ErrInvalid)
	}
	var err error
	if snap.Others, err = im.others(); err != nil {
		return snap, fmt.Errorf("metadata of %s: %w", repo, err)
	}
	_, err = im.s.commit(ctx, who, func(tx *index.Tx) error {
		last, err := state.GetSnapshot(tx, repo)
		if err != nil {
			last = state.Snapshot{} // the first one
		}
		entries := map[string]tree.Entry{}
		for _, f := range im.files {
			e := tree.Entry{Kind: tree.KindFile, Size: f.size, Mtime: tx.Stamp(), Digest: f.digest}
			if f.named {
				e.Mtime = compose.NamedMtime
			} else if was, err := compose.Lookup(tx, last.Root, f.path); err == nil && was.Digest == f.digest {
				e.Mtime = was.Mtime
			}
			entries[f.path] = e
			tx.Requires(f.digest)
		}
		for _, r := range im.rows {
			entries[r.path] = compose.RPMEntry(&r.row)
			tx.Requires(r.row.Digest)
		}
		if snap.Root, err = compose.MakeTree(tx, tx.Stamp(), entries); err != nil {
			return err
		}
		return im.putSnapshot(tx, &snap, func(yield func(string, state.RPM) bool) {
			for _, r := range im.rows {
				if !yield(r.path, r.row) {
					return
				}
			}
		})
	})
	return snap, err
}

// putSnapshot writes the snapshot's record and its tree of RPMs.
func (im *Import) putSnapshot(tx *index.Tx, snap *state.Snapshot, rpms iter.Seq2[string, state.RPM]) error {
	var changes []tree.Change
	for path, r := range rpms {
		changes = append(changes, tree.Change{Name: path, Value: r.Append(nil)})
		snap.Count++
		snap.Bytes += r.Size
	}
	var err error
	if snap.RPMs, err = tree.Apply(tx, snap.RPMs, changes); err != nil {
		return err
	}
	return state.AddSnapshot(tx, snap)
}

// BuildResult is what an import did to one build.
type BuildResult struct {
	Build state.Build
	Added int // RPMs that it did not have
}

// Builds commits the import as builds, grouped by source RPM, all in one event.
func (im *Import) Builds(ctx context.Context, who Who) ([]BuildResult, error) {
	return im.BuildsFor(ctx, who, "")
}

// BuildsFor is Builds that also tags them, in the same event. Those that the tag has already keep their place; of several builds of
// one package that are new the highest version counts as the last. "" is no tag.
func (im *Import) BuildsFor(ctx context.Context, who Who, tag string) ([]BuildResult, error) {
	if err := im.enter(); err != nil {
		return nil, err
	}
	type group struct {
		nvr, name string
		evr       rpm.EVR
		rpms      []state.RPM
	}
	groups := map[string]*group{}
	for _, r := range im.rows {
		n, v, l, err := state.SourceOf(r.row)
		if err != nil {
			return nil, err
		}
		nvr := n + "-" + v + "-" + l
		if groups[nvr] == nil {
			groups[nvr] = &group{nvr: nvr, name: n, evr: rpm.EVR{Epoch: r.row.Epoch, Version: v, Release: l}}
		}
		groups[nvr].rpms = append(groups[nvr].rpms, r.row)
	}
	order := slices.SortedFunc(maps.Values(groups), func(a, b *group) int {
		return cmp.Or(strings.Compare(a.name, b.name), a.evr.Compare(b.evr), strings.Compare(a.nvr, b.nvr))
	})
	var results []BuildResult
	_, err := im.s.commit(ctx, who, func(tx *index.Tx) error {
		var nvrs []string
		for _, g := range order {
			b, added, err := state.AddBuild(tx, distinct(g.rpms))
			if err != nil {
				return err
			}
			results = append(results, BuildResult{b, added})
			nvrs = append(nvrs, g.nvr)
		}
		for _, r := range im.rows {
			tx.Requires(r.row.Digest)
		}
		if tag == "" {
			return nil
		}
		if err := state.AddMissingToTag(tx, tag, nvrs...); err != nil {
			return err
		}
		return signedTag(tx, tag)
	})
	return results, err
}

// distinct returns rows without repeated blobs, in order.
func distinct(rows []state.RPM) []state.RPM {
	seen := make(map[blob.Digest]bool, len(rows))
	return slices.DeleteFunc(slices.Clone(rows), func(r state.RPM) bool {
		was := seen[r.Digest]
		seen[r.Digest] = true
		return was
	})
}
