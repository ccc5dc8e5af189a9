package index

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/index/journal"
	"vrepofs/tree"
)

// maxAhead is how far stamps may run ahead of the clock, in seconds, before waiting operations share a commit; maxBehind is how
// far the clock may fall behind an earlier commit's before writing is refused.
const (
	maxAhead  = 3600
	maxBehind = 7200
)

// stage is what the committer has decided and Badger does not hold yet: the records of one batch. It reads through to the
// index. One goroutine uses it.
type stage struct {
	x   *Index
	pos position // behind the last finished record

	nodes  map[blob.Digest][]byte
	files  map[blob.Digest]FileRow
	names  map[string]int64 // greatest mtime by file name
	labels map[string]uint64
	places map[string]uint32
	memos  map[blob.Digest][]byte
	roots  map[string]blob.Digest // tables of pos.head.Root

	rec   *journal.Record                   // the record that is being made
	table map[string]map[string]tree.Change // its changes
	undo  []func()                          // takes back what was done for the record, in reverse order
}

func (x *Index) newStage() *stage {
	return &stage{
		x: x, pos: x.position(),
		nodes: map[blob.Digest][]byte{}, files: map[blob.Digest]FileRow{}, names: map[string]int64{},
		labels: map[string]uint64{}, places: map[string]uint32{}, memos: map[blob.Digest][]byte{},
		roots: map[string]blob.Digest{},
	}
}

