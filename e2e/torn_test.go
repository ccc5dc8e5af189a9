package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vrepofs/filelist/filelisttest"
	"vrepofs/testrpm"
)

// stage is a published tree of two repositories that moves all the time, and how its readers come to it. A generation has the names that all
// have, with content of its own, and some names of its own, of which GENERATION-n is one.
type stage struct {
	*box
	name   string
	root   string                            // what readers resolve
	url    string                            // root through a web server
	move   func(n int) error                 // publishes another generation for the nth time
	whole  func(stamp int64) (string, error) // where the generation lies for good whose repomd.xml of repository one has that time
	pinned bool                              // it has mirrorlists
	lists  bool                              // it has file lists
	grace  int                               // so many generations back no name is missing; 0: no such promise

	moved    atomic.Int64
	interval time.Duration // mean time between two moves
	mu       sync.Mutex
	// mu guards manifests, by stamp.
	manifests map[int64]string
}

// reader is one kind of client, used again and again.
type reader struct {
	name  string
	serve func(s *stage, t *tally) func(dir string) // prepares it; the function reads once, with a fresh directory
	// mayMiss: it comes by the moving path again and again, so what it meets is counted, and wrong bytes alone are a failure.
	mayMiss bool
}

// tally is what one reader met.
type tally struct {
	mu sync.Mutex
	// mu guards the rest.
	rounds, flying int // of flying the tree moved meanwhile
	met            map[string]int
	order          []string
	examples       map[string]string
}

// The words of a tally that have a meaning for the verdict.
const (
	metWhole   = "whole"   // one generation, byte for byte
	metMixed   = "mixed"   // exit 0 and no generation
	metRefused = "refused" // rsync 3.5 saw the name move before it began, and copied nothing
	metWrong   = "wrong"   // bytes taken for right that are not what the metadata they came with says
	metBroken  = "broken"  // 404 of what must be there by the promise of grace
)

func (t *tally) count(what, example string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.met == nil {
		t.met, t.examples = map[string]int{}, map[string]string{}
	}
	if t.met[what]++; t.met[what] == 1 {
		t.order = append(t.order, what)
		t.examples[what] = example
	}
}

// String is a cell of the table: "38 whole, 2 exit 24".
func (t *tally) String() string {
	var out []string
	for _, what := range append([]string{metWhole}, t.order...) {
		if n := t.met[what]; what == metWhole && len(out) == 0 || what != metWhole {
			out = append(out, fmt.Sprintf("%d %s", n, what))
		}
	}
	return strings.Join(out, ", ")
}

// TestTornReaders is the trial: promotions and rollbacks in a row, and clients of every kind that read meanwhile. Who comes to a channel by
// its root sees one generation, always; who comes by full paths again and again gets right bytes or hears of it. Then the same readers with
// what else is in use: a tree of hard links that rsync --delete updates in place, and a symbolic link that is flipped. Their failures
// are printed beside ours; that there are some shows that the trial can see them. TRIAL.md keeps one long run.
func TestTornReaders(t *testing.T) {
	needs(t, "rsync", "nginx", "wget", "dnf", "python3")
	b := newBox(t)
	generations := times(6, 40) // when long: more than grace keeps
	site := b.plainNginx("ours", b.mnt)
	b.tornGenerations(generations, site)
	b.mount()
	ours := &stage{box: b, name: "channel", root: b.mnt + "/channels/production", url: site + "/channels/production", pinned: true, lists: true,
		grace: 30, // it is 32; a move counts here when the command has ended
		move: func(n int) error {
			if n%5 == 4 {
				return runIn(b, program, "channel", "rollback", "production")
			}
			return runIn(b, program, "channel", "promote", fmt.Sprint("g", n%generations), "production")
		},
		whole: func(stamp int64) (string, error) { // not by at/TIME, which has no name for the last event
			out, err := exec.Command(program, "--store", b.store, "log", "--json", "-n", "200").Output()
			var rows []struct {
				Event uint64
				Time  time.Time
			}
			if err == nil {
				err = json.Unmarshal(out, &rows)
			}
			for _, r := range rows {
				if r.Time.Unix() == stamp {
					return filepath.Join(b.mnt, "at", fmt.Sprint(r.Event), "channels/production"), nil
				}
			}
			return "", fmt.Errorf("no event of %d: %v", stamp, err)
		},
	}
	readers := tornReaders(t)
	table := [][]string{make([]string, len(readers)), make([]string, len(readers)), make([]string, len(readers))}
	run := func(column int, s *stage, moves int) (bad int) {
		tallies := s.run(t, readers, moves)
		for i, r := range tallies {
			if r == nil {
				table[column][i] = "–"
				continue
			}
			table[column][i] = r.String()
			bad += r.rounds - r.met[metWhole] - r.met[metRefused]
			if s == ours {
				readers[i].judge(t, r)
			}
		}
		return bad
	}
	run(0, ours, times(150, 1000))
	if t.Failed() {
		return
	}
	for i, peer := range b.tornPeers(generations, ours.interval) {
		if bad := run(i+1, peer, times(40, 300)); bad == 0 {
			t.Errorf("%s: no reader met a failure: the trial would not see one of ours either", peer.name)
		}
	}
	var text strings.Builder
	text.WriteString("| reader | channel | hard links, rsync --delete | symbolic link |\n|---|---|---|---|\n")
	for i, r := range readers {
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", r.name, table[0][i], table[1][i], table[2][i])
	}
	t.Logf("%d generations\n%s", generations, text.String())
}

