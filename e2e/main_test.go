package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the built vrepofs. TestMain sets it once.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "vrepofs-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "vrepofs")
	build := exec.Command("go", "build", "-o", program, "../cmd/vrepofs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build vrepofs: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// long says that VREPOFS_LONG asks for more rounds.
func long() bool { return os.Getenv("VREPOFS_LONG") != "" }

// times is n rounds, or more when there is time.
func times(n, whenLong int) int {
	if long() {
		return whenLong
	}
	return n
}

// lacking skips the test for something that this machine lacks; in CI, where everything is installed, it fails it.
func lacking(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// needs makes sure that tools are installed.
func needs(t testing.TB, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			lacking(t, "%s is not installed: scripts/setup installs it", tool)
		}
	}
}

// needsMount makes sure that this process may mount.
func needsMount(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		lacking(t, "mounting with passthrough needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		lacking(t, "no FUSE in this kernel: %v", err)
	}
}

// sharedData is the directory of real RPMs and repositories beside the checkout.
func sharedData(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../shared/data")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real test data: %v", err)
	}
	return dir
}
