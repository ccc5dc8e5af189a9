// Package filelist renders the lists by which mirrors find out what a directory tree holds without walking it: fullfilelist,
// fullfiletimelist-MODULE and imagelist-MODULE, in the format of create-filelist, as quick-fedora-mirror, MirrorManager and
// fedfind read them. It reads trees, never a mount; where blobs go and what is remembered belongs to the caller. What the text must
// be is said a second time, as slowly as create-filelist does it, in filelisttest.
//
// # The texts
//
// (fedora-infra/ansible, files/scripts/create-filelist, called with -c -s.) A directory's entries come in the order in which our
// mount lists them, that of their names' bytes; a directory's own line comes behind those of its content; the directory that
// is listed has none. Left out are, at the top, the lists themselves, and anywhere what its group may not read and symbolic
// links that lead nowhere or out of the tree. (.nfs* and .~tmp~, too, but no tree holds such names: tree.CheckName.)
//
//	fullfilelist            ./9/core/os/repodata/repomd.xml
//	imagelist-MODULE        the same, only names that end like an image (imageSuffixes)
//	fullfiletimelist-MODULE
//	  [Version]
//	  2
//
//	  [Files]
//	  1795235400	f	3102	9/core/os/repodata/repomd.xml     seconds, type, bytes, path
//	  1795235400	d	0	9/core/os/repodata
//
//	  [Checksums SHA1]
//	  2fd4e1c67a2d28fced849ee1bb76e7391b93eb12	9/core/os/repodata/repomd.xml
//
//	  [Checksums MD5]                              likewise, all repomd.xml in the order of their whole paths
//
//	  [Checksums SHA256]
//
//	  [Checksums SHA512]
//
//	  [End]
//
// The type is f, d or l, with * behind it in a directory that not everybody may read, with - if the entry itself is one. The time is
// the greater of mtime and ctime, which in our mount are one; the size is that of lstat, in our mount 0 for a directory.
//
// The checksums are those of files named repomd.xml; create-filelist would follow a link of that name, and fail on a directory.
//
// # Parts
//
// Each text is a rope. What is rendered is remembered in units: a directory of more than unitNodes names, and in large ones each run
// of entries (tree.Run). A unit's memo holds its texts as parts. The key is all that the unit's lines depend on: the digest of the
// directory or node, its path, whether it is restricted. So after a change the units above it are put together again and some
// 40 KB of each text at most are rendered; and staging and production, if both are listed, share the parts of the packages that
// both have. There is no second, incremental algorithm: the texts are the same with no memo at all.
//
// All that one rendering makes goes into one blob, a pack, of which parts are slices (one for each 4 MiB, if it is much): a file for each
// part would cost more than all else. A pack has a section for each text, in which the lines of neighbouring units are
// neighbours and become one part. So the parts, unlike the texts, depend on what was remembered. A unit whose pack is missing is
// rendered anew. As long as one slice of a pack is in use all of it has to stay: whoever collects garbage may find packs of which little
// is, and can make those units forgotten.
package filelist
