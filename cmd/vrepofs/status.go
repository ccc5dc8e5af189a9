package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) statusVerb() *cobra.Command {
	var full bool
	cmd := &cobra.Command{
		Use:   "status [FLAGS]",
		Short: "How the store, its daemon and its mount are",
		Long: `Prints how the store, its daemon and its mount are: the last event, what the store holds, whether the kernel reads
RPMs itself (passthrough), how often views were composed, which earlier generations are held in grace (their names can
still be opened, and are not listed), memory, and the clock. With --full it also counts the blobs, which looks at every file.`,
		Example: "  vrepofs status\n  vrepofs status --full\n  vrepofs status --json | jq .mount.passthrough",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				s, err := c.Status(cmd.Context(), full)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(s)
				}
				a.showStatus(s)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&full, "full", false, "count the blobs too")
	return cmd
}

func (a *app) showStatus(s *ctl.Status) {
	field := func(name, format string, args ...any) {
		text := wrap(fmt.Sprintf(format, args...), width-14)
		fmt.Fprintf(a.out, "%-13s %s\n", name, strings.Join(text, "\n              "))
	}
	field("store", "%s", s.Store)
	if s.Head.Event == 0 {
		field("last event", "none yet")
	} else {
		field("last event", "%d at %s", s.Head.Event, showTime(s.Head.Time))
	}
	field("holds", "%s, %s, %s, %s, %s in channels", showCount(s.Repos, "repo"), showCount(s.Snapshots, "snapshot"), showCount(s.Builds, "build"), showCount(s.Tags, "tag"), showNumber(int64(s.Channels)))
	if s.Blobs != nil {
		field("blobs", "%s, %s", showNumber(int64(s.Blobs.Count)), showSize(s.Blobs.Bytes))
	}
	if !s.Writable {
		field("WRITING", "has ended: %s", s.Problem)
	}
	if s.Daemon == nil {
		field("mount", "none: no daemon runs; vrepofs mount MNT starts one")
	} else {
		a.showDaemon(s, field)
	}
	for _, o := range s.Overdue {
		field("OVERDUE", "tag %s should have gone at %s: %s", o.Tag, showTime(o.Until), o.Reason)
	}
	a.showGrace(s.Grace, field)
	field("memory", "%s anonymous; heap %s", showSize(s.Memory.Anonymous), showSize(s.Memory.Heap))
	if s.Clock.Ahead > 0 {
		field("clock", "the last event's time is %s ahead of the clock", time.Duration(s.Clock.Ahead)*time.Second)
	} else {
		field("clock", "right")
	}
}

func (a *app) showDaemon(s *ctl.Status, field func(string, string, ...any)) {
	d, m := s.Daemon, s.Mount
	who := "for " + d.User + " alone"
	if d.AllowOther {
		who = "for all users"
	}
	field("mount", "%s, %s", d.Mountpoint, who)
	field("daemon", "process %d of %s, version %s, since %s", d.PID, d.User, d.Version, showTime(d.Since))
	if m == nil {
		return
	}
	if m.Passthrough {
		field("passthrough", "on: the kernel reads RPMs itself; %s opens, %s backing ids", showNumber(int64(m.PassthroughOpens)), showNumber(int64(m.BackingIDs)))
	} else {
		field("passthrough", "OFF: %s; the daemon reads RPMs for the kernel, which is slower", m.NoPassthrough)
	}
	if m.FallbackOpens > 0 {
		field("fallback", "%s opens of RPMs were served by READ; last reason: %s", showNumber(int64(m.FallbackOpens)), orDash(m.FallbackReason))
	}
	field("served", "%s opens of metadata, %s read, %s requests", showNumber(int64(m.RopeOpens)), showSize(int64(m.ReadBytes)), showNumber(requests(m.Ops)))
	field("views", "%s composed, %s failed, %d under way, %s readers sent away by the timeout", showNumber(int64(m.Compositions)),
		showNumber(int64(m.ComposeErrors)), m.Composing, showNumber(int64(m.Timeouts)))
	field("moves", "%s names told to the kernel", showNumber(int64(m.Moves)))
	if n := m.BlobErrors + m.Errors + m.NoteErrors; n > 0 {
		field("ERRORS", "%d opens of missing, short or changed blobs, %d other I/O errors, %d refused notifications; the log says which",
			m.BlobErrors, m.Errors, m.NoteErrors)
	}
	var held []string
	for tag, reason := range s.Held {
		held = append(held, tag+": "+reason)
	}
	slices.Sort(held)
	for _, h := range held {
		field("HELD BACK", "%s", h)
	}
}

// maxGraceShown bounds the lines about grace; --json has all.
const maxGraceShown = 10

func (a *app) showGrace(g *ctl.Grace, field func(string, string, ...any)) {
	if g == nil {
		return
	}
	if len(g.Held) == 0 {
		field("grace", "no earlier generation is held; %s left since the daemon began", showNumber(int64(g.Expired)))
		return
	}
	n := 0
	for _, h := range g.Held {
		n += h.Generations
	}
	field("grace", "%s held of %s; %s left since the daemon began", showCount(n, "earlier generation"), showCount(len(g.Held), "path"), showNumber(int64(g.Expired)))
	for i, h := range g.Held {
		if i == maxGraceShown {
			field("", "and %s more; --json shows them", showNumber(int64(len(g.Held)-i)))
			break
		}
		field("", "%s: %d, the oldest replaced at %s, leaves at %s", h.Path, h.Generations, showTime(h.Since), showTime(h.Until))
	}
}

func requests(ops map[string]uint64) int64 {
	var n uint64
	for _, c := range ops {
		n += c
	}
	return int64(n)
}
