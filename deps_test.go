package vrepofs_test

import (
	"bufio"
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors is the house: a package's non-test files import packages of lower floors only. A package that is not here fails the
// test: give it a floor, and a line in ARCHITECTURE.md.
var floors = map[string]int{
	"disk":          0, // labelled durable file operations
	"rpm":           0, // EVR, NEVRA, what a header says
	"sign":          0, // detached OpenPGP signatures by key file, gpg or command
	"pinned":        0, // .repo and mirrorlist: their text
	"comps":         0, // comps.xml: groups of packages
	"blob":          1, // content-addressed store
	"modules":       1, // which packages belong to which module streams
	"closure":       1, // requirements that nothing in a set of packages meets
	"tree":          2, // persistent Merkle map, directory entries
	"repodata":      2, // read and write repomd, primary, filelists, other
	"merge":         2, // pure selection
	"index/journal": 2, // the journal's files and records, without Badger
	"index":         3, // journal, commits, log; Badger
	"fs":            3, // the FUSE view of trees and blobs
	"filelist":      3, // trees → the lists by which mirrors find out what is there
	"state":         4, // the nouns as records
	"ingest":        5, // RPM files → blobs, records, snapshots, builds
	"compose":       5, // tag → view: selection, repodata, tree
	"wanted":        5, // the YAML file of apply
	"store":         6, // an open store: every operation as a method
	"layout":        7, // the store as the tree of the mount; what a commit does to it
	"ctl":           8, // HTTP API on the Unix socket
	"cmd/vrepofs":   9, // flags, verbs, exit codes
}

// support holds packages that only tests and the benchmark import, and what of the product they may import themselves.
var support = map[string]string{
	"testrpm":               "makes RPM files; imports nothing of the product",
	"sign/signtest":         "makes OpenPGP keys with gpg; imports nothing of the product",
	"disk/disktest":         "recorder and fault injection for disk.FS",
	"filelist/filelisttest": "file lists by walking, as create-filelist does it",
	"tree/treetest":         "conformance suite of tree.Reader and tree.Writer",
	"store/storetest":       "a store with things in it, for tests above store",
	"e2e":                   "product tests: the built program, a real mount, real clients",
	"bench":                 "the benchmark of `make bench`; drives the product as a user does",
}

// doors names the one package through which a dependency enters, and why it is used at all. Two packages that read files of one format with
// nothing else in common are both named.
var doors = []struct{ module, door, reason string }{
	{"github.com/hanwen/go-fuse/v2", "fs", "the FUSE protocol: a kernel interface of 50 messages with version negotiation"},
	{"github.com/dgraph-io/badger/v4", "index", "an embedded ordered key-value store for an index that can be rebuilt"},
	{"github.com/sassoftware/go-rpmutils", "ingest", "reads RPM headers of every format version"},
	{"github.com/xi2/xz", "repodata", "reads metadata that other tools compressed with xz; bounded window"},
	{"github.com/ProtonMail/go-crypto", "sign", "OpenPGP: golang.org/x/crypto/openpgp is frozen, and the format is no thing to write again"},
	{"go.yaml.in/yaml/v3", "wanted modules", "people write the wanted state of channels, and they write YAML, which modules.yaml of upstream is, too; read as nodes, with the line of each"},
	{"github.com/spf13/cobra", "cmd/vrepofs", "nouns, verbs, flags, help and completion of the command line"},
	{"github.com/cheggaaa/pb/v3", "cmd/vrepofs", "progress bars are talk to a person; the product reports progress as numbers"},
	{"github.com/google/rpmpack", "testrpm", "makes RPM files for tests"},
	{"github.com/rogpeppe/go-internal", "", "testscript: stories of the command line; test files only"},
	{"golang.org/x/tools", "", "txtar: stories of merge in one file; test files only"},
	{"github.com/ulikunitz/xz", "", "writes xz for tests of reading it: test files only"},
	{"pgregory.net/rapid", "", "property tests: test files only"},
	{"go.uber.org/goleak", "", "goroutine leaks: test files only"},
	{"github.com/google/go-cmp", "", "readable differences: test files only"},
}

// anywhere lists modules that several packages may import.
var anywhere = map[string]string{
	"golang.org/x/sys":              "system calls that package syscall does not have",
	"golang.org/x/sync":             "errgroup, semaphore, singleflight",
	"github.com/klauspost/compress": "gzip at twice the speed of the standard one, and zstd",
	"golang.org/x/term":             "is this a terminal",
}

const (
	module     = "vrepofs"
	lineLimit  = 500 // a file beyond this has more than one idea
	lineWarned = 450
)

// long lists files that may be longer than lineLimit, with the reason.
var long = map[string]string{}

var noNames = []string{"util", "utils", "common", "types", "helper", "helpers", "model", "models", "misc", "base", "lib"}

// goFile is one parsed Go file of the module.
type goFile struct {
	path string // "blob/store.go", relative to the module's root
	dir  string // "blob"
	test bool
	ast  *ast.File
	raw  []byte
}

func (f goFile) generated() bool { return ast.IsGenerated(f.ast) }

// sources parses every Go file of the module.
func sources(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, raw, parser.ParseComments)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		files = append(files, goFile{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), parsed, raw})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go files found: the test runs in the module's root")
	}
	return files
}

