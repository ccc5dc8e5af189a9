package compose

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/blob"
	"vrepofs/state"
)

// TestResume: a sum that begins behind a remembered prefix is that of the whole.
func TestResume(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newRemembered()
		for range rapid.IntRange(1, 4).Draw(rt, "ropes") {
			n := rapid.IntRange(0, 5*sumStep).Draw(rt, "parts")
			other := rapid.IntRange(0, n).Draw(rt, "other") // the part from which on it is another
			var keys []blob.Digest
			var texts []string
			var key blob.Digest
			for i := range n {
				text := fmt.Sprint(i)
				if i >= other {
					text += "x"
				}
				key = prefixKey(key, blob.Part{Digest: blob.Sum([]byte(text))})
				keys, texts = append(keys, key), append(texts, text)
			}
			h, i := m.resume(keys)
			for ; i < n; i++ {
				h.Write([]byte(texts[i]))
				if (i+1)%sumStep == 0 {
					m.keep(keys[i], h)
				}
			}
			want := sha256.New()
			for _, text := range texts {
				want.Write([]byte(text))
			}
			if got, want := string(h.Sum(nil)), string(want.Sum(nil)); got != want {
				rt.Fatalf("sum of %d parts, the same up to %d, is another", n, other)
			}
		}
	})
}

// TestRecentIsBounded: what is used stays, what is not goes.
func TestRecentIsBounded(t *testing.T) {
	c := recent[int]{limit: 10}
	kept := blob.Sum([]byte("kept"))
	c.put(kept, -1)
	for i := range 1000 {
		c.put(blob.Sum(fmt.Append(nil, i)), i)
		if v, ok := c.get(kept); !ok || v != -1 {
			t.Fatalf("after %d others: %d, %v", i+1, v, ok)
		}
	}
	if n := len(c.young) + len(c.old); n > c.limit {
		t.Errorf("%d values are kept, want at most %d", n, c.limit)
	}
	heavy := recent[int]{limit: 100, weight: func(v int) int { return v }}
	for i := range 50 {
		heavy.put(blob.Sum(fmt.Append(nil, i)), 30)
	}
	if n := len(heavy.young) + len(heavy.old); n > 3 {
		t.Errorf("%d values of weight 30 are kept, of 100", n)
	}
	var rows recentRows
	for i := range 5 {
		rows.put(blob.Sum(fmt.Append(nil, i)), make([]state.RPM, rowLimit/3))
	}
	rows.put(kept, make([]state.RPM, rowLimit+1))
	if len(rows.list) != 3 || rows.rows > rowLimit {
		t.Errorf("%d snapshots with %d rows are kept", len(rows.list), rows.rows)
	}
	if _, ok := rows.get(blob.Sum(fmt.Append(nil, 2))); !ok {
		t.Error("the last but two has gone")
	}
	rows.put(blob.Sum(nil), make([]state.RPM, rowLimit/3))
	if _, ok := rows.get(blob.Sum(fmt.Append(nil, 2))); !ok {
		t.Error("the one that was used has gone before others")
	}
}
