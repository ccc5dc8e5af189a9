package state

import (
	iofs "io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vrepofs/comps"
)

// groupRows lists a tag's own rows of groups, as history words them.
func groupRows(t *testing.T, tx *memTx, tag string) string {
	t.Helper()
	v, err := GetTag(tx, tag)
	ok(t, err)
	rows, err := diffGroups(tx, Tag{}, v)
	ok(t, err)
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(r.Name + ": " + r.New + "\n")
	}
	return b.String()
}

func TestTagGroups(t *testing.T) {
	tx := newTx()
	ok(t, CreateTag(tx, "dev", []string{"x86_64"}))
	made, err := GetTag(tx, "dev")
	ok(t, err)
	named := func(name string) comps.Config { return comps.Config{About: comps.About{Name: name}} }
	pkg := func(name, typ string) comps.Entry { return comps.Entry{Name: name, Type: typ} }
	steps := []struct {
		what string
		do   func() error
		want string
	}{
		{"a group", func() error { return PutGroup(tx.next(), "dev", "build", named("Build")) }, "build: group\n"},
		{
			"packages", func() error {
				return PutInGroup(tx.next(), "dev", "build", pkg("bash", "mandatory"), comps.Entry{Name: "@core"}, comps.Entry{Name: "nscd", Type: "conditional", Requires: "glibc"})
			},
			"build: group\nbuild/@core: required\nbuild/bash: mandatory\nbuild/nscd: conditional on glibc\n",
		},
		{
			"blocks", func() error { return BlockInGroup(tx.next(), "dev", "build", true, "bash", "@core", "tar") },
			"build: group\nbuild/@core: blocked\nbuild/bash: blocked\nbuild/nscd: conditional on glibc\nbuild/tar: blocked\n",
		},
		{
			"the end of blocks", func() error { return BlockInGroup(tx.next(), "dev", "build", false, "@core", "tar") },
			"build: group\nbuild/bash: blocked\nbuild/nscd: conditional on glibc\n",
		},
		{
			"a package again", func() error { return PutInGroup(tx.next(), "dev", "build", pkg("bash", "default")) },
			"build: group\nbuild/bash: default\nbuild/nscd: conditional on glibc\n",
		},
		{"removal", func() error { return RemoveFromGroup(tx.next(), "dev", "build", "nscd") }, "build: group\nbuild/bash: default\n"},
		{"a blocked group", func() error { return BlockGroups(tx.next(), "dev", true, "build", "core") }, "build: blocked\nbuild/bash: default\ncore: blocked\n"},
		{"the end of a block", func() error { return BlockGroups(tx.next(), "dev", false, "core", "build") }, "build: group\nbuild/bash: default\n"},
	}
	for _, s := range steps {
		ok(t, s.do())
		if d := cmp.Diff(s.want, groupRows(t, tx, "dev")); d != "" {
			t.Errorf("%s (-want +got):\n%s", s.what, d)
		}
	}
	wantErr(t, "a block that is not", BlockGroups(tx, "dev", false, "core"), iofs.ErrNotExist, "does not block group core itself")
	wantErr(t, "a block that is not", BlockInGroup(tx, "dev", "build", false, "bash"), iofs.ErrNotExist, "does not block bash")
	wantErr(t, "a package that is not there", RemoveFromGroup(tx, "dev", "build", "nscd"), iofs.ErrNotExist, "nscd in group build")
	wantErr(t, "a group that is not there", RemoveGroups(tx, "dev", "core"), iofs.ErrNotExist, "group core")
	wantErr(t, "no such tag", PutGroup(tx, "none", "core", named("")), iofs.ErrNotExist, "tag none")
	wantErr(t, "no such type", PutInGroup(tx, "dev", "build", pkg("a", "weird")), iofs.ErrInvalid, "want mandatory")
	wantErr(t, "conditional on nothing", PutInGroup(tx, "dev", "build", pkg("a", "conditional")), iofs.ErrInvalid, "go together")
	wantErr(t, "a conditional group", PutInGroup(tx, "dev", "build", comps.Entry{Name: "@a", Requires: "b"}), iofs.ErrInvalid, "only packages")
	for _, id := range []string{"", "a/b", "@a", "a\n", ".", "a\xff", strings.Repeat("a", 256)} {
		wantErr(t, "id "+id, PutGroup(tx, "dev", id, named("")), iofs.ErrInvalid)
		wantErr(t, "package "+id, PutInGroup(tx, "dev", "build", pkg("@"+id, "")), iofs.ErrInvalid)
	}
	wantErr(t, "a name with an escape", PutGroup(tx, "dev", "a", named("\x1b[1m")), iofs.ErrInvalid, "0x1b")
	ok(t, RemoveGroups(tx.next(), "dev", "build"))
	v, err := GetTag(tx, "dev")
	ok(t, err)
	if v.Changed = made.Changed; !cmp.Equal(v, made) {
		t.Errorf("without groups the tag is %+v, was %+v", v, made)
	}
}