// imports returns the import paths of a file.
func (f goFile) imports() []string {
	var out []string
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic("BUG: the parser accepted import " + spec.Path.Value)
		}
		out = append(out, p)
	}
	return out
}

func within(p, module string) bool { return p == module || strings.HasPrefix(p, module+"/") }

// TestFloors: imports go strictly downward, and test support stays out of the product.
func TestFloors(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || f.dir == "." {
			continue
		}
		floor, known := floors[f.dir]
		_, isSupport := support[f.dir]
		if !known && !isSupport {
			t.Errorf("%s: package %s has no floor: see floors in deps_test.go", f.path, f.dir)
			continue
		}
		for _, p := range f.imports() {
			if !within(p, module) {
				continue
			}
			target := strings.TrimPrefix(p, module+"/")
			if _, ok := support[target]; ok && !isSupport {
				t.Errorf("%s imports %s, which is test support (%s)", f.path, p, support[target])
			} else if below, ok := floors[target]; ok && known && below >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d): imports go strictly downward", f.path, floor, p, below)
			}
		}
	}
}

// TestDoors: each dependency enters through one package, and none enters unseen.
func TestDoors(t *testing.T) {
	for _, f := range sources(t) {
		for _, p := range f.imports() {
			first, _, _ := strings.Cut(p, "/")
			if within(p, module) || !strings.Contains(first, ".") {
				continue // ours, or the standard library
			}
			at := slices.IndexFunc(doors, func(d struct{ module, door, reason string }) bool { return within(p, d.module) })
			_, free := anywhere[moduleOf(p)]
			switch {
			case at < 0 && !free:
				t.Errorf("%s imports %s: a dependency without a door and a reason in deps_test.go", f.path, p)
			case at < 0 || f.test:
			case !slices.ContainsFunc(strings.Fields(doors[at].door), func(door string) bool { return within(f.dir, door) }):
				if _, ok := support[f.dir]; !ok || doors[at].door != "" {
					t.Errorf("%s imports %s, which enters through package %q only (%s)", f.path, p, doors[at].door, doors[at].reason)
				}
			}
		}
	}
}

// moduleOf returns the key of anywhere that covers an import path, or "".
func moduleOf(p string) string {
	for m := range anywhere {
		if within(p, m) {
			return m
		}
	}
	return ""
}

// TestRequirements: go.mod's direct requirements are exactly the dependencies that have a reason here.
func TestRequirements(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]bool{} // module → seen in go.mod
	for _, d := range doors {
		reasons[d.module] = false
	}
	for m := range anywhere {
		reasons[m] = false
	}
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\s*(\S+\.\S+/\S+) v\S+(?: // [^i].*)?$`).FindAllStringSubmatch(string(mod), -1) {
		if _, ok := reasons[m[1]]; !ok {
			t.Errorf("go.mod requires %s: no door and no reason in deps_test.go", m[1])
		}
		reasons[m[1]] = true
	}
	for m, seen := range reasons {
		if !seen {
			t.Errorf("deps_test.go has a reason for %s, which go.mod does not require directly", m)
		}
	}
}

