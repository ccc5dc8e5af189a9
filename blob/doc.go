// Package blob keeps immutable bytes under the name of their SHA-256.
//
// It is the lowest part of a store and knows nothing of RPMs, trees or the journal. It is not a cache: nothing is ever
// evicted, and it does not decide what is garbage.
//
// On disk:
//
//	blobs/2c/f24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824   "hello": mode 0444, one link
//	blobs/bad/2cf24dba…9824          a blob whose bytes were found not to have its digest, set aside
//	incoming/4242-9f86d081884c7d65/  a lease: files on their way in; the directory is flocked by its living owner
//	incoming/4242-9f86d081884c7d65/1
//	adopted/table                    what was hard-linked instead of copied (adopted.go draws its rows)
//
// All 256 directories are made, and made durable, with the store; incoming/ is made after them and is the sign that they are.
//
// Invariants:
//
//   - A name in blobs/ means whole right bytes: data is durable before it is renamed there, in whatever order a power loss
//     keeps or forgets what followed. What is under incoming/ means nothing: Recover drops it.
//   - Flush returns nil only when all its blobs survive a power loss under their final names.
//   - An error of a sync ends writing through that lease; no sync is tried again.
//   - A blob found bad is never served again: Open gives ErrCorrupt until somebody puts the blob anew.
//   - An adopted file belongs to its user, who can change it: every Open compares size, mtime, ctime and inode with what was
//     recorded and hashes the whole file again when they differ. A blob with more than one link that nobody recorded (a crash
//     between link and record; a backup by cp -al) is treated the same.
//
// Everything may be used by several goroutines and several processes at once. Two of them may put one blob: the later rename
// replaces equal bytes by equal bytes.
package blob
