package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
	"vrepofs/wanted"
)

func (a *app) applyVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply FILE [FLAGS]",
		Short: "Make channels what a file says",
		Long: `Reads the wanted state of channels from a YAML file, - being standard input; prints what differs; and makes it so in one
event. Applied again it does nothing. Who is slower than another apply is told, and nothing was changed.

  channels:
    production/9:                        # everything below this path is exactly this
      core/x86_64/os: sig-core-9/x86_64  # the view of a tag, now; TAG/ARCH@MOMENT as of then
      extras:                            # paths may be written in steps
        x86_64/os: extras@latest         # a snapshot
    mirror/epel/9: epel                  # one repository at exactly this path
    staging/8: {}                        # nothing below this path
  promote:                               # after channels, in this order: FROM: TO or [TO, TO]
    beta/9: [rc/9, qa/9]

What lies below a path of channels or of TO and is not named is removed; every other path is left alone.`,
		Example: `  vrepofs apply release.yaml --dry-run
  vrepofs apply release.yaml --gate closure --label 9.5-ga
  git show main:release.yaml | vrepofs apply - --note "$(git log -1 --format=%s)"`,
		Args: exactly("FILE"),
	}
	m := a.moveFlags(a.changes(cmd))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := readWanted(args[0])
		if err != nil {
			return err
		}
		req := ctl.MoveRequest{Verb: "apply"}
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
