package fs

import "sync"

// lru is a map with a bound on the sum of its values' weights; the least recently used go first, but the newest stays however
// heavy it is. Safe for concurrent use. No method does I/O but load, which calls what it is given without the lock.
type lru[K comparable, V any] struct {
	max    int64
	weight func(V) int64 // constant for a value

	mu sync.Mutex
	// mu guards the rest.
	used    int64
	items   map[K]*item[K, V]
	root    item[K, V] // ring of all items, root.next is the newest
	loading map[K]*loading[V]
}

type item[K comparable, V any] struct {
	key        K
	value      V
	prev, next *item[K, V]
}

type loading[V any] struct {
	done  chan struct{}
	value V
	err   error
}

func newLRU[K comparable, V any](max int64, weight func(V) int64) *lru[K, V] {
	l := &lru[K, V]{max: max, weight: weight, items: map[K]*item[K, V]{}, loading: map[K]*loading[V]{}}
	l.root.next, l.root.prev = &l.root, &l.root
	return l
}

func (l *lru[K, V]) get(k K) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.getLocked(k)
}

func (l *lru[K, V]) getLocked(k K) (v V, ok bool) {
	it, ok := l.items[k]
	if !ok {
		return v, false
	}
	if l.root.next != it {
		it.unlink()
		it.linkAfter(&l.root)
	}
	return it.value, true
}

func (l *lru[K, V]) put(k K, v V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.putLocked(k, v)
}

func (l *lru[K, V]) putLocked(k K, v V) {
	if it, ok := l.items[k]; ok {
		l.used += l.weight(v) - l.weight(it.value)
		it.value = v
		it.unlink()
		it.linkAfter(&l.root)
	} else {
		it := &item[K, V]{key: k, value: v}
		l.items[k] = it
		it.linkAfter(&l.root)
		l.used += l.weight(v)
	}
	for l.used > l.max && l.root.prev != l.root.next {
		old := l.root.prev
		old.unlink()
		delete(l.items, old.key)
		l.used -= l.weight(old.value)
	}
}

// load returns the value of k, calling fetch if it is not there: once for all who ask meanwhile. An error is not kept.
func (l *lru[K, V]) load(k K, fetch func() (V, error)) (V, error) {
	l.mu.Lock()
	if v, ok := l.getLocked(k); ok {
		l.mu.Unlock()
		return v, nil
	}
	if w, ok := l.loading[k]; ok {
		l.mu.Unlock()
		<-w.done
		return w.value, w.err
	}
	w := &loading[V]{done: make(chan struct{}), err: errNode}
	l.loading[k] = w
	l.mu.Unlock()
	defer func() { // also when fetch panics: nobody may wait for ever
		l.mu.Lock()
		delete(l.loading, k)
		if w.err == nil {
			l.putLocked(k, w.value)
		}
		l.mu.Unlock()
		close(w.done)
	}()
	w.value, w.err = fetch()
	return w.value, w.err
}

func (l *lru[K, V]) size() (items int, used int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.items), l.used
}

func (it *item[K, V]) unlink() {
	it.prev.next, it.next.prev = it.next, it.prev
}

func (it *item[K, V]) linkAfter(at *item[K, V]) {
	it.prev, it.next = at, at.next
	at.next.prev = it
	at.next = it
}
