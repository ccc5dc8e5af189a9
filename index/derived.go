package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"

	"github.com/dgraph-io/badger/v4"

	"vrepofs/blob"
	"vrepofs/disk"
)

// maxPackage bounds a package value after decompression, in bytes. rpm's own limit for a header is 256 MiB.
const maxPackage = 256 << 20

// PackageRow is a package record: opaque bytes under the digest of the RPM file that they were read from.
type PackageRow struct {
	Digest blob.Digest
	Value  []byte
}

// PutPackages keeps package values, compressed, in Badger only: a value that is lost is made again from its blob by
// Options.Reparse. Call it with some hundred rows at a time, from as many goroutines as you like. The values are visible when
// it returns and stay the caller's.
func (x *Index) PutPackages(rows []PackageRow) error {
	if err := x.gate.enter(); err != nil {
		return err
	}
	defer x.gate.exit()
	if err := disk.CheckRoom(x.root, 1); err != nil {
		return err
	}
	wb := x.db.NewWriteBatch()
	defer wb.Cancel()
	for _, r := range rows {
		if len(r.Value) > maxPackage {
			return fmt.Errorf("put package %s: %d bytes are too many: %w", r.Digest.Short(), len(r.Value), iofs.ErrInvalid)
		}
		z := x.enc.EncodeAll(r.Value, make([]byte, 0, len(r.Value)/2+64))
		if err := wb.Set(keyD(keyPackage, r.Digest), z); err != nil {
			return fmt.Errorf("put package %s: %w", r.Digest.Short(), err)
		}
	}
	if err := wb.Flush(); err != nil {
		return fmt.Errorf("put packages: %w", err)
	}
	return nil
}

// Package returns the value of a package. One that the index lost, or that is not what it was, is made by Options.Reparse and
// kept; where that cannot (iofs.ErrNotExist), neither can Package.
func (x *Index) Package(d blob.Digest) ([]byte, error) {
	z, err := x.get(keyD(keyPackage, d))
	if err == nil {
		if v, err := x.dec.DecodeAll(z, nil); err == nil {
			return v, nil
		}
		x.o.Report("index: package %s does not decompress; it is read from its blob again", d.Short())
	} else if !errors.Is(err, badger.ErrKeyNotFound) {
		return nil, fmt.Errorf("package %s: %w", d.Short(), err)
	}
	v, err := x.o.Reparse(d)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", d.Short(), err)
	}
	if err := x.PutPackages([]PackageRow{{d, v}}); err != nil {
		return nil, err
	}
	return v, nil
}

// HasPackage reports whether the index holds a value for a package.
func (x *Index) HasPackage(d blob.Digest) (bool, error) { return x.has(keyD(keyPackage, d)) }

// Packages yields the package values that the index holds by digest, from a digest on. After a rebuild they are fewer than the
// blobs until Reparse has made them again. A value that does not decompress is passed over.
func (x *Index) Packages(from blob.Digest) iter.Seq2[PackageRow, error] {
	return func(yield func(PackageRow, error) bool) {
		for kv, err := range x.scan([]byte{keyPackage}, keyD(keyPackage, from), false) {
			if err == nil && len(kv.key) != 33 {
				err = fmt.Errorf("packages: %w", ErrCorrupt)
			}
			if err != nil {
				yield(PackageRow{}, err)
				return
			}
			v, err := x.dec.DecodeAll(kv.value, nil)
			if err != nil {
				continue
			}
			if !yield(PackageRow{blob.Digest(kv.key[1:]), v}, nil) {
				return
			}
		}
	}
}

// Memo returns a volatile derived value of a kind, or false if there is none (any more).
func (x *Index) Memo(kind byte, key blob.Digest) ([]byte, bool) {
	v, err := x.get(memoKey(kind, key))
	return v, err == nil
}

