package index

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"vrepofs/blob"
	"vrepofs/index/journal"
)

// apply puts what records say into Badger and then that the index is at pos. It may be repeated: every row is absolute, so
// applying a record again changes nothing. A crash between the rows and the position leaves an index that rolls forward over
// them once more.
func (x *Index) apply(recs []*journal.Record, pos position) error {
	if x.applied != nil {
		if err := x.applied(); err != nil {
			return err
		}
	}
	rows, size, err := x.rows(recs)
	if err != nil {
		return err
	}
	last := kv{keyS(keyMeta, "position"), pos.encode()}
	// Badger's limit for one transaction is 15 % of a memtable in bytes and about 26,000 rows (db.go, checkAndSetOptions).
	if size < 1<<20 && len(rows) < 4096 {
		err := x.db.Update(func(txn *badger.Txn) error {
			for _, r := range append(rows, last) {
				if err := txn.Set(r.key, r.value); err != nil {
					return err
				}
			}
			return nil
		})
		if !errors.Is(err, badger.ErrTxnTooBig) {
			return err
		}
	}
	wb := x.db.NewWriteBatch()
	defer wb.Cancel()
	for _, r := range rows {
		if err := wb.Set(r.key, r.value); err != nil {
			return err
		}
	}
	if err := wb.Flush(); err != nil {
		return err
	}
	return x.db.Update(func(txn *badger.Txn) error { return txn.Set(last.key, last.value) })
}

// rows returns the rows of some records and about their size in bytes.
func (x *Index) rows(recs []*journal.Record) (rows []kv, size int, err error) {
	put := func(key, value []byte) {
		rows = append(rows, kv{key, value})
		size += len(key) + len(value)
	}
	greatest := map[string]int64{}
	raise := func(name string, mtime int64) error {
		old, ok := greatest[name]
		if !ok {
			if old, ok, err = x.greatestMtime(name); err != nil {
				return err
			}
		}
		if !ok || mtime > old {
			old = mtime
		}
		greatest[name] = old
		return nil
	}
	known := map[uint64]FileRow{}
	for _, rec := range recs {
		if rec.Kind == journal.Commit {
			put(key64(keyCommit, rec.Seq), encodeCommit(rec))
			put(key64(keyStamp, uint64(rec.Stamp)), le64(rec.Seq))
			for i, w := range rec.Rows {
				put(rowKey(rec.Seq, uint32(i)), encodeRow(w))
				if w.Label != "" {
					put(keyS(keyLabel, w.Label), le64(rec.Seq))
				}
			}
		}
		for i, f := range rec.Files {
			row := FileRow{rec.FirstSerial + uint64(i), f.Digest, f.Size, f.Mtime, f.Name}
			known[row.Serial] = row
			put(key64(keyFile, row.Serial), encodeFile(row))
			put(keyD(keyDigest, row.Digest), le64(row.Serial))
			if err := raise(row.Name, row.Mtime); err != nil {
				return nil, 0, err
			}
		}
		for _, s := range rec.Seen {
			row, ok := known[s.Serial]
			if !ok {
				if row, err = x.File(s.Serial); err != nil {
					return nil, 0, fmt.Errorf("name %q of an unknown file: %w", s.Name, err)
				}
			}
			if err := raise(s.Name, row.Mtime); err != nil {
				return nil, 0, err
			}
		}
		for _, m := range rec.Memos {
			put(keyD(keyRecorded, m.Recipe), m.Value)
		}
		for i, p := range rec.Places {
			put(key32(keyPlace, rec.FirstPlace+uint32(i)), []byte(p))
			put(keyS(keyPlaceKey, p), le32(rec.FirstPlace+uint32(i)))
		}
		for _, n := range rec.Nodes {
			put(keyD(keyNode, blob.Sum(n)), n)
		}
	}
	for name, mtime := range greatest {
		put(keyS(keyName, name), le64(uint64(mtime)))
	}
	return rows, size, nil
}
