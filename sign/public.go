package sign

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// public is a public key that checks signatures. The zero public checks their form.
type public struct {
	key  Key
	ring openpgp.EntityList
}

// readKeys reads keys, armored or not.
func readKeys(raw []byte) (openpgp.EntityList, error) {
	read := openpgp.ReadKeyRing
	if bytes.Contains(raw, []byte("-----BEGIN PGP ")) {
		read = openpgp.ReadArmoredKeyRing
	}
	ring, err := read(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("it is no OpenPGP key that can be read: %w", err)
	}
	return ring, nil
}

// publicOf returns the public half of a key: of its parts those that a client needs to check a signature, and no one else's
// signatures on it. openpgp.Entity.Serialize would write the user ids in map order.
func publicOf(e *openpgp.Entity) (public, error) {
	var body bytes.Buffer
	var packets []interface{ Serialize(io.Writer) error }
	packets = append(packets, e.PrimaryKey)
	for _, s := range e.Revocations {
		packets = append(packets, s)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Identities)) {
		id := e.Identities[name]
		packets = append(packets, id.UserId)
		for _, s := range id.Revocations {
			packets = append(packets, s)
		}
		if id.SelfSignature != nil {
			packets = append(packets, id.SelfSignature)
		}
	}
	for _, k := range e.Subkeys {
		packets = append(packets, k.PublicKey)
		for _, s := range k.Revocations {
			packets = append(packets, s)
		}
		packets = append(packets, k.Sig)
	}
	for _, p := range packets {
		if err := p.Serialize(&body); err != nil {
			return public{}, err
		}
	}
	var text bytes.Buffer
	w, err := armor.Encode(&text, openpgp.PublicKeyType, nil)
	if err == nil {
		if _, err = w.Write(body.Bytes()); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		return public{}, err
	}
	// What is served must be what can be read, without a secret.
	ring, err := readKeys(text.Bytes())
	if err != nil {
		return public{}, err
	}
	if len(ring) != 1 || ring[0].PrivateKey != nil {
		return public{}, errors.New("its public key cannot be written")
	}
	return public{
		key:  Key{Armored: []byte(strings.TrimSpace(text.String()) + "\n"), Fingerprint: hex.EncodeToString(e.PrimaryKey.Fingerprint)},
		ring: ring,
	}, nil
}

// readPublic reads the file of a public key.
func readPublic(path string) (public, error) {
	f, err := os.Open(path)
	if err != nil {
		return public{}, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxText))
	if err != nil {
		return public{}, err
	}
	return parsePublic(raw, "public key "+path)
}

// parsePublic reads the one key of raw; what names it in errors.
func parsePublic(raw []byte, what string) (public, error) {
	ring, err := readKeys(raw)
	if err == nil && len(ring) != 1 {
		err = fmt.Errorf("it has %d keys, want one", len(ring))
	}
	if err != nil {
		return public{}, fmt.Errorf("%s: %w", what, err)
	}
	return publicOf(ring[0])
}

const (
	sigBegin = "-----BEGIN PGP SIGNATURE-----"
	sigEnd   = "-----END PGP SIGNATURE-----"
)

// check returns sig, with one newline at its end, if it is an armored detached signature of text, by the key where that is
// known. Validity of the key is as of the signature's own time.
func (p public) check(text, sig []byte) ([]byte, error) {
	sig = bytes.TrimSpace(sig)
	if !bytes.HasPrefix(sig, []byte(sigBegin)) || !bytes.HasSuffix(sig, []byte(sigEnd)) || bytes.Count(sig, []byte("-----BEGIN ")) != 1 {
		return nil, fmt.Errorf("what came is no armored signature: it begins %.40q; want %q", sig, sigBegin)
	}
	block, err := armor.Decode(bytes.NewReader(sig))
	if err != nil {
		return nil, fmt.Errorf("the signature's armor: %w", err)
	}
	body, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, fmt.Errorf("the signature's armor: %w", err)
	}
	var made time.Time
	for packets := packet.NewReader(bytes.NewReader(body)); ; {
		next, err := packets.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the signature: %w", err)
		}
		s, ok := next.(*packet.Signature)
		if !ok || s.SigType != packet.SigTypeBinary {
			return nil, errors.New("what came is not a detached signature (gpg --armor --detach-sign makes one)")
		}
		made = s.CreationTime
	}
	if made.IsZero() {
		return nil, errors.New("what came has no signature in it")
	}
	if p.ring != nil {
		config := &packet.Config{Time: func() time.Time { return made }}
		if _, err := openpgp.CheckDetachedSignature(p.ring, bytes.NewReader(text), bytes.NewReader(body), config); err != nil {
			return nil, fmt.Errorf("the signature is not one of this text by key %s: %w", p.key.Fingerprint, err)
		}
	}
	return append(sig, '\n'), nil
}
