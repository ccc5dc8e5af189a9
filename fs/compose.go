package fs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"vrepofs/tree"
)

// composer gets the roots of tree places from the Source, in goroutines of its own, at most a few at once and one per place.
// Readers wait for it as long as they like: a signal (EINTR) or the timeout (EAGAIN) ends the waiting, never the work.
type composer struct {
	src     Source
	ctx     context.Context // ends with the mount
	slots   chan struct{}   // one per running Source.Tree
	timeout time.Duration
	stats   *counters
	roots   *lru[uint32, tree.Entry] // by place serial

	mu sync.Mutex
	// mu guards flights.
	flights map[uint32]*flight
}

// flight is one running or waiting composition; root and err are set before done is closed.
type flight struct {
	done chan struct{}
	root tree.Entry
	err  error
}

// maxRoots is how many roots of places are kept, some 150 bytes each.
const maxRoots = 8192

func newComposer(ctx context.Context, src Source, o Options, c *counters) *composer {
	return &composer{
		src: src, ctx: ctx, slots: make(chan struct{}, o.Composers), timeout: o.ComposeTimeout, stats: c,
		roots:   newLRU[uint32](maxRoots, func(tree.Entry) int64 { return 1 }),
		flights: map[uint32]*flight{},
	}
}

// root returns the root of a tree place. Only handlers of requests *inside* a place may call it.
func (c *composer) root(cancel <-chan struct{}, serial uint32) (tree.Entry, error) {
	if e, ok := c.roots.get(serial); ok {
		return e, nil
	}
	fl := c.join(serial)
	t := time.NewTimer(c.timeout)
	defer t.Stop()
	select {
	case <-fl.done:
		return fl.root, fl.err
	case <-cancel:
		c.stats.interrupted.Add(1)
		return tree.Entry{}, errInterrupted
	case <-t.C:
		c.stats.timeouts.Add(1)
		return tree.Entry{}, errTimeout
	}
}

// join returns the place's flight, starting one if there is none.
func (c *composer) join(serial uint32) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fl, ok := c.flights[serial]; ok {
		return fl
	}
	fl := &flight{done: make(chan struct{})}
	if err := c.ctx.Err(); err != nil {
		fl.err = err
		close(fl.done)
		return fl
	}
	if e, ok := c.roots.get(serial); ok { // landed between the caller's look and the lock
		fl.root = e
		close(fl.done)
		return fl
	}
	c.flights[serial] = fl
	go c.fly(serial, fl)
	return fl
}

func (c *composer) fly(serial uint32, fl *flight) {
	defer func() {
		if p := recover(); p != nil {
			fl.err = fmt.Errorf("compose place %d: panic: %v", serial, p)
		}
		c.mu.Lock()
		if fl.err == nil {
			c.roots.put(serial, fl.root)
		} else {
			c.stats.composeErrors.Add(1)
		}
		delete(c.flights, serial)
		c.mu.Unlock()
		close(fl.done)
	}()
	key, err := c.src.PlaceKey(serial)
	if err != nil {
		fl.err = err
		return
	}
	if p, err := c.src.Child(key); err == nil && p.Root != nil {
		fl.root, fl.err = checkRoot(key, *p.Root)
		return
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-c.ctx.Done():
		fl.err = c.ctx.Err()
		return
	}
	c.stats.compositions.Add(1)
	fl.root, fl.err = c.compose(key)
}

func (c *composer) compose(key string) (tree.Entry, error) {
	e, err := c.src.Tree(c.ctx, key)
	if err != nil {
		return tree.Entry{}, fmt.Errorf("compose %s: %w", key, err)
	}
	return checkRoot(key, e)
}

// checkRoot refuses what cannot be the root of a tree place.
func checkRoot(key string, e tree.Entry) (tree.Entry, error) {
	if e.Kind != tree.KindDir {
		return tree.Entry{}, fmt.Errorf("compose %s: the root is no directory", key)
	}
	if e.Nodes > maxOrdinal {
		return tree.Entry{}, fmt.Errorf("compose %s: %d names, more than %d", key, e.Nodes, maxOrdinal)
	}
	return e, nil
}

// wait waits until nothing flies; the context must have ended.
func (c *composer) wait() {
	c.mu.Lock()
	flights := slices.Collect(maps.Values(c.flights)) // joins from here on see that the context has ended
	c.mu.Unlock()
	for _, fl := range flights {
		<-fl.done
	}
}
