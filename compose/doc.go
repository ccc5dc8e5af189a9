// Package compose makes repositories: from a list of RPMs the directory tree that clients see, with its repodata, and from a
// tag and an arch that list. It decides nothing about which RPMs a view holds (package merge) nor what a record of
// repodata looks like (package repodata), and it commits nothing: a view is derived data, the same bytes for the same recipe.
//
// # A repository in three steps
//
//	Place    RPMs in selection order → items: each with its href, sorted by name and href
//	Render   items → parts of repodata as blobs, found again by their key or written anew
//	Finish   parts and a stamp → repomd.xml and the directory tree
//
// Only Finish needs the stamp, so an import can render before it knows the event that it will be.
//
// # Parts
//
// primary, filelists and other are sorted by package name and cut into parts of about 64 packages at boundaries that
// depend on names alone (cut). Each part is one gzip member, kept as a blob; primary.xml.gz is the rope of a head, its
// parts and a tail. A memo maps the key of a part (what it lists and the versions of renderer and compressor) to its three
// blobs. A view that differs from another in one package has all other parts in common with it, so composing it anew
// costs one part and one pass of SHA-256: there is no second, incremental algorithm that could disagree with the first.
//
// # Recipes
//
// The recipe of a view is the digest of everything that it depends on: versions, arch, and the records of the tag and of
// all that it inherits from, whose trees hold the digests of builds' records. A recipe that was composed once is recorded
// in the journal with its tree.
//
// # Channels
//
// What a channel publishes is a tree that was made before, a view's or a snapshot's, with the times of the channel's path
// (Restamp): what did not change there keeps them, what did gets the stamp of the event. Unlike a view it depends on what was
// published before, so it is part of the state and not found again by a recipe.
package compose
