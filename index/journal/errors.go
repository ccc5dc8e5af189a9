package journal

import (
	"errors"
	"fmt"
)

var (
	// ErrDamaged is the kind of every *DamageError.
	ErrDamaged = errors.New("journal is damaged")
	// ErrMismatch says that a Mark is not the end of a record of this journal.
	ErrMismatch = errors.New("position is not in this journal")
	// ErrClosed says that the journal was closed.
	ErrClosed = errors.New("journal is closed")
)

// DamageError says which record of the journal is bad. It is an ErrDamaged.
type DamageError struct {
	File   string // path of the file
	Offset int64  // bytes from the file's start at which the bad record (or header) begins
	Reason error  // what was found and what was wanted
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%v: %s at offset %d: %v; nothing is written any more, what comes before can be read", ErrDamaged, e.File, e.Offset, e.Reason)
}

// Unwrap gives the kind and the reason.
func (e *DamageError) Unwrap() []error { return []error{ErrDamaged, e.Reason} }
