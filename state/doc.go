// Package state gives the nouns of a store their shape: Repo, Snapshot, Build and Tag as records in the tables of the
// root tree, and every operation on them as a function from one state to the next.
//
// It is not a database: package index keeps the tables, commits them and remembers every earlier state. It is not policy
// for what a view selects: that is package merge. Functions here do no I/O but through the index.Tx or index.View they are given.
//
// # Tables
//
//	table       name                              value
//	repos       fedora                            Repo: {"created":3,"latest":"20261121T043000Z","changed":9,"stamp":1795235400}
//	snapshots   fedora@20261121T043000Z           Snapshot: mode, counts, the directory's tree.Entry, the packages' tree
//	builds      zlib-1.3.1-4.fc42                 Build, in binary: id, source NVR, RPM rows
//	tags        f42-build                         Tag: arches, inheritance, roots of its builds' and packages' trees
//	counters    build                             the last build id given, decimal
//
// A tag's builds and its package list are trees of their own, so that tagging one build among thousands rewrites a few
// nodes:
//
//	Tag.Builds     zlib-1.3.1-4.fc42              TagBuild, in binary: event, id, package, digest of the build's record
//	Tag.Packages   zlib                           TagPackage: {"blocked":true,"event":18}
//
//	Snapshot.RPMs  Packages/z/zlib-1.3.1-4.fc42.x86_64.rpm   RPM, in binary
//
// What there are few of is JSON, for a person who debugs a store to read; its encoding is canonical: one struct, fields in
// declaration order, no spaces. What there are many of (builds, their places in tags, RPMs) has a binary form: a version
// byte, then varints, digests and strings with their length (row.go).
//
// # Change serials
//
// Every repo and tag record carries the event and stamp of the last commit that changed it. A view's generation is the
// greatest over the tags that it inherits from; nothing is written to a tag when one of its parents changes.
package state
