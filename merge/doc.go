// Package merge decides which RPMs a view holds. It is pure: no I/O, no clock, no map order; equal inputs give equal
// results whatever the order in which they arrive. It knows tags, builds and RPMs as plain values and nothing of how they are stored.
//
// The rules are Koji's (kojihub/kojihub.py: readFullInheritanceRecurse, readPackageList, readTaggedBuilds, readTaggedRPMS):
//
//  1. Order: the tag itself, then its parents by priority, depth first; a parent comes before its own parents. A tag already on
//     the path or already in the order is passed over.
//  2. Package list: the first tag in the order that has an entry for a package decides whether the package is blocked, for the
//     whole view: a block in a child hides the parent's builds, an unblock in a child shows them again.
//  3. Builds: in the order of tags, inside a tag the most recently tagged first (of two tagged in one event, the one with the
//     greater build id), the first build of each package wins. Never the highest version.
//  4. RPMs: the build is the unit. A winner gives all its RPMs of the view's arch, and noarch ones; a loser gives none.
//  5. Of several signed copies of one RPM the one is taken that the first of the wanted keys signed; then one signed by any other
//     key, then the unsigned one; of equals the one with the smallest digest. Where signatures are required, a view that would
//     hold another than a wanted one is none.
//
// Depth limits, flags, package filters and external repos have their place in Link and Source and are not used yet.
package merge
