// Package layout lays a store out as the directory tree of the mount: it is the fs.Source over a store.Store, and what
// happens to the mount when a commit is made (Publish).
//
//	repos/REPO/ID/…             every snapshot of every repo, immutable
//	repos/REPO/latest -> ID
//	tags/TAG/ARCH/…             the view now; TAG is bound to a new directory when anything it inherits from changes
//	channels/PATH/…             published trees; channels as a whole is bound to a new directory when any of them moves
//	at/EVENT/{repos,tags,channels}/…  the same as of an event; not listed
//	tags/TAG/ARCH.repo, .mirrorlist, repos/REPO/latest.repo, .mirrorlist  name at/EVENT/… by URL, once the site is known (package pinned);
//	                            those of other snapshots, repos/REPO/ID.repo, are found, but not listed
//	at/LABEL, at/TIME -> EVENT  symbolic links, so that a directory has one place
//	at/candidate-ID/channels/…  what an operation would publish, while a gate looks at it; not listed
//
// # Keys of places
//
// A key names one content in one position for ever, so a moving name carries the event of its generation:
//
//	""  repos  repos/fedora  tags  at                   live levels
//	repos/fedora/20261121T043000Z                       a snapshot's tree
//	repos/fedora/latest@20261121T043000Z                a symbolic link
//	tags@17/f42                                         a tag of the generation of event 17: its arches
//	tags@17/f42/x86_64                                  a view's tree
//	tags@17/f42/x86_64.repo                             a file beside it
//	repos@19/fedora/latest.repo                         a file beside a snapshot, whose content is that as of event 19
//	channels@21                                         all channels of the generation of event 21, one tree
//	channels@21~17/production/9/old                     in it, a directory of the generation of event 17 that is gone: not listed
//	tags@20~17/f42/x86_64/Packages/z                    the same in a view
//	at/23  at/23/repos  at/23/repos/fedora  at/23/tags  at/23/tags/f42   as of event 23
//	at/23/repos/fedora/20261121T043000Z  at/23/tags/f42/x86_64  at/23/channels   trees
//	candidate-0f…  candidate-0f…/channels               a candidate, in this process only
//	at/23@                                              the symbolic link that every label and time of event 23 is
//
// # A commit
//
// Publish finds the tags whose generation changed (from the difference of two states, not by looking at every tag),
// composes the views of them that were read of late, moves the live names to the new state and tells the kernel. Only then is the
// change acknowledged. A tag whose view could not be composed stays on its last good generation and is named in Held.
//
// What the site says is in files beside views: a change of it is a generation of every tag.
//
// Channels need no composing and are never held: what they publish is in the state. Their one name moves when what is to be seen
// of any of them changed (state.ChannelMoved), not when one is frozen. It also moves when a setting of any changed, so that what the
// kernel remembers of names in grace is dropped by that commit.
//
// # Grace
//
// A name that channels or a view of a tag lack (never below at/ or repos/) is looked for in the generations before, newest first: those
// that were replaced less than the grace ago, at most 32. So a client that has read yesterday's repomd.xml finds what it names.
// No listing shows such a name, so nothing that walks a tree copies leftovers.
//
//   - The grace of a path of channels is its setting now (state.SettingsAt: also of a single file in a repository), of a tag
//     state.DefaultGrace. With 0 nothing is looked for, from that commit on. What lies in a directory that is gone is not
//     held longer than the directory.
//   - What counts as a generation, of a name in a repository of channels, is an event that moved that repository; of what is not in
//     one, an event that moved anything at or below it. Other channels may move as often as they like.
//   - Of a tag those generations count that were composed: what was not, nobody has read. Nothing is composed for a lookup.
//   - Files that say what their generation is (repomd.xml, its signature, lists of files: saysPresent) are those of the present
//     or nothing, lest a signature lie beside what it does not sign.
//   - A file is the same inode as in its own generation. A directory that is gone as a whole (a removed repository, the last
//     package of a letter) is a place of its own, since a directory's id appears at one path only. It can be walked
//     through and not be listed (mode 0111, EACCES): rsync --delete from a removed repository fails, where an empty or an old listing would empty the
//     mirror or keep it old. A name that it lacks is again looked for in the generations before it.
//   - Whoever is inside such a directory stays, as everywhere. By path its name ends when its time is over, to the second; whoever
//     stays in an older generation of channels learns of a shorter setting within a minute (fs: maxEarlierValid).
//
// Nothing is written for all this: which generations there are and when they ended is in the states and their stamps, the rest
// says the clock. Expiry is an event all the same: ExpireGrace logs each generation that has left, and counts it; Grace lists what is held.
package layout
