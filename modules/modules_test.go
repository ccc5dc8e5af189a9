package modules

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vrepofs/rpm"
)

const nodejs = `---
document: modulemd
version: 2
data:
  name: nodejs
  stream: 8.10
  version: 20180816123422
  context: 6c81f848
  description: |
    artifacts are below
     --- not a document
  artifacts:
    rpms:
    - nodejs-1:8.11.4-1.module_2030.x86_64
    - npm-0:8.11-1.noarch
...
`

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       string // "ID: NEVRA NEVRA; …"
		faults     []string
	}{
		{"nothing", "", "", nil},
		{"a stream", nodejs, "nodejs:8.10:20180816123422:6c81f848: nodejs-1:8.11.4-1.module_2030.x86_64 npm-8.11-1.noarch", nil},
		{
			"version 1 has no context, and flow style is YAML too",
			"document: modulemd\nversion: 1\ndata: {name: a, stream: '1', version: 3, artifacts: {rpms: [a-1-1.src]}}\n", "a:1:3:: a-1-1.src", nil,
		},
		{
			"other kinds are passed over, and streams without artifacts",
			"---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: a, x: artifacts}\n---\ndocument: modulemd-packager\nversion: 3\ndata: {artifacts: 1}\n" +
				"---\ndocument: modulemd\nversion: 3\ndata: {name: a, artifacts: 1}\n---\ndocument: modulemd\nversion: 2\ndata: {name: a, stream: b} # no artifacts\n", "", nil,
		},
		{
			"a document that is no YAML spoils no other", "---\nartifacts: [\n" + nodejs,
			"nodejs:8.10:20180816123422:6c81f848: nodejs-1:8.11.4-1.module_2030.x86_64 npm-8.11-1.noarch",
			[]string{"line 2: did not find expected node content"},
		},
		{
			"what is not as it should be", "\n---\ndocument: modulemd\nversion: 2\ndata: {name: a, artifacts: {rpms: []}}\n" +
				"---\ndocument: modulemd\nversion: 2\ndata: {name: a, stream: 'b:c', artifacts: {rpms: []}}\n" +
				"---\ndocument: modulemd\nversion: 2\ndata: {name: a, stream: b, artifacts: {rpms: a}}\n" +
				"---\ndocument: modulemd\nversion: 2\ndata: {name: a, stream: b, version: 1, context: c, artifacts: {rpms: [a, {}, a-1-1.x86_64]}}\n",
			"a:b:1:c: a-1-1.x86_64",
			[]string{
				"line 3: the stream's stream is missing or no plain text", "line 7: the stream's stream is missing or no plain text",
				"line 13: artifacts of a:b::: want a list", `line 17: artifact "a" of a:b:1:c is no`, `line 17: artifact "" of a:b:1:c is no`,
			},
		},
		{
			"aliases are not followed",
			"---\nx: &x [a-1-1.x86_64]\ndocument: modulemd\nversion: 2\ndata: {name: a, stream: b, artifacts: {rpms: *x}}\n", "",
			[]string{"line 5: artifacts of a:b::: want a list"},
		},
		{
			"too large", "---\n# artifacts" + strings.Repeat("x", MaxDocument) + "\n" + nodejs,
			"nodejs:8.10:20180816123422:6c81f848: nodejs-1:8.11.4-1.module_2030.x86_64 npm-8.11-1.noarch", []string{"line 1: a document of more than 4194304 bytes"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Read(strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range f.Streams {
				line := s.ID + ":"
				for _, n := range s.RPMs {
					line += " " + n.String()
				}
				got = append(got, line)
			}
			if got := strings.Join(got, "; "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			same := len(f.Faults) == len(c.faults)
			for i := range min(len(f.Faults), len(c.faults)) {
				same = same && strings.HasPrefix(f.Faults[i], c.faults[i])
			}
			if !same {
				t.Errorf("faults %q, want %q", f.Faults, c.faults)
			}
		})
	}
}

// TestIndex: a component that several versions of a stream share, epochs, and one RPM in too many streams.
func TestIndex(t *testing.T) {
	var b strings.Builder
	for i := range MaxStreams + 1 {
		fmt.Fprintf(&b, "---\ndocument: modulemd\nversion: 2\ndata: {name: a, stream: b, version: %d, artifacts: {rpms: [a-0:1-1.x86_64, a-0:1-1.x86_64, only%d-1-1.noarch]}}\n", 100+i, i)
	}
	f, err := Read(strings.NewReader(b.String()))
	if err != nil || len(f.Streams) != MaxStreams+1 || f.Faults != nil {
		t.Fatalf("%d streams, faults %q, %v", len(f.Streams), f.Faults, err)
	}
	x := f.Index()
	a := rpm.NEVRA{Name: "a", EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "x86_64"}
	ids := x.Of(a)
	a.Epoch = "0"
	if len(ids) != MaxStreams || ids[0] != "a:b:101:" || ids[MaxStreams-1] != "a:b:164:" || !slices.Equal(ids, x.Of(a)) {
		t.Errorf("streams %v", ids)
	}
	if len(f.Faults) != 1 || !strings.Contains(f.Faults[0], "a-1-1.x86_64 is in more than 64 streams") {
		t.Errorf("faults %q", f.Faults)
	}
	a.Epoch = "1"
	if got := x.Of(a); got != nil {
		t.Errorf("streams %v of another RPM", got)
	}
}

// TestLimit: a file without an end is an error before it fills anything.
func TestLimit(t *testing.T) {
	n := int64(0)
	_, err := Read(readerFunc(func(b []byte) (int, error) { n += int64(len(b)); return len(b), nil }))
	if err == nil || n > MaxSize+1<<20 {
		t.Errorf("%v after %d bytes", err, n)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// TestReal reads every plain modules.yaml of the real repositories: streams, no faults.
func TestReal(t *testing.T) {
	const data = "../../shared/data/fixtures/fedora-modularity+libmodulemd/modulemd/tests/test_data/"
	for name, least := range map[string]int{"f29.yaml": 40, "f29-updates.yaml": 40, "good_and_bad.yaml": 0} {
		r, err := os.Open(filepath.Join(data, name))
		if err != nil {
			t.Skipf("the real files are not there: %v", err)
		}
		defer r.Close()
		f, err := Read(r)
		if err != nil || len(f.Streams) < least || least > 0 && f.Faults != nil {
			t.Errorf("%s: %d streams, faults %q, %v", name, len(f.Streams), f.Faults, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(nodejs)
	f.Add("a: &a [*a]\nartifacts: *a\n---\n- artifacts\n")
	f.Add("document: modulemd\nversion: 1\ndata: {name: a, stream: '1', version: 3, artifacts: {rpms: [a-1-1.src]}}\n")
	f.Add("artifacts: [[[[[[{{{{")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Read(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got.Streams {
			if strings.Count(s.ID, ":") != 3 || len(s.ID) > MaxID || !printable(s.ID) {
				t.Errorf("stream %q", s.ID)
			}
		}
		for _, s := range got.Faults {
			if !strings.HasPrefix(s, "line ") && s != "more of them" {
				t.Errorf("fault %q", s)
			}
		}
		again, err := Read(io.LimitReader(strings.NewReader(text), int64(len(text))))
		if err != nil || fmt.Sprint(again.Index()) != fmt.Sprint(got.Index()) {
			t.Errorf("read twice: %v and %v, %v", got, again, err)
		}
	})
}
