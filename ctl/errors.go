package ctl

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"net/http"

	"vrepofs/blob"
	"vrepofs/index"
	"vrepofs/ingest"
	"vrepofs/sign"
	"vrepofs/state"
	"vrepofs/store"
)

// ErrPanic is the kind of the answer to a request whose handler panicked. The daemon's log has the stack.
var ErrPanic = errors.New("internal error")

// kind says how one sentinel error travels.
type kind struct {
	name   string // in the answer's "kind"; never reused for another sentinel
	status int
	err    error
}

// kinds is the one table of error → HTTP status. The first row that matches counts.
func kinds() []kind {
	return []kind{
		{"panic", http.StatusInternalServerError, ErrPanic},
		{"corrupt", http.StatusInternalServerError, blob.ErrCorrupt},
		{"index_corrupt", http.StatusInternalServerError, index.ErrCorrupt},
		{"damaged", http.StatusServiceUnavailable, index.ErrDamaged},
		{"clock", http.StatusServiceUnavailable, index.ErrClock},
		{"locked", http.StatusServiceUnavailable, index.ErrLocked},
		{"closed", http.StatusServiceUnavailable, index.ErrClosed},
		{"missing", http.StatusConflict, index.ErrMissing},
		{"label_taken", http.StatusConflict, index.ErrConflict},
		{"conflict", http.StatusConflict, state.ErrConflict},
		{"not_signed", http.StatusFailedDependency, sign.ErrNotSigned},
		{"gate", http.StatusConflict, store.ErrGate},
		{"disagree", http.StatusBadRequest, ingest.ErrDisagree},
		{"bad_rpm", http.StatusBadRequest, ingest.ErrBadRPM},
		{"permission", http.StatusForbidden, iofs.ErrPermission},
		{"exist", http.StatusConflict, iofs.ErrExist},
		{"not_exist", http.StatusNotFound, iofs.ErrNotExist},
		{"invalid", http.StatusBadRequest, iofs.ErrInvalid},
		{"canceled", statusClientGone, context.Canceled},
		{"timeout", http.StatusGatewayTimeout, context.DeadlineExceeded},
	}
}

// statusClientGone is what nginx logs for a client that went away; nobody reads it.
const statusClientGone = 499

// Error is an error that the handler answered. errors.Is finds the sentinel that it was made from.
type Error struct {
	Message string `json:"error"`
	Kind    string `json:"kind,omitempty"` // a name of the table; "" when the error has no kind
	Status  int    `json:"-"`              // HTTP status
}

// Error is the message of the error on the other side.
func (e *Error) Error() string { return e.Message }

// Unwrap gives the sentinel.
func (e *Error) Unwrap() error {
	for _, k := range kinds() {
		if k.name == e.Kind {
			return k.err
		}
	}
	return nil
}

// errorOf makes what travels of an error.
func errorOf(err error) *Error {
	for _, k := range kinds() {
		if errors.Is(err, k.err) {
			return &Error{Message: err.Error(), Kind: k.name, Status: k.status}
		}
	}
	return &Error{Message: err.Error(), Status: http.StatusInternalServerError}
}

// invalid is an error of kind iofs.ErrInvalid.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), iofs.ErrInvalid)
}
