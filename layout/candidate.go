package layout

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"vrepofs/blob"
	"vrepofs/fs"
	"vrepofs/state"
	"vrepofs/store"
)

// candidatePrefix begins the names of candidates below at/ and their keys. No label begins so by accident: what follows are 32
// hexadecimal digits that nobody can guess, since candidates are looked up and never listed.
const candidatePrefix = "candidate-"

// maxCandidates is how many are shown at a time.
const maxCandidates = 16

// candidates are the trees that may be committed, shown to gates. The zero value is ready for use.
type candidates struct {
	any atomic.Bool // some are shown

	mu sync.RWMutex
	// mu guards shown.
	shown map[string]*store.Candidate // by name
}

// ShowCandidate shows a candidate as at/NAME/channels, until HideCandidate. state.ErrConflict when too many are shown.
func (l *Layout) ShowCandidate(c *store.Candidate) (name string, err error) {
	var id [16]byte
	rand.Read(id[:]) // never fails
	name = candidatePrefix + hex.EncodeToString(id[:])
	s := &l.candidates
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.shown) >= maxCandidates {
		return "", fmt.Errorf("%d candidates are looked at already, try again later: %w", len(s.shown), state.ErrConflict)
	}
	if s.shown == nil {
		s.shown = map[string]*store.Candidate{}
	}
	s.shown[name] = c
	s.any.Store(true)
	return name, nil
}

// HideCandidate takes a candidate away. Files of it that are open stay so; everything else is gone.
func (l *Layout) HideCandidate(name string, mount *fs.FS) {
	s := &l.candidates
	s.mu.Lock()
	delete(s.shown, name)
	s.any.Store(len(s.shown) > 0)
	s.mu.Unlock()
	if mount != nil {
		mount.Moved([]fs.Move{{Parent: "at", Name: name}})
	}
}

// Candidate returns a candidate that is shown, or nil.
func (l *Layout) Candidate(name string) *store.Candidate {
	if !l.candidates.any.Load() {
		return nil
	}
	l.candidates.mu.RLock()
	defer l.candidates.mu.RUnlock()
	return l.candidates.shown[name]
}

// isCandidate tells keys of candidates, shown or not: "candidate-ID" and "candidate-ID/channels".
func isCandidate(key string) bool { return strings.HasPrefix(key, candidatePrefix) }

// candidateChild describes a place of a candidate.
func (l *Layout) candidateChild(key string) (fs.Child, error) {
	name, below, inside := strings.Cut(key, "/")
	c := l.Candidate(name)
	switch {
	case c == nil, inside && (below != "channels" || c.Root.Kind == 0):
		return fs.Child{}, errKey(key)
	case !inside:
		return fs.Child{Name: name, Key: key, Parent: "at", Mtime: c.Stamp()}, nil
	}
	return fs.Child{Name: below, Key: key, Parent: name, Tree: true, Mtime: c.Root.Mtime, Root: &c.Root}, nil
}

// candidateLevel lists a candidate: channels, if it has any.
func (l *Layout) candidateLevel(key string) (*fs.Level, error) {
	if l.Candidate(key) == nil {
		return nil, errKey(key)
	}
	lv := &fs.Level{}
	if child, err := l.candidateChild(key + "/channels"); err == nil {
		lv.Children = append(lv.Children, child)
	}
	return lv, nil
}

// candidateNode finds a tree node that only a candidate has; err is what is returned when none does.
func (l *Layout) candidateNode(d blob.Digest, err error) ([]byte, error) {
	if l.candidates.any.Load() {
		l.candidates.mu.RLock()
		defer l.candidates.mu.RUnlock()
		for _, c := range l.candidates.shown {
			if enc, err := c.Node(d); err == nil {
				return enc, nil
			}
		}
	}
	return nil, err
}
