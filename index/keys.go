package index

import (
	"encoding/binary"

	"vrepofs/blob"
)

// schemaVersion is written into the index; another one there means that the index is built anew from the journal.
const schemaVersion = 1

// keyType describes one kind of row in Badger. Keys are the prefix byte and the key's parts; integers in keys are big-endian, so
// that Badger's order is theirs, integers in values are little-endian.
type keyType struct {
	prefix  byte
	name    string
	key     string // parts of the key
	value   string // parts of the value
	derived bool   // not made from the journal: lost when the index is rebuilt, and then made anew on demand
	example string // "key → value"
}

const (
	keyMeta     = '.'
	keyCommit   = 'c'
	keyStamp    = 's'
	keyLabel    = 'l'
	keyRow      = 'r'
	keyNode     = 'n'
	keyLoose    = 'N'
	keyFile     = 'f'
	keyDigest   = 'd'
	keyName     = 'm'
	keyPlace    = 'p'
	keyPlaceKey = 'k'
	keyRecorded = 'R'
	keyMemo     = 'v'
	keyPackage  = 'P'
)

// schema is every key of the index.
func schema() []keyType {
	return []keyType{
		{keyMeta, "position", "name", "u32 schema, u32 file, u64 offset, D digest, head as in commit and u64 seq, u64 next serial, u32 next place", false,
			`."position" → 1, 000003:81920, 9f86d0…, 214…, 60001, 12`},
		{keyCommit, "commit", "u64 seq", "i64 stamp, i64 clock, D root, u32 rows", false,
			`c 0000000000000001 → 1795262448, 1795262448, 5a3bc1…, 1`},
		{keyStamp, "stamp", "u64 stamp", "u64 seq", false,
			`s 000000006b0187f0 → 1`},
		{keyLabel, "label", "label", "u64 seq", false,
			`l"before-9.5" → 214`},
		{keyRow, "log row", "u64 seq, u32 number in the commit", "u32 uid, str command, str note, str label", false,
			`r 00000000000000d6 00000000 → 0, "tag add el9 zlib-1.3.1-4.el9", "", "before-9.5"`},
		{keyNode, "tree node", "D digest", "the encoded node", false,
			`n 5a3bc1… → 56 54…`},
		{keyLoose, "loose tree node", "D digest", "the encoded node", true,
			`N 77aa01… → 56 54…`},
		{keyFile, "file", "u64 serial", "D digest, i64 size, i64 mtime, name", false,
			`f 0000000000000001 → e3b0c4…, 95113, 1795262448, "zlib-1.3.1-4.el9.x86_64.rpm"`},
		{keyDigest, "file by digest", "D digest", "u64 serial", false,
			`d e3b0c4… → 1`},
		{keyName, "greatest mtime by file name", "name", "i64 mtime", false,
			`m"zlib-1.3.1-4.el9.x86_64.rpm" → 1795262448`},
		{keyPlace, "place", "u32 serial", "key", false,
			`p 00000001 → "tags/el9/x86_64"`},
		{keyPlaceKey, "place by key", "key", "u32 serial", false,
			`k"tags/el9/x86_64" → 1`},
		{keyRecorded, "recorded memo", "D recipe", "value", false,
			`R 81b5f2… → …`},
		{keyMemo, "memo", "u8 kind, D key", "value", true,
			`v 01 81b5f2… → …`},
		{keyPackage, "package", "D digest", "zstd of the caller's value", true,
			`P e3b0c4… → 28 b5 2f fd…`},
	}
}

func key64(prefix byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 9), prefix), n)
}

func key32(prefix byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 5), prefix), n)
}

func keyD(prefix byte, d blob.Digest) []byte {
	return append(append(make([]byte, 0, 1+len(d)), prefix), d[:]...)
}

func keyS(prefix byte, s string) []byte {
	return append(append(make([]byte, 0, 1+len(s)), prefix), s...)
}

func rowKey(seq uint64, i uint32) []byte {
	return binary.BigEndian.AppendUint32(key64(keyRow, seq), i)
}

func memoKey(kind byte, d blob.Digest) []byte {
	return append(append(make([]byte, 0, 2+len(d)), keyMemo, kind), d[:]...)
}
