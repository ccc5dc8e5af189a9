package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
	"vrepofs/store"
)

const defaultStore = "/var/lib/vrepofs"

// app is one command line being executed.
type app struct {
	out    io.Writer // answers
	talk   io.Writer // everything else
	args   []string
	forget func() // stops catching signals: the next one kills

	store       string
	json        bool
	acceptClock bool
	note, label string // of a change
	at          string // of a reading
	skipBad     bool   // of an import
}

// root is the whole tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "vrepofs",
		Short: "A virtual repository filesystem for RPM",
		Long: `vrepofs keeps every RPM once and shows every snapshot of a repository, and every merged view of a build tag, as
a read-only directory tree that rsync, nginx and dnf use as if it were a plain directory.

Every change is one commit, an event: it is there at once for everybody, and every earlier event stays reachable
in the mount under at/EVENT. The verbs are the same whether a daemon (vrepofs mount) serves the store or not.

` + exitText,
		Example: `  vrepofs init --store /srv/vrepofs              # make a store
  export VREPOFS_STORE=/srv/vrepofs
  vrepofs repo import fedora /mirror/fedora/os   # a directory of RPMs → a snapshot
  vrepofs build import /mnt/koji/packages/zlib   # RPMs → builds, grouped by source RPM
  vrepofs tag create dev --arch x86_64 --open
  vrepofs tag add dev zlib-1.3.1-4.el9
  vrepofs channel set staging/9/os dev/x86_64    # the merged repository at a stable path
  vrepofs channel promote staging production
  vrepofs mount /mnt/repos                       # serve it all, in the background`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetOut(a.out)
	root.SetErr(a.talk)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{err, cmd.CommandPath()} })
	root.SetUsageTemplate(usageTemplate)
	store := os.Getenv("VREPOFS_STORE")
	if store == "" {
		store = defaultStore
	}
	f := root.PersistentFlags()
	f.StringVar(&a.store, "store", store, "directory `DIR` of the store (default: $VREPOFS_STORE, else "+defaultStore+")")
	f.BoolVar(&a.json, "json", false, "answer in JSON")
	f.BoolVar(&a.acceptClock, "accept-clock", false, "take the clock as right, even if it is behind the last event")
	f.Lookup("store").DefValue = "" // the text says it, and help must not depend on the environment

	root.AddGroup(
		&cobra.Group{ID: "serve", Title: "Serve a store:"},
		&cobra.Group{ID: "fill", Title: "Fill it:"},
		&cobra.Group{ID: "publish", Title: "Publish it:"},
		&cobra.Group{ID: "look", Title: "Look at it:"},
	)
	group := func(id string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	group("serve", a.initVerb(), a.mountVerb(), a.umountVerb())
	group("fill", a.repoNoun(), a.snapshotNoun(), a.buildNoun(), a.tagNoun())
	group("publish", a.channelNoun(), a.applyVerb(), a.siteNoun())
	group("look", a.logVerb(), a.statusVerb(), a.verifyVerb(), a.indexNoun())
	root.AddCommand(a.versionVerb(), a.gatesTopic(), a.superviseVerb())
	root.SetHelpCommand(a.helpVerb())
	root.InitDefaultHelpCmd()
	a.finish(root)
	return root
}

// usageTemplate is cobra's, without its way of wrapping: everything fits 100 columns.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{range $g := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $g.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}

