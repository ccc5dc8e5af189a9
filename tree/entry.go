package tree

import (
	"encoding/binary"
	"fmt"
	iofs "io/fs"
	"math"
	"strings"

	"vrepofs/blob"
)

// Kind is what an Entry stands for. The numbers are part of the format.
type Kind uint8

// The kinds of entries.
const (
	KindDir     Kind = 1 // Digest is the root of the directory's tree
	KindFile    Kind = 2 // Digest is a blob
	KindRope    Kind = 3 // Digest is the blob that holds an encoded blob.Rope
	KindSymlink Kind = 4 // Target is where it leads
	KindText    Kind = 5 // a small file without a blob: Target is its content
)

// String returns the kind in words: "directory", "file", "rope", "symlink", "text".
func (k Kind) String() string {
	switch k {
	case KindDir:
		return "directory"
	case KindFile:
		return "file"
	case KindRope:
		return "rope"
	case KindSymlink:
		return "symlink"
	case KindText:
		return "text"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Entry is what a name in a directory stands for. Fields that do not belong to the kind are zero.
type Entry struct {
	Kind   Kind
	RPM    bool        // KindFile only: an RPM's blob, whose inode is shared by all its places: Serial is set, nlink is 2
	Size   int64       // bytes; KindSymlink, KindText: length of Target; KindDir: 0
	Mtime  int64       // seconds since 1970 UTC
	Serial uint64      // RPM: the inode serial from the index, never 0; else 0
	Digest blob.Digest // KindDir: its tree, zero if it is empty; KindFile, KindRope: a blob; else zero
	Nodes  uint32      // KindDir: the number of names below it at all depths, plus 1 for itself; else 0
	Target string      // KindSymlink: "../x", 1 to MaxTarget bytes without NUL; KindText: the content, 1 to MaxText bytes
	// Perm and Gid restrict who may enter a KindDir: Perm is its permission bits without those for writing, 0500 always among
	// them, and Gid the group that they speak of. Both are 0 in a directory that is everybody's.
	Perm uint16
	Gid  uint32
}

// Mode returns the permission bits: 0555 of a directory unless it is restricted, 0777 of a symlink, else 0444.
func (e Entry) Mode() uint32 {
	switch {
	case e.Perm != 0:
		return uint32(e.Perm)
	case e.Kind == KindDir:
		return openPerm
	case e.Kind == KindSymlink:
		return 0o777
	}
	return 0o444
}

// Restrict returns a directory with other permission bits, of which those for writing do not count, and another group. It does no
// I/O.
func (e Entry) Restrict(perm, gid uint32) Entry {
	e.Perm, e.Gid = uint16(perm&openPerm), gid
	if e.Perm == openPerm && gid == 0 {
		e.Perm = 0
	}
	return e
}

// openPerm are the permission bits of a directory that is everybody's.
const openPerm = 0o555

// MaxText is the length in bytes of the longest KindText. It is in the node of its directory, so it should be far shorter.
const MaxText = 1 << 15

// MaxTarget is the length in bytes of the longest target of a symlink, that of Linux's PATH_MAX without its NUL.
const MaxTarget = 4095

const (
	entryVersion = 1
	kindMask     = 0x0f
	rpmFlag      = 0x10
	restrictFlag = 0x20
)

// Check reports what is wrong with an entry: iofs.ErrInvalid with the reason. Append writes only entries that pass.
func (e Entry) Check() error {
	bad := func(why string) error { return fmt.Errorf("tree: %s entry: %s: %w", e.Kind, why, iofs.ErrInvalid) }
	switch {
	case e.Kind < KindDir || e.Kind > KindText:
		return bad("unknown kind")
	case e.Size < 0:
		return bad("negative size")
	case e.RPM && e.Kind != KindFile:
		return bad("marked as an RPM")
	case e.RPM != (e.Serial != 0):
		return bad("an RPM has a serial, nothing else has")
	case e.Serial > math.MaxInt64:
		return bad("serial out of range")
	case (e.Kind == KindDir) != (e.Nodes > 0):
		return bad("a directory has a number of nodes, nothing else has")
	case e.Kind == KindDir && e.Size != 0:
		return bad("a directory has no size")
	case e.Kind == KindDir && e.Digest.IsZero() != (e.Nodes == 1):
		return bad("an empty directory has the zero digest and 1 node, no other has")
	case (e.Kind == KindFile || e.Kind == KindRope) && e.Digest.IsZero():
		return bad("no digest")
	case (e.Kind == KindSymlink || e.Kind == KindText) && !e.Digest.IsZero():
		return bad("it has no digest")
	case (e.Kind == KindSymlink || e.Kind == KindText) != (e.Target != ""):
		return bad("a symlink and a text have a target, nothing else has")
	case e.Kind == KindSymlink && len(e.Target) > MaxTarget || len(e.Target) > MaxText:
		return bad("target too long")
	case e.Kind == KindSymlink && strings.IndexByte(e.Target, 0) >= 0:
		return bad("NUL in target")
	case e.Target != "" && e.Size != int64(len(e.Target)):
		return bad("size is not the target's length")
	case e.Kind != KindDir && (e.Perm != 0 || e.Gid != 0):
		return bad("only directories are restricted")
	case e.Perm == 0 && e.Gid != 0 || e.Perm == openPerm && e.Gid == 0:
		return bad("permissions that are everybody's are 0, of group 0")
	case e.Perm != 0 && (e.Perm&^openPerm != 0 || e.Perm&0o500 != 0o500):
		return bad("permissions are not 0500 to 0555")
	case e.Gid == math.MaxUint32:
		return bad("group out of range")
	}
	return nil
}

// Append appends the encoding of e, which passes Check, to dst. See doc.go for the layout.
func (e Entry) Append(dst []byte) []byte {
	kind := byte(e.Kind)
	if e.RPM {
		kind |= rpmFlag
	}
	if e.Perm != 0 {
		kind |= restrictFlag
	}
	dst = append(dst, entryVersion, kind)
	dst = binary.AppendVarint(dst, e.Mtime)
	switch e.Kind {
	case KindDir:
		dst = binary.AppendUvarint(dst, uint64(e.Nodes))
		if e.Perm != 0 {
			dst = binary.AppendUvarint(dst, uint64(e.Perm))
			dst = binary.AppendUvarint(dst, uint64(e.Gid))
		}
	case KindSymlink, KindText:
		return append(dst, e.Target...)
	default:
		dst = binary.AppendUvarint(dst, uint64(e.Size))
		if e.RPM {
			dst = binary.AppendUvarint(dst, e.Serial)
		}
	}
	return append(dst, e.Digest[:]...)
}

// DecodeEntry decodes what Append wrote, and nothing else: an entry that it accepts is encoded to the same bytes and passes
// Check.
func DecodeEntry(b []byte) (Entry, error) {
	e, err := decodeEntry(b)
	if err == nil {
		err = e.Check()
	}
	if err != nil {
		return Entry{}, fmt.Errorf("directory entry of %d bytes: %w", len(b), err)
	}
	return e, nil
}

func decodeEntry(b []byte) (Entry, error) {
	if len(b) < 2 {
		return Entry{}, corrupt("too short")
	}
	if b[0] != entryVersion {
		return Entry{}, corrupt("version %d, this program reads %d", b[0], entryVersion)
	}
	e := Entry{Kind: Kind(b[1] & kindMask), RPM: b[1]&rpmFlag != 0}
	restricted := b[1]&restrictFlag != 0
	if b[1]&^(kindMask|rpmFlag|restrictFlag) != 0 || e.Kind < KindDir || e.Kind > KindText || e.RPM && e.Kind != KindFile ||
		restricted && e.Kind != KindDir {
		return Entry{}, corrupt("unknown kind %#02x", b[1])
	}
	b = b[2:]
	mtime, n := binary.Varint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return Entry{}, corrupt("bad mtime")
	}
	e.Mtime = mtime
	b = b[n:]
	number := func() uint64 {
		v, n := uvarint(b)
		if n <= 0 {
			b = nil // too short for what follows
			return 0
		}
		b = b[n:]
		return v
	}
	switch e.Kind {
	case KindDir:
		v := number()
		if v > math.MaxUint32 {
			return Entry{}, corrupt("directory of %d nodes", v)
		}
		e.Nodes = uint32(v)
		if restricted {
			perm, gid := number(), number()
			if perm == 0 || perm > openPerm || gid > math.MaxUint32 {
				return Entry{}, corrupt("restricted to %#o of group %d", perm, gid)
			}
			e.Perm, e.Gid = uint16(perm), uint32(gid)
		}
	case KindSymlink, KindText:
		e.Target, e.Size = string(b), int64(len(b))
		return e, nil
	default:
		e.Size = int64(number())
		if e.RPM {
			e.Serial = number()
		}
	}
	if len(b) != len(e.Digest) {
		return Entry{}, corrupt("%d bytes where the digest should be", len(b))
	}
	e.Digest = blob.Digest(b)
	return e, nil
}
