package ctl

import (
	"errors"
	iofs "io/fs"
	"os"
	"runtime/debug"
	"sync"

	"vrepofs/index"
)

const (
	// gcPercent keeps the heap near to what lives, in whatever process has a store open.
	gcPercent = 50
	// importGCPercent is that of a process that imports and is no daemon. Of 4,000 RPMs, in processor time and peak RssAnon: 50 takes
	// 1.20 s and 51 MiB, 100 takes 1.12 s and 68 MiB, 200 takes 1.08 s and 96 MiB.
	importGCPercent = 150
	// baseMemory and bytesPerPackage make the soft limit of Go's memory: 96 MiB and 100 bytes per package are promised for all of
	// the process, some of which is not Go's.
	baseMemory      = 88 << 20
	bytesPerPackage = 100
	// composeBytes is what composing a view takes for each RPM that it is selected from, beyond that and while it lasts: 60,000
	// packages from three repositories need it, with 200 MiB promised for them. With less the collector runs all the time.
	composeBytes = 1200
)

// memoryLimit keeps the runtime's soft limit in step with the number of RPMs in the store. GOGC and GOMEMLIMIT in the
// environment win.
type memoryLimit struct {
	fixed bool // the environment says

	mu sync.Mutex
	// mu guards the rest.
	packages  uint64
	composing uint64 // RPMs of views that are being composed
}

func tightGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// looseGC sets importGCPercent until the function that it returns is called.
func looseGC() (restore func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	old := debug.SetGCPercent(importGCPercent)
	return func() { debug.SetGCPercent(old) }
}

func newMemoryLimit() *memoryLimit {
	tightGC()
	m := &memoryLimit{fixed: os.Getenv("GOMEMLIMIT") != ""}
	m.set()
	return m
}

func (m *memoryLimit) set() {
	if !m.fixed {
		debug.SetMemoryLimit(baseMemory + bytesPerPackage*int64(m.packages) + composeBytes*int64(m.composing))
	}
}

// compose makes room for a view that is selected from so many RPMs until done is called.
func (m *memoryLimit) compose(rpms int) (done func()) {
	if rpms < composeLeast {
		return func() {}
	}
	add := func(n uint64) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.composing += n
		m.set()
	}
	add(uint64(rpms))
	return func() { add(-uint64(rpms)) }
}

// composeLeast is from how many RPMs on a view is worth it: setting the limit stops the program for a moment.
const composeLeast = 5000

// follow looks how many RPMs there are. Serials are given from 1 without holes, so a search for the last costs few reads.
func (m *memoryLimit) follow(x *index.Index) {
	m.mu.Lock()
	defer m.mu.Unlock()
	is := func(n uint64) bool {
		_, err := x.File(n)
		return !errors.Is(err, iofs.ErrNotExist)
	}
	if !is(m.packages + 1) {
		return
	}
	low, step := m.packages+1, uint64(1024) // low is
	for ; is(low+step) && step < 1<<40; step *= 2 {
		low += step
	}
	for high := low + step; high-low > 1; { // high is not
		if mid := low + (high-low)/2; is(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	m.packages = low
	m.set()
}