{{if .Groups}}Besides:{{else}}Verbs:{{end}}{{range $cmds}}{{if (and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 100 | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsagesWrapped 100 | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

More about one: {{.CommandPath}} COMMAND --help{{end}}
`

// reflow breaks the lines of a text anew. Paragraphs are separated by empty lines; one with a line that begins with a space stays as it is.
func reflow(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if !strings.Contains(p, "\n ") {
			paragraphs[i] = strings.Join(wrap(strings.ReplaceAll(p, "\n", " "), width), "\n")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// finish makes wrong usage of every command an error of its own kind.
func (a *app) finish(cmd *cobra.Command) {
	cmd.Long = reflow(cmd.Long)
	cmd.Flags().SortFlags = false
	cmd.PersistentFlags().SortFlags = false
	cmd.DisableFlagsInUseLine = true
	cmd.SuggestionsMinimumDistance = 2
	if !cmd.Runnable() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return wrongNoun(cmd, args) }
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		a.finish(c)
	}
}

// helpVerb is cobra's help command, but not knowing a command is an error.
func (a *app) helpVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND…]",
		Short:   "Help about a command",
		Long:    "Explains a command, as COMMAND --help does.",
		Example: "  vrepofs help tag add",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return wrong(cmd, "there is no command %q", strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// wrongNoun is what a noun without a known verb comes to.
func wrongNoun(cmd *cobra.Command, args []string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	all := strings.Join(names, ", ")
	if len(args) == 0 && !cmd.HasParent() {
		cmd.SetOut(cmd.ErrOrStderr())
		return errors.Join(cmd.Help(), &usageError{errors.New("a command is missing"), cmd.CommandPath()})
	}
	if len(args) == 0 {
		return &usageError{fmt.Errorf("%s wants one of: %s", cmd.Name(), all), cmd.CommandPath()}
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return &usageError{fmt.Errorf("%s has no command %q; did you mean %s?", cmd.Name(), args[0], strings.Join(near, " or ")), cmd.CommandPath()}
	}
	return &usageError{fmt.Errorf("%s has no command %q; it has: %s", cmd.Name(), args[0], all), cmd.CommandPath()}
}

// wrong is an error of usage.
func wrong(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), cmd.CommandPath()}
}

// atLeast, atMost and exactly check the number of arguments; names are those of the usage line: "TAG", "NVR…".
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return fmt.Errorf("%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return fmt.Errorf("argument %q is too much", args[len(names)])
		}
		return nil
	}
}

func atMost(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return fmt.Errorf("argument %q is too much", args[len(names)])
		}
		return nil
	}
}

func atLeast(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return fmt.Errorf("%s is missing", names[len(args)])
		}
		return nil
	}
}

// changes gives a command the flags of everything that changes a store.
func (a *app) changes(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&a.note, "note", "", "`TEXT` for the log: why")
	cmd.Flags().StringVar(&a.label, "label", "", "`NAME` for the event, unique: at/NAME in the mount shows it for ever")
	return cmd
}

// reads gives a command the flag of everything that can look at the past.
func (a *app) reads(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&a.at, "at", "", "as of `MOMENT`: an event number, a label, or a UTC time such as 20261121T043000Z")
	return cmd
}

func (a *app) moment() ctl.At { return ctl.At{At: a.at} }

func (a *app) why() ctl.Why {
	return ctl.Why{Command: commandText(a.args), Note: a.note, Label: a.label}
}

// with calls f with a client of the store.
func (a *app) with(ctx context.Context, f func(*ctl.Client) error) (err error) {
	c, err := ctl.Dial(ctx, a.store, ctl.DialOptions{
		Options: store.Options{AcceptClock: a.acceptClock},
		Waiting: func(err error) { fmt.Fprintf(a.talk, "vrepofs: waiting: %v\n", err) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if a.acceptClock && c.Daemon() != 0 {
		return fmt.Errorf("--accept-clock has no effect on the daemon (process %d): unmount, and give it to vrepofs mount", c.Daemon())
	}
	return f(c)
}

// change makes one change and prints its event.
func (a *app) change(ctx context.Context, f func(*ctl.Client, ctl.Why) (*ctl.Change, error)) error {
	return a.with(ctx, func(c *ctl.Client) error {
		done, err := f(c, a.why())
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(done)
		}
		fmt.Fprintf(a.out, "event %d  %s\n", done.Event, showTime(done.Time))
		return nil
	})
}
