// Package modules reads the modules.yaml of a repository: which packages belong to which module streams.
//
// The file is a sequence of YAML documents (libmodulemd, yaml_specs/modulemd_stream_v2.yaml). Those of kind modulemd, versions 1 and 2,
// describe a stream:
//
//	document: modulemd
//	version: 2
//	data:
//	  name: nodejs
//	  stream: 8                  # text, whatever it looks like: 5.30 is not 5.3
//	  version: 20180816123422
//	  context: 6c81f848          # version 1 has none
//	  arch: x86_64
//	  artifacts:
//	    rpms:
//	    - nodejs-1:8.11.4-1.module_2030+42747d40.x86_64
//
// Other kinds (modulemd-defaults, -obsoletes, -packager, -translations) say nothing about packages and are passed over, and so are
// streams without artifacts. One RPM may be an artifact of several streams: a build system that finds a component unchanged puts the RPMs of
// the last build into the next version of the stream.
//
// Files come from upstream. A document that cannot be read, or is larger than MaxDocument, is a fault and the others are read all the same, as libmodulemd does;
// documents are read one after the other, so memory is bounded by the largest. Aliases are not followed: libmodulemd writes none.
package modules
