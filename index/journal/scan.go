package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"vrepofs/blob"
)

// Scan reads the journal in dir from a Mark on and calls visit for each record with the Mark of its end. It returns the end of
// the last good record. The error is visit's, a *DamageError, ErrMismatch (from is not the end of a record here), or one of
// reading. A torn tail is no error. Scan changes nothing on disk.
//
// A record's slices are the caller's to keep, not to change.
func Scan(dir string, from Mark, visit func(*Record, Mark) error) (Mark, error) {
	s := scanner{dir: dir, visit: visit}
	if err := s.run(from); err != nil {
		return s.end, err
	}
	return s.end, nil
}

// scanner reads a journal once.
type scanner struct {
	dir   string
	visit func(*Record, Mark) error

	end  Mark  // end of the last good record (or of the last file's header)
	torn error // why what stands at end in the last file is not a record; nil if the journal ends there
}

// path returns the path of a file of the journal.
func path(dir string, number uint32) string { return filepath.Join(dir, fmt.Sprintf("%06d", number)) }

// list returns the numbers of the journal's files in order. Names that are not numbers are passed over (rsync's temporary
// names begin with a dot).
func list(dir string) ([]uint32, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint32
	for _, e := range entries {
		n, err := strconv.ParseUint(e.Name(), 10, 32)
		if err == nil && n > 0 && filepath.Base(path(dir, uint32(n))) == e.Name() {
			numbers = append(numbers, uint32(n))
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

func (s *scanner) run(from Mark) error {
	numbers, err := list(s.dir)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if len(numbers) == 0 {
		return fmt.Errorf("read journal: no file %s: %w", path(s.dir, 1), iofs.ErrNotExist)
	}
	first := max(from.File, 1)
	i, ok := slices.BinarySearch(numbers, first)
	switch {
	case !ok && from.File > 0:
		return fmt.Errorf("%w: %s: no such file", ErrMismatch, from.Position)
	case !ok:
		return s.damage(Position{File: first}, errors.New("the file is missing"))
	}
	s.end = from
	for ; i < len(numbers); i++ {
		if n := numbers[i]; n != first {
			return s.damage(Position{File: first}, fmt.Errorf("the file is missing, the next is %06d", n))
		}
		if err := s.file(first, i == len(numbers)-1); err != nil {
			return err
		}
		first++
	}
	return nil
}

func (s *scanner) damage(p Position, reason error) error {
	return &DamageError{File: path(s.dir, p.File), Offset: p.Offset, Reason: reason}
}

// file reads one file from s.end on if s.end is in it, else from its header.
func (s *scanner) file(number uint32, last bool) error {
	f, err := os.Open(path(s.dir, number))
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	size := st.Size()

	if s.end.File == number {
		if err := s.check(f, size); err != nil {
			return err
		}
	} else {
		b := make([]byte, fileHeader)
		n, err := f.ReadAt(b, 0)
		if err != nil && err != io.EOF {
			return fmt.Errorf("read journal: %w", err)
		}
		prev, err := parseFileHeader(b[:n], number)
		if err == nil && prev != s.end.Digest {
			return s.damage(Position{File: number}, fmt.Errorf("the file follows record %s, want %s", prev, s.end.Digest))
		}
		if err != nil {
			// The first file's header was durable before the store had a name.
			return s.bad(f, size, Position{File: number}, last && number > 1, err)
		}
		s.end.Position = Position{number, fileHeader}
	}
	if _, err := f.Seek(s.end.Offset, io.SeekStart); err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	return s.records(f, bufio.NewReaderSize(f, 128<<10), size, last)
}

// check makes sure that s.end is the end of a record (or of the header) in f.
func (s *scanner) check(f *os.File, size int64) error {
	at := s.end.Offset
	if at < fileHeader || at > size {
		return fmt.Errorf("%w: %s: the file has %d bytes", ErrMismatch, s.end.Position, size)
	}
	var got blob.Digest
	if at == fileHeader {
		b := make([]byte, fileHeader)
		if _, err := f.ReadAt(b, 0); err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		prev, err := parseFileHeader(b, s.end.File)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrMismatch, s.end.Position, err)
		}
		got = prev
	} else if _, err := f.ReadAt(got[:], at-int64(len(got))); err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if got != s.end.Digest {
		return fmt.Errorf("%w: %s: digest is %s, want %s", ErrMismatch, s.end.Position, got, s.end.Digest)
	}
	return nil
}

// records reads the records that r yields, the first of which stands at s.end.
func (s *scanner) records(f *os.File, r io.Reader, size int64, last bool) error {
	head := make([]byte, recHeader)
	for s.end.Offset < size {
		pos, left := s.end.Position, size-s.end.Offset
		n, err := io.ReadFull(r, head[:min(left, recHeader)])
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		h, err := parseHeader(head[:n])
		if err == nil && int64(h.body)+recOverhead > left {
			err = fmt.Errorf("record of %d bytes, %d are left in the file", int64(h.body)+recOverhead, left)
		}
		if err != nil {
			// A newer program's record must not be taken for rubbish and cut off.
			newer := n > 4 && string(head[:4]) == recMagic && head[4] > recVersion
			return s.bad(f, size, pos, last && !newer, err)
		}
		b := make([]byte, h.body+recOverhead)
		copy(b, head)
		if _, err := io.ReadFull(r, b[recHeader:]); err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		rec, sum, err := parseRecord(b, h, pos, s.end.Digest)
		if err != nil {
			whole := sum == blob.Digest(b[len(b)-len(sum):]) // written so, by a program with a fault: no tear
			return s.bad(f, size, pos, last && !whole, err)
		}
		s.end = Mark{Position{pos.File, pos.Offset + int64(len(b))}, sum}
		if err := s.visit(rec, s.end); err != nil {
			return err
		}
	}
	return nil
}

// bad decides whether what stands at pos, which is no record, is a torn tail (nil, and s.torn is set) or damage.
func (s *scanner) bad(f *os.File, size int64, pos Position, mayTear bool, reason error) error {
	if !mayTear {
		return s.damage(pos, reason)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, pos.Offset, size-pos.Offset))
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	for at := 1; ; at++ {
		i := bytes.Index(b[min(at, len(b)):], []byte(recMagic))
		if i < 0 {
			break
		}
		at += i
		here := Position{pos.File, pos.Offset + int64(at)}
		h, err := parseHeader(b[at:])
		if err != nil || h.pos != here || h.body+recOverhead > len(b)-at {
			continue
		}
		rec := b[at : at+h.body+recOverhead]
		if blob.Sum(rec[:recHeader+h.body]) != blob.Digest(rec[recHeader+h.body:]) {
			continue
		}
		if pos.Before(h.synced) {
			return s.damage(pos, fmt.Errorf("%w (the record at offset %d was written when this one was durable)", reason, here.Offset))
		}
		at += len(rec) - 1
	}
	s.torn = reason
	if pos.Offset == 0 { // the header of a file that was being made
		s.end.Position = pos
	}
	return nil
}
