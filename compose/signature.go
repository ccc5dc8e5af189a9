package compose

import (
	"errors"
	iofs "io/fs"

	"vrepofs/blob"
	"vrepofs/tree"
)

// Where clients look for a repository's signature and, zypper and people, for its key.
const (
	signaturePath = repomdPath + ".asc"
	keyPath       = repomdPath + ".key"
)

func isSignature(path string) bool { return path == signaturePath || path == keyPath }

// Repomd returns the entry of a repository's repomd.xml.
func Repomd(r tree.Reader, root tree.Entry) (tree.Entry, error) { return Lookup(r, root, repomdPath) }

// ContentOf is the digest of a file's bytes; e is a blob or a text.
func ContentOf(e tree.Entry) blob.Digest {
	if e.Kind == tree.KindText {
		return blob.Sum([]byte(e.Target))
	}
	return e.Digest
}

// Signed reports whether a repository has a repomd.xml.asc.
func Signed(r tree.Reader, root tree.Entry) (bool, error) {
	_, err := Lookup(r, root, signaturePath)
	if errors.Is(err, iofs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Seal is what lies beside a repomd.xml.
type Seal struct {
	Keep      bool   // repomd.xml.asc stays as it is, and Signature means nothing
	Signature []byte // repomd.xml.asc; nil: there is none
	Key       []byte // repomd.xml.key; nil: there is none
}

// PutSeal returns a repository with these files beside its repomd.xml. What has the same bytes keeps its time; what changes, and the
// directories above, gets stamp. New nodes go to w, new blobs, which blobs lists, to put, as in Restamp.
func PutSeal(w tree.Writer, put func([]byte) (blob.Digest, error), root tree.Entry, seal Seal, stamp int64) (tree.Entry, []blob.Digest, error) {
	var blobs []blob.Digest
	var files []Grafted
	add := func(path string, text []byte) error {
		if text == nil {
			files = append(files, Grafted{Path: path})
			return nil
		}
		d, err := put(text)
		if err != nil {
			return err
		}
		blobs = append(blobs, d)
		e := tree.Entry{Kind: tree.KindFile, Size: int64(len(text)), Mtime: stamp, Digest: d}
		if had, err := Lookup(w, root, path); err == nil && had.Digest == d {
			e.Mtime = had.Mtime
		} else if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
		files = append(files, Grafted{path, e})
		return nil
	}
	if !seal.Keep {
		if err := add(signaturePath, seal.Signature); err != nil {
			return root, nil, err
		}
	}
	if err := add(keyPath, seal.Key); err != nil {
		return root, nil, err
	}
	root, err := Graft(w, root, stamp, files)
	return root, blobs, err
}
