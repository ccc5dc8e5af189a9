package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"math"

	"github.com/dgraph-io/badger/v4"

	"vrepofs/blob"
	"vrepofs/tree"
)

// lookup is get with iofs.ErrNotExist.
func (x *Index) lookup(key []byte, what string, args ...any) ([]byte, error) {
	b, err := x.get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		err = iofs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf(what+": %w", append(args, err)...)
	}
	return b, nil
}

// At returns the state after event seq, or iofs.ErrNotExist. At(0) is the empty store.
func (x *Index) At(seq uint64) (Head, error) {
	h := x.Head()
	switch {
	case seq == h.Seq:
		return h, nil
	case seq == 0:
		return Head{}, nil
	case seq > h.Seq:
		return Head{}, fmt.Errorf("event %d: the last is %d: %w", seq, h.Seq, iofs.ErrNotExist)
	}
	b, err := x.lookup(key64(keyCommit, seq), "event %d", seq)
	if err != nil {
		return Head{}, err
	}
	return decodeCommit(seq, b)
}

// AtStamp returns the state at a time in seconds since 1970 UTC: the commit with the greatest stamp that is not above it. A time
// before the first commit is iofs.ErrNotExist. An answer for a time before the head's stamp never changes.
func (x *Index) AtStamp(t int64) (Head, error) {
	if h := x.Head(); h.Seq > 0 && t >= h.Stamp {
		return h, nil
	}
	if t >= 0 {
		for kv, err := range x.scan([]byte{keyStamp}, key64(keyStamp, uint64(t)), true) {
			if err != nil {
				return Head{}, fmt.Errorf("event at %s: %w", utc(t), err)
			}
			if len(kv.value) != 8 {
				return Head{}, fmt.Errorf("event at %s: %w", utc(t), ErrCorrupt)
			}
			return x.At(binary.LittleEndian.Uint64(kv.value))
		}
	}
	return Head{}, fmt.Errorf("event at %s: there was none yet: %w", utc(t), iofs.ErrNotExist)
}

// AtLabel returns the state after the event with a label, or iofs.ErrNotExist.
func (x *Index) AtLabel(name string) (Head, error) {
	if s := x.lateStage(); s != nil {
		if seq, ok := s.labels[name]; ok {
			return x.At(seq)
		}
	}
	b, err := x.lookup(keyS(keyLabel, name), "label %.80q", name)
	if err != nil {
		return Head{}, err
	}
	if len(b) != 8 {
		return Head{}, fmt.Errorf("label %.80q: %w", name, ErrCorrupt)
	}
	return x.At(binary.LittleEndian.Uint64(b))
}

// Log yields the rows of the events from … to, both included, oldest first; with from > to newest first. Bounds beyond what is
// there are fine: Log(math.MaxUint64, 0) is the whole log, newest first.
func (x *Index) Log(from, to uint64) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		last := x.Head().Seq
		backward := from > to
		first := rowKey(min(from, last+1), 0)
		if backward {
			first = rowKey(min(from, last), math.MaxUint32)
		}
		var h Head
		for kv, err := range x.scan([]byte{keyRow}, first, backward) {
			if err == nil && len(kv.key) != 13 {
				err = fmt.Errorf("log: %w", ErrCorrupt)
			}
			var w Row
			if err == nil {
				seq := be64(kv.key[1:9])
				if backward && seq < to || !backward && seq > min(to, last) {
					return
				}
				if h.Seq != seq {
					h, err = x.At(seq)
				}
				if err == nil {
					w, err = decodeRow(h, kv.value)
				}
			}
			if !yield(w, err) || err != nil {
				return
			}
		}
	}
}

// File returns the RPM blob with a serial, or iofs.ErrNotExist.
func (x *Index) File(serial uint64) (FileRow, error) {
	if s := x.lateStage(); s != nil {
		for _, f := range s.files {
			if f.Serial == serial {
				return f, nil
			}
		}
	}
	b, err := x.lookup(key64(keyFile, serial), "file %d", serial)
	if err != nil {
		return FileRow{}, err
	}
	return decodeFile(serial, b)
}

// FileByDigest returns the RPM blob with a digest, or iofs.ErrNotExist if no commit added it.
func (x *Index) FileByDigest(d blob.Digest) (FileRow, error) {
	if s := x.lateStage(); s != nil {
		if f, ok := s.files[d]; ok {
			return f, nil
		}
	}
	b, err := x.lookup(keyD(keyDigest, d), "file %s", d.Short())
	if err != nil {
		return FileRow{}, err
	}
	if len(b) != 8 {
		return FileRow{}, fmt.Errorf("file %s: %w", d.Short(), ErrCorrupt)
	}
	return x.File(binary.LittleEndian.Uint64(b))
}

// greatestMtime returns the greatest mtime of the blobs seen under a file name.
func (x *Index) greatestMtime(name string) (mtime int64, ok bool, err error) {
	b, err := x.get(keyS(keyName, name))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, false, nil
	}
	if err == nil && len(b) != 8 {
		err = ErrCorrupt
	}
	if err != nil {
		return 0, false, fmt.Errorf("file name %q: %w", name, err)
	}
	return int64(binary.LittleEndian.Uint64(b)), true, nil
}

// View is a state of the store, read-only. It may be used by several goroutines for as long as the Index is open.
type View struct {
	Head Head
	x    *Index
}

// View returns the tables of a state: x.View(x.Head()) is the present.
func (x *Index) View(h Head) View { return View{h, x} }

// Table returns the root of a table's tree; zero if the table is empty.
func (v View) Table(table string) (blob.Digest, error) { return tableRoot(v.x, v.Head.Root, table) }

// Get returns the value of a name in a table, or iofs.ErrNotExist. Do not modify it.
func (v View) Get(table, name string) ([]byte, error) {
	root, err := v.Table(table)
	if err != nil {
		return nil, err
	}
	return tree.Get(v.x, root, name)
}

// List yields a table's entries in the order of their names, from the first that is not below from.
func (v View) List(table, from string) iter.Seq2[tree.Item, error] {
	return func(yield func(tree.Item, error) bool) {
		root, err := v.Table(table)
		if err != nil {
			yield(tree.Item{}, err)
			return
		}
		tree.List(v.x, root, from)(yield)
	}
}

// Node is Index.Node: a View reads trees that values refer to.
func (v View) Node(d blob.Digest) ([]byte, error) { return v.x.Node(d) }

// tableRoot reads the root of a table from the root tree.
func tableRoot(r tree.Reader, root blob.Digest, table string) (d blob.Digest, err error) {
	b, err := tree.Get(r, root, table)
	if errors.Is(err, iofs.ErrNotExist) && !errors.Is(err, errNode) {
		return d, nil
	}
	if err == nil && len(b) != len(d) {
		err = ErrCorrupt
	}
	if err != nil {
		return d, fmt.Errorf("table %q: %w", table, err)
	}
	copy(d[:], b)
	return d, nil
}
