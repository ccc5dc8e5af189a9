package vrepofs_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"vrepofs/blob"
	"vrepofs/comps"
	"vrepofs/disk"
	"vrepofs/index"
	"vrepofs/rpm"
	"vrepofs/state"
	"vrepofs/tree"
)

// TestFormatExamples holds FORMAT.md to the program: each block that begins with ```hex NAME or ```json NAME is what the program
// writes today, byte for byte. In a hex block a line is hexadecimal digits, then two blanks and words; in a json block line
// ends do not count. A format that changes has a new version; then the example changes with it.
func TestFormatExamples(t *testing.T) {
	want := examples(t)
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```(hex|json) ([^\n]+)\n(.*?)^```").FindAllSubmatch(doc, -1) {
		name := string(m[2])
		got, err := []byte(strings.ReplaceAll(string(m[3]), "\n", "")), error(nil)
		if string(m[1]) == "hex" {
			got, err = readHex(string(m[3]))
		}
		if err != nil {
			t.Errorf("FORMAT.md, %s: %v", name, err)
			continue
		}
		b, ok := want[name]
		if !ok {
			t.Errorf("FORMAT.md has an example %s that this test does not make", name)
		} else if !bytes.Equal(got, b) {
			t.Errorf("FORMAT.md, %s: the program writes\n%s\nthe document has\n%s", name, hex.Dump(b), hex.Dump(got))
		}
		delete(want, name)
	}
	for name, b := range want {
		t.Errorf("FORMAT.md has no example %s:\n%s", name, hex.Dump(b))
	}
}

// readHex reads the hexadecimal part of each line: what stands before two blanks.
func readHex(text string) ([]byte, error) {
	var out []byte
	for line := range strings.Lines(text) {
		digits, _, _ := strings.Cut(strings.TrimRight(line, "\n"), "  ")
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		out = append(out, b...)
	}
	return out, nil
}

// examples makes every example of FORMAT.md.
func examples(t *testing.T) map[string][]byte {
	t.Helper()
	hello := blob.Sum([]byte("hello"))
	mem := tree.MemStore()
	leaf, err := tree.Apply(mem, blob.Digest{}, []tree.Change{{Name: "bar", Value: []byte("1")}, {Name: "baz"}})
	if err != nil {
		t.Fatal(err)
	}
	node, err := mem.Node(leaf)
	if err != nil {
		t.Fatal(err)
	}
	const at = 1795235400 // 2026-11-21T04:30:00Z
	out := map[string][]byte{
		"rope":             blob.Rope{{Digest: hello, Size: 5}, {Digest: blob.Sum(nil)}}.Append(nil),
		"rope of slices":   blob.Rope{{Digest: hello, Offset: 1, Size: 3, Rest: 1}}.Append(nil),
		"tree leaf":        node,
		"entry rpm":        tree.Entry{Kind: tree.KindFile, RPM: true, Size: 5, Mtime: at, Serial: 1, Digest: hello}.Append(nil),
		"entry file":       tree.Entry{Kind: tree.KindFile, Size: 5, Mtime: at, Digest: hello}.Append(nil),
		"entry rope":       tree.Entry{Kind: tree.KindRope, Size: 5, Mtime: at, Digest: hello}.Append(nil),
		"entry dir":        tree.Entry{Kind: tree.KindDir, Mtime: at, Nodes: 3, Digest: leaf}.Append(nil),
		"entry restricted": tree.Entry{Kind: tree.KindDir, Mtime: at, Nodes: 3, Digest: leaf, Perm: 0o550, Gid: 1005}.Append(nil),
		"entry symlink":    tree.Entry{Kind: tree.KindSymlink, Size: 1, Mtime: at, Target: "x"}.Append(nil),
		"entry text":       tree.Entry{Kind: tree.KindText, Size: 2, Mtime: at, Target: "x\n"}.Append(nil),
		"package":          rpm.AppendPackage(nil, samplePackage(hello)),
	}
	row := state.RPM{NEVRA: samplePackage(hello).NEVRA, Source: "a-1-2.src.rpm", File: "a-1-2.noarch.rpm",
		Digest: hello, ID: blob.Sum(nil), Keys: []string{"1234567890abcdef"}, Size: 5, Serial: 1, Mtime: at}
	out["rpm row"] = row.Append(nil)
	modular := row
	modular.Streams, modular.Documented = []string{"a:1:2:c"}, true
	out["rpm row modular"] = modular.Append(nil)
	stateRecords(t, out, row, at)
	sampleStore(t, out, hello, at)
	return out
}

