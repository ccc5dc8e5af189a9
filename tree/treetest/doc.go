// Package treetest holds what tests of other packages need of trees: the one table of hostile names and paths, and the suite
// that every tree.Writer passes. The product does not import it.
package treetest
