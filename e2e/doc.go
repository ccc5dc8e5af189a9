// Package e2e tests the whole program from outside: the built command line and daemon, real mounts, and the clients that
// people use: dnf, rsync, nginx, createrepo_c, mergerepo_c, find, tar, cp.
//
// It holds tests only. Each package's own tests say why a thing is right; these say that it is right for those who use it, and
// that it stays right when the daemon is killed, the power goes, the disk is full or a blob rots. The last four also run over
// package store in process, where a disk can be made to fail (package disktest).
//
// A test makes a box (box_test.go): a store, perhaps a mount with its daemon, and the built program. It needs root and /dev/fuse,
// and skips with the reason where they are missing; so it does for a tool that scripts/setup would install. With CI=true
// in the environment a missing tool is a failure.
//
// Nothing sleeps: readiness comes through a pipe, the end of a process through wait, the end of a composition through the answer.
// VREPOFS_LONG=1 runs more rounds of everything that is random.
package e2e
