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
