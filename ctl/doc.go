// Package ctl is how the command line reaches a store: HTTP with JSON, over the Unix socket of the daemon or, when no daemon
// holds the store, to the same handler in the same process. There is no second path.
//
// It is not the logic of any operation: package store is, and the handler only translates. It is not the command line: it
// knows no flags and prints nothing.
//
//	client                               handler                       store
//	c.TagBuilds(…)  POST /v1/tag/add  →  uid from the kernel       →   st.TagBuilds(…)
//	                ← {"event":17,…}  ←  errors by one table       ←
//
// # Requests
//
// POST /v1/NOUN/VERB with a JSON object; the answer is one JSON object. Every request that changes something has the members
// "command", "note" and "label" of Why. An error is an HTTP status from 400 on and
//
//	{"error":"tag f42: file does not exist","kind":"not_exist"}
//
// and the client turns the kind back into the sentinel it was made from (errors.go), so errors.Is works on both sides.
// Two requests are not of that form: an import's body is a stream of frames (frame.go), and verify answers a JSON object per line
// while it runs.
//
// # Who may
//
// The socket is STORE/socket, mode 0660. The kernel says which user is at the other end (SO_PEERCRED), and nothing that a client
// sends is believed about that. In process the user is the process's own. Every user who can open the socket may do everything
// but import: an import's blobs are written by the client itself, so it must be the store's owner, and the handler checks that.
// Root is no exception: what root creates in another user's store, that user cannot write to any more.
//
// # Imports
//
// The client reads the RPM files, puts their blobs under a lease of its own, and streams what it read of them. After the last row
// it says so: the handler renders repodata, under a lease of its own, while the client makes its blobs durable. Only then it
// sends the end frame; the handler commits when it has seen that frame. A stream that ends early, for whatever reason, commits
// nothing. The client's lease is kept until the answer is there.
//
// # The daemon
//
// Serve opens the store, mounts it, listens, and says that it is ready. It ends by SIGTERM, by a request, or when the mount is taken
// away by anybody: requests are drained, the mount is taken away (a busy one is detached, and served until the last reader
// leaves), the socket is removed, the store is closed.
package ctl
