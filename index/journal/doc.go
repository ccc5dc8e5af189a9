// Package journal is the truth about a store's commits: an append-only, hash-chained sequence of records in the files
// journal/000001, journal/000002, … It knows bytes, digests and durability; it knows neither trees nor Badger, and it does
// not decide what a commit means.
//
// # Layout
//
// All integers of fixed width are little-endian. A file is a 64-byte header and then records without gaps:
//
//	file header                           record
//	0   8  magic "VREPOJNL"               0   4  magic "VRjr"
//	8   4  version, 1                     4   1  version, 1
//	12  4  number of the file, from 1     5   1  kind: 1 commit, 2 recording
//	16 32  digest of the last record of   6   2  zero
//	       the file before, or zeros      8   8  n, length of the body in bytes
//	48 16  first half of the SHA-256      16  4  number of the file that it stands in
//	       of bytes 0…47                  20  4  file of the synced position
//	                                      24  8  offset at which it stands
//	                                      32  8  offset of the synced position
//	                                      40 32  digest of the record before, or zeros
//	                                      72  n  body
//	                                      72+n 32  digest: SHA-256 of all bytes before it
//
// The body is canonical: one record has one encoding. uv is an unsigned varint in its shortest form, sv a signed one
// (zigzag), str is uv length and bytes, D is a digest of 32 bytes, × means uv count and then that many:
//
//	uv seq, sv stamp, sv clock, D root
//	×  rows    {uv uid, str command, str note, str label}
//	uv serial of the first new file, ×  files  {D digest, uv size, sv mtime, str name}
//	×  seen    {uv serial, str name}
//	×  memos   {D recipe, str value}
//	uv serial of the first new place, ×  places {str key}
//	×  nodes   {str encoded node; its digest is the SHA-256 of these bytes}
//
// The first commit of a store, `repo import r …` by root, begins so (72 bytes of header left out):
//
//	01  e09f8cb00d  e09f8cb00d  5a3b…(32)   seq 1, stamp and clock 1795262448…, root
//	01  00 07"import " …                    one row: uid 0, command
//
// # Invariants
//
// The last whole record is the head. A record holds the seq, stamp and root that are current after it, so a recording (which
// changes none of them) repeats its predecessor's. seq grows by one from commit to commit, stamp strictly.
//
// A record is durable once Sync returned nil after its Append. Records appended without Sync (recordings) become durable with
// the next one. The first error of a write or a sync ends writing for this Journal: nothing is retried, because after a failed
// fsync the kernel may hold pages as clean that never reached the disk. The bytes that the failed call left are cut off again
// where that is possible, so that no later process takes them for durable.
//
// # Torn tail or damage
//
// What a crash may leave behind the last durable record: nothing, a part of the records appended since, zeros in place of
// their data, or a later one of them whole behind a torn one (pages reach the disk in any order). What it cannot do is harm
// bytes that had been synced. Each record therefore carries the synced position: how far the journal was known to be durable
// when the record was written. Reading meets a bad record at position p:
//
//   - in a file that is not the last: damage (a file is synced before the next is created);
//   - in the last file, and some whole record behind p says that the synced position was beyond p: damage;
//   - in the last file otherwise: a torn tail, which opening cuts off. The caller may know better (an index that has applied
//     records beyond p under the same boot of the machine): Options.Known makes it damage.
//
// A damaged journal is readable up to the bad record, refuses every append with a *DamageError, and is not changed.
package journal
