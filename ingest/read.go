package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"vrepofs/blob"
	"vrepofs/rpm"
	"vrepofs/tree"
)

// Options say how files become blobs.
type Options struct {
	How     blob.How // copy, share the data, or adopt by a hard link
	Workers int      // files read at once; 0 means one per core
	// Progress, if not nil, is called after each file, from one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far an import has come.
type Progress struct {
	Files int
	Bytes int64
}

// RPM is one RPM file that was read, checked and placed under the lease.
type RPM struct {
	Source
	Package *rpm.Package
}

// BadFile is a file that cannot be brought in.
type BadFile struct {
	Path string
	Err  error
}

// BadFilesError lists every bad file of an import.
type BadFilesError struct{ Files []BadFile }

// Error names the first files with their reasons.
func (e *BadFilesError) Error() string {
	const shown = 20
	var b strings.Builder
	fmt.Fprintf(&b, "%d bad RPM file(s)", len(e.Files))
	for i, f := range e.Files {
		if i == shown {
			fmt.Fprintf(&b, "\n  … and %d more", len(e.Files)-shown)
			break
		}
		fmt.Fprintf(&b, "\n  %s: %v", f.Path, f.Err)
	}
	return b.String()
}

// Unwrap gives ErrBadRPM.
func (e *BadFilesError) Unwrap() error { return ErrBadRPM }

// Read brings RPM files in under lease: each is inspected, hashed and placed. good is called for each good file in the
// order of sources, from one goroutine, so that no result depends on which worker was quicker. Files that are no good RPMs
// are returned, all of them; other errors end the work. Memory is bounded by the workers and the largest header.
func Read(ctx context.Context, lease *blob.Lease, sources []Source, o Options, good func(RPM) error) ([]BadFile, error) {
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	type result struct {
		rpm RPM
		err error
	}
	type job struct {
		source Source
		slot   chan result // of one
	}
	// Slots are queued in the order of sources; a worker fills its slot when it is done. The workers are few and stay: a goroutine
	// for each file would grow its stack anew each time.
	queue, jobs := make(chan chan result, 4*workers), make(chan job)
	g, ctx := errgroup.WithContext(ctx)
	for range min(workers, len(sources)) {
		g.Go(func() error {
			for j := range jobs {
				p, err := readOne(lease, j.source, o.How)
				j.slot <- result{RPM{j.source, p}, err}
			}
			return nil
		})
	}
	var bad []BadFile
	g.Go(func() error { // collects in order
		var done Progress
		for slot := range queue {
			var r result
			select {
			case r = <-slot:
			case <-ctx.Done():
				return ctx.Err()
			}
			var isBad bool
			if r.err != nil {
				if isBad = errors.Is(r.err, ErrBadRPM); !isBad {
					return r.err
				}
				bad = append(bad, BadFile{r.rpm.Path, r.err})
			} else if err := good(r.rpm); err != nil {
				return err
			}
			done.Files++
			done.Bytes += r.rpm.Size
			if o.Progress != nil {
				o.Progress(done)
			}
		}
		return nil
	})
	err := func() error {
		defer close(queue)
		defer close(jobs)
		for _, s := range sources {
			slot := make(chan result, 1)
			select {
			case queue <- slot:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case jobs <- job{s, slot}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}()
	if werr := g.Wait(); werr != nil {
		err = werr
	}
	return bad, err
}

// readOne inspects one file and places it.
func readOne(lease *blob.Lease, s Source, how blob.How) (*rpm.Package, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p, err := inspectFile(f, before)
	if err != nil {
		return nil, err
	}
	p.FileName = path.Base(s.Name)
	if err := tree.CheckName(p.FileName); err != nil {
		return nil, fmt.Errorf("%w: file name: %w", ErrBadRPM, err)
	}
	if !utf8.ValidString(p.FileName) {
		return nil, fmt.Errorf("%w: file name %q is not UTF-8, so that no repodata can name it", ErrBadRPM, p.FileName)
	}
	if err := lease.PlaceUnchanged(f, before, p.PkgID, how); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	return p, nil
}
