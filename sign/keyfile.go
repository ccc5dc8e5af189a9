package sign

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// keyFile signs with a key in memory.
type keyFile struct {
	config Config
	entity *openpgp.Entity
	public public
}

func openKeyFile(c Config) (*keyFile, error) {
	raw, err := readSecret(c.KeyFile)
	if err != nil {
		return nil, err
	}
	ring, err := readKeys(raw)
	if err != nil {
		return nil, err
	}
	if len(ring) != 1 {
		return nil, fmt.Errorf("it has %d keys: want one (gpg --armor --export-secret-keys FINGERPRINT writes it)", len(ring))
	}
	e := ring[0]
	if e.PrivateKey == nil {
		return nil, errors.New("it has a public key only: want the secret key (gpg --armor --export-secret-keys FINGERPRINT writes it)")
	}
	if err := unlock(c, e); err != nil {
		return nil, err
	}
	k := &keyFile{config: c, entity: e}
	k.public, err = publicOf(e)
	return k, err
}

// readSecret reads a file that only its owner and group may read.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	if fi.Mode()&0o007 != 0 {
		return nil, fmt.Errorf("%s may be read or written by everybody (mode %04o): chmod o= %[1]s", path, fi.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(b) > maxText {
		err = fmt.Errorf("%s has more than %d bytes: that is no key", path, maxText)
	}
	return b, err
}

// passphrase returns what c names; nil when there is none.
func passphrase(c Config) ([]byte, error) {
	if c.Passphrase == "" {
		if s := os.Getenv(PassphraseEnv); s != "" {
			return []byte(s), nil
		}
		return nil, nil
	}
	b, err := readSecret(c.Passphrase)
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if len(line) > 4096 { // it goes through a pipe, whole
		return nil, fmt.Errorf("passphrase: %s: its first line has more than 4096 bytes", c.Passphrase)
	}
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// unlock decrypts the secret keys of e.
func unlock(c Config, e *openpgp.Entity) error {
	locked := e.PrivateKey.Encrypted
	for _, s := range e.Subkeys {
		locked = locked || s.PrivateKey != nil && s.PrivateKey.Encrypted
	}
	if !locked {
		return nil
	}
	pass, err := passphrase(c)
	if err != nil {
		return err
	}
	if pass == nil {
		return fmt.Errorf("the key has a passphrase: name the file that has it with --sign-passphrase, or set %s where vrepofs runs", PassphraseEnv)
	}
	if err := e.DecryptPrivateKeys(pass); err != nil {
		return fmt.Errorf("the passphrase does not fit: %w", err)
	}
	return nil
}

func (k *keyFile) Public() Key { return k.public.key }

func (k *keyFile) Sign(_ context.Context, text []byte, at time.Time) ([]byte, error) {
	sig, err := k.sign(text, at.UTC().Truncate(time.Second))
	if err != nil {
		return nil, fmt.Errorf("sign by %s: %w", k.config, refused(err))
	}
	return sig, nil
}

func (k *keyFile) sign(text []byte, at time.Time) ([]byte, error) {
	key, ok := k.entity.SigningKeyById(at, 0)
	if !ok {
		return nil, fmt.Errorf("key %s has nothing that may sign at %s: is it expired, revoked, younger than that, or for encryption only?",
			k.public.key.Fingerprint, at.Format(time.RFC3339))
	}
	switch a := key.PublicKey.PubKeyAlgo; {
	case key.PublicKey.Version != 4:
		return nil, fmt.Errorf("key %s has version %d: want 4", k.public.key.Fingerprint, key.PublicKey.Version)
	case a != packet.PubKeyAlgoRSA && a != packet.PubKeyAlgoRSASignOnly && a != packet.PubKeyAlgoEdDSA && a != packet.PubKeyAlgoEd25519:
		return nil, fmt.Errorf("key %s is neither RSA nor Ed25519, so its signatures are random: sign by gpg with it, or take another key",
			k.public.key.Fingerprint)
	}
	no := false
	config := &packet.Config{
		Time:                                  func() time.Time { return at },
		DefaultHash:                           crypto.SHA256,
		NonDeterministicSignaturesViaNotation: &no,
		InsecureGenerateNonCriticalSignatureCreationTime: true,
		SigningKeyId: key.PublicKey.KeyId,
	}
	var b bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&b, k.entity, bytes.NewReader(text), config); err != nil {
		return nil, err
	}
	return k.public.check(text, []byte(strings.TrimSpace(b.String())+"\n"))
}
