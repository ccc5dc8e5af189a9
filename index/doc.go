// Package index keeps the state of a store: it makes commits, remembers them all, and answers questions about them. The journal
// (package journal below) is the truth, Badger an index over it.
package index
