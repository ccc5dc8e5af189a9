package journal

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"sync"

	"vrepofs/disk"
)

// Options are what Open needs.
type Options struct {
	FS     disk.FS
	Limit  int64                         // bytes at which a file is full and the next is begun; 0: 64 MiB
	From   Mark                          // replay what follows; zero: everything
	Known  Position                      // the journal is known to have held whole records up to here: a tear before it is damage
	Replay func(*Record, Mark) error     // called by Open for each record behind From; nil: none
	Report func(format string, a ...any) // told about a tail that was cut off; nil: nobody
}

// Journal is an open journal. One process at a time has it open (package index holds the store's lock). Its methods may be
// called from several goroutines.
type Journal struct {
	dir   string
	fs    disk.FS
	limit int64

	mu sync.Mutex
	// mu guards what follows.
	f      disk.File // last file, opened for appending; nil when writing has ended
	end    Mark
	synced Position
	err    error // why nothing is written any more
	buf    []byte
}

// Create makes an empty journal: dir and the first file, durably. What a Create that was interrupted left behind is made whole;
// a journal that holds records is iofs.ErrExist.
func Create(dir string, fs disk.FS) error {
	if err := fs.Mkdir("journal.create.mkdir", dir, 0o755); err != nil && !errors.Is(err, iofs.ErrExist) {
		return fmt.Errorf("create journal: %w", err)
	}
	numbers, err := list(dir)
	if err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	if len(numbers) > 0 {
		st, err := os.Stat(path(dir, numbers[0]))
		if err != nil {
			return fmt.Errorf("create journal: %w", err)
		}
		if len(numbers) > 1 || numbers[0] != 1 || st.Size() > fileHeader {
			return fmt.Errorf("create journal %s: %w", dir, iofs.ErrExist)
		}
	}
	f, err := createFile(dir, fs, Mark{}, 1)
	if err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	return f.Close()
}

