package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
	"vrepofs/wanted"
)

func (a *app) applyVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply FILE [FLAGS]",
		Short: "Make tags and channels what a file says",
		Long: `Reads the wanted state of tags and channels from a YAML file, - being standard input; prints what differs; and makes it
so in one event. Applied again it does nothing. Who is slower than another apply is told, and nothing was changed.

  tags:
    core-9:
      arches: [x86_64, aarch64]          # a new tag wants them
      inherit: [base-9, common]          # priorities 10, 20; or PARENT: PRIORITY; [] is none
      external:
        fedora: 10                       # the latest snapshot, followed; REPO@ID is that one
        el8: {priority: 20, mode: bare, arches: [x86_64]}
      packages: [zlib, perl]             # its package list; or open: true
      blocked: [python2]
      builds: [zlib-1.3-1, zlib-1.2-9]   # exactly these, tagged in this order: zlib-1.2-9 is shown
      require-signed: true               # settings, by the names of the flags of tag set
    core-8: {absent: true}
  channels:
    production/9:                        # everything below this path is exactly this
      core/x86_64/os: core-9/x86_64      # the view of a tag as it then is; TAG/ARCH@MOMENT
      extras:                            # paths may be written in steps
        x86_64/os: extras@latest         # a snapshot
    mirror/epel/9: epel                  # one repository at exactly this path
    staging/8: {}                        # nothing below this path
  promote:                               # after channels, in this order: FROM: TO or [TO, TO]
    beta/9: [rc/9, qa/9]

What is said of a tag is exactly what it gets; keys that are left out, and tags that are not named, stay as they are. The
order of tags does not matter. What lies below a path of channels or of TO and is not named is removed; every other path is
left alone. vrepofs tag export writes such a file.

A build that the tag has keeps its place, unless the list has it behind one of its package that was tagged later: then it is
tagged again.`,
		Example: `  vrepofs apply release.yaml --dry-run
  vrepofs apply release.yaml --gate closure --label 9.5-ga
  vrepofs tag export dev@17 | vrepofs apply - --note "dev as it was at event 17"
  git show main:release.yaml | vrepofs apply - --note "$(git log -1 --format=%s)"`,
		Args: exactly("FILE"),
	}
	m := a.moveFlags(a.changes(cmd))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := readWanted(args[0])
		if err != nil {
			return err
		}
		req := ctl.MoveRequest{Verb: "apply", Tags: f.Tags}
		for _, c := range f.Channels {
			w := ctl.WantedChannel{Path: c.Path}
			for _, p := range c.Parts {
				w.Parts = append(w.Parts, ctl.WantedPart(p))
			}
			req.Channels = append(req.Channels, w)
		}
		for _, p := range f.Promotions {
			req.Promotions = append(req.Promotions, ctl.Promotion{From: p.From, To: p.To})
		}
		return a.move(cmd, req, m)
	}
	return cmd
}

// readWanted reads a file, or standard input for "-".
func readWanted(name string) (*wanted.File, error) {
	in := io.Reader(os.Stdin)
	if name == "-" {
		return wanted.Parse("standard input", in)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return wanted.Parse(name, f)
}

// printPlan prints what becomes of tags, and then of channels.
func (a *app) printPlan(p *ctl.ChannelPlan) {
	if len(p.Tags) == 0 {
		a.printSteps(p.Steps)
		return
	}
	t := newTable("ACTION", "TAG", "WHAT")
	for _, c := range p.Tags {
		action := tagAction(c)
		lines := historyLines(c.Tag, ctl.TagEvent{Tags: []ctl.TagChange{c}})
		if action == "removed" {
			lines = []string{showCount(len(c.Removed), "build") + " of its own"}
		}
		t.add(action, c.Tag, strings.Join(lines, "\n"))
	}
	t.print(a.out, "")
	if len(p.Steps) > 0 {
		fmt.Fprintln(a.out)
		a.printSteps(p.Steps)
	}
}

// tagAction is what happens to a tag, in a word.
func tagAction(c ctl.TagChange) string {
	switch {
	case c.Created:
		return "created"
	case c.Deleted:
		return "removed"
	}
	return "changed"
}

// countPlan is "1 tag created, 2 tags changed, 4 set".
func countPlan(p *ctl.ChannelPlan) string {
	n := map[string]int{}
	for _, c := range p.Tags {
		n[tagAction(c)]++
	}
	var out []string
	for _, action := range []string{"created", "changed", "removed"} {
		if n[action] > 0 {
			out = append(out, showCount(n[action], "tag")+" "+action)
		}
	}
	if steps := countSteps(p.Steps); steps != "" {
		out = append(out, steps)
	}
	return strings.Join(out, ", ")
}
