package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/ingest"
	"vrepofs/rpm"
	"vrepofs/state"
	"vrepofs/store"
)

// ImportOptions say what to import, and how.
type ImportOptions struct {
	Repo       string   // the repo that gets a snapshot; "" imports builds
	Tag        string   // that builds are put into, in the same commit; "": none
	Paths      []string // RPM files and directories
	Add        bool     // beside the RPMs of the newest snapshot
	SkipBad    bool     // leave bad files out; else one bad file means that nothing is imported
	Regenerate bool     // make repodata anew where a directory has some
	Metadata   Metadata // of repodata that is made
	Upstream   string   // URL of the repository that the snapshot is a copy of; "": not said
	How        blob.How // copy, share the data, or adopt
	Workers    int      // files read at once; 0: one per core
	// Progress, if not nil, is called after each file, from one goroutine at a time.
	Progress func(Progress)
}

// ImportResult is what an import did.
type ImportResult struct {
	Snapshot *Snapshot     `json:"snapshot,omitempty"` // of a repo
	Builds   []BuildResult `json:"builds,omitempty"`   // else
	Files    int           `json:"files"`              // RPM files that were read
	Bytes    int64         `json:"bytes"`              // of all files
	Bad      []BadFile     `json:"bad,omitempty"`      // what was left out
}

// BuildResult is what an import did to one build.
type BuildResult struct {
	Build Build `json:"build"`
	Added int   `json:"added"` // RPMs that it did not have before
}

// BadFile is a file that was left out.
type BadFile struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Import brings RPM files in and commits them as one snapshot or as builds. With bad files among them it returns an
// *ingest.BadFilesError and nothing is imported, or with SkipBad a result that lists them. The blobs are written by this process.
func (c *Client) Import(ctx context.Context, why Why, o ImportOptions) (*ImportResult, error) {
	plan, err := ingest.Scan(o.Paths, o.Regenerate || o.Repo == "") // builds have no repodata to keep
	if err != nil {
		return nil, err
	}
	verbatim := plan.Repository != "" && o.Repo != ""
	if verbatim && o.Add {
		return nil, invalid("%s has its own repodata, which --add cannot keep: give --regenerate to have it written anew", plan.Repository)
	}
	if err := store.CheckOwner(c.Root); errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w; only that user can import into it", err)
	} else if err != nil {
		return nil, err
	}
	blobs, err := blob.Open(c.Root, disk.OS{})
	if err != nil {
		return nil, err
	}
	lease, err := blobs.NewLease()
	if err != nil {
		return nil, err
	}
	// It protects the blobs until the commit that refers to them is known to be there, or not.
	defer lease.Close()

	if c.st != nil {
		defer looseGC()()
	}
	im := &importer{client: c, lease: lease, plan: plan, o: o, why: why, verbatim: verbatim}
	return im.run(ctx)
}

// importer is one import at the client's side.
type importer struct {
	client   *Client
	lease    *blob.Lease
	plan     *ingest.Plan
	o        ImportOptions
	why      Why
	verbatim bool
	done     Progress
}

// run reads files and streams rows; the answer comes after the end frame.
func (im *importer) run(ctx context.Context) (*ImportResult, error) {
	// The request gets a context of its own, so that a failing reader can take it back.
	rctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	type answer struct {
		result *ImportResult
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		result, err := im.request(rctx, pr)
		if err != nil {
			pr.CloseWithError(err) // the reader of files need not go on
		} else {
			pr.Close()
		}
		answered <- answer{result, err}
	}()
	bad, err := im.send(ctx, newFrameWriter(pw))
	if err != nil {
		refused := errors.Is(err, io.ErrClosedPipe) // the handler does not listen any more: its answer has the reason
		pw.CloseWithError(err)
		if !refused {
			cancel()
		}
		if a := <-answered; a.err != nil && (refused || errors.Is(err, a.err)) {
			return nil, a.err
		}
		return nil, err
	}
	pw.Close()
	a := <-answered
	if a.err != nil {
		return nil, a.err
	}
	a.result.Files, a.result.Bytes = im.done.Files, im.done.Bytes
	for _, f := range bad {
		a.result.Bad = append(a.result.Bad, BadFile{f.Path, f.Err.Error()})
	}
	return a.result, nil
}

func (im *importer) request(ctx context.Context, body io.Reader) (*ImportResult, error) {
	resp, err := im.client.do(ctx, "import/run", body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var v ImportResult
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return nil, fmt.Errorf("read the answer to the import: %w", err)
	}
	return &v, nil
}

