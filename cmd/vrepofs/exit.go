package main

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"

	"vrepofs/index"
	"vrepofs/ingest"
)

// The exit codes. A number is never given another meaning. exitText is what help shows of them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitPartly = 3
)

const exitText = `Exit status:
  0  done
  1  failed: nothing was changed; for verify: something is bad
  2  wrong usage: a verb, flag or argument is missing or not known
  3  partly done: an import with --skip-bad left files out; --after failed`

// usageError is a command line that cannot be understood.
type usageError struct {
	err     error
	command string // whose --help explains it
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// partlyError ends a command that did a part of its work and has said which.
type partlyError struct{ text string }

func (e *partlyError) Error() string { return e.text }

// errSilent ends a command that has said everything.
var errSilent = errors.New("failed")

// report says what went wrong, what to do next, and returns the exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitDone
	}
	var usage *usageError
	var partly *partlyError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(a.talk, "vrepofs: %s\nSee: %s --help\n", clean(err.Error()), usage.command)
		return exitUsage
	case errors.As(err, &partly):
		fmt.Fprintf(a.talk, "vrepofs: %s\n", clean(err.Error()))
		return exitPartly
	case errors.Is(err, errSilent):
		return exitFailed
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(a.talk, "vrepofs: interrupted; nothing was changed")
		return exitFailed
	}
	fmt.Fprintf(a.talk, "vrepofs: %s\n", clean(err.Error()))
	if hint := a.hint(err); hint != "" {
		fmt.Fprintf(a.talk, "  %s\n", hint)
	}
	return exitFailed
}

// hint says what to do about an error, "" when the error says it.
func (a *app) hint(err error) string {
	switch {
	case errors.Is(err, ingest.ErrBadRPM) && !a.skipBad:
		return "nothing was imported; --skip-bad imports the others and lists these"
	case errors.Is(err, index.ErrLocked):
		return "that process has no control socket: it is a command at work, or a daemon whose mount was taken away while readers are\n  still inside; wait for it to end"
	case errors.Is(err, index.ErrClock):
		return "set the clock right; or, if it is right, give --accept-clock once (to vrepofs mount where a daemon runs)"
	case errors.Is(err, index.ErrDamaged):
		return "the store can be read, not written; vrepofs verify says where its journal is bad: restore journal/ from a copy"
	case errors.Is(err, index.ErrCorrupt):
		return "the index is derived data: unmount, then make it anew with vrepofs index rebuild"
	case errors.Is(err, index.ErrMissing):
		return "a blob vanished between import and commit: import it again"
	case errors.Is(err, iofs.ErrPermission) && !strings.Contains(err.Error(), "owner"):
		return "the store belongs to another user: run this as that user or as root"
	}
	return ""
}
