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
//	at/23  at/23/repos  at/23/repos/fedora  at/23/tags  at/23/tags/f42   as of event 23
//	at/23/repos/fedora/20261121T043000Z  at/23/tags/f42/x86_64  at/23/channels   trees
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
// of any of them changed (state.ChannelMoved), not when one is frozen.
package layout
