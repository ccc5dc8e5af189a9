package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"strconv"

	"vrepofs/tree"
)

// Tx is one change in the making: the tables of the head, with the writes so far. *index.Tx is the one of a real store.
type Tx interface {
	Reader
	tree.Writer
	// Seq is the event that this change will be, Stamp its time in seconds since 1970 UTC.
	Seq() uint64
	Stamp() int64
	Put(table, name string, value []byte)
	Delete(table, name string)
}

// ErrConflict is the kind of an operation that the present state does not allow: a build removed that a tag holds, a
// second priority of the same number.
var ErrConflict = errors.New("conflicts with the present state")

// now is the Change that tx is about to make.
func now(tx Tx) Change { return Change{Event: tx.Seq(), Stamp: tx.Stamp()} }

// get reads and decodes one JSON record; noun names it in errors.
func get[T any](r Reader, table, noun, name string) (T, error) {
	var v T
	b, err := getRaw(r, table, noun, name)
	if err != nil {
		return v, err
	}
	return v, decode(noun+" "+name, b, &v)
}

// getRaw reads one record as it is encoded.
func getRaw(r Reader, table, noun, name string) ([]byte, error) {
	b, err := r.Get(table, name)
	if errors.Is(err, iofs.ErrNotExist) {
		err = iofs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", noun, name, err)
	}
	return b, nil
}

// exists reports whether a table has a name.
func exists(r Reader, table, name string) (bool, error) {
	_, err := r.Get(table, name)
	if errors.Is(err, iofs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// nextID gives the next number of a counter, beginning at 1.
func nextID(tx Tx, counter string) (uint64, error) {
	var n uint64
	b, err := tx.Get(TableCounters, counter)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
	case err != nil:
		return 0, fmt.Errorf("counter %s: %w", counter, err)
	default:
		if n, err = strconv.ParseUint(string(b), 10, 64); err != nil {
			return 0, fmt.Errorf("counter %s: %w", counter, err)
		}
	}
	n++
	tx.Put(TableCounters, counter, strconv.AppendUint(nil, n, 10))
	return n, nil
}

// CheckName refuses names of repos, tags and labels that would not make good directory names on every server: it wants
// one component of letters, digits and ._+- that begins with a letter or a digit. noun names it in the error.
func CheckName(noun, name string) error {
	if err := tree.CheckName(name); err != nil {
		return fmt.Errorf("%s name: %w", noun, err)
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '+' && c != '-') {
			return fmt.Errorf("%s name %q: character %q at %d: want letters, digits and ._+-, a letter or a digit first: %w",
				noun, name, c, i, iofs.ErrInvalid)
		}
	}
	return nil
}

// CheckLabel refuses labels that are no good names or that could be taken for an event or a time under at/.
func CheckLabel(label string) error {
	if err := CheckName("label", label); err != nil {
		return err
	}
	if _, err := strconv.ParseUint(label, 10, 64); err == nil {
		return fmt.Errorf("label %q: digits alone mean an event: %w", label, iofs.ErrInvalid)
	}
	if _, err := ParseStamp(label); err == nil {
		return fmt.Errorf("label %q: means a time: %w", label, iofs.ErrInvalid)
	}
	return nil
}
