package fs

import (
	"sync/atomic"
	"time"
)

// op numbers the request kinds that are counted.
type op int

const (
	opLookup op = iota
	opGetAttr
	opReadlink
	opOpen
	opRead
	opRelease
	opOpenDir
	opReadDir
	opReadDirPlus
	opReleaseDir
	opGetXAttr
	opListXAttr
	opStatFs
	opForget
	opWrite // all that would change something
	numOps
)

var opNames = [numOps]string{
	"lookup", "getattr", "readlink", "open", "read", "release", "opendir", "readdir", "readdirplus", "releasedir", "getxattr",
	"listxattr", "statfs", "forget", "write",
}

// counters are the live numbers behind Stats.
type counters struct {
	ops                                     [numOps]atomic.Uint64
	rpmReads, readBytes                     atomic.Uint64
	passthrough, fallback, ropes            atomic.Uint64
	registered, registerErrors, evicted     atomic.Uint64
	blobErrors, errors                      atomic.Uint64
	compositions, composeErrors             atomic.Uint64
	timeouts, interrupted                   atomic.Uint64
	earlierFound, earlierAbsent             atomic.Uint64
	moves, entryNotes, inodeNotes, noteErrs atomic.Uint64
	notifyTime                              atomic.Int64 // nanoseconds
	fallbackReason                          atomic.Pointer[string]
}

// Stats is a snapshot of a mount's counters since it was made.
type Stats struct {
	Ops              map[string]uint64 `json:"ops"`               // requests by kind, e.g. "lookup", "open", "read"
	Passthrough      bool              `json:"passthrough"`       // the kernel reads blobs itself
	NoPassthrough    string            `json:"no_passthrough"`    // why not, if not
	PassthroughOpens uint64            `json:"passthrough_opens"` // opens after which no READ comes
	FallbackOpens    uint64            `json:"fallback_opens"`    // opens of blobs that are served by READ
	FallbackReason   string            `json:"fallback_reason"`   // of the latest of them
	RopeOpens        uint64            `json:"rope_opens"`        // opens of generated files, always served by READ
	BlobReads        uint64            `json:"blob_reads"`        // READs of blobs, which with passthrough must stay 0
	ReadBytes        uint64            `json:"read_bytes"`        // bytes answered to READs
	BackingIDs       int               `json:"backing_ids"`       // registered in the kernel now
	OpenFiles        int               `json:"open_files"`        // opens not yet released
	Registered       uint64            `json:"registered"`        // registrations of backing files
	RegisterErrors   uint64            `json:"register_errors"`   // registrations that failed
	Evicted          uint64            `json:"evicted"`           // idle backing ids given back
	BlobErrors       uint64            `json:"blob_errors"`       // opens refused for a missing, short or changed blob
	Errors           uint64            `json:"errors"`            // answers of EIO for causes not in the errno table
	Compositions     uint64            `json:"compositions"`      // calls of Source.Tree
	ComposeErrors    uint64            `json:"compose_errors"`    // of these failed
	Composing        int               `json:"composing"`         // running or waiting for their turn now
	Timeouts         uint64            `json:"timeouts"`          // readers sent away with EAGAIN
	Interrupted      uint64            `json:"interrupted"`       // readers that left with a signal
	EarlierFound     uint64            `json:"earlier_found"`     // lookups of absent names that an earlier generation had
	EarlierAbsent    uint64            `json:"earlier_absent"`    // and that none had
	Moves            uint64            `json:"moves"`             // names told to the kernel
	EntryNotes       uint64            `json:"entry_notes"`       // entry notifications that found something cached
	NoteErrors       uint64            `json:"note_errors"`       // notifications that the kernel refused
	NotifySeconds    float64           `json:"notify_seconds"`    // time that all notifications took together
	DirBytes         int64             `json:"dir_bytes"`         // memory of cached directories
	Dirs             int               `json:"dirs"`              // cached directories
}

// Stats returns the counters. It does no I/O.
func (f *FS) Stats() Stats {
	c := &f.stats
	s := Stats{
		Ops:              make(map[string]uint64, numOps),
		Passthrough:      f.noPassthrough == "",
		NoPassthrough:    f.noPassthrough,
		PassthroughOpens: c.passthrough.Load(),
		FallbackOpens:    c.fallback.Load(),
		RopeOpens:        c.ropes.Load(),
		BlobReads:        c.rpmReads.Load(),
		ReadBytes:        c.readBytes.Load(),
		Registered:       c.registered.Load(),
		RegisterErrors:   c.registerErrors.Load(),
		Evicted:          c.evicted.Load(),
		BlobErrors:       c.blobErrors.Load(),
		Errors:           c.errors.Load(),
		Compositions:     c.compositions.Load(),
		ComposeErrors:    c.composeErrors.Load(),
		Timeouts:         c.timeouts.Load(),
		Interrupted:      c.interrupted.Load(),
		EarlierFound:     c.earlierFound.Load(),
		EarlierAbsent:    c.earlierAbsent.Load(),
		Moves:            c.moves.Load(),
		EntryNotes:       c.entryNotes.Load(),
		NoteErrors:       c.noteErrs.Load(),
		NotifySeconds:    time.Duration(c.notifyTime.Load()).Seconds(),
	}
	for i := range c.ops {
		s.Ops[opNames[i]] = c.ops[i].Load()
	}
	if r := c.fallbackReason.Load(); r != nil {
		s.FallbackReason = *r
	}
	s.BackingIDs, s.OpenFiles = f.files.count()
	s.Dirs, s.DirBytes = f.dirs.dirs.size()
	f.composer.mu.Lock()
	s.Composing = len(f.composer.flights)
	f.composer.mu.Unlock()
	return s
}
