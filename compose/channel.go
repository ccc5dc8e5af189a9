package compose

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"vrepofs/blob"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/tree"
)

// Restamp returns source, a directory or a file, as it is to be published at a path where was is published now (the zero Entry:
// nothing).
// Contents are those of source; times are those of the path:
//
//   - what is the same at the path as before keeps its times. If everything is, the result is was;
//   - other directories, and files whose name does not determine their content, get stamp, which must be above every earlier
//     one, so that a client that compares size and mtime is right, also after a rollback;
//   - packages and files named by their checksum keep the times that they have everywhere;
//   - where vrepofs made the repodata, repomd.xml is written anew with stamp as its revision and timestamps, and kept in its directory
//     (tree.KindText) unless it is unusually long. Verbatim repodata keeps its bytes;
//   - of what vrepofs made, signatures of repomd.xml are never taken from source, and those at the path stay: Seal puts new ones.
//
// It costs what differs between the two trees, but for the files in package directories of what vrepofs made, which it need not look
// at; without a was the directories of source and, in verbatim ones, their files. New nodes
// go to w, new blobs, which blobs lists, to put (blob.Lease.Write, to be flushed by the caller; or blob.Sum to learn what
// would be).
func (c *Composer) Restamp(w tree.Writer, put func([]byte) (blob.Digest, error), mode state.Mode, source, was tree.Entry, stamp int64) (root tree.Entry, blobs []blob.Digest, err error) {
	s := &stamper{c: c, w: w, put: put, generated: mode == state.Generated, stamp: stamp}
	if source.Kind == tree.KindDir {
		root, err = s.dir("", source, was)
	} else {
		root, err = s.entry("", source, was)
	}
	return root, s.blobs, err
}

// stamper is one Restamp.
type stamper struct {
	c         *Composer
	w         tree.Writer
	put       func([]byte) (blob.Digest, error)
	generated bool
	stamp     int64
	blobs     []blob.Digest
}

// repomdPath is the one generated file whose name does not determine its content.
const repomdPath = "repodata/repomd.xml"

// dir returns src with the times of its path. path is "" or ends in "/".
func (s *stamper) dir(path string, src, was tree.Entry) (tree.Entry, error) {
	if was.Kind != tree.KindDir {
		return s.fresh(path, src)
	}
	if src.Digest == was.Digest {
		return was, nil
	}
	if timeless, err := s.timeless(path, src); timeless || err != nil {
		return s.become(src, was), err
	}
	var changes []tree.DirChange
	kept := true               // the entries that come are those of src, their times included
	var repomd, old tree.Entry // found to differ, and held back
	for d, err := range tree.Diff(s.w, was.Digest, src.Digest) {
		if err != nil {
			return tree.Entry{}, err
		}
		if s.generated && isSignature(path+d.Name) {
			kept = false
			continue
		}
		if d.New == nil {
			changes = append(changes, tree.DirChange{Name: d.Name, Delete: true})
			continue
		}
		var before tree.Entry
		if d.Old != nil {
			if before, err = tree.DecodeEntry(d.Old); err != nil {
				return tree.Entry{}, fmt.Errorf("%s%s: %w", path, d.Name, err)
			}
		}
		e, err := tree.DecodeEntry(d.New)
		if err != nil {
			return tree.Entry{}, fmt.Errorf("%s%s: %w", path, d.Name, err)
		}
		if s.generated && path+d.Name == repomdPath {
			kept, repomd, old = false, e, before
			continue
		}
		there := e
		if e, err = s.entry(path+d.Name, e, before); err != nil {
			return tree.Entry{}, err
		}
		if kept = kept && e == there; d.Old == nil || e != before {
			changes = append(changes, tree.DirChange{Name: d.Name, Entry: e})
		}
	}
	if kept { // then nothing needs to be made
		return s.become(src, was), nil
	}
	// All other repodata is named by its checksum: if it is the same, so is what repomd.xml says, but for its times.
	if repomd.Kind != 0 && (len(changes) > 0 || old.Kind == 0) {
		e, err := s.repomd(repomd)
		if err != nil {
			return tree.Entry{}, err
		}
		changes = append(changes, tree.DirChange{Name: "repomd.xml", Entry: e})
	}
	if len(changes) == 0 {
		return was, nil
	}
	return tree.ChangeDir(s.w, was, s.stamp, changes)
}

