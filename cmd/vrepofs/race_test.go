package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vrepofs/testrpm"
)

// TestApplyRace: of two applies that plan from one state one wins; the other is told, or comes after and has nothing to do. Their gates
// make sure that both have planned before either commits.
func TestApplyRace(t *testing.T) {
	for what, race := range map[string]struct{ file, did, list, mark string }{
		"channels": {"channels: {p: {NAME/os: r}}\n", "1 set", "channel", "p/"},
		"tags":     {"tags: {t: {arches: [x86_64, NAME]}}\n", "1 tag created", "tag", "t   "},
	} {
		t.Run(what, func(t *testing.T) { applyRace(t, race.file, race.did, race.list, race.mark) })
	}
}

// applyRace lets two commands apply file, each with a NAME of its own.
func applyRace(t *testing.T, file, did, list, mark string) {
	t.Parallel()
	dir := t.TempDir()
	env := append(os.Environ(), "VREPOFS_STORE="+filepath.Join(dir, "store"))
	run := func(args ...string) (string, error) {
		cmd := exec.Command(vrepofs(t), args...)
		cmd.Env, cmd.Dir = env, dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) {
		t.Helper()
		if out, err := run(args...); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	if _, err := testrpm.Write(filepath.Join(dir, "rpms"), testrpm.Spec{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	must("init")
	must("repo", "import", "r", "rpms")
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(strings.ReplaceAll(file, "NAME", name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	type result struct {
		out string
		err error
	}
	results := make(chan result)
	for _, args := range [][2]string{{"a", "b"}, {"b", "a"}} {
		go func() {
			out, err := run("apply", args[0]+".yaml", "--before", "touch "+args[0]+"; until test -e "+args[1]+"; do :; done")
			results <- result{out, err}
		}()
	}
	won, told := 0, 0
	for range 2 {
		r := <-results
		switch {
		case r.err == nil && strings.Contains(r.out, did):
			won++
		case r.err != nil && strings.Contains(r.out, "changed meanwhile, try again"):
			told++
		default:
			t.Errorf("%v: %s", r.err, r.out)
		}
	}
	if won != 1 || told != 1 {
		t.Errorf("%d won, %d were told", won, told)
	}
	if out, _ := run(list, "list"); strings.Count(out, mark) != 1 {
		t.Errorf("both are there: %s", out)
	}
}

// vrepofs is this test's binary under the name by which it is the program.
func vrepofs(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("vrepofs")
	if err != nil {
		t.Fatal(err)
	}
	return path
}
