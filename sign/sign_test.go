package sign_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vrepofs/sign"
	"vrepofs/sign/signtest"
)

var text = []byte("<repomd>\n  <revision>1795235400</revision>\n</repomd>\n")

func open(t *testing.T, c sign.Config) sign.Signer {
	t.Helper()
	s, err := sign.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checked signs text and lets gpg look at the signature, with the public key that the signer names.
func checked(t *testing.T, s sign.Signer, at time.Time) []byte {
	t.Helper()
	sig, err := s.Sign(t.Context(), text, at)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, asc := file("repomd.xml.key", s.Public().Armored), file("repomd.xml.asc", sig)
	if err := signtest.Verify(t, key, asc, file("repomd.xml", text)); err != nil {
		t.Errorf("gpgv refuses the signature: %v\n%s", err, sig)
	}
	if err := signtest.Verify(t, key, asc, file("other.xml", append([]byte(" "), text...))); err == nil {
		t.Error("gpgv takes the signature for another text")
	}
	return sig
}

func TestKeyFile(t *testing.T) {
	for _, algorithm := range []string{"ed25519", "rsa2048"} {
		t.Run(algorithm, func(t *testing.T) {
			k := signtest.NewKey(t, algorithm, "")
			s := open(t, sign.Config{KeyFile: k.File})
			if got := s.Public().Fingerprint; got != strings.ToLower(k.Fingerprint) {
				t.Errorf("fingerprint %s, want %s", got, k.Fingerprint)
			}
			at := time.Now().Add(time.Minute).Truncate(time.Second)
			sig := checked(t, s, at)
			again, err := open(t, sign.Config{KeyFile: k.File}).Sign(t.Context(), text, at.Add(999*time.Millisecond))
			if err != nil || !bytes.Equal(sig, again) {
				t.Errorf("signed again in the same second:\n%s\n%s\n%v", sig, again, err)
			}
			later, err := s.Sign(t.Context(), text, at.Add(time.Second))
			if err != nil || bytes.Equal(sig, later) {
				t.Errorf("signed a second later: the same bytes, or %v", err)
			}
			if _, err := s.Sign(t.Context(), text, time.Unix(1e9, 0)); !errors.Is(err, sign.ErrNotSigned) || !strings.Contains(err.Error(), "younger") {
				t.Errorf("signed before the key was made: %v", err)
			}
		})
	}
}

// TestKeyFileBytes: a key that is committed, text and time give these bytes for ever.
func TestKeyFileBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	raw, err := os.ReadFile("testdata/ed25519.asc")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, sign.Config{KeyFile: path})
	got := checked(t, s, time.Unix(1795235400, 0))
	for name, b := range map[string][]byte{"testdata/ed25519.sig": got, "testdata/ed25519.pub": s.Public().Armored} {
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(name, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, b, want)
		}
	}
}