// tornGenerations makes generations as channels g0, g1, …, each of two repositories, and publishes the first, with lists and with
// mirrorlists for a site.
func (b *box) tornGenerations(n int, site string) {
	b.Helper()
	b.ok("site", "set", site)
	for g := range n {
		for _, repo := range []string{"one", "two"} {
			specs := []testrpm.Spec{{Name: fmt.Sprint("GENERATION-", g)}, {Name: fmt.Sprintf("only-%d", g), Arch: "noarch"}}
			for i := range 16 {
				specs = append(specs, testrpm.Spec{Name: fmt.Sprintf("%c-same", 'a'+i), Summary: fmt.Sprintf("%s of generation %d", repo, g),
					Files: []testrpm.File{{Path: "/usr/share/same", Size: 20000 + i}, {Path: "/etc/generation", Body: fmt.Append(nil, repo, g)}}})
			}
			b.ok("repo", "import", repo, b.rpms(fmt.Sprintf("torn/%s%d", repo, g), specs...))
			b.ok("channel", "set", fmt.Sprintf("g%d/%s/os", g, repo), repo)
		}
	}
	b.ok("channel", "configure", "production", "--lists", "trial")
	b.ok("channel", "promote", "g0", "production")
}

// tornPeers are two usual ways to publish, over the same generations as plain files on the disk of the box.
func (b *box) tornPeers(generations int, pace time.Duration) []*stage {
	b.Helper()
	at := map[int64]string{}
	for g := range generations {
		dir := b.path("plain", fmt.Sprint("g", g))
		b.sh(fmt.Sprintf("mkdir -p plain && rsync -aH $MNT/channels/g%d/ %s/", g, dir))
		fi, err := os.Stat(dir + "/one/os/repodata/repomd.xml")
		if err != nil {
			b.Fatal(err)
		}
		at[fi.ModTime().Unix()] = dir
	}
	b.sh("rsync -aH plain/g0/ plain/farm/ && ln -s g0 plain/link")
	url := b.plainNginx("peers", b.path("plain"))
	var next time.Time
	whole := func(stamp int64) (string, error) { return at[stamp], nil }
	return []*stage{
		{box: b, name: "hard links", root: b.path("plain/farm"), url: url + "/farm", whole: whole,
			move: func(n int) error {
				from := b.path("plain", fmt.Sprint("g", n%generations))
				return runIn(b, "rsync", "-aH", "--delete", "--link-dest="+from, from+"/", b.path("plain/farm")+"/")
			}},
		{box: b, name: "symbolic link", root: b.path("plain/link"), url: url + "/link", whole: whole,
			move: func(n int) error {
				if n == 1 {
					next = time.Now()
				}
				next = next.Add(pace) // a flip takes no time: it is done as often as we promote
				<-time.After(time.Until(next))
				if err := os.Symlink(fmt.Sprint("g", n%generations), b.path("plain/new")); err != nil {
					return err
				}
				return os.Rename(b.path("plain/new"), b.path("plain/link"))
			}},
	}
}

