package compose

import (
	"crypto/sha256"
	"encoding"
	"hash"
	"slices"
	"sync"

	"vrepofs/blob"
	"vrepofs/state"
)

// remembered is what a Composer keeps in memory between compositions: derived data that is bounded, and right for ever, since its key says
// all that it depends on.
type remembered struct {
	builds recent[[]state.RPM] // the RPMs of builds, by the digest of a build's record; nobody changes them
	parts  recent[part]        // what the index has as memos, by partKey
	rows   recentRows          // of external repos
	sums   recent[prefixSum]   // by prefixKey
}

// recent keeps about limit values that were used last. It has two generations: when the young one has half the limit, the old one is
// dropped and the young becomes old. It is safe for concurrent use.
type recent[V any] struct {
	limit  int
	weight func(V) int // what a value counts for the limit; nil: 1

	mu sync.Mutex
	// mu guards what follows.
	young, old map[blob.Digest]V
	sum        int // of weights in young
}

func (c *recent[V]) get(key blob.Digest) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok = c.young[key]; ok {
		return v, true
	}
	if v, ok = c.old[key]; ok {
		c.putLocked(key, v)
	}
	return v, ok
}

func (c *recent[V]) put(key blob.Digest, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.putLocked(key, v)
}

func (c *recent[V]) putLocked(key blob.Digest, v V) {
	if _, there := c.young[key]; there {
		return
	}
	n := 1
	if c.weight != nil {
		n = c.weight(v)
	}
	if c.young == nil || c.sum+n > c.limit/2 {
		c.old, c.young, c.sum = c.young, map[blob.Digest]V{}, 0
	}
	c.young[key] = v
	c.sum += n
}

// recentRows keeps the RPMs of the snapshots that views were selected from last, some rowLimit of them in all. Its zero value is empty.
type recentRows struct {
	mu sync.Mutex
	// mu guards what follows.
	list []snapshotRows // the last used at the end
	rows int
}

// snapshotRows are the RPMs of a snapshot, by the root of their tree. Nobody changes them.
type snapshotRows struct {
	root blob.Digest
	rpms []state.RPM
}

// rowLimit bounds rows, which have some 320 bytes each with their strings: 30 MiB.
const rowLimit = 100_000

// of returns the RPMs of a snapshot, which are only to be read. m may be nil.
func (m *remembered) of(r state.Reader, s state.Snapshot) ([]state.RPM, error) {
	if m != nil {
		if rpms, ok := m.rows.get(s.RPMs); ok {
			return rpms, nil
		}
	}
	rpms := make([]state.RPM, 0, s.Count)
	for row, err := range state.SnapshotRPMs(r, s) {
		if err != nil {
			return nil, err
		}
		rpms = append(rpms, row.RPM)
	}
	if m != nil {
		m.rows.put(s.RPMs, rpms)
	}
	return rpms, nil
}

// build returns the RPMs of a build, which are only to be read. record is the digest of its record, or zero where it is not known. m may be
// nil.
func (m *remembered) build(r state.Reader, nvr string, record blob.Digest) ([]state.RPM, error) {
	if m == nil || record.IsZero() {
		b, err := state.GetBuild(r, nvr)
		return b.RPMs, err
	}
	if rpms, ok := m.builds.get(record); ok {
		return rpms, nil
	}
	b, err := state.GetBuild(r, nvr)
	if err == nil && len(b.RPMs) < rememberedRPMs/100 {
		m.builds.put(record, b.RPMs)
	}
	return b.RPMs, err
}

func (c *recentRows) get(root blob.Digest) ([]state.RPM, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.list, func(s snapshotRows) bool { return s.root == root })
	if i < 0 {
		return nil, false
	}
	s := c.list[i]
	c.list = append(slices.Delete(c.list, i, i+1), s)
	return s.rpms, true
}

func (c *recentRows) put(root blob.Digest, rpms []state.RPM) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(rpms) > rowLimit || slices.ContainsFunc(c.list, func(s snapshotRows) bool { return s.root == root }) {
		return
	}
	c.list, c.rows = append(c.list, snapshotRows{root, rpms}), c.rows+len(rpms)
	for c.rows > rowLimit {
		c.rows -= len(c.list[0].rpms)
		c.list = slices.Delete(c.list, 0, 1)
	}
}

// Limits of what is remembered: some 250 and 200 bytes for each, 2 MiB and 1 MiB in all. A view of 60,000 packages has some 900 parts.
const (
	rememberedParts = 8192
	rememberedSums  = 4096
	// rememberedRPMs is for builds: some 320 bytes each, 16 MiB.
	rememberedRPMs = 50_000
)

func newRemembered() *remembered {
	weight := func(rpms []state.RPM) int { return len(rpms) + 1 }
	return &remembered{builds: recent[[]state.RPM]{limit: rememberedRPMs, weight: weight}, parts: recent[part]{limit: rememberedParts}, sums: recent[prefixSum]{limit: rememberedSums}}
}

// prefixSum is the state of SHA-256 behind the first parts of a rope (crypto/sha256, MarshalBinary).
type prefixSum []byte

// sumStep is after how many parts a state is kept. A view that differs from another in one part has the parts before it in common,
// unless the number of packages, which the first part tells, is another.
const sumStep = 16

// prefixKey names the first parts of a rope: that of one part less, and the part.
func prefixKey(before blob.Digest, p blob.Part) blob.Digest {
	var b [2 * len(blob.Digest{})]byte
	copy(b[copy(b[:], before[:]):], p.Digest[:])
	return sha256.Sum256(b[:])
}

// resume returns the hash behind the longest prefix of a rope whose state is remembered, and the number of parts in it. keys are those of
// its prefixes: keys[i] of the first i+1 parts.
func (m *remembered) resume(keys []blob.Digest) (h hash.Hash, n int) {
	h = sha256.New()
	for n = len(keys) / sumStep * sumStep; n > 0; n -= sumStep {
		if state, ok := m.sums.get(keys[n-1]); ok && h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state) == nil {
			return h, n
		}
	}
	return sha256.New(), 0
}

// keep remembers the state of a hash behind a prefix.
func (m *remembered) keep(key blob.Digest, h hash.Hash) {
	if state, err := h.(encoding.BinaryMarshaler).MarshalBinary(); err == nil {
		m.sums.put(key, state)
	}
}