// set writes to one of the stage's maps so that rollback can take it back.
func set[K comparable, V any](s *stage, m map[K]V, k K, v V) {
	old, had := m[k]
	s.undo = append(s.undo, func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
	m[k] = v
}

// begin starts a commit. It decides the stamp.
func (s *stage) begin() error {
	if err := disk.CheckRoom(s.x.root, 1); err != nil {
		return err
	}
	now := s.x.o.Now().Unix()
	clock := s.pos.clock
	switch {
	case now >= clock:
		clock = now
	case clock-now > maxBehind && !s.x.o.AcceptClock:
		return fmt.Errorf("%w: it says %s, an earlier commit was made at %s; set it right, or use --accept-clock to go on with it as it is",
			ErrClock, utc(now), utc(clock))
	case clock-now > maxBehind:
		clock = now
	}
	s.rec = &journal.Record{
		Kind: journal.Commit, Seq: s.pos.head.Seq + 1, Stamp: max(now, s.pos.head.Stamp+1), Clock: clock, Root: s.pos.head.Root,
		FirstSerial: s.pos.nextSerial, FirstPlace: s.pos.nextPlace,
	}
	s.table = map[string]map[string]tree.Change{}
	s.forget()
	return nil
}

// forget makes what was done so far final.
func (s *stage) forget() {
	clear(s.undo)
	s.undo = s.undo[:0]
}

// rollback takes back what was done since the undo list had a length.
func (s *stage) rollback(to int) {
	for _, u := range slices.Backward(s.undo[to:]) {
		u()
	}
	clear(s.undo[to:])
	s.undo = s.undo[:to]
}

// ahead reports whether the stamp of the commit that is being made is so far ahead of the clock that it is shared.
func (s *stage) ahead() bool { return s.rec.Stamp-s.x.o.Now().Unix() > maxAhead }

// record starts a recording.
func (s *stage) record() {
	h := s.pos.head
	s.rec = &journal.Record{
		Kind: journal.Recording, Seq: h.Seq, Stamp: h.Stamp, Clock: s.pos.clock, Root: h.Root,
		FirstSerial: s.pos.nextSerial, FirstPlace: s.pos.nextPlace,
	}
	s.forget()
}

// attempt runs f; if it fails, what it did to the stage and to the record is taken back.
func (s *stage) attempt(f func() error) error {
	r := s.rec
	rows, files, seen, memos, places, nodes := len(r.Rows), len(r.Files), len(r.Seen), len(r.Memos), len(r.Places), len(r.Nodes)
	undo := len(s.undo)
	err := f()
	if err != nil {
		s.rollback(undo)
		r.Rows, r.Files, r.Seen = r.Rows[:rows], r.Files[:files], r.Seen[:seen]
		r.Memos, r.Places, r.Nodes = r.Memos[:memos], r.Places[:places], r.Nodes[:nodes]
	}
	return err
}

// ops runs the operations of one call inside the commit that is being made.
func (s *stage) ops(ops []Op) error {
	return s.attempt(func() error {
		tx := &Tx{s: s}
		defer func() { tx.s = nil }()
		for _, op := range ops {
			if err := s.row(op.Row); err != nil {
				return err
			}
			if op.Apply == nil {
				continue
			}
			if err := op.Apply(tx); err != nil {
				return err
			}
			if tx.bad != nil {
				return tx.bad
			}
		}
		for _, d := range tx.need {
			if s.x.o.HasBlob != nil && !s.x.o.HasBlob(d) {
				return fmt.Errorf("blob %s: %w", d, ErrMissing)
			}
		}
		return nil
	})
}

const (
	maxText  = 1 << 20 // bytes of a command or a note
	maxLabel = 255     // bytes
	maxName  = 4096    // bytes of a file name or a place key
)

// row adds a row to the log.
func (s *stage) row(w Row) error {
	if len(w.Command) > maxText || len(w.Note) > maxText || len(w.Label) > maxLabel {
		return fmt.Errorf("log row: command, note or label is too long: %w", iofs.ErrInvalid)
	}
	if w.Label != "" {
		seq, ok := s.labels[w.Label]
		if !ok {
			h, err := s.x.AtLabel(w.Label)
			if err != nil && !errors.Is(err, iofs.ErrNotExist) {
				return err
			}
			seq, ok = h.Seq, err == nil
		}
		if ok {
			return fmt.Errorf("%w: label %q is that of event %d", ErrConflict, w.Label, seq)
		}
		set(s, s.labels, w.Label, s.rec.Seq)
	}
	s.rec.Rows = append(s.rec.Rows, journal.Row{UID: w.UID, Command: w.Command, Note: w.Note, Label: w.Label})
	return nil
}

// finish turns the changes into a root and moves the stage behind the record. If that fails the record and all that was done for
// it do not count.
func (s *stage) finish() error {
	err := s.plant()
	if err == nil && s.rec.Size() > journal.MaxBody {
		err = fmt.Errorf("%d bytes are more than one record holds (%d): %w", s.rec.Size(), journal.MaxBody, iofs.ErrInvalid)
	}
	if err != nil {
		s.rollback(0)
		return err
	}
	mark := s.pos.mark
	s.pos.advance(s.rec, mark)
	return nil
}

// plant applies the changes of all tables to the root. A recording has none.
func (s *stage) plant() error {
	var top []tree.Change
	for _, name := range slices.Sorted(maps.Keys(s.table)) {
		old, err := s.root(name)
		if err != nil {
			return err
		}
		changes := slices.Collect(maps.Values(s.table[name]))
		root, err := tree.Apply(s, old, changes)
		if err != nil {
			return fmt.Errorf("table %q: %w", name, err)
		}
		top = append(top, tree.Change{Name: name, Value: root[:], Delete: root.IsZero()})
		set(s, s.roots, name, root)
	}
	if len(top) == 0 {
		return nil
	}
	root, err := tree.Apply(s, s.rec.Root, top)
	if err != nil {
		return fmt.Errorf("root tree: %w", err)
	}
	s.rec.Root = root
	return nil
}

// root returns the root of a table before the changes of the record.
func (s *stage) root(table string) (blob.Digest, error) {
	if d, ok := s.roots[table]; ok {
		return d, nil
	}
	d, err := tableRoot(s, s.rec.Root, table)
	if err == nil {
		s.roots[table] = d
	}
	return d, err
}

// Node is tree.Reader's.
func (s *stage) Node(d blob.Digest) ([]byte, error) {
	if enc, ok := s.nodes[d]; ok {
		return enc, nil
	}
	return s.x.Node(d)
}

var _ tree.Writer = (*stage)(nil)

// PutNode keeps a new node for the record unless the journal has it.
func (s *stage) PutNode(d blob.Digest, enc []byte) error {
	if _, ok := s.nodes[d]; ok {
		return nil
	}
	if ok, err := s.x.has(keyD(keyNode, d)); ok || err != nil {
		return err
	}
	if got := blob.Sum(enc); got != d {
		return fmt.Errorf("put node: digest is %s, want %s", got, d)
	}
	set(s, s.nodes, d, enc)
	s.rec.Nodes = append(s.rec.Nodes, enc)
	return nil
}

// addFile gives an RPM blob its row: DESIGN invariants 6 and 8.
func (s *stage) addFile(f FileRow) (FileRow, error) {
	switch {
	case f.Digest.IsZero() || f.Size < 0 || f.Mtime < 0:
		return f, fmt.Errorf("add file %.80q: no digest, or a negative size or time: %w", f.Name, iofs.ErrInvalid)
	case f.Name == "" || len(f.Name) > maxName:
		return f, fmt.Errorf("add file %.80q: a name has 1 to %d bytes: %w", f.Name, maxName, iofs.ErrInvalid)
	}
	greatest, seen := s.names[f.Name]
	if !seen {
		var err error
		if greatest, seen, err = s.x.greatestMtime(f.Name); err != nil {
			return f, err
		}
	}
	old, ok := s.files[f.Digest]
	if !ok {
		var err error
		old, err = s.x.FileByDigest(f.Digest)
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return f, err
		}
		ok = err == nil
	}
	if ok {
		if old.Size != f.Size {
			return f, fmt.Errorf("add file %q: blob %s has %d bytes, not %d: %w", f.Name, f.Digest.Short(), old.Size, f.Size, iofs.ErrInvalid)
		}
		// A known blob under a further name counts there from now on: the next other blob of that name must be newer.
		if old.Name != f.Name && (!seen || greatest < old.Mtime) {
			set(s, s.names, f.Name, old.Mtime)
			s.rec.Seen = append(s.rec.Seen, journal.Seen{Serial: old.Serial, Name: f.Name})
		}
		return old, nil
	}
	if f.Mtime == 0 {
		f.Mtime = s.rec.Stamp
	}
	if seen && f.Mtime <= greatest {
		f.Mtime = greatest + 1
	}
	f.Serial = s.rec.FirstSerial + uint64(len(s.rec.Files))
	set(s, s.files, f.Digest, f)
	set(s, s.names, f.Name, f.Mtime)
	s.rec.Files = append(s.rec.Files, journal.File{Digest: f.Digest, Size: f.Size, Mtime: f.Mtime, Name: f.Name})
	return f, nil
}
