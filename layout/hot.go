package layout

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"vrepofs/blob"
	"vrepofs/index"
)

// hotFor is how long a view that was read is composed before its tag moves.
const hotFor = 7 * 24 * time.Hour

// hotViews remembers which views were read and when, across restarts. A view counts as read when a process enters one of its
// generations for the first time. Losing it costs the next reader one wait.
type hotViews struct {
	mu sync.Mutex
	// mu guards last.
	last map[string]int64 // "TAG/ARCH" → seconds since 1970 UTC
}

// memoHot is the kind of memo of the map, hotKey its key.
const memoHot = 'h'

// hotKey is where the index keeps the map.
func hotKey() blob.Digest { return blob.Sum([]byte("layout hot views 1")) }

func (h *hotViews) load(x *index.Index) error {
	h.last = map[string]int64{}
	if b, ok := x.Memo(memoHot, hotKey()); ok {
		return json.Unmarshal(b, &h.last)
	}
	return nil
}

// read notes that a view is being read.
func (h *hotViews) read(x *index.Index, tag, arch string) {
	now := time.Now().Unix()
	h.mu.Lock()
	defer h.mu.Unlock()
	key := tag + "/" + arch
	if now-h.last[key] < 3600 {
		return
	}
	h.last[key] = now
	for k, t := range h.last {
		if now-t > int64(hotFor/time.Second) {
			delete(h.last, k)
		}
	}
	if b, err := json.Marshal(h.last); err == nil {
		_ = x.PutMemo(memoHot, hotKey(), b) // only a hint
	}
}

// views returns the hot views: tag → arches.
func (h *hotViews) views() map[string][]string {
	since := time.Now().Add(-hotFor).Unix()
	h.mu.Lock()
	defer h.mu.Unlock()
	m := map[string][]string{}
	for key, t := range h.last {
		if tag, arch, ok := strings.Cut(key, "/"); ok && t >= since {
			m[tag] = append(m[tag], arch)
		}
	}
	return m
}
