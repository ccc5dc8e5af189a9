// Package store is an open vrepofs store: the blob store, the index over the journal, the composer, and every operation of
// the command line as a method. It is what the control socket's handler calls, in the daemon and in process alike.
//
// Reading methods take a moment: the zero Moment is now. Changing methods take Who: the uid, command, note and label that
// the log keeps. A change that returns an error has changed nothing; one that returns nil is durable.
package store
