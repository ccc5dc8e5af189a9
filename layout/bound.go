package layout

import (
	"sync"

	"vrepofs/state"
)

// announced is the present that the kernel has been told of, for those who wait.
type announced struct {
	mu sync.Mutex
	// mu guards the rest.
	shown *present
	next  chan struct{} // closed when another is announced
}

// announce wakes those who wait.
func (a *announced) announce(p *present) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next != nil {
		close(a.next)
	}
	a.shown, a.next = p, make(chan struct{})
}

// Binding is what every reader who resolves a tag's name now finds.
type Binding struct {
	There      bool         // the name is there
	Generation state.Change // that it is bound to
	Held       error        // why it is not the newest; nil as a rule
}

// Bound tells what a tag's name is bound to for every reader: the kernel has been told. next is closed after the next commit, once
// the same holds for it.
func (l *Layout) Bound(tag string) (b Binding, next <-chan struct{}) {
	l.announced.mu.Lock()
	defer l.announced.mu.Unlock()
	p := l.announced.shown
	b.Generation, b.There = p.gens[tag]
	b.Held = p.held[tag]
	return b, l.announced.next
}

// Ending is which tags end.
type Ending struct {
	Until map[string]int64  // every tag that ends, with the time, in seconds since 1970 UTC; do not modify it
	Gone  []string          // those whose time is over, sorted
	Kept  map[string]string // those whose time is over and that stay, with a tag that inherits from them
}

// Ending tells which tags end, as of now in seconds since 1970 UTC; next is closed after the next commit. It reads nothing from the store.
func (l *Layout) Ending(now int64) (e Ending, next <-chan struct{}) {
	l.announced.mu.Lock()
	p, next := l.announced.shown, l.announced.next
	l.announced.mu.Unlock()
	e.Until = p.until.m
	var due []string
	for t, until := range e.Until {
		if until <= now {
			due = append(due, t)
		}
	}
	if len(due) == 0 {
		return e, next
	}
	e.Gone, e.Kept = state.Expiring(due, func(yield func(string, string) bool) {
		for t, links := range p.links.m {
			for _, k := range links {
				if !yield(t, k.Parent) {
					return
				}
			}
		}
	})
	return e, next
}
