package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	if isMountHelper(os.Args[0]) {
		os.Exit(mountHelper(os.Args[1:], os.Stderr, run))
	}
	os.Exit(run(os.Args[1:]))
}

// run executes one command line and returns the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	a := &app{out: os.Stdout, talk: os.Stderr, args: args, forget: stop}
	cobra.EnableCommandSorting = false // cobra has no other way to keep the order of the verbs
	root := a.root()
	root.SetArgs(args)
	return a.report(root.ExecuteContext(ctx))
}
