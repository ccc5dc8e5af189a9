package index

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"vrepofs/index/journal"
)

// Open locks the store in the directory root for this process, brings the index up to the journal's end and starts the
// committer. A store that another process has open is ErrLocked. A damaged journal is opened for reading: Err says why. The
// caller must Close the Index.
func Open(root string, o Options) (*Index, error) {
	x, err := open(root, o, false)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", root, err)
	}
	return x, nil
}

func open(root string, o Options, fresh bool) (_ *Index, err error) {
	o.fill()
	if err := checkMarker(root); err != nil {
		return nil, err
	}
	l, err := takeLock(root, o)
	if err != nil {
		return nil, err
	}
	x := &Index{
		root: root, o: o, lock: l, boot: o.boot, nodes: newCache(o.NodeCache),
		calls: make(chan *call, maxBatch), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if x.boot == "" {
		x.boot = bootID()
	}
	defer func() {
		if err != nil {
			_ = x.release()
		}
	}()
	// Small windows: a package's record is a few KiB, and encoders keep their window. Without entropy coding a record of 2 KiB takes
	// 6 µs, with the default 19, which is 6 % of an import's time, and is 1.1 to 1.2 times as large.
	x.enc, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithNoEntropyCompression(true))
	if err != nil {
		return nil, err
	}
	x.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxPackage), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	if fresh && !o.InMemoryIndex {
		x.pos, err = x.freshDB("asked for")
	} else {
		x.pos, err = x.openDB()
	}
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if err := x.follow(); err != nil {
		return nil, err
	}
	go x.run()
	return x, nil
}

// follow opens the journal and rolls the index forward to its end.
func (x *Index) follow() error {
	dir := filepath.Join(x.root, "journal")
	jo := journal.Options{FS: x.o.FS, Limit: x.o.JournalLimit, From: x.pos.mark, Report: x.o.Report}
	err := x.replay(dir, jo)
	if !errors.Is(err, journal.ErrMismatch) {
		return err
	}
	// The index has records that the journal has not. Either somebody replaced the journal by another whole one (then the index
	// is rebuilt), or the journal lost what it held (then that is damage, and the index is all that can be read).
	jo.From, jo.Known, jo.Replay = journal.Mark{}, x.pos.mark.Position, nil
	j, err2 := journal.Open(dir, jo)
	if err2 != nil {
		return err2
	}
	if j.Err() != nil {
		x.log = j
		return nil
	}
	if err := j.Close(); err != nil {
		return err
	}
	if x.pos, err = x.freshDB(err.Error()); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	jo.Known = journal.Position{}
	return x.replay(dir, jo)
}

// replay opens the journal from jo.From and applies what follows. Records are applied some MiB at a time.
func (x *Index) replay(dir string, jo journal.Options) (err error) {
	const limit = 4 << 20
	var (
		waiting []*journal.Record
		size    int
		pos     = x.pos
	)
	flush := func() error {
		if len(waiting) == 0 {
			return nil
		}
		if err := x.apply(waiting, pos); err != nil {
			return fmt.Errorf("roll index forward: %w", err)
		}
		x.pos, waiting, size = pos, waiting[:0], 0
		return nil
	}
	jo.Replay = func(rec *journal.Record, end journal.Mark) error {
		if err := pos.check(rec); err != nil {
			return &journal.DamageError{File: filepath.Join(dir, fmt.Sprintf("%06d", end.File)), Offset: end.Offset,
				Reason: fmt.Errorf("the record that ends here: %w", err)}
		}
		size += int(end.Offset - pos.mark.Offset)
		pos.advance(rec, end)
		waiting = append(waiting, rec)
		if size >= limit || size < 0 {
			return flush()
		}
		return nil
	}
	x.log, err = journal.Open(dir, jo)
	if err != nil {
		return err
	}
	return flush()
}

// check makes sure that rec may follow: its numbers go on where those before it ended.
func (p position) check(rec *journal.Record) error {
	switch {
	case rec.Kind == journal.Commit && (rec.Seq != p.head.Seq+1 || rec.Stamp <= p.head.Stamp):
		return fmt.Errorf("commit %d at %d follows commit %d at %d", rec.Seq, rec.Stamp, p.head.Seq, p.head.Stamp)
	case rec.Kind == journal.Recording && (Head{rec.Seq, rec.Stamp, rec.Root}) != p.head:
		return fmt.Errorf("recording says that the head is commit %d, it is %d", rec.Seq, p.head.Seq)
	case rec.FirstSerial != p.nextSerial:
		return fmt.Errorf("next file serial is %d, want %d", rec.FirstSerial, p.nextSerial)
	case rec.FirstPlace != p.nextPlace:
		return fmt.Errorf("next place serial is %d, want %d", rec.FirstPlace, p.nextPlace)
	}
	return nil
}

// advance moves p behind rec.
func (p *position) advance(rec *journal.Record, end journal.Mark) {
	p.mark = end
	p.head = Head{Seq: rec.Seq, Stamp: rec.Stamp, Root: rec.Root}
	p.clock = rec.Clock
	p.nextSerial = rec.FirstSerial + uint64(len(rec.Files))
	p.nextPlace = rec.FirstPlace + uint32(len(rec.Places))
}

// Close waits for what is under way, refuses everything else with ErrClosed, makes recordings durable and gives the lock up.
// Closing twice is harmless.
func (x *Index) Close() error {
	x.closing.Do(func() {
		close(x.quit)
		<-x.done
		x.closed = x.release()
		if x.closed != nil {
			x.closed = fmt.Errorf("close store %s: %w", x.root, x.closed)
		}
	})
	return x.closed
}

// release closes whatever is open.
func (x *Index) release() error {
	x.gate.close()
	var err error
	if x.log != nil {
		err = x.log.Close()
	}
	// Badger may hold recordings that the journal failed to keep; then it must not be called clean, but the files are as a
	// killed process would leave them, and the next Open compares.
	if e := x.closeDB(); err == nil {
		err = e
	}
	if x.enc != nil {
		x.enc.Close()
	}
	if x.dec != nil {
		x.dec.Close()
	}
	x.lock.release()
	return err
}
