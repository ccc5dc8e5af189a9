package ingest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// rpmTool is the rpm of this machine. tell runs it on a file of these bytes.
func rpmTool(t *testing.T) (tell func(raw []byte, args ...string) (string, error)) {
	t.Helper()
	tool, err := exec.LookPath("rpm")
	if err != nil {
		t.Skipf("rpm is not installed: %v", err)
	}
	path := filepath.Join(t.TempDir(), "x.rpm")
	return func(raw []byte, args ...string) (string, error) {
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool, append(args, path)...).CombinedOutput()
		return string(bytes.TrimSpace(out)), err
	}
}

// stricter are the rows of hostileTable that rpm 4.18 reads nevertheless, and what it makes of them. A repository cannot
// show a package without a name, and what rpm leaves out in silence would be left out of dependencies and file lists.
var stricter = map[string]string{
	"no name":        "an empty name",
	"no version":     "an empty version",
	"no release":     "an empty release",
	"no arch":        "an empty architecture",
	"fewer versions": "no such dependencies",
	"more flags":     "no such dependencies",
	"directory":      "no files",
	"no directories": "no files",
	"no indexes":     "no files",
	"file flags":     "no file flags",
	"changelog":      "pairs what there is",
}

// TestHostileWithRPM asks rpm about the hostile table: what it refuses, we refuse.
func TestHostileWithRPM(t *testing.T) {
	tell := rpmTool(t)
	for name, c := range hostileTable() {
		out, err := tell(c.raw, "--nosignature", "-qp", "--qf", "%{NEVRA} [%{FILENAMES} ][%{REQUIRENAME} %{PROVIDEVERSION}]")
		if _, reads := stricter[name]; (err == nil) != reads {
			t.Errorf("%s: we say %q, rpm %v, %s", name, c.reason, err, out)
		}
	}
}

// digestsDiffer are the rows of digestTable of which rpm 4.18 says something else.
var digestsDiffer = map[string]string{
	"payload, another algorithm": "takes it for SHA-256",
	"bad header, SHA3":           "does not know SHA3, which came with rpm 6",
	"size":                       "compares no sizes",
	"long size":                  "compares no sizes",
	"size of rpm 6":              "compares no sizes",
}

// TestDigestsWithRPM asks rpm -K about packages with right and wrong digests. By default it would also want header and
// payload to be covered by some digest each, which packages older than rpm 4 are not.
func TestDigestsWithRPM(t *testing.T) {
	tell := rpmTool(t)
	for _, c := range digestTable() {
		out, err := tell(c.raw, "--define", "_pkgverify_level none", "--nosignature", "-Kv")
		if _, differs := digestsDiffer[c.name]; (err == nil) == (c.reason == "") == differs {
			t.Errorf("%s: we say %q, rpm %v, %s", c.name, c.reason, err, out)
		}
	}
}
