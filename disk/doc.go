// Package disk is the narrow gate through which a store changes what is on disk.
//
// Every operation carries a label that names the place in the program ("blob.flush.rename"), so that a test can fail one
// named operation, or record all of them and build the directory trees that a power loss may leave behind; package
// disktest does both. [OS] is the real thing.
//
// It is not a virtual file system: there is no reading (readers use package os) and no path magic.
//
// What durable means here, and what disktest.Recorder holds the callers to:
//
//	File.Sync              the file's bytes and size; not its name
//	FS.SyncDir(D)          the names in D; not D's own name in its parent, not the files' bytes
//	FS.SyncFS, File.SyncFS everything on that file system so far
//
// Anything else may be there after a power loss, or not, in any combination: POSIX promises no more, and neither ext4
// with delayed allocation nor XFS gives more in all mount modes. A rename is atomic: the old name does not go before the
// new one is there.
//
// An error of any sync leaves what was not yet durable unknown: the kernel marks the failed pages clean, a second sync
// would report success (mm/filemap.c: file_check_and_advance_wb_err; "fsyncgate", PostgreSQL 2018). Callers stop writing
// and never retry.
package disk
