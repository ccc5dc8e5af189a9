package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vrepofs/testrpm"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"vrepofs": main})
}

// params are those of every script: a store at $WORK/store that does not exist yet, and the commands of scripts.
func params(dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		Deadline:            time.Now().Add(5 * time.Minute), // all stories together take one; one that hangs must not take ten
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("VREPOFS_STORE", filepath.Join(env.WorkDir, "store"))
			env.Setenv("NOTIFY_SOCKET", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"rpm":    cmdRPM,
			"status": cmdStatus,
			"normal": cmdNormal,
			"keep":   cmdKeep,
		},
	}
}

// cmdRPM makes RPM files: rpm DIR NAME-VERSION-RELEASE.ARCH… [source=NVR] [requires=NAME] [signed] [extra] [bad]. Words behind an RPM are about it.
// extra makes another content under the same name; bad cuts the file off.
func cmdRPM(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: rpm DIR NAME-VERSION-RELEASE.ARCH [source=NVR|requires=NAME|signed|extra|bad]…")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i := 1; i < len(args); {
		spec, cut := specOf(ts, args[i]), false
		for i++; i < len(args) && !strings.Contains(args[i], ".") || i < len(args) && strings.HasPrefix(args[i], "source="); i++ {
			switch word := args[i]; {
			case strings.HasPrefix(word, "source="):
				spec.SourceRPM = strings.TrimPrefix(word, "source=") + ".src.rpm"
			case strings.HasPrefix(word, "requires="):
				spec.Requires = append(spec.Requires, strings.TrimPrefix(word, "requires="))
			case word == "signed":
				spec.Signature = testrpm.FakeSignature(0x0123456789abcdef, 1)
			case word == "extra":
				spec.Summary = "Another content"
			case word == "bad":
				cut = true
			default:
				ts.Fatalf("rpm: what is %q?", word)
			}
		}
		b := testrpm.Build(spec)
		if cut {
			b = b[:len(b)/2]
		}
		ts.Check(os.WriteFile(filepath.Join(dir, spec.FileName()), b, 0o644))
	}
}

// specOf reads NAME-VERSION-RELEASE.ARCH.
func specOf(ts *testscript.TestScript, s string) testrpm.Spec {
	m := regexp.MustCompile(`^(.+)-([^-]+)-([^-]+)\.([^.]+)$`).FindStringSubmatch(s)
	if m == nil {
		ts.Fatalf("rpm: %q is not NAME-VERSION-RELEASE.ARCH", s)
	}
	return testrpm.Spec{Name: m[1], Version: m[2], Release: m[3], Arch: m[4]}
}

// cmdStatus runs a command and wants an exit status: status 3 vrepofs ….
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		if m := regexp.MustCompile(`exit status (\d+)`).FindStringSubmatch(err.Error()); m != nil {
			got, _ = strconv.Atoi(m[1])
		} else {
			ts.Fatalf("%v", err)
		}
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d\n%s", got, want, ts.ReadFile("stderr"))
	}
}

// cmdNormal writes the last stdout or stderr to a file with what differs from run to run replaced: normal stdout FILE.
func cmdNormal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: normal stdout|stderr FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(normal(ts.ReadFile(args[0]), ts.Getenv("WORK"))), 0o644))
}

// cmdKeep sets a variable to what a pattern finds in the last stdout: keep ID 'fedora@\S+'.
func cmdKeep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep VARIABLE PATTERN")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	found := re.FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("keep: no %q in stdout", args[1])
	}
	ts.Setenv(args[0], found)
}

func normal(s, work string) string {
	s = strings.ReplaceAll(s, work, "$WORK")
	for _, r := range []struct{ re, with string }{
		{`\d{8}T\d{6}Z`, "ID"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`, "TIME"},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "TIME"},
		{`process \d+`, "process PID"},
		{`files:[0-9a-f]{12}`, "files:DIGEST"},
		{`"uid":\d+,"user":"[^"]*"`, `"uid":UID,"user":"USER"`},
		{`TIME  \S+ +`, "TIME  USER  "},
		{`\n {30,}`, "\n      "},
	} {
		s = regexp.MustCompile(r.re).ReplaceAllString(s, r.with)
	}
	return s
}

// TestScripts runs every story of testdata/script without a daemon.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, params("testdata/script"))
}
