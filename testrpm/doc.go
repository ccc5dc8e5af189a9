// Package testrpm makes RPM files for tests and benchmarks, quickly and without rpmbuild.
//
// Build turns a Spec into the bytes of a binary or source RPM that rpm, createrepo_c and dnf accept. Equal specs give equal
// bytes. Small fills a directory with many small packages for benchmarks.
//
// It is test support: only test files and the benchmark may import it (deps_test.go at the root says so). It is not a
// packager: no scriptlets, no file capabilities, no real signatures, and file content is pseudo-random. What needs the real
// thing (the demo, golden tests against rpm's own output) uses rpmbuild.
package testrpm
