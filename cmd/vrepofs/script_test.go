package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

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
		},
	}
}

// cmdRPM makes RPM files: rpm DIR NAME-VERSION-RELEASE.ARCH… [source=NVR] [signed] [extra] [bad]. Words behind an RPM are about it.
// extra makes another content under the same name; bad cuts the file off.
func cmdRPM(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: rpm DIR NAME-VERSION-RELEASE.ARCH [source=NVR|signed|extra|bad]…")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i := 1; i < len(args); {
		spec, cut := specOf(ts, args[i]), false
		for i++; i < len(args) && !strings.Contains(args[i], ".") || i < len(args) && strings.HasPrefix(args[i], "source="); i++ {
			switch word := args[i]; {
			case strings.HasPrefix(word, "source="):
				spec.SourceRPM = strings.TrimPrefix(word, "source=") + ".src.rpm"
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

func normal(s, work string) string {
	s = strings.ReplaceAll(s, work, "$WORK")
	for _, r := range []struct{ re, with string }{
		{`\d{8}T\d{6}Z`, "ID"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`, "TIME"},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "TIME"},
		{`process \d+`, "process PID"},
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

// TestScriptsWithDaemon runs the stories that begin with the file `daemon` again with one: the same commands, the same answers. It
// mounts, so it needs root and /dev/fuse.
func TestScriptsWithDaemon(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip(err)
	}
	stories, err := filepath.Glob("testdata/script/both_*.txt")
	if err != nil || len(stories) == 0 {
		t.Fatal("no stories both_*.txt", err)
	}
	dir := t.TempDir()
	for _, name := range stories {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// The daemon comes right after the store; the end of every story is the same.
		text := strings.Replace(string(b), "exec vrepofs init\n", "exec vrepofs init\nmkdir mnt\nexec vrepofs mount mnt\n", 1)
		head, files, found := strings.Cut(text, "\n-- ")
		text = head + "\nexec vrepofs status\nstdout 'daemon +process'\nexec vrepofs umount mnt\n! exists store/socket\n"
		if found {
			text += "\n-- " + files
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := params(dir)
	p.UpdateScripts = false
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		env.Defer(func() {
			// After a failure the daemon is still there; its mount must not outlive the test.
			if pid := lockHolder(filepath.Join(env.WorkDir, "store")); pid > 0 {
				if p, err := os.FindProcess(pid); err == nil {
					fmt.Fprintln(os.Stderr, "ending the daemon that a failed story left")
					_ = p.Signal(os.Interrupt)
				}
			}
		})
		return setup(env)
	}
	testscript.Run(t, p)
}

// lockHolder is the process that has a store open, or 0.
func lockHolder(store string) int {
	b, err := os.ReadFile(filepath.Join(store, "lock"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(first)
	return pid
}
