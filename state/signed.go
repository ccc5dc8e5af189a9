package state

import (
	"fmt"
	"strings"

	"vrepofs/merge"
	"vrepofs/sign"
)

// Signing is a sign.Config as settings keep it: where secrets are, never a secret.
type Signing struct {
	KeyFile    string `json:"key_file,omitempty"`
	GPG        string `json:"gpg,omitempty"`
	GPGHome    string `json:"gpg_home,omitempty"`
	Passphrase string `json:"passphrase_file,omitempty"`
	Command    string `json:"command,omitempty"`
	PublicKey  string `json:"public_key_file,omitempty"`
}

func (s Signing) check() error {
	if s == (Signing{}) {
		return nil
	}
	return sign.Config(s).Check()
}

// Signing is by what generated repositories are signed; the zero Config: by nothing.
func (s Settings) Signing() sign.Config {
	if s.Sign == nil {
		return sign.Config{}
	}
	return sign.Config(*s.Sign)
}

// Signatures is what packages must be signed by.
func (s Settings) Signatures() merge.Signatures {
	var out merge.Signatures
	if s.RequireSigned != nil && *s.RequireSigned {
		out.Required = true
		if s.Keys != nil {
			out.Keys = *s.Keys
		}
	}
	return out
}

// SetSignatures says which signed copies a tag's views take. Keys may be in any form that merge.ParseKeys takes. It does not
// look at what the tag holds.
func SetSignatures(tx Tx, tag string, s merge.Signatures) error {
	keys, err := merge.ParseKeys(s.Keys)
	if err != nil {
		return fmt.Errorf("tag %s: %w", tag, err)
	}
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	t.Signatures = merge.Signatures{Keys: keys, Required: s.Required}
	putTag(tx, t)
	return nil
}

// SignedCheck looks whether RPMs have the signatures that are wanted. It goes by the key ids in their headers; no signature is
// verified.
type SignedCheck struct {
	Want merge.Signatures

	all, bad int
	named    []string
}

// maxNamed is how many packages an error names.
const maxNamed = 10

// Add looks at one RPM.
func (c *SignedCheck) Add(r *RPM) {
	c.all++
	if c.Want.Accepts(r.Keys) {
		return
	}
	c.bad++
	if len(c.named) < maxNamed {
		by := "unsigned"
		if len(r.Keys) > 0 {
			by = "signed by " + strings.Join(r.Keys, ", ")
		}
		c.named = append(c.named, fmt.Sprintf("%s (%s)", r.NEVRA, by))
	}
}

// Err is nil if all were accepted; else it is an ErrConflict that names the first of the others and says how many there are.
func (c *SignedCheck) Err() error {
	if c.bad == 0 {
		return nil
	}
	want := "are not signed"
	if len(c.Want.Keys) > 0 {
		want = "are not signed by " + strings.Join(c.Want.Keys, " or ")
	}
	names := strings.Join(c.named, ", ")
	if more := c.bad - len(c.named); more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("%d of %d packages %s: %s: %w", c.bad, c.all, want, names, ErrConflict)
}
