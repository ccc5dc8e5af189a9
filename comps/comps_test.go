package comps

import (
	"errors"
	"flag"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestGolden: what a file says is written again in our form, and what that says is the same.
func TestGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/all.xml")
	if err != nil {
		t.Fatal(err)
	}
	c, left, err := Read(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/all.golden.xml", c.Marshal())
	want := []LeftOut{{"blacklist", 1}, {"group without id", 1}, {"langpacks", 1}, {"packagereq arch=", 1}, {`packagereq of type "weird"`, 1}, {"packagereq without a name", 1}, {"whiteout", 1}}
	if d := cmp.Diff(want, left); d != "" {
		t.Errorf("left out (-want +got):\n%s", d)
	}
	again, left, err := Read(strings.NewReader(string(c.Marshal())))
	if err != nil || len(left) > 0 {
		t.Fatalf("our own file: %v, left out %v", err, left)
	}
	if d := cmp.Diff(c, again); d != "" {
		t.Errorf("read, written and read (-first +second):\n%s", d)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got), go test -update rewrites it:\n%s", name, d)
	}
}

// TestExpanded: required groups are written as their packages.
func TestExpanded(t *testing.T) {
	c := Comps{Groups: []Group{{
		ID: "build", Config: Config{About: About{Description: "a & b"}},
		Packages: []Entry{{Name: "bash", Type: "mandatory"}},
		Expanded: []Expansion{{Group: "x--y", Packages: []Entry{{Name: "gcc", Type: "conditional", Requires: `"c"`, BaseArch: true}}}},
	}}}
	want := head + `  <group>
    <id>build</id>
    <name>build</name>
    <description>a &amp; b</description>
    <default>false</default>
    <uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory">bash</packagereq>
      <!-- Expanding Group: x- -y -->
      <packagereq type="conditional" basearchonly="true" requires="&quot;c&quot;">gcc</packagereq>
    </packagelist>
  </group>
</comps>
`
	if d := cmp.Diff(want, string(c.Marshal())); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if _, _, err := Read(strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"empty":           {"", "no element comps"},
		"something else":  {"<repomd/>", "element \"repomd\", want comps"},
		"cut off":         {"<comps>\n<group><id>a</id>", "line 2: unexpected EOF"},
		"two roots":       {"<comps/><comps/>", "an element behind comps"},
		"entity":          {`<!DOCTYPE comps [<!ENTITY a "aaa">]><comps><group><id>&a;</id></group></comps>`, "invalid character entity &a;"},
		"wrong end":       {"<comps><group></comps>", "line 1"},
		"control":         {"<comps><group><id>a\x01</id></group></comps>", "illegal character code"},
		"latin1":          {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><comps/>", "ISO-8859-1"},
		"not UTF-8":       {"<comps><group><id>a\xff</id></group></comps>", "invalid UTF-8"},
		"deep":            {"<comps>" + strings.Repeat("<x>", 100_000), "more than 16 elements inside each other"},
		"deep in a group": {"<comps><group><packagelist>" + strings.Repeat("<x>", 100_000), "more than 16 elements inside each other"},
		"large":           {"<comps>" + strings.Repeat(" ", MaxSize), "more than 8 MiB"},
		"one large name":  {"<comps><group><id>" + strings.Repeat("a", MaxSize), "more than 8 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Read(strings.NewReader(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, iofs.ErrInvalid) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestManyKinds: a file of which nothing is kept makes no long list.
func TestManyKinds(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		b.WriteString("<x" + strings.Repeat("y", i%200) + "/>")
	}
	_, left, err := Read(strings.NewReader("<comps>" + b.String() + "</comps>"))
	if err != nil || len(left) != maxKinds+1 {
		t.Errorf("%d kinds, %v", len(left), err)
	}
	n := 0
	for _, l := range left {
		if n += l.Count; len(l.What) > 100 {
			t.Errorf("a name of %d bytes", len(l.What))
		}
	}
	if n != 20_000 {
		t.Errorf("%d things left out, want 20000", n)
	}
}

// TestSharedData: every comps.xml of the collection can be read, and what is kept survives a round.
func TestSharedData(t *testing.T) {
	root := filepath.Join("..", "..", "shared", "data")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no shared data beside the checkout:", err)
	}
	n := 0
	err := filepath.WalkDir(root, func(name string, d iofs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), "comps") || !strings.HasSuffix(name, ".xml") {
			return err
		}
		n++
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		c, left, err := Read(f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return nil
		}
		again, rest, err := Read(strings.NewReader(string(c.Marshal())))
		if err != nil || len(rest) > 0 || !cmp.Equal(c, again) {
			t.Errorf("%s: another after a round: %v %v %s", name, err, rest, cmp.Diff(c, again))
		}
		for _, l := range left {
			t.Logf("%s: left out %d × %s", d.Name(), l.Count, l.What)
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Fatalf("%d files, %v", n, err)
	}
	t.Logf("%d files", n)
}

// FuzzRead: whatever comes, Read answers; what it takes survives a round.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"testdata/all.xml", "testdata/all.golden.xml"} {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("<comps><group><id>a</id><packagelist><packagereq requires=\"&#10;b\">c</packagereq></packagelist></group></comps>")
	f.Add("<comps><environment><id>e</id><optionlist><groupid default='true'>g</groupid></optionlist></environment></comps>")
	f.Add("<!DOCTYPE comps [<!ENTITY a 'b'>]><comps>&a;</comps>")
	f.Fuzz(func(t *testing.T, in string) {
		c, _, err := Read(strings.NewReader(in))
		if err != nil {
			return
		}
		again, left, err := Read(strings.NewReader(string(c.Marshal())))
		if err != nil || len(left) > 0 {
			t.Fatalf("our own file: %v, left out %v:\n%s", err, left, c.Marshal())
		}
		if string(again.Marshal()) != string(c.Marshal()) {
			t.Fatalf("written twice:\n%s\n%s", c.Marshal(), again.Marshal())
		}
	})
}