// TestGroupPrefix: ids that begin alike are told apart.
func TestGroupPrefix(t *testing.T) {
	tx := newTx()
	ok(t, CreateTag(tx, "dev", []string{"x86_64"}))
	for _, id := range []string{"a", "a-b", "a.b", "ab", "a b"} {
		ok(t, PutGroup(tx.next(), "dev", id, comps.Config{}))
		ok(t, PutInGroup(tx.next(), "dev", id, comps.Entry{Name: "p-" + id, Type: "default"}))
	}
	v, err := GetTag(tx, "dev")
	ok(t, err)
	groups, err := TagGroups(tx, v)
	ok(t, err)
	if len(groups) != 5 {
		t.Fatalf("%d groups", len(groups))
	}
	for _, g := range groups {
		if g.Config == nil || len(g.Packages) != 1 || g.Packages[0].Name != "p-"+g.ID {
			t.Errorf("group %q: %+v", g.ID, g)
		}
	}
	ok(t, RemoveGroups(tx.next(), "dev", "a"))
	if got := groupRows(t, tx, "dev"); strings.Contains(got, "a: ") || strings.Count(got, "\n") != 8 {
		t.Errorf("after removing a:\n%s", got)
	}
}

func TestImportGroups(t *testing.T) {
	tx := newTx()
	ok(t, CreateTag(tx, "dev", []string{"x86_64"}))
	ok(t, PutGroup(tx, "dev", "mine", comps.Config{}))
	ok(t, PutInGroup(tx, "dev", "core", comps.Entry{Name: "vi", Type: "default"}))
	ok(t, BlockInGroup(tx, "dev", "core", true, "bash"))
	ok(t, BlockGroups(tx, "dev", true, "core", "old"))
	c, _, err := comps.Read(strings.NewReader(`<comps>
		<group><id>core</id><name>Core</name><packagelist><packagereq>bash</packagereq></packagelist><grouplist><groupreq>base</groupreq></grouplist></group>
		<environment><id>server</id><grouplist><groupid>core</groupid></grouplist></environment>
		<category><id>server</id></category></comps>`))
	ok(t, err)
	ok(t, ImportGroups(tx.next(), "dev", c, false))
	if d := cmp.Diff("core: group\ncore/@base: required\ncore/bash: mandatory\ncore/vi: default\nmine: group\nold: blocked\nserver: environment, category\n", groupRows(t, tx, "dev")); d != "" {
		t.Errorf("import (-want +got):\n%s", d)
	}
	ok(t, ImportGroups(tx.next(), "dev", c, true))
	if d := cmp.Diff("core: group\ncore/@base: required\ncore/bash: mandatory\nserver: environment, category\n", groupRows(t, tx, "dev")); d != "" {
		t.Errorf("import with replace (-want +got):\n%s", d)
	}
	was, err := GetTag(tx, "dev")
	ok(t, err)
	ok(t, ImportGroups(tx.next(), "dev", c, true))
	if is, err := GetTag(tx, "dev"); err != nil || is.Groups != was.Groups {
		t.Errorf("the same again: another tree, %v", err)
	}
	ok(t, CloneTag(tx.next(), "dev", "clone"))
	if got := groupRows(t, tx, "clone"); got != groupRows(t, tx, "dev") {
		t.Errorf("a clone has\n%s", got)
	}
	big := &comps.Comps{Groups: []comps.Group{{ID: "big", Config: comps.Config{About: comps.About{Description: strings.Repeat("x", 1<<17)}}}}}
	wantErr(t, "a description of 128 KiB", ImportGroups(tx.next(), "dev", big, false), iofs.ErrInvalid, "big")
}
