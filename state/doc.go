// Package state gives the nouns of a store their shape: Repo, Snapshot, Build, Tag and Channel as records in the tables of the
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
//	tags        f42-build                         Tag: arches, inheritance, roots of the trees of its builds, packages, groups
//	counters    build                             the last build id given, decimal
//	channels    production/9/core/x86_64/os       Channel: what is published there, with its directory's tree.Entry
//	channelmoves /production/9                    when what is seen at or below a path last changed: {"event":21,"stamp":1795235400}
//	freezes     production                        when the path was last frozen, or thawed
//	settings    /production                       Settings of the path and all below it: {"grace":3600}; "/" of all channels
//	site        site                              Site: under which URLs the mount can be reached, and since when
//	settings    changed                           when any of them was last changed
//	published   channels                          the tree.Entry of the directory that readers see as channels
//
// A tag's builds and its package list are trees of their own, so that tagging one build among thousands rewrites a few
// nodes:
//
//	Tag.Builds     zlib-1.3.1-4.fc42              TagBuild, in binary: event, id, package, digest of the build's record
//	Tag.Packages   zlib                           TagPackage: {"blocked":true,"event":18}
//	Tag.Groups     core/bash                      groupEntryRow: {"type":"mandatory"}; "core" is a groupRow
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
//
// # Channels
//
// A channel's record holds the tree that is published at its path, with the times of that path; the one row of published is the
// directory in which all of them lie at their paths, which is what readers see. Every operation on channels
// is first a list of moves, which writes nothing (PlanSet, PlanPromote, PlanRollback, PlanUnset, PlanApply), so that it can be shown, and
// then Publish. channelmoves has a record for every prefix of a path that ever moved, "/" for all of them, and keeps it after a removal:
// from it follow the generation that the mount shows and the history of any path, one read per event that moved it.
package state