// timeless reports whether the times of all that a directory holds are the same everywhere, so that it need not be looked through: what
// vrepofs makes has only RPMs beside and in its package directories.
func (s *stamper) timeless(path string, src tree.Entry) (bool, error) {
	if !s.generated || path == "" || path == "repodata/" {
		return false, nil
	}
	n, err := tree.Len(s.w, src.Digest)
	return int64(src.Nodes) == int64(n)+1, err // no directories
}

// become is the directory was when it gets just the entries of src, which differ.
func (s *stamper) become(src, was tree.Entry) tree.Entry {
	src.Mtime, src.Perm, src.Gid = s.stamp, was.Perm, was.Gid
	return src
}

// fresh is dir where nothing was.
func (s *stamper) fresh(path string, src tree.Entry) (tree.Entry, error) {
	if timeless, err := s.timeless(path, src); timeless || err != nil {
		return s.become(src, tree.Entry{}), err
	}
	var err error
	dir, made := tree.MakeDir(s.w, s.stamp, func(yield func(string, tree.Entry) bool) {
		for item, e := range tree.List(s.w, src.Digest, "") {
			if err = e; err != nil {
				return
			}
			if s.generated && isSignature(path+item.Name) {
				continue
			}
			var entry tree.Entry
			if entry, err = tree.DecodeEntry(item.Value); err != nil {
				return
			}
			if s.generated && path+item.Name == repomdPath {
				entry, err = s.repomd(entry)
			} else {
				entry, err = s.entry(path+item.Name, entry, tree.Entry{})
			}
			if err != nil || !yield(item.Name, entry) {
				return
			}
		}
	})
	if err != nil {
		return tree.Entry{}, err
	}
	return dir, made
}

// entry returns e with the times of its path, where was lay before or, if it is the zero Entry, nothing.
func (s *stamper) entry(path string, e, was tree.Entry) (tree.Entry, error) {
	switch {
	case e.Kind == tree.KindDir:
		return s.dir(path+"/", e, was)
	case e.RPM || e.Mtime == NamedMtime:
		return e, nil
	}
	e.Mtime = was.Mtime
	if e != was {
		e.Mtime = s.stamp
	}
	return e, nil
}

// repomd writes a repomd.xml of ours with other times.
func (s *stamper) repomd(e tree.Entry) (tree.Entry, error) {
	b, err := s.c.ReadSmall(e)
	if err != nil {
		return e, err
	}
	md, err := repodata.ParseRepomd(bytes.NewReader(b))
	if err != nil {
		return e, fmt.Errorf("%s: %w", repomdPath, err)
	}
	md.Revision = strconv.FormatInt(s.stamp, 10)
	for i := range md.Records {
		md.Records[i].Timestamp = s.stamp
	}
	text := md.Marshal()
	e = tree.Entry{Kind: tree.KindText, Size: int64(len(text)), Mtime: s.stamp}
	if len(text) <= maxRepomd {
		e.Target = string(text)
		return e, nil
	}
	e.Kind = tree.KindFile
	e.Digest, err = s.put(text)
	s.blobs = append(s.blobs, e.Digest)
	return e, err
}

// maxRepomd is how many bytes of a repomd.xml are kept in its directory. One with six files has 3 KB. As a blob of its own each, those of
// 100 repositories that move took half of the time: a hundred files made, renamed, and synced with all that others write.
const maxRepomd = 8 << 10

// ReadSmall reads a file that is a blob or a text, such as a repomd.xml.
func (c *Composer) ReadSmall(e tree.Entry) ([]byte, error) {
	if e.Kind == tree.KindText {
		return []byte(e.Target), nil
	}
	f, err := c.blobs.OpenSized(e.Digest, e.Size)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, e.Size) // the size of the file
	if _, err = io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("read blob %s: %w", e.Digest.Short(), err)
	}
	return b, nil
}