// PutMemo keeps a volatile derived value in Badger only: a rebuild loses it.
func (x *Index) PutMemo(kind byte, key blob.Digest, value []byte) error {
	if err := x.gate.enter(); err != nil {
		return err
	}
	defer x.gate.exit()
	if err := disk.CheckRoom(x.root, 4); err != nil {
		return err
	}
	err := x.db.Update(func(txn *badger.Txn) error { return txn.Set(memoKey(kind, key), value) })
	if err != nil {
		return fmt.Errorf("put memo: %w", err)
	}
	return nil
}

// PutMemos is PutMemo for many values of a kind.
func (x *Index) PutMemos(kind byte, values map[blob.Digest][]byte) error {
	if err := x.gate.enter(); err != nil {
		return err
	}
	defer x.gate.exit()
	if err := disk.CheckRoom(x.root, 4); err != nil {
		return err
	}
	wb := x.db.NewWriteBatch()
	defer wb.Cancel()
	for key, v := range values {
		if err := wb.Set(memoKey(kind, key), v); err != nil {
			return fmt.Errorf("put memos: %w", err)
		}
	}
	if err := wb.Flush(); err != nil {
		return fmt.Errorf("put memos: %w", err)
	}
	return nil
}

// Recorded returns the value that Record kept for a recipe.
func (x *Index) Recorded(recipe blob.Digest) ([]byte, bool) {
	if s := x.lateStage(); s != nil {
		if v, ok := s.memos[recipe]; ok {
			return v, true
		}
	}
	v, err := x.get(keyD(keyRecorded, recipe))
	return v, err == nil
}

// PlaceSerial returns the small number, from 1, of a place of the mount, "tags/el9/x86_64". A new place gets the next number,
// which is written to the journal and becomes durable with the next commit.
func (x *Index) PlaceSerial(key string) (uint32, error) {
	n, ok, err := x.place(key)
	if err == nil && !ok {
		r := x.send(&call{ctx: context.Background(), place: key})
		n, err = r.place, r.err
	}
	if err != nil {
		return 0, fmt.Errorf("place %.80q: %w", key, err)
	}
	return n, nil
}

// PlaceKey returns the key of the place with a number, or iofs.ErrNotExist.
func (x *Index) PlaceKey(serial uint32) (string, error) {
	if s := x.lateStage(); s != nil {
		for k, n := range s.places {
			if n == serial {
				return k, nil
			}
		}
	}
	b, err := x.lookup(key32(keyPlace, serial), "place %d", serial)
	return string(b), err
}

// place looks a known place up.
func (x *Index) place(key string) (serial uint32, ok bool, err error) {
	if key == "" || len(key) > maxName {
		return 0, false, fmt.Errorf("a key has 1 to %d bytes: %w", maxName, iofs.ErrInvalid)
	}
	if s := x.lateStage(); s != nil {
		if n, ok := s.places[key]; ok {
			return n, true, nil
		}
	}
	b, err := x.get(keyS(keyPlaceKey, key))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, false, nil
	}
	if err == nil && len(b) != 4 {
		err = ErrCorrupt
	}
	if err != nil {
		return 0, false, err
	}
	return binary.LittleEndian.Uint32(b), true, nil
}

// newPlace gives a place its number inside the recording that is being made.
func (s *stage) newPlace(key string) (uint32, error) {
	if n, ok := s.places[key]; ok {
		return n, nil
	}
	if n, ok, err := s.x.place(key); ok || err != nil {
		return n, err
	}
	n := s.rec.FirstPlace + uint32(len(s.rec.Places))
	if n == 0 {
		return 0, errors.New("all numbers are taken")
	}
	set(s, s.places, key, n)
	s.rec.Places = append(s.rec.Places, key)
	return n, nil
}

// Compact gives the space of overwritten values in Badger's value log back. It takes a while and may run beside everything else.
func (x *Index) Compact() error {
	if err := x.gate.enter(); err != nil {
		return err
	}
	defer x.gate.exit()
	for {
		err := x.db.RunValueLogGC(0.5)
		if errors.Is(err, badger.ErrNoRewrite) || errors.Is(err, badger.ErrGCInMemoryMode) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("compact index: %w", err)
		}
	}
}
