// Package signtest makes OpenPGP keys with gpg, each in a home of its own, for tests of signing. It imports nothing of the
// product.
package signtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Key is a key pair.
type Key struct {
	Home        string // gpg's home that has it
	File        string // the armored secret key
	Public      string // the armored public key
	Fingerprint string // 40 upper-case hex digits
}

// NewKey makes a key of an algorithm as gpg --quick-generate-key takes it ("ed25519", "rsa2048"), with a passphrase if it is not
// "". The test is skipped where there is no gpg. The agent ends with the test.
func NewKey(t testing.TB, algorithm, passphrase string) Key {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed")
	}
	// Not t.TempDir: a socket's path has at most 107 bytes.
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	k := Key{Home: home, File: filepath.Join(home, "secret.asc"), Public: filepath.Join(home, "public.asc")}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() // it may have ended itself
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	loopback := []string{"--pinentry-mode", "loopback", "--passphrase", passphrase}
	k.GPG(t, append(loopback, "--quick-generate-key", "Release <release@example.org>", algorithm, "sign", "never")...)
	for line := range strings.Lines(k.GPG(t, "--with-colons", "--list-keys")) {
		if f := strings.Split(line, ":"); f[0] == "fpr" && k.Fingerprint == "" {
			k.Fingerprint = f[9]
		}
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(k.File, k.GPG(t, append(loopback, "--armor", "--export-secret-keys", k.Fingerprint)...))
	write(k.Public, k.GPG(t, "--armor", "--export", k.Fingerprint))
	return k
}

// GPG runs gpg in the key's home and returns its standard output.
func (k Key) GPG(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("gpg", append([]string{"--homedir", k.Home, "--batch", "--no-tty"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// Verify lets gpg, in a home that has the public key in publicFile only, check a detached signature of a file.
func Verify(t testing.TB, publicFile, sigFile, textFile string) error {
	t.Helper()
	ring := filepath.Join(t.TempDir(), "ring.gpg")
	if out, err := exec.Command("gpg", "--batch", "--dearmor", "--output", ring, publicFile).CombinedOutput(); err != nil {
		t.Fatalf("gpg --dearmor %s: %v\n%s", publicFile, err, out)
	}
	out, err := exec.Command("gpgv", "--keyring", ring, sigFile, textFile).CombinedOutput()
	t.Logf("gpgv: %s", out)
	return err
}