// stateRecords adds one record of each noun, as one commit makes them all.
func stateRecords(t *testing.T, out map[string][]byte, rpm state.RPM, at int64) {
	t.Helper()
	x := newIndex(t, filepath.Join(t.TempDir(), "store"), at)
	defer x.Close()
	var dir tree.Entry
	head, err := x.Commit(t.Context(), index.Op{Apply: func(tx *index.Tx) (err error) {
		if dir, err = tree.MakeDir(tx, at, func(yield func(string, tree.Entry) bool) {
			yield(rpm.File, tree.Entry{Kind: tree.KindFile, RPM: true, Size: rpm.Size, Mtime: at, Serial: rpm.Serial, Digest: rpm.Digest})
		}); err != nil {
			return err
		}
		rpms, err := tree.Apply(tx, blob.Digest{}, []tree.Change{{Name: rpm.File, Value: rpm.Append(nil)}})
		if err != nil {
			return err
		}
		_, _, err = state.AddBuild(tx, []state.RPM{rpm})
		err = errors.Join(err,
			state.AddSnapshot(tx, &state.Snapshot{Repo: "r", Mode: state.Generated, Root: dir, RPMs: rpms, Count: 1, Bytes: rpm.Size}),
			state.CreateTag(tx, "base", []string{"x86_64"}),
			state.CreateTag(tx, "dev", []string{"x86_64"}),
			state.AddParent(tx, "dev", state.Link{Parent: "base", Priority: 10}),
			state.AddToTag(tx, "dev", "a-1-2"),
			state.SetBlocked(tx, "dev", true, "b"),
			state.PutGroup(tx, "base", "core", comps.Config{About: comps.About{Name: "Core", Description: "What each machine has"}}),
			state.PutInGroup(tx, "base", "core", comps.Entry{Name: "nscd", Type: "conditional", Requires: "glibc"}),
			state.Freeze(tx, "production"),
			state.Publish(tx, []state.Move{
				{Path: "staging/9/os", New: &state.Channel{Tag: "dev", Arch: "x86_64", AsOf: state.Change{Event: 1, Stamp: at}, Mode: state.Generated, Root: dir, Count: 1, Bytes: rpm.Size}},
				{Path: "staging/KEY", New: &state.Channel{
					Files: rpm.Digest.String(), Mode: state.PutFiles, Root: tree.Entry{Kind: tree.KindFile, Size: rpm.Size, Mtime: at, Digest: rpm.Digest}, Count: 1, Bytes: rpm.Size,
				}},
				{Path: "staging/r", New: &state.Channel{Snapshot: "r@20261121T043000Z", Mode: state.Generated, Root: dir, Count: 1, Bytes: rpm.Size}},
			}),
			state.Configure(tx, "staging", state.Patch{"grace": []byte("3600"), "site": []byte(`["https://staging.example.org/"]`)}),
			state.SetSite(tx, []string{"https://mirror.example.org/repos"}))
		state.PutPublished(tx, dir)
		state.PutListed(tx, "production", state.Listed{Module: "rocky", Names: []string{"COMPOSE_ID", "fullfilelist"}})
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	now := x.View(head)
	dev, err := state.GetTag(now, "dev")
	if err != nil {
		t.Fatal(err)
	}
	base, err := state.GetTag(now, "base")
	if err != nil {
		t.Fatal(err)
	}
	for name, get := range map[string]func() ([]byte, error){
		"repo":              func() ([]byte, error) { return now.Get("repos", "r") },
		"snapshot":          func() ([]byte, error) { return now.Get("snapshots", "r@20261121T043000Z") },
		"build":             func() ([]byte, error) { return now.Get("builds", "a-1-2") },
		"tag":               func() ([]byte, error) { return now.Get("tags", "dev") },
		"channel":           func() ([]byte, error) { return now.Get("channels", "staging/r") },
		"settings":          func() ([]byte, error) { return now.Get("settings", "/staging") },
		"lists":             func() ([]byte, error) { return now.Get("lists", "/production") },
		"site":              func() ([]byte, error) { return now.Get("site", "site") },
		"published":         func() ([]byte, error) { return now.Get("published", "channels") },
		"channel put":       func() ([]byte, error) { return now.Get("channels", "staging/KEY") },
		"channel view":      func() ([]byte, error) { return now.Get("channels", "staging/9/os") },
		"tag build":         func() ([]byte, error) { return tree.Get(now, dev.Builds, "a-1-2") },
		"tag package":       func() ([]byte, error) { return tree.Get(now, dev.Packages, "b") },
		"tag group":         func() ([]byte, error) { return tree.Get(now, base.Groups, "core") },
		"tag group package": func() ([]byte, error) { return tree.Get(now, base.Groups, "core/nscd") },
	} {
		if out[name], err = get(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// newIndex makes a store with a clock that stands still.
func newIndex(t *testing.T, root string, at int64) *index.Index {
	t.Helper()
	if err := index.Create(root, disk.OS{}); err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(root, index.Options{Now: func() time.Time { return time.Unix(at, 0) }, Command: "vrepofs"})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func samplePackage(d blob.Digest) *rpm.Package {
	return &rpm.Package{
		NEVRA: rpm.NEVRA{Name: "a", EVR: rpm.EVR{Version: "1", Release: "2"}, Arch: "noarch"},
		PkgID: d, RPMID: blob.Sum(nil), FileSize: 6244, FileName: "a-1-2.noarch.rpm", BuildTime: 1700000000, Format: 4,
		HeaderStart: 4504, HeaderEnd: 6100, Summary: "An A", License: "MIT", SourceRPM: "a-1-2.src.rpm",
		PayloadFormat: "cpio", PayloadCompressor: "zstd", RPMVersion: "4.18.0",
		Provides: []rpm.Dep{{Name: "a", Flags: 8, EVR: "1-2"}},
		Files:    []rpm.File{{Dir: "/etc/", Base: "a", Mode: 0o100644, Flags: 1}},
	}
}

// sampleStore makes a store with one commit (an RPM blob is known, a repo is there, the event has a label), a place, a recorded
// memo and a volatile one.
func sampleStore(t *testing.T, out map[string][]byte, hello blob.Digest, at int64) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "store")
	x := newIndex(t, root, at)
	closed := false
	defer func() {
		if !closed {
			x.Close()
		}
	}()
	_, err := x.Commit(t.Context(), index.Op{
		Row: index.Row{Command: "repo import r", Note: "first", Label: "one"},
		Apply: func(tx *index.Tx) error {
			if _, err := tx.AddFile(index.FileRow{Digest: hello, Size: 5, Name: "a-1-2.noarch.rpm"}); err != nil {
				return err
			}
			tx.Put("repos", "r", []byte("{}"))
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.PlaceSerial("tags/t"); err != nil {
		t.Fatal(err)
	}
	if err := x.Record(index.Recording{Memos: []index.MemoRow{{Recipe: hello, Value: []byte("v")}}}); err != nil {
		t.Fatal(err)
	}
	if err := x.PutMemo(1, blob.Sum(nil), []byte("m")); err != nil {
		t.Fatal(err)
	}
	closed = true
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vrepofs", "journal/000001"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	rows(t, filepath.Join(root, "index"), out)
}

// rows adds the example "index": every row of a Badger index in the order of keys, the key and then the value.
func rows(t *testing.T, dir string, out map[string][]byte) {
	t.Helper()
	db, err := badger.Open(badger.DefaultOptions(dir).WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var b []byte
	err = db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			b = append(b, it.Item().Key()...)
			if b, err = appendValue(b, it.Item()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out["index"] = b
}

func appendValue(b []byte, item *badger.Item) ([]byte, error) {
	v, err := item.ValueCopy(nil)
	return append(b, v...), err
}
