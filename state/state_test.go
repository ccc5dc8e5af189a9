package state

import (
	"bytes"
	"cmp"
	"errors"
	iofs "io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vrepofs/blob"
	"vrepofs/rpm"
	"vrepofs/tree"
)

// memTx is a Tx in memory; next begins another commit.
type memTx struct {
	*tree.Mem
	seq    uint64
	tables map[string]map[string][]byte
}

func newTx() *memTx { return &memTx{tree.MemStore(), 1, map[string]map[string][]byte{}} }

func (t *memTx) next() *memTx              { t.seq++; return t }
func (t *memTx) Seq() uint64               { return t.seq }
func (t *memTx) Stamp() int64              { return 1795235400 + int64(t.seq) }
func (t *memTx) Delete(table, name string) { delete(t.tables[table], name) }

func (t *memTx) Put(table, name string, value []byte) {
	if t.tables[table] == nil {
		t.tables[table] = map[string][]byte{}
	}
	t.tables[table][name] = value
}

func (t *memTx) Get(table, name string) ([]byte, error) {
	if v, ok := t.tables[table][name]; ok {
		return v, nil
	}
	return nil, iofs.ErrNotExist
}

func (t *memTx) List(table, from string) iter.Seq2[tree.Item, error] {
	return func(yield func(tree.Item, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(t.tables[table])) {
			if name >= from && !yield(tree.Item{Name: name, Value: t.tables[table][name]}, nil) {
				return
			}
		}
	}
}

// row makes an RPM of a source package; content tells apart what has one NEVRA.
func row(name, version, arch, content string) RPM {
	r := RPM{NEVRA: rpm.NEVRA{Name: name, EVR: rpm.EVR{Version: version, Release: "1"}, Arch: arch}}
	if arch != "src" {
		r.Source = name + "-" + version + "-1.src.rpm"
	}
	r.File = name + "-" + version + "-1." + arch + ".rpm"
	r.ID = blob.Sum([]byte(content + r.File))
	r.Digest, r.Size, r.Serial = blob.Sum([]byte("file"+content+r.File)), 100, 1
	return r
}

