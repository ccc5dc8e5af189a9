// Package tree is the persistent sorted map that everything in a store's state is made of: an immutable Merkle tree from
// names to values, where a change makes a new root and shares all nodes but a few with the old one. It also says what a
// directory is: a tree whose values are encoded Entries; and it holds the one check of names (CheckName).
//
// It is not a store: nodes come from a Reader and go to a Writer, which belong to the caller (package index keeps them, Mem
// holds them in memory). It does no I/O of its own and starts no goroutine. All functions are safe for concurrent use if the
// Reader or Writer is. It knows nothing of packages, repositories or mounts.
//
// # Invariants
//
//   - Equal content has an equal root, whatever the order and grouping of the changes that led to it. The empty tree is the
//     zero digest and has no node.
//   - The bytes of a node follow from its items alone; where nodes end follows from the names alone. So a changed value
//     rewrites just one node per level, and Diff passes over all that is shared.
//   - Names are ordered by their bytes. They are 1 to 4096 bytes long, values 0 to 65,536.
//   - Bytes that are not canonical are ErrCorrupt, with the reason, never a panic, and cost bounded memory. The digest of a
//     node is the Reader's to verify; all else is checked here: within a node by DecodeNode, against the parent (level,
//     last name, number of entries, order) by whatever reads a child. So hostile nodes cannot form a loop or a bomb.
//
// # Nodes
//
// A node's digest is the SHA-256 of its encoding:
//
//	byte 0     'T'
//	byte 1     1, the version
//	byte 2     level: 0 for a leaf, at most 15
//	byte 3     n, the number of items, 1 to 64
//	n times    an item:
//	  uvarint  number of leading bytes that its name shares with the name before (0 for the first)
//	  uvarint  length of the rest of the name
//	  uvarint  length of the value
//	  bytes    the rest of the name
//	  bytes    the value
//
// Every number is an unsigned varint (that of encoding/binary) in its shortest form. In an internal node an item stands for a
// child: its name is the last name below the child and its value is the child's digest (32 bytes) and the number of entries
// below it (uvarint). For example, the leaf {"bar": "1", "baz": ""}:
//
//	54 01 00 02  00 03 01 62 61 72 31  02 01 00 7a
//	T  v1 l0 n2  share 0 "bar" "1"     share 2 "z" ""
//
// Nodes are front-coded and read from the start: a node of 19 items is searched in about 100 ns, so an offset table would save
// no time that shows and cost 4 % of the bytes.
//
// # Where nodes end
//
// Items fill a node in order. An item is the last of its node if it is the 64th, or if it is at least the 12th and the highest
// 3 bits of h are zero, where h is the 64-bit FNV-1a hash of its name, plus level × 0x9e3779b97f4a7c15, through MurmurHash3's
// fmix64. The last node of a level takes what is left. The root is the only node of the lowest level that has just one. So a
// node has 19 items on average, which is 1.5 KiB of directory entries with names of 45 bytes; 60,000 of them have four levels,
// and one change rewrites 4 nodes, 5.7 KB. An insertion or deletion can move the following ends until one falls together with
// an old one, which Apply waits for.
//
// Who can choose names can choose them so that all or none of them end nodes; then nodes have 12 or 64 items throughout, and
// one insertion rewrites all nodes behind it. This costs time, not correctness, and only in that directory.
//
// # Directory entries
//
// The value of a name in a directory:
//
//	byte 0     1, the version
//	byte 1     kind: 1 directory, 2 file, 3 rope, 4 symlink, 5 text; 0x12 is a file that is an RPM,
//	           0x21 a restricted directory
//	varint     mtime, seconds since 1970 UTC (zigzag, as in encoding/binary)
//	directory  uvarint nodes (names below it at all depths, plus 1), 32 bytes root (zero if empty)
//	restricted uvarint nodes, uvarint permission bits, uvarint group, 32 bytes root
//	file       uvarint size, 32 bytes digest
//	RPM        uvarint size, uvarint inode serial, 32 bytes digest
//	rope       uvarint size, 32 bytes digest of the blob that holds the encoded rope
//	symlink    the target, up to the end
//	text       the content of a small file, up to the end: it has no blob
//
// For example, a symlink to "x" of 2026-11-21 04:30:00 UTC, which is 1795235400:
//
//	01 04 90 f9 88 b0 0d 78
package tree
