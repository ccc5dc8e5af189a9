package compose

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"vrepofs/blob"
	"vrepofs/comps"
	"vrepofs/merge"
	"vrepofs/repodata"
	"vrepofs/state"
)

// hasGroups reports whether any tag of the order says anything of groups.
func (v *Resolved) hasGroups() bool {
	for _, visit := range v.Order {
		if !v.Tags[visit.Tag].Groups.IsZero() {
			return true
		}
	}
	return false
}

// Groups returns the groups of the tag's views, each with what it comes from.
func (v *Resolved) Groups(r state.Reader) (*merge.Groups, error) {
	var sources []merge.GroupSource
	for _, visit := range v.Order {
		groups, err := state.TagGroups(r, v.Tags[visit.Tag])
		if err != nil {
			return nil, err
		}
		sources = append(sources, merge.GroupSource{Name: visit.Tag, Groups: groups})
	}
	return merge.ResolveGroups(sources), nil
}

// Comps returns the comps.xml of the tag's views; empty when they have no groups. iofs.ErrInvalid when it would be too large.
func (v *Resolved) Comps(r state.Reader) (*comps.Comps, error) {
	groups, err := v.Groups(r)
	if err != nil {
		return nil, err
	}
	c, err := groups.Comps(v.Tags[v.Tag].Koji)
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", v.Tag, err)
	}
	return c, nil
}

// memoGroups is the kind of memo that maps a groupsKey to the two files that are made of the groups.
const memoGroups = 'c'

// groupFiles are comps.xml and comps.xml.gz; zero: there are no groups.
type groupFiles [2]groupFile

type groupFile struct {
	Digest blob.Digest
	Size   int64 // bytes
}

// groupsKey is the digest of everything that the file depends on. The order of tags is in it, not their names.
func (v *Resolved) groupsKey() blob.Digest {
	h := sha256.New()
	fmt.Fprintf(h, "groups 1 %d %t\n", repodata.CompressorVersion, v.Tags[v.Tag].Koji)
	for _, visit := range v.Order {
		d := v.Tags[visit.Tag].Groups
		h.Write(d[:])
	}
	return blob.Digest(h.Sum(nil))
}

// addGroups adds the groups to a rendered repository, if there are any, as createrepo_c -g does (0.17.3): comps.xml under the type
// group, and gzipped under group_gz. A memo spares the making of them where only packages changed: Fedora's file, with all its translations,
// took four times as long as all else when one build of 5,000 came.
func (c *Composer) addGroups(v *Resolved, r state.Reader, lease *blob.Lease, rendered *Rendered) error {
	if !v.hasGroups() {
		return nil
	}
	key := v.groupsKey()
	files, known := c.knownGroups(lease, key)
	switch plain, z := files[0], files[1]; {
	case known && plain.Size > 0:
		rendered.add(extra{kind: "group", name: "comps.xml", digest: plain.Digest, size: plain.Size})
		rendered.add(extra{kind: "group_gz", name: "comps.xml.gz", digest: z.Digest, size: z.Size, openDigest: plain.Digest, open: plain.Size})
		return nil
	case known:
		return nil
	}
	made, err := v.Comps(r)
	if err != nil {
		return err
	}
	if !made.Empty() {
		text := made.Marshal()
		if err := rendered.addPlain(lease, "group", "comps.xml", text); err != nil {
			return err
		}
		if err := rendered.addText(lease, "group_gz", "comps.xml", text, repodata.Gzip); err != nil {
			return err
		}
		for i, x := range rendered.extra[len(rendered.extra)-2:] {
			files[i] = groupFile{x.digest, x.size}
		}
	}
	return c.index.PutMemo(memoGroups, key, files.encode())
}

// knownGroups looks the files up in the memo. If they are not both there they are made again.
func (c *Composer) knownGroups(lease *blob.Lease, key blob.Digest) (files groupFiles, ok bool) {
	if c.fresh {
		return files, false
	}
	b, there := c.index.Memo(memoGroups, key)
	if !there || len(b) != len(files.encode()) {
		return files, false
	}
	for i := range files {
		n := copy(files[i].Digest[:], b)
		files[i].Size, b = int64(binary.BigEndian.Uint64(b[n:])), b[n+8:]
		if files[i].Size > 0 && !lease.Has(files[i].Digest) {
			return groupFiles{}, false
		}
	}
	return files, true
}

// encode gives the memo's value: of each file digest and size.
func (f groupFiles) encode() (b []byte) {
	for _, p := range f {
		b = binary.BigEndian.AppendUint64(append(b, p.Digest[:]...), uint64(p.Size))
	}
	return b
}
