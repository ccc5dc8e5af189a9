package layout_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vrepofs/state"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// graceModel is what grace means, said once more: for each repository of channels what it was, and until when.
type graceModel struct {
	now   map[string]int              // repository → snapshot
	past  map[string][]pastRepository // newest first
	grace map[string]int64            // settings
}

type pastRepository struct {
	snapshot int // -1: nothing was there
	ended    int64
}

// set makes a repository another snapshot, or none (-1), and reports whether that changed anything.
func (m *graceModel) set(path string, snapshot int, stamp int64) bool {
	was, there := m.now[path]
	if !there {
		was = -1
	}
	if was == snapshot {
		return false
	}
	m.past[path] = append([]pastRepository{{was, stamp}}, m.past[path]...)
	if m.now[path] = snapshot; snapshot < 0 {
		delete(m.now, path)
	}
	return true
}

// opens reports whether a path can be opened: it and every directory above it are there or in grace.
func (m *graceModel) opens(path string, snapshots []map[string]bool, now int64) bool {
	for i := range len(path) {
		if path[i] == '/' && !m.there(path[:i], snapshots, now) {
			return false
		}
	}
	return m.there(path, snapshots, now)
}

// there reports whether one path is there or in grace.
func (m *graceModel) there(path string, snapshots []map[string]bool, now int64) bool {
	grace := int64(state.DefaultGrace)
	for at := path; ; at = at[:strings.LastIndexByte(at, '/')] {
		if g, ok := m.grace[at]; ok {
			grace = g
			break
		}
		if !strings.Contains(at, "/") {
			break
		}
	}
	has := func(repo string, snapshot int) bool {
		if snapshot < 0 {
			return false
		}
		if repo == path || strings.HasPrefix(repo, path+"/") {
			return true
		}
		for f := range snapshots[snapshot] {
			if f := repo + "/" + f; f == path || strings.HasPrefix(f, path+"/") {
				return true
			}
		}
		return false
	}
	for repo, snapshot := range m.now {
		if has(repo, snapshot) {
			return true
		}
	}
	for repo, past := range m.past {
		for i, p := range past {
			if i < 32 && p.ended+grace > now && has(repo, p.snapshot) {
				return true
			}
		}
	}
	return false
}

// TestGraceIsItsModel moves channels at random, changes settings and the clock, and compares with the model, through a mount, what
// can be opened, of what content, and what is listed.
func TestGraceIsItsModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { graceRun(t, rand.New(rand.NewPCG(seed, 3))) })
	}
}

func graceRun(t *testing.T, rng *rand.Rand) {
	s, c := withClock(t)
	ctx, who := t.Context(), storetest.Who()
	mnt := mount(t, s)
	var refs []string
	var snapshots []map[string]bool
	files := map[string]bool{}
	for i := range 6 {
		specs := []testrpm.Spec{{Name: "always", Version: fmt.Sprint(i)}}
		for _, name := range []string{"a", "ab", "z"} {
			if v := rng.IntN(4); v > 0 {
				specs = append(specs, testrpm.Spec{Name: name, Version: fmt.Sprint(v)})
			}
		}
		snap := storetest.Snapshot(t, s, "r", specs...)
		refs = append(refs, snap.Ref())
		have := map[string]bool{}
		for _, f := range strings.Split(mnt.sh(t, "cd $MNT/repos/r/"+snap.ID+"; find . -type f -name '*-*' -printf '%P\\n'"), "\n") {
			have[f], files[f] = true, true
		}
		snapshots = append(snapshots, have)
	}
	repos := []string{"p/9/r", "p/9/s", "p/r", "q"}
	m := &graceModel{now: map[string]int{}, past: map[string][]pastRepository{}, grace: map[string]int64{}}
	var log []string
	for range 25 {
		c.Add(int64(rng.IntN(1000)))
		path := repos[rng.IntN(len(repos))]
		switch k := rng.IntN(10); {
		case k < 5:
			i := rng.IntN(len(refs))
			stamp := moved(t)(s.SetChannel(ctx, who, path, refs[i], false)).Stamp
			m.set(path, i, stamp)
			log = append(log, fmt.Sprintf("%d: set %s %d", stamp, path, i))
		case k == 5:
			if _, there := m.now[path]; there {
				stamp := moved(t)(s.UnsetChannel(ctx, who, path, false)).Stamp
				m.set(path, -1, stamp)
				log = append(log, fmt.Sprintf("%d: unset %s", stamp, path))
			}
		case k == 6:
			if past := m.past[path]; len(past) > 0 && past[0].snapshot >= 0 {
				stamp := moved(t)(s.Rollback(ctx, who, path, "", false)).Stamp
				m.set(path, past[0].snapshot, stamp)
				log = append(log, fmt.Sprintf("%d: rollback %s", stamp, path))
			}
		case k == 7:
			c.Add(int64(rng.IntN(3)) * state.DefaultGrace / 2)
		default:
			at := []string{"p", "p/9", "p/9/r", "p/9/r/repodata", "q/Packages/z", "q"}[rng.IntN(6)]
			m.grace[at] = []int64{0, 100, 1500, 300_000}[rng.IntN(4)]
			grace(t, s, at, int(m.grace[at]))
			log = append(log, fmt.Sprintf("grace %s %d", at, m.grace[at]))
		}
		if len(m.now) == 0 {
			continue // there is no directory for channels then
		}
		grace(t, s, "none", 1) // makes the kernel forget: the clock jumps
		now := c.Load()
		var want, listed []string
		for _, path := range repos {
			for _, f := range slices.Sorted(maps.Keys(files)) {
				if m.opens(path+"/"+f, snapshots, now) {
					want = append(want, path+"/"+f)
				}
				if i, there := m.now[path]; there && snapshots[i][f] {
					listed = append(listed, path+"/"+f)
				}
			}
		}
		slices.Sort(listed)
		slices.Sort(want)
		var all strings.Builder
		for _, path := range repos {
			for f := range files {
				fmt.Fprintf(&all, "%s/%s ", path, f)
			}
		}
		// Names of repodata say what its content is.
		got := mnt.sh(t, "cd $MNT/channels; for f in "+all.String()+`; do [ -e $f ] && echo $f; done | LC_ALL=C sort
			for f in `+all.String()+`; do case $f in */repodata/*) [ ! -e $f ] || echo $(sha256sum < $f | cut -c1-64) $f;; esac; done |
			while read sum f; do case $f in */$sum-*) ;; *) echo "$f has sum $sum";; esac; done`)
		if w := strings.Join(want, "\n"); got != w {
			t.Fatalf("%s\nat %d can be opened\n%s\nwant\n%s", strings.Join(log, "\n"), now, got, w)
		}
		if got := mnt.sh(t, "cd $MNT/channels; find . -type f -name '*-*' -printf '%P\\n' | LC_ALL=C sort"); got != strings.Join(listed, "\n") {
			t.Fatalf("%s\nlisted is\n%s\nwant\n%s", strings.Join(log, "\n"), got, strings.Join(listed, "\n"))
		}
	}
}
