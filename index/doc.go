// Package index keeps the state of a store: it makes commits, remembers them all and answers questions about them.
//
// It knows tables of names and bytes, RPM blobs as rows with a serial, and derived values under digests. It does not know what a
// tag or a snapshot is (package state), what a package value holds (package rpm), or where blobs lie (package blob; presence is
// asked through Options.HasBlob).
//
// # What is where
//
//	STORE/vrepofs         "vrepofs store 1\n": this is a store. Written last by Create
//	STORE/journal/000001… the truth: package journal
//	STORE/index/          Badger over it, and two small files; may be deleted at any time when the store is not open
//	STORE/index/state     "vrepofs index 1\nboot ID\nopen\n" or "…clean\n"
//	STORE/index/try       one "x" for each opening of Badger in a row that did not come to an end
//	STORE/lock            flocked by the process that has the store open; holds its pid and command line
//
// The rows of Badger are listed in keys.go, each with an example. Those marked derived are not made from the journal: package
// values, volatile memos, loose nodes. All others are: the same journal gives the same rows, whatever happened in between.
//
// # State
//
// The state after a commit is a tree of tables: table name → root of the table's tree (32 bytes), and in that tree name → value.
// A table without names is not there. A View reads a state, a Tx makes the next one. Trees that values refer to (directories,
// views) live beside it: Tx.PutNode, Record, PutNodes.
//
// # A commit
//
// One goroutine, the committer, takes all calls that wait and decides them one after the other: run the operations on what is
// decided so far, ask for the blobs, plant the changes into the trees. Then it appends their records to the journal with one
// write, calls fdatasync once, puts the rows into Badger, moves the head and answers. A call that fails leaves no trace, not
// even a used serial. An error of the journal ends writing until the store is opened again; once the record is durable the
// operation is done, whatever Badger says (then too writing ends, and readers are served from memory).
//
// The stamp is max(clock, previous + 1). While it is more than an hour ahead of the clock, calls that wait together share one
// commit. Each record also keeps what the clock said. A clock more than two hours behind that is refused (ErrClock) until
// Options.AcceptClock. Comparing with the clock of the commits and not with their stamps means that a long burst, which makes
// stamps run far ahead of a clock that is right, never refuses anything; a clock that was set back is refused all the same.
//
// # Opening, and what a crash leaves
//
// Badger remembers the end of the last record that it holds, its digest and the counters. Open checks that the journal has this
// record, replays what follows, cuts off a torn tail and makes the rest durable. Replay is idempotent: rows are absolute, the
// position is written last.
//
// Badger is opened without SyncWrites. Its files are memory-mapped or written through the page cache, so kill -9 loses nothing:
// Open rolls forward. A power loss can tear them; so the state file names the boot of the kernel
// (/proc/sys/kernel/random/boot_id) under which Badger was opened, and "clean" replaces that only after Badger was closed and its
// files were synced. Files of another boot that were not closed are dropped and the rows built anew from the journal; package
// values come back on demand through Options.Reparse. The same happens when the files are of another schema version, when
// Badger does not open (an errno like ENOSPC is an error instead), when its position is not in the journal because an older
// journal was put back, or when opening has killed the process twice (Badger panics on some kinds of damage).
//
// Recordings and places are appended without a sync and are in Badger at once. They become durable with the next commit or
// Close. A power loss, or an fsync that fails, may take those after the last commit; they can be derived again.
//
// A damaged journal (see package journal for how that is told from a torn tail; a tear below what the index has seen under the
// same boot is damage too) opens for reading, as far as the index or the journal goes. Open reads only what the index has not
// seen; VerifyJournal reads everything.
//
// # Limits
//
// A record holds 1 GiB. A command or note has up to 1 MiB, a label 255 bytes, a file name or place key 4,096, names and values
// of tables what package tree allows. Badger's settings (badger.go) are those of LIMITS §4 "smallvlogz".
package index