// createFile makes the file with a number, which follows the record that ends at prev, durably. A file of this name is
// overwritten: the caller knows that it holds no record.
func createFile(dir string, fs disk.FS, prev Mark, number uint32) (disk.File, error) {
	f, err := fs.OpenFile("journal.create.open", path(dir, number), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(appendFileHeader(nil, number, prev.Digest))
	if err == nil {
		err = f.Sync("journal.create.sync")
	}
	if err == nil {
		err = fs.SyncDir("journal.create.syncdir", dir)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Open reads the journal in dir from o.From to its end, cuts off a torn tail, makes what is left durable, and returns it ready
// for Append. A damaged journal is opened too: Err then returns the *DamageError and Append refuses. An error of Replay, of
// reading or of writing, and ErrMismatch, fail Open.
func Open(dir string, o Options) (*Journal, error) {
	if o.Limit <= 0 {
		o.Limit = defaultLimit
	}
	if o.Replay == nil {
		o.Replay = func(*Record, Mark) error { return nil }
	}
	j := &Journal{dir: dir, fs: o.FS, limit: o.Limit}
	s := scanner{dir: dir, visit: o.Replay}
	err := s.run(o.From)
	j.end = s.end
	if err == nil && s.torn != nil && s.end.Before(o.Known) {
		err = s.damage(s.end.Position, fmt.Errorf("%w (records up to %s were there before)", s.torn, o.Known))
	}
	if errors.Is(err, ErrDamaged) {
		j.err = err
		return j, nil
	}
	if err != nil {
		return nil, err
	}
	if s.torn != nil && o.Report != nil {
		o.Report("journal: cut off what a crash left at %s: %v", s.end.Position, s.torn)
	}
	if err := j.openTail(s.torn != nil); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

// openTail opens the last file for appending, cuts off what is behind j.end if it is torn, and makes the rest durable: what a
// killed process appended and never synced has now been read, so it must not go away any more.
func (j *Journal) openTail(torn bool) (err error) {
	if j.end.Offset == 0 {
		j.f, err = createFile(j.dir, j.fs, j.end, j.end.File)
		j.end.Offset = fileHeader
		j.synced = j.end.Position
		return err
	}
	f, err := j.fs.OpenFile("journal.open", path(j.dir, j.end.File), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if torn {
		err = f.Truncate("journal.open.truncate", j.end.Offset)
	}
	if err == nil {
		err = f.Sync("journal.open.sync")
	}
	if err == nil {
		err = j.fs.SyncDir("journal.open.syncdir", j.dir)
	}
	if err != nil {
		f.Close()
		return err
	}
	j.f, j.synced = f, j.end.Position
	return nil
}

// Append writes records behind the end, in order. They are durable after the next Sync. It returns the Mark of each record's
// end. After an error none of them counts, and nothing is written any more.
func (j *Journal) Append(recs ...*Record) ([]Mark, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return nil, j.err
	}
	marks := make([]Mark, 0, len(recs))
	written, end := j.end, j.end // what is in the file, and that with j.buf
	j.buf = j.buf[:0]
	for _, r := range recs {
		if end.Offset > fileHeader && end.Offset+recOverhead+r.Size() > j.limit {
			if err := j.write(end, written); err != nil {
				return nil, err
			}
			if err := j.rotate(end); err != nil {
				return nil, err
			}
			end.Position = Position{end.File + 1, fileHeader}
			written = end
		}
		before := len(j.buf)
		buf, sum, err := appendRecord(j.buf, r, end.Position, j.synced, end.Digest)
		if err != nil {
			// Nothing of this record is on disk, but earlier ones of this call may be.
			return nil, j.fail(fmt.Errorf("append to journal: %w", err), written.Position)
		}
		j.buf = buf
		end = Mark{Position{end.File, end.Offset + int64(len(buf)-before)}, sum}
		marks = append(marks, end)
	}
	if err := j.write(end, written); err != nil {
		return nil, err
	}
	if cap(j.buf) > 4<<20 {
		j.buf = nil
	}
	return marks, nil
}

// Size returns about the bytes that r's body takes, never less.
func (r *Record) Size() int64 {
	n := 192 // numbers, root and counts
	for _, w := range r.Rows {
		n += 20 + len(w.Command) + len(w.Note) + len(w.Label)
	}
	for _, f := range r.Files {
		n += 57 + len(f.Name)
	}
	for _, s := range r.Seen {
		n += 15 + len(s.Name)
	}
	for _, m := range r.Memos {
		n += 37 + len(m.Value)
	}
	for _, p := range r.Places {
		n += 5 + len(p)
	}
	for _, b := range r.Nodes {
		n += 5 + len(b)
	}
	return int64(n)
}

// write puts j.buf, which reaches to end, behind written.
func (j *Journal) write(end, written Mark) error {
	if len(j.buf) > 0 {
		if _, err := j.f.Write(j.buf); err != nil {
			return j.fail(fmt.Errorf("append to journal: %w", err), written.Position)
		}
		j.buf = j.buf[:0]
	}
	j.end = end
	return nil
}

// rotate makes the full file durable and begins the next.
func (j *Journal) rotate(end Mark) error {
	if err := j.f.Sync("journal.rotate.sync"); err != nil {
		return j.fail(fmt.Errorf("append to journal: %w", err), j.synced)
	}
	j.synced = end.Position
	f, err := createFile(j.dir, j.fs, end, end.File+1)
	if err != nil {
		return j.fail(fmt.Errorf("begin journal file %06d: %w", end.File+1, err), end.Position)
	}
	err = j.f.Close()
	j.f = f
	j.end.Position = Position{end.File + 1, fileHeader}
	j.synced = j.end.Position
	if err != nil {
		return j.fail(fmt.Errorf("append to journal: %w", err), j.synced)
	}
	return nil
}

// fail ends writing for good and cuts the last file back to keep, so that no later process reads what was refused here. If
// that fails too, the next Open decides.
func (j *Journal) fail(err error, keep Position) error {
	j.err = fmt.Errorf("%w; nothing is written any more until the store is opened again", err)
	if j.f != nil {
		if keep.File == j.end.File {
			_ = j.f.Truncate("journal.fail.truncate", keep.Offset)
		}
		_ = j.f.Close()
		j.f = nil
	}
	return j.err
}

// Sync makes all records appended so far durable. After an error writing has ended and the records since the last Sync do not
// count.
func (j *Journal) Sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if j.synced == j.end.Position {
		return nil
	}
	if err := j.f.Sync("journal.append.sync"); err != nil {
		return j.fail(fmt.Errorf("sync journal: %w", err), j.synced)
	}
	j.synced = j.end.Position
	return nil
}

// End returns the end of the last record.
func (j *Journal) End() Mark {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.end
}

// Err returns why nothing is written any more; nil while all is well.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// Damage ends writing because the caller found a record bad.
func (j *Journal) Damage(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = err
	}
}

// Close makes everything appended durable and closes the file. Where writing has ended already it only closes.
func (j *Journal) Close() error {
	var err error
	if j.Err() == nil {
		err = j.Sync()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f != nil {
		if e := j.f.Close(); err == nil && e != nil {
			err = fmt.Errorf("close journal: %w", e)
		}
		j.f = nil
	}
	if j.err == nil {
		j.err = ErrClosed
	}
	return err
}
