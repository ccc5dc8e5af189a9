package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrepofs/testrpm"
)

// patience is how long anything may take before a test gives up: only a thing that hangs takes so long.
const patience = 2 * time.Minute

// box is a store in a directory of its own, with everything that a test puts beside it.
type box struct {
	testing.TB
	dir, store, mnt string
	daemon          *daemon // nil: none
	wantErrors      bool    // the daemon's log may speak of errors: the test makes some
}

// newBox makes an empty store.
func newBox(t testing.TB) *box {
	t.Helper()
	needsMount(t)
	dir, err := os.MkdirTemp("", "vre2e") // short: a socket's path has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // other users, nginx's worker among them
		t.Fatal(err)
	}
	b := &box{TB: t, dir: dir, store: filepath.Join(dir, "store"), mnt: filepath.Join(dir, "mnt")}
	t.Cleanup(func() {
		if b.daemon != nil {
			b.daemon.kill()
		}
		for mounted(b.mnt) {
			if err := syscall.Unmount(b.mnt, syscall.MNT_DETACH); err != nil {
				t.Errorf("a mount is left: %v", err)
				return
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(b.mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	b.ok("init")
	return b
}

// mounted reports whether anything is mounted on a path.
func mounted(path string) bool {
	b, err := os.ReadFile("/proc/self/mountinfo")
	return err == nil && bytes.Contains(b, []byte(" "+path+" "))
}

// result is what a process came to.
type result struct {
	code     int
	out, err string
}

// env is the environment of every child: no locale, no time zone, no colours.
func (b *box) env() []string {
	return append(os.Environ(), "VREPOFS_STORE="+b.store, "MNT="+b.mnt, "DIR="+b.dir, "LC_ALL=C.UTF-8", "TZ=UTC", "HOME="+b.dir)
}

// command is a child process of the box, outside of the mount.
func (b *box) command(name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	b.Cleanup(cancel)
	c := exec.CommandContext(ctx, name, args...)
	c.Env, c.Dir = b.env(), b.dir
	return c
}

// finish runs a command to its end.
func (b *box) finish(c *exec.Cmd) result {
	b.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.Fatalf("%s: %v", c, err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// vrepofs runs the command line.
func (b *box) vrepofs(args ...string) result {
	b.Helper()
	return b.finish(b.command(program, args...))
}

// ok runs the command line, which must succeed, and returns its answer.
func (b *box) ok(args ...string) string {
	b.Helper()
	r := b.vrepofs(args...)
	if r.code != 0 {
		b.Fatalf("vrepofs %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// fails runs the command line, which must end with code and say each of the words on stderr.
func (b *box) fails(code int, words []string, args ...string) {
	b.Helper()
	r := b.vrepofs(args...)
	if r.code != code {
		b.Errorf("vrepofs %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			b.Errorf("vrepofs %s: stderr does not say %q:\n%s", strings.Join(args, " "), w, r.err)
		}
	}
}

// json runs the command line with --json and decodes its answer.
func (b *box) json(v any, args ...string) {
	b.Helper()
	out := b.ok(append(slices.Clone(args), "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		b.Fatalf("vrepofs %s --json: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// sh runs a shell script, which must succeed, and returns what it printed without the last newline.
func (b *box) sh(script string) string {
	b.Helper()
	r := b.try(script)
	if r.code != 0 {
		b.Fatalf("%s: exit %d\n%s%s", script, r.code, r.out, r.err)
	}
	return strings.TrimRight(r.out, "\n")
}

// try runs a shell script.
func (b *box) try(script string) result {
	b.Helper()
	return b.finish(b.command("bash", "-c", "set -o pipefail; "+script))
}

// path is a path beside the store.
func (b *box) path(elem ...string) string { return filepath.Join(append([]string{b.dir}, elem...)...) }

// rpms writes RPMs to a directory beside the store and returns it.
func (b *box) rpms(name string, specs ...testrpm.Spec) string {
	b.Helper()
	dir := b.path(name)
	if _, err := testrpm.Write(dir, specs...); err != nil {
		b.Fatal(err)
	}
	return dir
}

// write writes a file below the box's directory and returns its path.
func (b *box) write(name, content string) string {
	b.Helper()
	path := b.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		b.Fatal(err)
	}
	return path
}

// same complains about texts that differ, showing the first lines that do.
func same(t testing.TB, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	show := func(lines []string) string { return strings.Join(lines[min(i, len(lines)):min(i+8, len(lines))], "\n") }
	t.Errorf("%s: differs from line %d on (%d lines, want %d)\ngot:\n%s\nwant:\n%s", what, i+1, len(a), len(b), show(a), show(b))
}
