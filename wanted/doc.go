// Package wanted reads and writes the file of `vrepofs apply`: the wanted state of tags and channels, in YAML.
//
//	tags:
//	  core-9:                              # what is said of it is exactly so; keys that are left out stay as they are
//	    arches: [x86_64, aarch64]          # a new tag wants them
//	    inherit: [base-9, common]          # in their order: priorities 10, 20, …; [] is none
//	    external:                          # or PARENT, REPO: PRIORITY, or a mapping with more
//	      fedora: 10                       # the latest snapshot, followed
//	      el8@20261121T043000Z: {priority: 20, mode: bare, arches: [x86_64]}
//	    packages: [zlib, perl]             # entries of its own in the package list that list; blocked: those that block
//	    builds: [zlib-1.3-1, zlib-1.2-9]   # of two builds of one package the later is tagged later
//	    require-signed: true               # settings have the names and values of the flags of tag set
//	  core-8: {absent: true}               # gone
//	channels:
//	  production/9:                        # everything below this path is exactly this; what is not named is removed
//	    core/x86_64/os: sig-core-9/x86_64  # a view of a tag, as it is when the file is applied
//	    extras:                            # paths may be written in steps
//	      x86_64/os: extras@latest         # a snapshot
//	  mirror/epel/9: epel@20261121T043000Z # one repository at exactly this path
//	  staging/8: {}                        # nothing below this path
//	promote:                               # after channels, in this order: FROM: TO
//	  staging/9: production/9
//	  staging/10: [beta/10, nightly/10]
//
// It knows the form only, not what is in a store: whether a tag or a source exists is for packages state and store to say, which name the
// line that Parse noted. Other keys are refused. Export writes tags so that Parse reads them back; of a tag it writes every key, also where
// there is nothing, so that applying it makes the tag exactly that. Groups of tags are in no file.
//
// Everything that could mean two things is refused, with the line: keys that come twice, also spelled differently (`a/b: x` and
// `a: {b: x}`), paths that lie in each other, a promotion of what a later one changes and a time from now (applied again they would do
// something else), and of YAML what nobody needs here: anchors, aliases, tags, merge keys, several documents. A file has at most MaxSize
// bytes, and reading one costs a small multiple of that.
package wanted
