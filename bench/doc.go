// Command bench measures what vrepofs promises about speed and memory, each promise against a peer in the same run: an import
// against createrepo_c, the mount against ext4, a view against mergerepo_c. `make bench` runs it; RESULTS.md keeps one run.
//
// It drives the product as a user does: the vrepofs binary makes stores, imports, mounts and tags; only what is timed to
// the millisecond, and the walk under thousands of tag moves, talks to the daemon's socket itself. It is not a test: nothing fails when a goal is missed, the table says so.
//
// # How a row is measured
//
// Ours and the peer take turns, and the order turns with every round, so that a machine that gets slower or busier meets both. The
// ratio of a row is the median of the ratios of the rounds, with quartiles and extremes. Short rounds are repeated at least 11
// times, longer ones 5 times (-quick: 3 and 1, for a smoke test). Cold means that the daemon was started anew and then all caches
// were dropped (echo 3 > /proc/sys/vm/drop_caches). Memory is the peak of RssAnon in /proc/PID/status, sampled every 5 ms. Extended
// attributes are on, as they always are.
//
// # Files
//
//	main.go        flags, the list of rows
//	row.go         what a row is, statistics, rounds in turn
//	table.go       the table as Markdown and JSON
//	vrepofs.go     the binary: stores, the daemon, its status
//	process.go     child processes, their memory, dropped caches
//	corpus.go      RPM files to import; rich.go: with metadata of a distribution's size
//	child.go       readers that run as processes of their own
//	import.go, walk.go, flat.go, read.go, open.go, view.go, merge.go, heirs.go, move.go, promote.go, metadata.go    one family of rows each
package main
