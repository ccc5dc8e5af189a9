package sign

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"path/filepath"
	"strings"
	"time"
)

// ErrNotSigned is the kind of every error of Open and of a Signer: nothing was signed.
var ErrNotSigned = errors.New("not signed")

// Limit is how long one run of gpg or of a command may take.
const Limit = 60 * time.Second

// maxText bounds what is read of a key file and of a program, in bytes. A signature by RSA-4096 has 900.
const maxText = 1 << 20

// PassphraseEnv is the environment variable that has the passphrase when no file is named. Programs do not inherit it.
const PassphraseEnv = "VREPOFS_SIGN_PASSPHRASE"

// Config says how to sign; exactly one of KeyFile, GPG and Command is set. It names where secrets are and holds none.
type Config struct {
	KeyFile    string // absolute path of a secret key, armored or binary
	GPG        string // a key as gpg --local-user takes it: fingerprint, key id, user id
	GPGHome    string // absolute path of gpg's home; "" means the process's GNUPGHOME or ~/.gnupg
	Passphrase string // absolute path of a file whose first line is the passphrase of KeyFile or GPG; "" means PassphraseEnv
	Command    string // for sh -c: the text on its standard input, the armored signature on its standard output
	PublicKey  string // absolute path of Command's public key; "" means that it is not known
}

// Check refuses a Config that cannot be meant. It does no I/O.
func (c Config) Check() error {
	var by []string
	for _, m := range []struct{ name, value string }{{"a key file", c.KeyFile}, {"gpg", c.GPG}, {"a command", c.Command}} {
		if m.value != "" {
			by = append(by, m.name)
		}
	}
	bad := func(format string, a ...any) error { return fmt.Errorf(format+": %w", append(a, iofs.ErrInvalid)...) }
	switch {
	case len(by) == 0:
		return bad("sign: by what? want a key file, a key of gpg or a command")
	case len(by) > 1:
		return bad("sign by %s: want one of them", strings.Join(by, " and by "))
	case c.GPGHome != "" && c.GPG == "":
		return bad("sign by %s: a home of gpg is for signing by gpg", by[0])
	case c.PublicKey != "" && c.Command == "":
		return bad("sign by %s: it knows its public key itself", by[0])
	case c.Passphrase != "" && c.Command != "":
		return bad("sign by a command: a passphrase is its own business")
	case strings.HasPrefix(c.GPG, "-"):
		return bad("key %q of gpg: want a fingerprint, a key id or a user id", c.GPG)
	}
	for _, p := range []string{c.KeyFile, c.GPGHome, c.Passphrase, c.PublicKey} {
		if p != "" && !filepath.IsAbs(p) {
			return bad("sign: %q: want an absolute path", p)
		}
	}
	for _, s := range []string{c.KeyFile, c.GPG, c.GPGHome, c.Passphrase, c.Command, c.PublicKey} {
		if len(s) > 4096 || strings.ContainsAny(s, "\x00\n") {
			return bad("sign: %.40q: want one line of at most 4096 bytes", s)
		}
	}
	return nil
}

// String says by what is signed, for a person: "key file /etc/vrepofs/release.key".
func (c Config) String() string {
	switch {
	case c.KeyFile != "":
		return "key file " + c.KeyFile
	case c.GPG != "":
		return "gpg key " + c.GPG
	}
	return "command " + c.Command
}

// Signer signs. It is safe for concurrent use.
type Signer interface {
	// Sign returns the armored detached signature of text, which was checked. at is the time of the signature, in whole seconds, if
	// the signer can choose it. It blocks for at most Limit.
	Sign(ctx context.Context, text []byte, at time.Time) ([]byte, error)
	// Public returns the public key; the zero Key when it is not known. It does no I/O.
	Public() Key
}

// Key is a public key with its subkeys.
type Key struct {
	Armored     []byte // as repomd.xml.key and `rpm --import` have it; the owner's
	Fingerprint string // of the primary key: 40 lower-case hex digits
}

// Open makes ready to sign: it reads the key file or asks gpg for the public key, and blocks for at most Limit. The Signer
// holds a secret, so it is for one piece of work and not for keeping.
func Open(ctx context.Context, c Config) (Signer, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	var s Signer
	var err error
	switch {
	case c.KeyFile != "":
		s, err = openKeyFile(c)
	case c.GPG != "":
		s, err = openGPG(ctx, c)
	default:
		s, err = openCommand(c)
	}
	if err != nil {
		return nil, fmt.Errorf("sign by %s: %w", c, refused(err))
	}
	return s, nil
}

// refused makes err an ErrNotSigned; the end of the caller's context stays what it is.
func refused(err error) error {
	if errors.Is(err, ErrNotSigned) || errors.Is(err, context.Canceled) {
		return err
	}
	return notSigned{err}
}

// notSigned hides the kind of its cause: a key file that is not there is not a request for something that is not there.
type notSigned struct{ cause error }

func (e notSigned) Error() string        { return e.cause.Error() }
func (e notSigned) Is(target error) bool { return target == ErrNotSigned }
