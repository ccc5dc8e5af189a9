// Package sign makes detached OpenPGP signatures of repomd.xml, by one of three means: a file with a secret key, gpg and its
// agent, or any command that reads the text and writes the signature.
//
// It is not a keyring: no secret is stored, and what is read of one lives as long as the Signer. It does not verify
// packages, whose signatures belong to whoever built them. It reads no clock: a key file signs as of the time that the caller
// gives, so equal text, key and time give equal bytes; gpg and commands take their own time.
//
// # What a signer promises
//
// A signature is returned only after it was checked: with the public key where that is known (always for a key file and gpg),
// else for its form. A program is killed with all that it started when the context ends or after Limit; what it writes is bounded.
// Errors wrap ErrNotSigned, name the program or the file, and end with what the program said last.
//
// # Which keys
//
// Of a key file RSA and Ed25519 keys of version 4: their signatures are deterministic (RFC 8017 §8.2, RFC 8032 §5.1.6), and rpm,
// dnf and zypper of the last ten years read them. The signing key is the youngest valid signing subkey, or the primary key, as
// with gpg. go-crypto would by default add a random notation to signatures and mark their creation time as critical, which
// makes yum of CentOS 7 refuse them (packet.Config); neither is done here.
package sign