// run moves a stage at least so many times while all readers read, until each has done so a few times, and returns what they met; nil
// for a reader that has nothing to read there.
func (s *stage) run(t *testing.T, readers []reader, moves int) []*tally {
	t.Helper()
	s.manifests = map[int64]string{}
	const least = 4
	ctx, stop := context.WithTimeout(t.Context(), time.Duration(times(90, 1800))*time.Second)
	defer stop()
	tallies := make([]*tally, len(readers))
	var wg sync.WaitGroup
	var busy atomic.Int64 // readers that have not yet read often enough
	for i, r := range readers {
		y := &tally{}
		once := r.serve(s, y)
		if once == nil {
			continue
		}
		tallies[i] = y
		busy.Add(1)
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				dir := s.path("read", fmt.Sprint(i))
				before := s.moved.Load()
				once(dir)
				if err := os.RemoveAll(dir); err != nil {
					y.count(metWrong, err.Error())
				}
				if y.rounds++; s.moved.Load() > before {
					y.flying++
				}
				if y.rounds == least {
					busy.Add(-1)
				}
			}
		})
	}
	begin := time.Now()
	n := 0
	for ; (n < moves || busy.Load() > 0) && ctx.Err() == nil; n++ {
		if err := s.move(n + 1); err != nil {
			t.Errorf("%s: move %d: %v", s.name, n, err)
			break
		}
		s.moved.Add(1)
	}
	took := time.Since(begin)
	s.interval = took / time.Duration(max(n, 1))
	late := ctx.Err() != nil
	stop()
	wg.Wait()
	if late {
		t.Errorf("%s: %d readers had not read %d times when %d moves were done and the time was over", s.name, busy.Load(), least, n)
	}
	t.Logf("%s: %d moves in %.1f s", s.name, n, took.Seconds())
	for i, y := range tallies {
		if y != nil {
			t.Logf("%s: %-24s %3d rounds, %3d with a move meanwhile: %s", s.name, readers[i].name, y.rounds, y.flying, y)
			for _, what := range y.order {
				if strings.HasPrefix(what, "exit status") {
					t.Logf("%s: %s", what, y.examples[what])
				}
			}
		}
	}
	return tallies
}

// judge holds what a reader met in a channel against what is promised.
func (r reader) judge(t *testing.T, y *tally) {
	t.Helper()
	for what, n := range y.met {
		if what != metWhole && what != metRefused && (!r.mayMiss || what == metWrong || what == metBroken || what == metMixed) {
			t.Errorf("%s: %d times %s: %s", r.name, n, what, y.examples[what])
		}
	}
	if y.met[metWhole] < 2 && !r.mayMiss || y.flying < y.rounds/4 {
		t.Errorf("%s: %d of %d rounds whole, a move in %d of them: this shows nothing: %q", r.name, y.met[metWhole], y.rounds, y.flying, y.examples)
	}
}

// generation returns the manifest of the generation that has a stamp.
func (s *stage) generation(stamp int64) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.manifests[stamp]; ok {
		return m, nil
	}
	dir, err := s.whole(stamp)
	if err != nil {
		return "", err
	}
	if s.lists {
		if err := listsOf(dir, "trial"); err != nil {
			return "", err
		}
	}
	m, err := manifest(dir)
	if err == nil {
		s.manifests[stamp] = m
	}
	return m, err
}

// listsOf compares the file lists of a directory with what create-filelist would write.
func listsOf(dir, module string) error {
	want, err := filelisttest.Walk(filelisttest.OS(dir), module)
	if err != nil {
		return err
	}
	for i, text := range [][]byte{want.Files, want.Times, want.Images} {
		name := filelisttest.Names(module)[i]
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if string(got) != string(text) {
			return fmt.Errorf("%s is not that of the tree:\n%s", filepath.Join(dir, name), firstDifference(string(got), string(text)))
		}
	}
	return nil
}

// look counts a copy as one generation or as mixed.
func (s *stage) look(y *tally, dir string) {
	fi, err := os.Stat(filepath.Join(dir, "one/os/repodata/repomd.xml"))
	if err != nil {
		y.count(metMixed, err.Error())
		return
	}
	got, err := manifest(dir)
	if err == nil {
		var want string
		if want, err = s.generation(fi.ModTime().Unix()); err == nil && got != want {
			err = fmt.Errorf("not the generation of %d:\n%s", fi.ModTime().Unix(), firstDifference(got, want))
		}
	}
	if err != nil {
		y.count(metMixed, err.Error())
		return
	}
	y.count(metWhole, "")
}

// firstDifference shows where two texts part.
func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	end := func(l []string) string { return strings.Join(l[min(i, len(l)):min(i+3, len(l))], "\n") }
	return "got\n" + end(a) + "\nwant\n" + end(b)
}
