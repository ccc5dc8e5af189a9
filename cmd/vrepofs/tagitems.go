package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

// items gives a command a list as its last arguments, or from a file: "-" is standard input.
type items struct {
	item string // "NVR", as the usage line has it
	file string
}

// itemFlags gives a command the flag of lists.
func itemFlags(cmd *cobra.Command, l *items) {
	cmd.Flags().StringVar(&l.file, "file", "", fmt.Sprintf("read each %s from a line of `FILE`, - for standard input", l.item))
	cmd.Args = func(_ *cobra.Command, args []string) error {
		names := strings.Fields(cmd.Use)
		n := 1 // how many arguments come before the list
		for names[n] != l.item+"…" {
			n++
		}
		if l.file != "" {
			return exactly(names[1:n]...)(cmd, args)
		}
		return atLeast(append(names[1:n:n], l.item)...)(cmd, args)
	}
}

// maxList bounds a list that is read, in bytes; the daemon takes no more in one request.
const maxList = 15 << 20

// read returns the list: args, or if the one argument is "-" or a file was given, its lines. Empty lines do not count.
func (l *items) read(cmd *cobra.Command, args []string) ([]string, error) {
	file := l.file
	switch {
	case file == "" && len(args) == 1 && args[0] == "-":
		file = "-"
	case file == "":
		return args, nil
	}
	in := cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxList+1))
	if err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	if len(b) > maxList {
		return nil, fmt.Errorf("the list is longer than %s: cut it in parts", showSize(maxList))
	}
	var list []string
	for i, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		if strings.ContainsAny(line, " \t") {
			return nil, fmt.Errorf("line %d of the list: %.100q: want one %s on each line", i+1, line, l.item)
		}
		if line != "" {
			list = append(list, line)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the list has no %s: nothing to do", l.item)
	}
	return list, nil
}

// tagItems is a verb that changes some items of a tag.
func (a *app) tagItems(verb, item, short, long, example string, f tagChange) *cobra.Command {
	l := items{item: item}
	cmd := a.changes(&cobra.Command{
		Use:     verb + " TAG " + item + "… [FLAGS]",
		Short:   short,
		Long:    long + "\n\nAny number in one event; with - or --file they are read from lines.",
		Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := l.read(cmd, args[1:])
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return f(c, cmd.Context(), why, args[0], list)
			})
		},
	})
	itemFlags(cmd, &l)
	return cmd
}

func (a *app) tagAdd() *cobra.Command {
	var force bool
	cmd := a.tagItems("add", "NVR", "Put builds into a tag",
		`Puts builds into a tag, all in one event. Of two builds of one package the one tagged last is shown; a build that
the tag has already is tagged again and so becomes the last.

Their packages must be in the tag's package list, unless the tag is open. --force lists in the tag those that are missing or
blocked.`,
		"  vrepofs tag add dev zlib-1.3.1-4.el9 bash-5.2-1.el9\n  vrepofs tag add dev zlib-1.3.1-5.el9 --note \"CVE-2026-1234\" --label zlib-fix",
		func(c *ctl.Client, ctx context.Context, why ctl.Why, tag string, nvrs []string) (*ctl.Change, error) {
			if force {
				return c.ForceBuilds(ctx, why, tag, nvrs)
			}
			return c.TagBuilds(ctx, why, tag, nvrs)
		})
	cmd.Flags().BoolVar(&force, "force", false, "list their packages in the tag where its package list has not")
	return cmd
}

func (a *app) tagMove() *cobra.Command {
	l := items{item: "NVR"}
	var force bool
	cmd := a.changes(&cobra.Command{
		Use:   "move FROM TO NVR… [FLAGS]",
		Short: "Take builds out of one tag and put them into another",
		Long: `Takes builds out of the tag FROM and puts them into the tag TO, in one event: no reader of a tree that has both sees them in
none or in both. Each must be in FROM itself; in TO they are those tagged last. Their packages must be in the package list of TO,
unless it is open or --force lists them there.`,
		Example: `  vrepofs tag move candidate release zlib-1.3.1-5.el9
  vrepofs tag move candidate release --file passed.txt --note "tested"
  vrepofs tag show candidate --json | jq -r '.builds[].nvr' | vrepofs tag move candidate release -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := l.read(cmd, args[2:])
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				if force {
					return c.ForceMove(cmd.Context(), why, args[0], args[1], list)
				}
				return c.MoveBuilds(cmd.Context(), why, args[0], args[1], list)
			})
		},
	})
	itemFlags(cmd, &l)
	cmd.Flags().BoolVar(&force, "force", false, "list their packages in TO where its package list has not")
	return cmd
}

func (a *app) tagClone() *cobra.Command {
	return a.changes(&cobra.Command{
		Use:   "clone FROM[@MOMENT] TO [FLAGS]",
		Short: "Make a tag that is what another is, or was",
		Long: `Makes the tag TO with all that FROM is now: its builds in their order of tagging, its package list, parents, external
repos and settings. The views of both select the same. Later changes of one do not touch the other. It costs the same
however many builds there are.

FROM@MOMENT is FROM as it was at an event, a label or a time. What it named must still be there: it is refused if a build, a parent
or an external repo is no more. Parents and followed repos are inherited as they are now.`,
		Example: "  vrepofs tag clone dev dev-before-rebuild\n  vrepofs tag clone dev@17 dev-of-17\n  vrepofs tag clone f42 f43 --note branch --label f43-branched",
		Args:    exactly("FROM", "TO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := a.nameAt(cmd, args[0])
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.CloneTag(cmd.Context(), why, a.moment(), from, args[1])
			})
		},
	})
}
