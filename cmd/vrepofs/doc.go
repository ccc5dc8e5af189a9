// Command vrepofs is the command line of a virtual repository filesystem for RPM.
//
// It is flags, verbs and exit codes, and no logic: a verb turns its arguments into one call of a ctl.Client and prints the
// answer. Answers go to stdout, talk (progress, warnings, errors) to stderr. One file per noun; exit.go has the table of exit codes.
package main
