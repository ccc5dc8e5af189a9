package disktest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vrepofs/disk"
)

// see runs a workload and returns every tree that a power loss may leave, each as "name=content name=content".
func see(t *testing.T, n int, setup, work func(root string, d disk.FS)) map[string][]State {
	t.Helper()
	root := t.TempDir()
	if setup != nil {
		setup(root, disk.OS{})
	}
	rec, err := NewRecorder(disk.OS{}, root)
	if err != nil {
		t.Fatal(err)
	}
	work(root, markFS{rec})
	got := map[string][]State{}
	err = rec.States(Scratch(t), rand.New(rand.NewPCG(1, 2)), n, func(s State) error {
		var all []string
		err := filepath.Walk(s.Dir, func(p string, fi os.FileInfo, err error) error {
			if err != nil || fi.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			all = append(all, fmt.Sprintf("%s=%s", strings.TrimPrefix(p, s.Dir+"/"), strings.ReplaceAll(string(b), "\x00", "0")))
			return err
		})
		key := strings.Join(all, " ")
		got[key] = append(got[key], s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

type markFS struct{ *Recorder }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ok(err error) {
	if err != nil {
		panic(err)
	}
}

func create(d disk.FS, name, content string) disk.File {
	f := must(d.OpenFile("create", name, os.O_CREATE|os.O_WRONLY, 0o600))
	must(f.Write([]byte(content)))
	return f
}

func TestStates(t *testing.T) {
	for _, tt := range []struct {
		name        string
		setup, work func(root string, d disk.FS)
		legal       string // all states that may be seen, and all of them are; one per line
		marked      string // the states after the mark
	}{
		{
			name: "nothing is durable",
			work: func(root string, d disk.FS) {
				create(d, root+"/a", "xy").Close()
				d.(markFS).Mark("done")
			},
			legal:  "|a=|a=x|a=x0|a=xy|a=00|a=0y",
			marked: "|a=|a=x|a=x0|a=xy|a=00|a=0y",
		},
		{
			name: "sync of a file does not sync its name",
			work: func(root string, d disk.FS) {
				f := create(d, root+"/a", "x")
				ok(f.Sync("sync"))
				f.Close()
				d.(markFS).Mark("done")
			},
			legal:  "|a=|a=0|a=x",
			marked: "|a=x",
		},
		{
			name: "sync of the directory does not sync the data",
			work: func(root string, d disk.FS) {
				create(d, root+"/a", "x").Close()
				ok(d.SyncDir("syncdir", root))
				d.(markFS).Mark("done")
			},
			legal:  "|a=|a=0|a=x",
			marked: "a=|a=0|a=x",
		},
		{
			name: "both, then rename",
			work: func(root string, d disk.FS) {
				f := create(d, root+"/a", "x")
				ok(f.Sync("sync"))
				f.Close()
				ok(d.SyncDir("syncdir", root))
				ok(d.Rename("rename", root+"/a", root+"/b"))
				d.(markFS).Mark("done")
			},
			legal:  "|a=|a=0|a=x|b=x",
			marked: "a=x|b=x",
		},
		{
			name:  "rename across directories never loses the file",
			setup: func(root string, d disk.FS) { two(root); create(d, root+"/p/a", "x").Close() },
			work: func(root string, d disk.FS) {
				ok(d.Rename("rename", root+"/p/a", root+"/q/a"))
				d.(markFS).Mark("done")
			},
			legal:  "p/a=x|p/a=x q/a=x|q/a=x",
			marked: "p/a=x|p/a=x q/a=x|q/a=x",
		},
		{
			name:  "sync of the source directory keeps the whole rename",
			setup: func(root string, d disk.FS) { two(root); create(d, root+"/p/a", "x").Close() },
			work: func(root string, d disk.FS) {
				ok(d.Rename("rename", root+"/p/a", root+"/q/a"))
				ok(d.SyncDir("syncdir", root+"/p"))
				d.(markFS).Mark("done")
			},
			legal:  "p/a=x|p/a=x q/a=x|q/a=x",
			marked: "q/a=x",
		},
		{
			name:  "a directory's own name is its parent's affair",
			setup: nil,
			work: func(root string, d disk.FS) {
				ok(d.Mkdir("mkdir", root+"/p", 0o700))
				f := create(d, root+"/p/a", "x")
				ok(f.Sync("sync"))
				f.Close()
				ok(d.SyncDir("syncdir", root+"/p"))
				d.(markFS).Mark("done")
			},
			legal:  "|p/a=|p/a=0|p/a=x",
			marked: "|p/a=x",
		},
		{
			name:  "removals and appends in any order, then syncfs",
			setup: func(root string, d disk.FS) { create(d, root+"/a", "x").Close(); create(d, root+"/b", "y").Close() },
			work: func(root string, d disk.FS) {
				ok(d.Remove("remove", root+"/a"))
				f := must(d.OpenFile("open", root+"/b", os.O_APPEND|os.O_WRONLY, 0))
				must(f.Write([]byte("z")))
				ok(f.SyncFS("syncfs"))
				f.Close()
				d.(markFS).Mark("done")
			},
			legal:  "a=x b=y|a=x b=y0|a=x b=yz|b=y|b=y0|b=yz",
			marked: "b=yz",
		},
		{
			name:  "overwriting in place does not zero what was durable",
			setup: func(root string, d disk.FS) { create(d, root+"/a", "ab").Close() },
			work: func(root string, d disk.FS) {
				f := must(d.OpenFile("open", root+"/a", os.O_WRONLY, 0))
				must(f.Write([]byte("XY")))
				f.Close()
			},
			legal: "a=ab|a=Xb|a=aY|a=XY",
		},
		{
			name:  "truncation",
			setup: func(root string, d disk.FS) { create(d, root+"/a", "abc").Close() },
			work: func(root string, d disk.FS) {
				f := must(d.OpenFile("open", root+"/a", os.O_WRONLY, 0))
				ok(f.Truncate("truncate", 1))
				ok(f.Sync("sync"))
				f.Close()
				d.(markFS).Mark("done")
			},
			legal:  "a=abc|a=a",
			marked: "a=a",
		},
		{
			name: "a file from outside is not durable by being linked",
			work: func(root string, d disk.FS) {
				out := filepath.Dir(root) + "/outside"
				ok(os.WriteFile(out, []byte("x"), 0o600))
				ok(d.Link("link", out, root+"/a"))
				ok(d.SyncDir("syncdir", root))
				d.(markFS).Mark("done")
			},
			legal:  "|a=|a=0|a=x",
			marked: "a=|a=0|a=x",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := see(t, 1500, tt.setup, tt.work)
			legal, marked := set(tt.legal), set(tt.marked)
			for key, states := range got {
				if !legal[key] {
					t.Errorf("saw %q, which cannot be (after %q)", key, states[0].Before)
				}
				delete(legal, key)
				for _, s := range states {
					if len(s.Marks) > 0 && tt.marked != "" && !marked[key] {
						t.Errorf("saw %q after it was done", key)
					}
				}
			}
			for key := range legal {
				t.Errorf("never saw %q", key)
			}
		})
	}
}

func two(root string) {
	ok(os.Mkdir(root+"/p", 0o700))
	ok(os.Mkdir(root+"/q", 0o700))
}

func set(s string) map[string]bool {
	m := map[string]bool{}
	for _, k := range strings.Split(s, "|") {
		m[k] = true
	}
	return m
}

func TestStatesRepeat(t *testing.T) {
	work := func(root string, d disk.FS) {
		for i := range 5 {
			create(d, fmt.Sprintf("%s/%d", root, i), "some content").Close()
		}
	}
	a, b := see(t, 100, nil, work), see(t, 100, nil, work)
	if len(a) != len(b) {
		t.Fatalf("%d kinds of states, then %d from the same seed", len(a), len(b))
	}
	for k := range a {
		if len(a[k]) != len(b[k]) {
			t.Errorf("%q %d times, then %d times", k, len(a[k]), len(b[k]))
		}
	}
}