// send writes all frames. It returns the bad files that were left out.
func (im *importer) send(ctx context.Context, w *frameWriter) ([]ingest.BadFile, error) {
	var meta *ingest.Metadata
	head := importHeader{Why: im.why, Repo: im.o.Repo, Tag: im.o.Tag, Add: im.o.Add, Verbatim: im.verbatim, Metadata: im.o.Metadata, Upstream: im.o.Upstream}
	if im.verbatim {
		var err error
		if meta, err = ingest.ReadMetadata(im.plan.Repository); err != nil {
			return nil, err
		}
		head.Revision = meta.Revision()
	}
	if err := w.header(head); err != nil {
		return nil, err
	}
	var record []byte
	bad, err := ingest.Read(ctx, im.lease, im.plan.RPMs, im.options(), func(r ingest.RPM) error {
		var mtime int64
		if meta != nil {
			mtime = meta.CheckRPM(r)
		}
		record = rpm.AppendPackage(record[:0], r.Package)
		return w.pkg(r.Name, mtime, record)
	})
	if err != nil {
		return nil, err
	}
	if len(bad) > 0 && (!im.o.SkipBad || im.verbatim || len(bad) == len(im.plan.RPMs)) {
		err := &ingest.BadFilesError{Files: bad}
		if im.verbatim && im.o.SkipBad {
			return nil, fmt.Errorf("%s cannot be kept as it is; give --regenerate besides --skip-bad to import the rest with new repodata: %w",
				im.plan.Repository, err)
		}
		return nil, err
	}
	if meta != nil {
		if err := meta.Check(); err != nil {
			return nil, err
		}
		if err := im.sendOthers(ctx, w, meta); err != nil {
			return nil, err
		}
	}
	if err := w.rows(); err != nil { // the other side renders repodata while we make the blobs durable
		return nil, err
	}
	if err := im.lease.Flush(ctx); err != nil {
		return nil, err
	}
	return bad, w.end()
}

// sendOthers brings in the files of a verbatim repository that are not RPMs.
func (im *importer) sendOthers(ctx context.Context, w *frameWriter, meta *ingest.Metadata) error {
	files, err := meta.ReadOthers(ctx, im.lease, im.plan.Others, im.options())
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := w.file(f.Name, f.Digest, f.Size, f.Named); err != nil {
			return err
		}
		im.done.Bytes += f.Size
	}
	return nil
}

func (im *importer) options() ingest.Options {
	return ingest.Options{How: im.o.How, Workers: im.o.Workers, Progress: func(p ingest.Progress) {
		im.done = Progress{Files: p.Files, Bytes: p.Bytes, TotalFiles: len(im.plan.RPMs), TotalBytes: im.plan.Bytes}
		if im.o.Progress != nil {
			im.o.Progress(im.done)
		}
	}}
}

// importFrames reads a stream to its end frame and commits it.
func (h *Handler) importFrames(ctx context.Context, body io.Reader) (*ImportResult, error) {
	if err := h.mayImport(ctx); err != nil {
		return nil, err
	}
	frames := newFrameReader(body)
	var head importHeader
	if err := frames.header(&head); err != nil {
		return nil, err
	}
	if head.Tag != "" { // refused now rather than after all was read
		r, _, err := h.st.State("")
		if err != nil {
			return nil, err
		}
		if _, err := state.GetTag(r, head.Tag); err != nil {
			return nil, err
		}
	}
	im := h.st.NewImport()
	defer func() {
		if err := im.Close(); err != nil {
			h.log.Warn("after an import", "error", err)
		}
	}()
	prepared := false
	for {
		kind, payload, err := frames.next()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if prepared && kind != frameEnd {
			return nil, fmt.Errorf("frame of kind %q after the last row: %w", kind, errFrame)
		}
		switch kind {
		case framePackage:
			path, mtime, record, err := decodePackage(payload)
			if err == nil {
				err = im.AddRPM(path, mtime, record)
			}
			if err != nil {
				return nil, err
			}
		case frameFile:
			path, d, size, named, err := decodeFile(payload)
			if err == nil {
				err = im.AddFile(path, d, size, named)
			}
			if err != nil {
				return nil, err
			}
		case frameRows:
			if err := im.Prepare(ctx, head.Repo, head.snapshot()); err != nil {
				return nil, err
			}
			prepared = true
		case frameEnd:
			return commitImport(ctx, im, head)
		default:
			return nil, fmt.Errorf("second header: %w", errFrame)
		}
	}
}

func (h importHeader) snapshot() store.SnapshotOptions {
	return store.SnapshotOptions{Verbatim: h.Verbatim, Add: h.Add, Revision: h.Revision, Upstream: h.Upstream, Metadata: state.Metadata(h.Metadata)}
}

// mayImport refuses users who could not have written the blobs.
func (h *Handler) mayImport(ctx context.Context) error {
	owner, err := store.Owner(h.st.Root)
	if err != nil {
		return err
	}
	if uid, _ := uidOf(ctx); uid != owner {
		return fmt.Errorf("user %s: only the store's owner, user %s, may import: %w", userName(uid), userName(owner), os.ErrPermission)
	}
	return nil
}

func commitImport(ctx context.Context, im *store.Import, head importHeader) (*ImportResult, error) {
	w := who(ctx, head.Why)
	if head.Repo != "" {
		snap, err := im.Snapshot(ctx, w, head.Repo, head.snapshot())
		if err != nil {
			return nil, err
		}
		v := snapshotOf(snap)
		return &ImportResult{Snapshot: &v}, nil
	}
	builds, err := im.BuildsFor(ctx, w, head.Tag)
	if err != nil {
		return nil, err
	}
	out := &ImportResult{Builds: []BuildResult{}}
	for _, b := range builds {
		out.Builds = append(out.Builds, BuildResult{Build: buildOf(b.Build), Added: b.Added})
	}
	return out, nil
}