func TestPassphrase(t *testing.T) {
	k := signtest.NewKey(t, "ed25519", "open sesame")
	file := filepath.Join(t.TempDir(), "pass")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(c sign.Config, want string) {
		t.Helper()
		if _, err := sign.Open(t.Context(), c); !errors.Is(err, sign.ErrNotSigned) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	refused(sign.Config{KeyFile: k.File}, "--sign-passphrase")
	write("wrong\n")
	refused(sign.Config{KeyFile: k.File, Passphrase: file}, "does not fit")
	write("open sesame\n")
	now := time.Now()
	checked(t, open(t, sign.Config{KeyFile: k.File, Passphrase: file}), now)
	checked(t, open(t, sign.Config{GPG: k.Fingerprint, GPGHome: k.Home, Passphrase: file}), now)
	t.Setenv(sign.PassphraseEnv, "open sesame")
	checked(t, open(t, sign.Config{KeyFile: k.File}), now)
	s := open(t, sign.Config{Command: `test -z "$` + sign.PassphraseEnv + `" && echo clean >&2; exit 3`})
	if _, err := s.Sign(t.Context(), text, now); err == nil || !strings.Contains(err.Error(), "clean") {
		t.Errorf("a command sees the passphrase: %v", err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	refused(sign.Config{KeyFile: k.File, Passphrase: file}, "chmod o= "+file)
}

func TestGPG(t *testing.T) {
	k := signtest.NewKey(t, "ed25519", "")
	for _, name := range []string{k.Fingerprint, k.Fingerprint[24:], "release@example.org", k.Fingerprint + "!"} {
		s := open(t, sign.Config{GPG: name, GPGHome: k.Home})
		if got := s.Public().Fingerprint; got != strings.ToLower(k.Fingerprint) {
			t.Errorf("gpg key %s: fingerprint %s, want %s", name, got, k.Fingerprint)
		}
		checked(t, s, time.Now())
	}
	_, err := sign.Open(t.Context(), sign.Config{GPG: "0123456789ABCDEF", GPGHome: k.Home})
	if !errors.Is(err, sign.ErrNotSigned) || !strings.Contains(err.Error(), "knows no such key") {
		t.Errorf("unknown key: %v", err)
	}
	empty, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(empty)
	other := signtest.Key{Home: empty}
	other.GPG(t, "--import", k.Public)
	s := open(t, sign.Config{GPG: k.Fingerprint, GPGHome: empty})
	if _, err := s.Sign(t.Context(), text, time.Now()); err == nil || !strings.Contains(err.Error(), "o secret key") {
		t.Errorf("signed with a public key: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := sign.Open(t.Context(), sign.Config{GPG: "x"}); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("no gpg: %v", err)
	}
}

func TestCommand(t *testing.T) {
	k, other := signtest.NewKey(t, "ed25519", ""), signtest.NewKey(t, "ed25519", "")
	gpg := "gpg --homedir " + k.Home + " --batch --armor --detach-sign"
	checked(t, open(t, sign.Config{Command: gpg, PublicKey: k.Public}), time.Now())
	s := open(t, sign.Config{Command: gpg})
	if sig, err := s.Sign(t.Context(), text, time.Now()); err != nil || len(s.Public().Armored) > 0 {
		t.Errorf("without a public key: %q, %v, %v", sig, s.Public(), err)
	}
	for name, c := range map[string]struct{ command, public, want string }{
		"another key":   {gpg, other.Public, "is not one of this text by key"},
		"another text":  {"sed s/repomd/x/ | " + gpg, k.Public, "is not one of this text by key"},
		"fails":         {"echo one >&2; echo two >&2; exit 7", "", "/bin/sh: exit status 7; it said: one / two"},
		"nothing":       {"cat >/dev/null", "", "no armored signature"},
		"binary":        {"gpg --homedir " + k.Home + " --batch --detach-sign", "", "no armored signature"},
		"clear":         {"gpg --homedir " + k.Home + " --batch --clear-sign", "", "no armored signature"},
		"text mode":     {gpg + " --textmode", "", "not a detached signature"},
		"a key":         {"cat " + k.Public, "", "no armored signature"},
		"cut":           {gpg + " | head -c 120", "", "no armored signature"},
		"damaged":       {gpg + ` | sed 's/^[a-zA-Z0-9+/=]*$/AAAA/'`, "", "signature"},
		"endless":       {"yes", "", "more than 1048576 bytes"},
		"does not read": {"true", "", "no armored signature"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, sign.Config{Command: c.command, PublicKey: c.public})
			if _, err := s.Sign(t.Context(), bytes.Repeat(text, 10000), time.Now()); !errors.Is(err, sign.ErrNotSigned) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	s = open(t, sign.Config{Command: `echo "$SOURCE_DATE_EPOCH" >&2; exit 1`})
	if _, err := s.Sign(t.Context(), text, time.Unix(1795235400, 0)); err == nil || !strings.Contains(err.Error(), "1795235400") {
		t.Errorf("SOURCE_DATE_EPOCH: %v", err)
	}
}

// TestHang: a command that never ends is killed with what it started.
func TestHang(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	hangs := open(t, sign.Config{Command: "(exec 3>" + fifo + "; echo ready >&3; sleep 1000) & sleep 1000"})
	go func() {
		_, err := hangs.Sign(ctx, text, time.Now())
		done <- err
	}()
	f, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.ReadFull(f, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	cancel(errors.New("enough"))
	if err := <-done; err == nil || !strings.Contains(err.Error(), "was killed: enough") {
		t.Errorf("a command that hangs: %v", err)
	}
	if n, err := f.Read(make([]byte, 1)); n != 0 { // the end of file: nobody has the fifo open any more
		t.Errorf("its child lives: %d, %v", n, err)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []sign.Config{
		{},
		{KeyFile: "/k", GPG: "A"},
		{KeyFile: "k"},
		{KeyFile: "/k", GPGHome: "/h"},
		{KeyFile: "/k", PublicKey: "/p"},
		{Command: "x", Passphrase: "/p"},
		{GPG: "--output=/etc/passwd"},
		{Command: "x\ny"},
	} {
		if _, err := sign.Open(t.Context(), c); !errors.Is(err, iofs.ErrInvalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	k := signtest.NewKey(t, "ed25519", "")
	secret, err := os.ReadFile(k.File)
	if err != nil {
		t.Fatal(err)
	}
	ecdsa := signtest.NewKey(t, "nistp256", "")
	for want, c := range map[string]sign.Config{
		"no such file":          {KeyFile: filepath.Join(dir, "none")},
		"chmod o=":              {KeyFile: file("open", string(secret), 0o644)},
		"no OpenPGP key":        {KeyFile: file("junk", "junk", 0o600)},
		"a public key only":     {KeyFile: k.Public},
		"is no regular file":    {KeyFile: dir},
		"public key /":          {Command: "x", PublicKey: file("p", "junk", 0o600)},
		"its signatures are ra": {KeyFile: ecdsa.File},
	} {
		s, err := sign.Open(t.Context(), c)
		if err == nil {
			_, err = s.Sign(t.Context(), text, time.Now().Add(time.Minute))
		}
		if !errors.Is(err, sign.ErrNotSigned) || errors.Is(err, iofs.ErrNotExist) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
