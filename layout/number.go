package layout

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"sync"
	"sync/atomic"
	"syscall"
)

// firstPassing is the first number of a place that is not durable. Durable ones count from 1 and never come so far.
const firstPassing = 1 << 30

// passing numbers places of candidates, and all others while the journal takes no more records (a bad record in it, a failed sync, a
// full disk): what can be read must stay readable. These numbers mean nothing to the next process. The zero value is ready for use.
type passing struct {
	used atomic.Bool // any number was given

	mu sync.Mutex
	// mu guards all below.
	serials map[string]uint32
	keys    []string // by serial - firstPassing
}

func (p *passing) serial(key string) uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, ok := p.serials[key]
	if !ok {
		if p.serials == nil {
			p.serials = map[string]uint32{}
		}
		n = firstPassing + uint32(len(p.keys))
		p.serials[key] = n
		p.keys = append(p.keys, key)
		p.used.Store(true)
	}
	return n
}

// given returns the number that a place was given, 0 for none. A place keeps it for as long as the process lives.
func (p *passing) given(key string) uint32 {
	if !p.used.Load() {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serials[key]
}

func (p *passing) key(serial uint32) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := int(serial - firstPassing); i < len(p.keys) {
		return p.keys[i], nil
	}
	return "", fmt.Errorf("place %d: %w", serial, iofs.ErrNotExist)
}

// PlaceSerial returns the number of a place, which is durable unless nothing can be written, or the place is a candidate's.
func (l *Layout) PlaceSerial(key string) (uint32, error) {
	if isCandidate(key) {
		return l.passing.serial(key), nil
	}
	if n := l.passing.given(key); n != 0 {
		return n, nil
	}
	n, err := l.st.Index.PlaceSerial(key)
	if err != nil && (l.st.Index.Err() != nil || errors.Is(err, syscall.ENOSPC)) {
		return l.passing.serial(key), nil
	}
	return n, err
}

// PlaceKey returns the place of a number.
func (l *Layout) PlaceKey(serial uint32) (string, error) {
	if serial >= firstPassing {
		return l.passing.key(serial)
	}
	return l.st.Index.PlaceKey(serial)
}
