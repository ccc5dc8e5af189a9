// Package wanted reads the file of `vrepofs apply`: the wanted state of channels, in YAML.
//
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
// It knows the form only, not what is in a store: whether a source exists is for package store to say, which names the line that
// Parse noted. Other top-level keys are refused; `tags` is meant to become one.
//
// Everything that could mean two things is refused, with the line: keys that come twice, also spelled differently (`a/b: x` and
// `a: {b: x}`), paths that lie in each other, a promotion of what a later one changes (applied again it would do something else), and of
// YAML what nobody needs here: anchors, aliases, tags, merge keys, several documents. A file has at most MaxSize bytes, and reading
// one costs a small multiple of that.
package wanted