// TestPackageComments: every package has exactly one package comment; in the product it is in doc.go.
func TestPackageComments(t *testing.T) {
	seen := map[string][]string{}
	for _, f := range sources(t) {
		if f.test || f.dir == "." {
			continue
		}
		if _, ok := seen[f.dir]; !ok {
			seen[f.dir] = nil
		}
		if f.ast.Doc != nil && !strings.HasPrefix(f.ast.Doc.Text(), "+build") {
			seen[f.dir] = append(seen[f.dir], f.path)
			want := "Package " + f.ast.Name.Name + " "
			if f.ast.Name.Name == "main" {
				want = "Command "
			}
			for _, w := range []string{want, strings.TrimSpace(want)} {
				if strings.HasPrefix(f.ast.Doc.Text(), w) {
					want = ""
					break
				}
			}
			if want != "" {
				t.Errorf("%s: the package comment begins %.40q, want %q", f.path, f.ast.Doc.Text(), want)
			}
		}
	}
	for dir, docs := range seen {
		slices.Sort(docs)
		if _, ok := support[dir]; ok && len(docs) == 1 {
			continue // one small file may be a whole package of test support
		}
		if !slices.Equal(docs, []string{dir + "/doc.go"}) {
			t.Errorf("package %s has its package comment in %v, want %s/doc.go alone", dir, docs, dir)
		}
	}
}

// TestNames: no package is named after nothing.
func TestNames(t *testing.T) {
	for _, f := range sources(t) {
		if slices.Contains(noNames, strings.TrimSuffix(f.ast.Name.Name, "_test")) || slices.Contains(noNames, path.Base(f.dir)) {
			t.Errorf("%s: package %s (%s) is named for nothing: name it for what it is about", f.path, f.ast.Name.Name, f.dir)
		}
	}
}

// TestFileSizes: one idea in a file.
func TestFileSizes(t *testing.T) {
	for _, f := range sources(t) {
		lines := bytes.Count(f.raw, []byte("\n"))
		switch _, excused := long[f.path]; {
		case excused && lines <= lineLimit:
			t.Errorf("%s has %d lines: take it out of long in deps_test.go", f.path, lines)
		case excused || f.generated():
		case lines > lineLimit:
			t.Errorf("%s has %d lines, the limit is %d: split it by idea", f.path, lines, lineLimit)
		case lines > lineWarned:
			t.Logf("%s has %d lines, near the limit of %d", f.path, lines, lineLimit)
		}
	}
	for name, reason := range long {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("long names %s (%s): %v", name, reason, err)
		}
	}
}

// TestNoInit: product code has no init functions: nothing happens before main.
func TestNoInit(t *testing.T) {
	for _, f := range sources(t) {
		if _, ok := support[f.dir]; ok || f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: has an init function: initialise where it is used", f.path)
			}
		}
	}
}

// machinePaths are absolute paths that only exist on the machine of whoever wrote them.
var machinePaths = regexp.MustCompile(`(^|[\s"'` + "`" + `(=:])(/home/[a-z]|/root/|/(?:work)/|/Users/|/tmp/[A-Za-z0-9])`)

// TestNoMachinePaths: no text file of the repository names a path of somebody's machine.
func TestNoMachinePaths(t *testing.T) {
	texts := []string{".go", ".md", ".sh", ".txt", ".txtar", ".yml", ".yaml", ".conf", ".spec", ""}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == ".git" || name == "bin" || name == filepath.Join("testdata", "stores") {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains(texts, filepath.Ext(name)) || name == "deps_test.go" || name == "LICENSE" || !d.Type().IsRegular() {
			return nil
		}
		raw, err := os.ReadFile(name)
		if err != nil || bytes.IndexByte(raw, 0) >= 0 {
			return err
		}
		scan := bufio.NewScanner(bytes.NewReader(raw))
		scan.Buffer(nil, 1<<20)
		for n := 1; scan.Scan(); n++ {
			if machinePaths.Match(scan.Bytes()) {
				t.Errorf("%s:%d names a path of one machine: %.120s", name, n, scan.Text())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFloorsAreDocumented: ARCHITECTURE.md names every package and every dependency with a door.
func TestFloorsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{}
	for p := range floors {
		want = append(want, p)
	}
	for _, d := range doors {
		want = append(want, d.module)
	}
	slices.Sort(want)
	for _, w := range want {
		if !bytes.Contains(doc, []byte(w)) {
			t.Errorf("ARCHITECTURE.md does not mention %s", w)
		}
	}
	for p, floor := range floors {
		row := fmt.Sprintf("| %d | `%s` |", floor, p)
		if !bytes.Contains(doc, []byte(row)) {
			t.Errorf("ARCHITECTURE.md: the table of floors has no row that begins %q", row)
		}
	}
}
