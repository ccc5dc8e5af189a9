package main

import (
	"encoding/json"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"vrepofs/state"
)

func signFlagNames() []string {
	return []string{"sign-key", "sign-gpg", "sign-gpg-home", "sign-passphrase", "sign-with", "sign-public-key", "no-sign"}
}

// signFlags are the flags of the setting sign.
func signFlags(cmd *cobra.Command) func() (json.RawMessage, error) {
	var s state.Signing
	var none bool
	f := cmd.Flags()
	f.StringVar(&s.KeyFile, "sign-key", "", "sign repomd.xml with the secret key in `FILE`, which stays where it is")
	f.StringVar(&s.GPG, "sign-gpg", "", "sign with this `KEY` of gpg")
	f.StringVar(&s.GPGHome, "sign-gpg-home", "", "gpg's home `DIR`; default: GNUPGHOME where vrepofs runs")
	f.StringVar(&s.Passphrase, "sign-passphrase", "", "`FILE` with the passphrase of the key")
	f.StringVar(&s.Command, "sign-with", "", "sign with `CMD`: text on its stdin, armored signature on its stdout")
	f.StringVar(&s.PublicKey, "sign-public-key", "", "`FILE` with the public key of --sign-with")
	f.BoolVar(&none, "no-sign", false, "sign nothing, whatever the path above says")
	return func() (json.RawMessage, error) {
		if none && s != (state.Signing{}) {
			return nil, errors.New("--no-sign goes alone")
		}
		if !none && s.KeyFile+s.GPG+s.Command == "" {
			return nil, errors.New("by what? want --sign-key, --sign-gpg, --sign-with or --no-sign")
		}
		for _, p := range []*string{&s.KeyFile, &s.GPGHome, &s.Passphrase, &s.PublicKey} {
			if *p == "" {
				continue
			}
			var err error
			if *p, err = filepath.Abs(*p); err != nil { // who reads it has another working directory
				return nil, err
			}
		}
		return json.Marshal(s)
	}
}

// showSigning is the setting sign in words.
func showSigning(s state.Settings) string {
	switch {
	case s.Sign == nil:
		return ""
	case *s.Sign == (state.Signing{}):
		return "no"
	}
	return s.Signing().String()
}

// keysFlag is the flag of the setting keys.
func keysFlag(cmd *cobra.Command) func() (json.RawMessage, error) {
	var keys []string
	cmd.Flags().StringArrayVar(&keys, "keys", nil, "with --require-signed: packages must be signed by one of these; `KEY`s with commas")
	return func() (json.RawMessage, error) { return json.Marshal(append([]string{}, commaList(keys)...)) }
}

// requireSignedFlag is the flag of the setting require-signed.
func requireSignedFlag(cmd *cobra.Command) func() (json.RawMessage, error) {
	var required bool
	cmd.Flags().BoolVar(&required, "require-signed", false, "refuse to publish packages without a signature or, with --keys, without one of theirs")
	return func() (json.RawMessage, error) { return json.Marshal(required) }
}
