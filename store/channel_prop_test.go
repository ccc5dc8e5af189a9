package store_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/blob"
	"vrepofs/compose"
	"vrepofs/state"
	"vrepofs/store"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
	"vrepofs/tree"
)

// TestChannelProperty makes random moves beside a model that is a map from path to source, and holds after each: what is published is
// what the model says, files that were put into repositories among it; a plan is what its operation then does; and at every path of every file and directory, times tell contents apart for
// whoever saw any earlier state, removals between included, and stay where content stays.
func TestChannelProperty(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	sources := map[string]string{} // source → its RPMs, as rpmNames has them
	for i, specs := range [][]testrpm.Spec{
		{{Name: "a"}, {Name: "b"}, {Name: "bb"}},
		{{Name: "a"}, {Name: "b", Version: "2"}, {Name: "bb"}},
		{{Name: "a"}, {Name: "c"}},
		{{Name: "a", Summary: "other bytes"}, {Name: "b"}, {Name: "bb"}},
	} {
		snap := storetest.Snapshot(t, s, "r", specs...)
		sources[snap.Ref()] = rpmNames(t, s, snap.Root)
		if i%2 == 0 { // the same packages, and repodata as it was found
			lease, err := s.Blobs.NewLease()
			if err != nil {
				t.Fatal(err)
			}
			im := storetest.Read(t, s, specs...)
			text := fmt.Sprint("repomd ", i)
			d, err := lease.Write([]byte(text))
			if err == nil {
				err = lease.Flush(ctx)
			}
			if err == nil {
				err = im.AddFile("repodata/repomd.xml", d, int64(len(text)), false)
			}
			if err != nil {
				t.Fatal(err)
			}
			v, err := im.Snapshot(ctx, who, "v", store.SnapshotOptions{Verbatim: true})
			if err != nil {
				t.Fatal(err)
			}
			sources[v.Ref()] = rpmNames(t, s, v.Root)
			lease.Close()
		}
	}
	refs := slices.Sorted(maps.Keys(sources))
	paths := []string{"s/x", "s/y/os", "p/x", "p/y/os", "q/y/os"}
	prefixes := []string{"s", "p", "q", "s/y", "p/y", "s/x", "p/x", "q/y/os", "s/x/.treeinfo", "s/x/repodata", "p/x/images"}
	texts := map[string]map[string]string{ // what is put, by its source
		"one": {"": "one"}, "two": {"": "two"}, "dir": {"a": "one", "b/c": "x"}, "other": {"a": "one", "b/c": "y"}, "none": {},
	}
	putAt := []string{"s/x/.treeinfo", "s/x/images", "s/x/images/boot", "p/x/images", "s/x/repodata", "s/README", "p/x", "s/y"}
	var puts []string // their sources
	putOf := map[string]map[string]string{}
	for _, files := range []string{"one", "two", "dir", "other", "none"} {
		if _, err := put(t, s, "scratch", texts[files], false); err != nil {
			t.Fatal(err)
		}
		c := channel(t, s, "scratch")
		puts, sources[c.Source()], putOf[c.Source()] = append(puts, c.Source()), "", texts[files]
	}
	if _, err := s.UnsetChannel(ctx, who, "scratch", false); err != nil {
		t.Fatal(err)
	}
	valid := func(m map[string]string) bool {
		for path := range m {
			for outer, source := range m {
				if rest, inside := strings.CutPrefix(path, outer+"/"); inside {
					name, _, _ := strings.Cut(rest, "/")
					if putOf[m[path]] == nil || putOf[source] != nil || name == "repodata" {
						return false
					}
				}
			}
		}
		return true
	}

	type seen struct {
		digest blob.Digest
		mtime  int64
	}
	at := map[string]seen{}    // path/file → last seen
	ever := map[string]int64{} // path/file → greatest mtime of all times
	model := map[string]string{}
	past := map[uint64]map[string]string{} // event → model
	below := func(m map[string]string, prefix string) map[string]string {
		out := map[string]string{}
		for p, v := range m {
			if p == prefix || strings.HasPrefix(p, prefix+"/") {
				out[p] = v
			}
		}
		return out
	}
	look := func(t *rapid.T) {
		now := map[string]string{}
		fresh := map[string]seen{}
		for c, err := range state.Channels(s.Index.View(s.Index.Head()), "") {
			if err != nil {
				t.Fatal(err)
			}
			now[c.Path] = c.Source()
			es := entries(t, s, c.Root)
			var rpms []string
			for _, p := range slices.Sorted(maps.Keys(es)) {
				e, key := es[p], c.Path+"//"+p
				if e.RPM {
					rpms = append(rpms, strings.TrimPrefix(p, "Packages/"))
				}
				fresh[key] = seen{e.Digest, e.Mtime}
				last, was := at[key]
				switch {
				case e.RPM || e.Mtime == compose.NamedMtime:
				case was && last.digest == e.Digest:
					if last.mtime != e.Mtime {
						t.Fatalf("%s stayed, and its time went from %d to %d", key, last.mtime, e.Mtime)
					}
				case e.Mtime <= ever[key]:
					t.Fatalf("%s changed at %d, and its time was %d once", key, e.Mtime, ever[key])
				}
				ever[key] = max(ever[key], e.Mtime)
			}
			if got := strings.Join(rpms, " "); got != sources[c.Source()] {
				t.Fatalf("%s has %s, %s has %s", c.Path, got, c.Source(), sources[c.Source()])
			}
		}
		if !maps.Equal(now, model) {
			t.Fatalf("published: %v, want %v", now, model)
		}
		published, inside := map[string]tree.Entry{}, func(path string) bool {
			return slices.ContainsFunc(slices.Collect(maps.Keys(now)), func(p string) bool { return strings.HasPrefix(p, path+"/") })
		}
		root, err := state.Published(s.Index.View(s.Index.Head()))
		if err == nil && root.Kind != 0 {
			published = entries(t, s, root)
		}
		for path := range now {
			c, err := state.GetChannel(s.Index.View(s.Index.Head()), path)
			if err != nil {
				t.Fatal(err)
			}
			for p, e := range entries(t, s, c.Root) {
				see := published[strings.TrimSuffix(path+"/"+p, "/")]
				if p == "" && !inside(path) {
					see.Mtime = e.Mtime // something may have been in it
				}
				if see != e && (p != "" || !inside(path) || see.Kind != tree.KindDir) {
					t.Fatalf("readers see %+v at %s/%s, the record has %+v", see, path, p, e)
				}
			}
		}
		for path, e := range published {
			key := "channels//" + path
			fresh[key] = seen{e.Digest, e.Mtime}
			last, was := at[key]
			switch {
			case e.RPM || e.Mtime == compose.NamedMtime:
			case was && last.digest == e.Digest:
				if last.mtime != e.Mtime {
					t.Fatalf("readers see %s stay, and its time go from %d to %d", key, last.mtime, e.Mtime)
				}
			case e.Mtime <= ever[key]:
				t.Fatalf("readers see %s change at %d, and its time was %d once", key, e.Mtime, ever[key])
			}
			ever[key] = max(ever[key], e.Mtime)
		}
		for path := range published {
			above := func(p string) bool {
				return p == path || strings.HasPrefix(p, path+"/") || strings.HasPrefix(path, p+"/")
			}
			if err != nil || path != "" && !slices.ContainsFunc(slices.Collect(maps.Keys(now)), above) {
				t.Fatalf("readers see %s, where nothing is published: %v", path, err)
			}
		}
		at = fresh
		past[s.Index.Head().Seq] = maps.Clone(model)
	}
	past[s.Index.Head().Seq] = map[string]string{}
	try := func(t *rapid.T, possible bool, f func(dry bool) (store.Plan, error)) bool {
		plan, dryErr := f(true)
		done, err := f(false)
		if (err == nil) != possible || fmt.Sprint(dryErr) != strings.TrimPrefix(fmt.Sprint(err), "commit: ") {
			t.Fatalf("possible: %v; dry run: %v, done: %v", possible, dryErr, err)
		}
		if len(plan.Steps) != len(done.Steps) {
			t.Fatalf("planned %s, did %s", planText(plan), planText(done))
		}
		for i, p := range plan.Steps {
			if d := done.Steps[i]; p.Path != d.Path || p.Action != d.Action {
				t.Fatalf("planned %s, did %s", planText(plan), planText(done))
			}
		}
		return err == nil
	}
	with := func(m map[string]string, path, source string) map[string]string {
		m = maps.Clone(m)
		m[path] = source
		return m
	}
	replaced := func(prefix string, with map[string]string) map[string]string {
		m := maps.Clone(model)
		maps.DeleteFunc(m, func(p, _ string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") })
		maps.Copy(m, with)
		return m
	}
	replace := func(prefix string, with map[string]string) {
		maps.DeleteFunc(model, func(p, _ string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") })
		maps.Copy(model, with)
	}
	rapid.Check(t, func(t *rapid.T) {
		t.Repeat(map[string]func(*rapid.T){
			"": look,
			"set": func(t *rapid.T) {
				path, ref := rapid.SampledFrom(paths).Draw(t, "path"), rapid.SampledFrom(refs).Draw(t, "ref")
				next := with(model, path, ref)
				if try(t, valid(next), func(dry bool) (store.Plan, error) { return s.SetChannel(ctx, who, path, ref, dry) }) {
					model = next
				}
			},
			"put": func(t *rapid.T) {
				path, source := rapid.SampledFrom(putAt).Draw(t, "path"), rapid.SampledFrom(puts).Draw(t, "source")
				next := with(model, path, source)
				if try(t, valid(next), func(dry bool) (store.Plan, error) { return put(t, s, path, putOf[source], dry) }) {
					model = next
				}
			},
			"promote": func(t *rapid.T) {
				pair := rapid.SampledFrom([][2]string{{"s", "p"}, {"p", "q"}, {"s/y", "p/y"}, {"q", "s"}, {"s/x", "p/x"}, {"s/x/images", "p/x/images"}, {"s", "q"}}).Draw(t, "pair")
				with := map[string]string{}
				for p, v := range below(model, pair[0]) {
					with[pair[1]+strings.TrimPrefix(p, pair[0])] = v
				}
				if try(t, len(with) > 0 && valid(replaced(pair[1], with)), func(dry bool) (store.Plan, error) { return s.Promote(ctx, who, pair[0], pair[1], dry) }) {
					replace(pair[1], with)
				}
			},
			"unset": func(t *rapid.T) {
				path := rapid.SampledFrom(prefixes).Draw(t, "path")
				if try(t, len(below(model, path)) > 0, func(dry bool) (store.Plan, error) { return s.UnsetChannel(ctx, who, path, dry) }) {
					replace(path, nil)
				}
			},
			"rollback": func(t *rapid.T) {
				path := rapid.SampledFrom(prefixes).Draw(t, "path")
				event := rapid.SampledFrom(slices.Sorted(maps.Keys(past))).Draw(t, "event")
				then := below(past[event], path)
				if try(t, len(then) > 0 && valid(replaced(path, then)), func(dry bool) (store.Plan, error) {
					return s.Rollback(ctx, who, path, store.Moment(fmt.Sprint(event)), dry)
				}) {
					replace(path, then)
				}
			},
		})
	})
}
