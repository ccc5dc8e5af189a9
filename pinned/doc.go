// Package pinned writes the two small files that lie beside a repository and name its immutable path, at/EVENT/…: NAME.repo, a
// repository definition, and NAME.mirrorlist, a list of URLs. A client that goes by either reads one generation from repomd.xml to the
// last package, however often the name that it came by moves on.
//
// For dnf 4 that is wholly so of a .repo file only. It fetches a mirrorlist twice in a run, for metadata and again for packages (seen in
// a web server's log; e2e.TestDnfWhileTheTagMoves): a package that has gone in between is not found, one that was replaced is refused by
// its checksum.
//
// It is text only: no store, no mount, no network, and the same bytes for the same File. Package store puts the files into channels,
// package layout beside tags and snapshots.
//
// # Why URLs are absolute
//
// No client resolves a relative one. librepo keeps only those lines of a mirrorlist that contain "://" or begin with "/", which is a
// path of the client's own disk (lr_mirrorlist_parse_file in librepo/mirrorlist.c); a baseurl is given to curl as it is. So there
// are no files until somebody says under which URL the mount can be reached.
//
// What there is instead: dnf and zypper put variables into baseurl, and dnf into the lines of a mirrorlist too. A site such as
// https://$vrepofs/repos leaves the host to each client (/etc/dnf/vars/vrepofs).
package pinned
