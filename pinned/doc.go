// Package pinned writes the two small files that lie beside a repository and name its immutable path, at/EVENT/…: NAME.repo, a
// repository definition, and NAME.mirrorlist, a list of URLs. A client that goes by either reads one generation from repomd.xml to the
// last package, however often the name that it came by moves on.
//
// # Why a mirrorlist names earlier generations
//
// dnf 4 fetches a mirrorlist twice in a run, for metadata and again for packages (seen in a web server's log;
// e2e.TestMirrorlistOrder). When the name moved in between, a package of the metadata that it has may be gone from the newest generation,
// or be another file there. So the list has the newest generation first, at every site, and behind it up to MaxEarlier that were there
// before, the newest first: librepo goes on to the next line when a package is missing or its checksum is wrong. Metadata is of the first
// line: librepo takes the others only when the first fails, and only fastestmirror=1 sorts them (its default, and dnf's, is 0). That
// sorts by host: the first line of each host comes first, the fastest host's before the others', and all other lines stay in their order
// behind them (lr_fastestmirror_sort_internalmirrorlists in librepo/fastestmirror.c). Every host's first line is of the newest
// generation, so metadata still is. Seen with dnf 4.14 and librepo 1.14.5, also with 20 downloads at a time.
//
// If the name moves more often than MaxEarlier times between the two, packages may be missed all the same. A .repo file has no such
// limit: it names one generation. If the newest generation cannot be had, because the server fails for a moment, a client may take an
// earlier one, metadata and packages.
//
// It is text only: no store, no mount, no network, and the same bytes for the same File. Package store puts the files into channels,
// package layout beside tags and snapshots.
//
// # Why URLs are absolute
//
// librepo, by which dnf reads, resolves no relative one. Of a mirrorlist it keeps only the lines that contain "://" or begin with "/", which is a
// path of the client's own disk (lr_mirrorlist_parse_file in librepo/mirrorlist.c, read). A relative baseurl was tried with dnf 4.14,
// and is refused. What zypper and other clients do with a relative URL was not looked at. So there are no files until somebody says
// under which URL the mount can be reached.
//
// What there is instead: dnf and zypper put variables into baseurl, and dnf into the lines of a mirrorlist too. A site such as
// https://$vrepofs/repos leaves the host to each client (/etc/dnf/vars/vrepofs).
package pinned