func wantErr(t *testing.T, what string, err, want error, words ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestBuilds(t *testing.T) {
	tx := newTx()
	a := row("zlib", "1", "x86_64", "")
	b, added, err := AddBuild(tx, []RPM{a, row("zlib", "1", "src", "")})
	if err != nil || added != 2 || b.NVR != "zlib-1-1" || b.ID != 1 {
		t.Fatalf("AddBuild: %+v, %d, %v", b, added, err)
	}
	if _, added, err = AddBuild(tx.next(), []RPM{a}); err != nil || added != 0 {
		t.Errorf("the same again: %d added, %v", added, err)
	}
	signed := a
	signed.Digest, signed.Keys = blob.Sum([]byte("signed")), []string{"0011223344556677"}
	if b, added, err = AddBuild(tx.next(), []RPM{signed, row("zlib", "1", "aarch64", "")}); err != nil || added != 2 || len(b.RPMs) != 4 {
		t.Errorf("a signed copy and another arch: %d added, %v", added, err)
	}
	_, _, err = AddBuild(tx.next(), []RPM{row("zlib", "1", "x86_64", "other")})
	wantErr(t, "another rpm id", err, ErrConflict, "zlib-1-1.x86_64", "other content")
	_, _, err = AddBuild(tx.next(), []RPM{a, row("bash", "1", "x86_64", "")})
	wantErr(t, "two sources", err, iofs.ErrInvalid, "bash-1-1")
	orphan := a
	orphan.Source = ""
	_, _, err = AddBuild(tx.next(), []RPM{orphan})
	wantErr(t, "no source RPM", err, iofs.ErrInvalid, "names no source RPM")
	ok(t, CreateTag(tx.next(), "t", []string{"x86_64"}))
	ok(t, AddToTag(tx.next(), "t", "zlib-1-1"))
	_, _, err = AddBuild(tx.next(), []RPM{row("zlib", "1", "ppc64le", "")})
	wantErr(t, "addition to a tagged build", err, ErrConflict, "in tag t")
	wantErr(t, "removal of a tagged build", RemoveBuild(tx.next(), "zlib-1-1"), ErrConflict, "in tag t")
	ok(t, RemoveFromTag(tx.next(), "t", "zlib-1-1"))
	ok(t, RemoveBuild(tx.next(), "zlib-1-1"))
	_, err = GetBuild(tx, "zlib-1-1")
	wantErr(t, "a removed build", err, iofs.ErrNotExist, "build zlib-1-1")
	if b, _, err = AddBuild(tx.next(), []RPM{row("bash", "1", "src", "")}); err != nil || b.ID != 2 {
		t.Errorf("the next build has id %d, %v; ids are never given twice", b.ID, err)
	}
}

func TestTags(t *testing.T) {
	tx := newTx()
	x := []string{"x86_64"}
	ok(t, CreateTag(tx, "base", x))
	ok(t, CreateTag(tx.next(), "dev", []string{"x86_64", "src"}))
	wantErr(t, "a second tag", CreateTag(tx, "dev", x), iofs.ErrExist)
	wantErr(t, "no arch", CreateTag(tx, "n", nil), iofs.ErrInvalid, "no arch")
	wantErr(t, "noarch", CreateTag(tx, "n", []string{"noarch"}), iofs.ErrInvalid, "in every view")
	wantErr(t, "an arch twice", CreateTag(tx, "n", []string{"src", "src"}), iofs.ErrInvalid, "twice")
	for _, name := range []string{"", ".", "..", "a/b", "a@b", "-a", "a b", "a\x00", "a\n", ".nfs1", strings.Repeat("a", 256), "ü"} {
		wantErr(t, "name "+name, CreateTag(tx, name, x), iofs.ErrInvalid)
	}
	ok(t, AddParent(tx.next(), "dev", Link{Parent: "base", Priority: 10}))
	wantErr(t, "a parent twice", AddParent(tx, "dev", Link{Parent: "base", Priority: 20}), iofs.ErrExist, "priority 10")
	ok(t, CreateTag(tx.next(), "other", x))
	wantErr(t, "a priority twice", AddParent(tx, "dev", Link{Parent: "other", Priority: 10}), ErrConflict, "parent base")
	wantErr(t, "itself", AddParent(tx, "dev", Link{Parent: "dev", Priority: 1}), iofs.ErrInvalid)
	wantErr(t, "no such parent", AddParent(tx, "dev", Link{Parent: "none", Priority: 1}), iofs.ErrNotExist, "tag none")
	ok(t, AddParent(tx.next(), "dev", Link{Parent: "other", Priority: 5}))
	d, err := GetTag(tx, "dev")
	ok(t, err)
	if want := []Link{{Parent: "other", Priority: 5}, {Parent: "base", Priority: 10}}; !slices.Equal(d.Inherit, want) {
		t.Errorf("parents are %v, want %v", d.Inherit, want)
	}
	minus := -1
	wantErr(t, "a negative depth", AddParent(tx, "dev", Link{Parent: "third", MaxDepth: &minus}), iofs.ErrNotExist)
	wantErr(t, "a negative depth", AddParent(tx, "other", Link{Parent: "base", MaxDepth: &minus}), iofs.ErrInvalid, "maxdepth -1")
	wantErr(t, "a bad filter", AddParent(tx, "other", Link{Parent: "base", Filter: "("}), iofs.ErrInvalid, "package filter")
	wantErr(t, "deletion of a parent", DeleteTag(tx, "base"), ErrConflict, "dev")
	ok(t, RemoveParent(tx.next(), "dev", "base"))
	wantErr(t, "no parent any more", RemoveParent(tx, "dev", "base"), iofs.ErrNotExist)
	ok(t, DeleteTag(tx.next(), "base"))
	wantErr(t, "a deleted tag", AddToTag(tx, "base", "x-1-1"), iofs.ErrNotExist, "tag base")
	wantErr(t, "no such build", AddToTag(tx, "dev", "x-1-1"), iofs.ErrNotExist, "build x-1-1")
	wantErr(t, "not tagged", RemoveFromTag(tx, "dev", "x-1-1"), iofs.ErrNotExist, "not tagged there")
	ok(t, SetBlocked(tx.next(), "dev", true, "zlib", "bash", "zlib"))
	ok(t, SetBlocked(tx.next(), "dev", false, "bash"))
	d, err = GetTag(tx, "dev")
	ok(t, err)
	list, err := TagPackages(tx, d)
	if want := map[string]TagPackage{"zlib": {true, tx.seq - 1}, "bash": {false, tx.seq}}; err != nil || !maps.Equal(list, want) {
		t.Errorf("package list is %v, %v; want %v", list, err, want)
	}
	if d.Changed != (Change{tx.Seq(), tx.Stamp()}) {
		t.Errorf("the tag's last change is %v", d.Changed)
	}
}

func TestSnapshots(t *testing.T) {
	tx := newTx()
	add := func() Snapshot {
		t.Helper()
		s := Snapshot{Repo: "r", Mode: Generated, Root: tree.Entry{Kind: tree.KindDir, Nodes: 1}}
		ok(t, AddSnapshot(tx.next(), &s))
		return s
	}
	a, b := add(), add()
	again := Snapshot{Repo: "r", Root: a.Root}
	wantErr(t, "two in one commit", AddSnapshot(tx, &again), ErrConflict)
	for _, ref := range []string{"r", "r@latest", b.Ref()} {
		if s, err := GetSnapshot(tx, ref); err != nil || s.ID != b.ID || s.Root != b.Root {
			t.Errorf("GetSnapshot(%q): %+v, %v", ref, s, err)
		}
	}
	for _, ref := range []string{"", "@", "r@", "r@x", "r@20261399T000000Z", "r@20261121T043000"} {
		if _, err := GetSnapshot(tx, ref); err == nil {
			t.Errorf("GetSnapshot(%q) gives no error", ref)
		}
	}
	_, err := RemoveSnapshot(tx.next(), b.Ref())
	ok(t, err)
	if r, err := GetRepo(tx, "r"); err != nil || r.Latest != a.ID || r.Changed.Event != tx.seq {
		t.Errorf("after removing the newest: %+v, %v", r, err)
	}
	_, err = RemoveSnapshot(tx.next(), "r@latest")
	ok(t, err)
	_, err = GetSnapshot(tx, "r")
	wantErr(t, "no snapshot left", err, iofs.ErrNotExist, "has no snapshot")
	add()
	ok(t, RemoveRepo(tx.next(), "r"))
	for s := range Snapshots(tx, "r") {
		t.Errorf("snapshot %s is left of a removed repo", s.Ref())
	}
}

func TestLabels(t *testing.T) {
	for label, good := range map[string]bool{"ga-9.5": true, "17": false, "20261121T043000Z": false, "a b": false, "v17": true, "": false} {
		if err := CheckLabel(label); (err == nil) != good {
			t.Errorf("CheckLabel(%q): %v", label, err)
		}
	}
}

func drawRPM(t *rapid.T) RPM {
	s := rapid.String()
	digest := func(name string) blob.Digest { return blob.Sum([]byte(s.Draw(t, name))) }
	return RPM{
		NEVRA:  rpm.NEVRA{Name: s.Draw(t, "name"), EVR: rpm.EVR{Epoch: s.Draw(t, "epoch"), Version: s.Draw(t, "version"), Release: s.Draw(t, "release")}, Arch: s.Draw(t, "arch")},
		Source: s.Draw(t, "source"), File: s.Draw(t, "file"), Digest: digest("digest"), ID: digest("id"),
		Keys: rapid.SliceOfN(s, 1, 3).Draw(t, "keys"), Size: rapid.Int64Min(0).Draw(t, "size"),
		Serial: rapid.Uint64().Draw(t, "serial"), Mtime: rapid.Int64().Draw(t, "mtime"),
	}
}

func TestRowsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRPM(t)
		got, err := DecodeRPM(r.Append(nil))
		if err != nil || cmp.Compare(string(got.Append(nil)), string(r.Append(nil))) != 0 || !slices.Equal(got.Keys, r.Keys) || got.File != r.File {
			t.Fatalf("got %+v, %v\nwant %+v", got, err, r)
		}
		b := Build{ID: 7, NVR: r.Name, Package: r.Arch, Created: Change{1, -2}, Changed: Change{3, 4}, RPMs: []RPM{r, r}}
		back, err := decodeBuild("x", b.encode())
		if err != nil || !bytes.Equal(back.encode(), b.encode()) || back.Changed != b.Changed || len(back.RPMs) != 2 {
			t.Fatalf("got %+v, %v\nwant %+v", back, err, b)
		}
		tb := TagBuild{NVR: "n", Event: 5, ID: 6, Package: r.Name, Record: r.ID}
		if got, err := decodeTagBuild("n", tb.encode()); err != nil || got != tb {
			t.Fatalf("got %+v, %v\nwant %+v", got, err, tb)
		}
	})
}

// FuzzRows holds that damaged rows are errors, and that what can be read is written the same.
func FuzzRows(f *testing.F) {
	r := row("zlib", "1", "x86_64", "")
	b := Build{ID: 1, NVR: "zlib-1-1", RPMs: []RPM{r}}
	tb := TagBuild{Event: 1, Package: "zlib"}
	f.Add(r.Append(nil))
	f.Add(b.encode())
	f.Add(tb.encode())
	f.Fuzz(func(t *testing.T, in []byte) {
		if r, err := DecodeRPM(in); err == nil && len(r.Append(nil)) > len(in) {
			t.Errorf("%x is read as %+v, which is longer", in, r)
		}
		if b, err := decodeBuild("x", in); err == nil && len(b.encode()) > len(in) {
			t.Errorf("%x is read as %+v, which is longer", in, b)
		}
		if _, err := decodeTagBuild("x", in); err != nil && !errors.Is(err, errRow) {
			t.Error(err)
		}
	})
}
