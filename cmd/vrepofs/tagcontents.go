package main

import (
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

const contentsHelp = `--arch lists all views of the tag anew. What was in a view that goes stays in earlier generations and in channels. A view
ARCH-debug takes the debuginfo (packages named -debuginfo or -debugsource) out of ARCH. --debuginfo=false leaves it out of all
others, --with-source puts source RPMs into the view of every arch, and --multilib all i386 packages (i686 and the like) into
x86_64, ppc into ppc64 and s390 into s390x.`

// contentsFlags say which views a tag has and what these hold.
type contentsFlags struct {
	arches             []string
	multilib           string
	sources, debuginfo bool
}

func (f *contentsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.arches, "arch", nil, "`ARCH` of a view, in place of those that the tag has; may be repeated or separated by commas")
	cmd.Flags().StringVar(&f.multilib, "multilib", "", "packages of the second arch in a view: `WHICH` is all or none")
	cmd.Flags().BoolVar(&f.sources, "with-source", false, "source RPMs in the view of every arch, too")
	cmd.Flags().BoolVar(&f.debuginfo, "debuginfo", true, "debuginfo where no view has it apart; --debuginfo=false leaves it out")
}

// put puts what was given into settings.
func (f *contentsFlags) put(cmd *cobra.Command, set *ctl.TagSettings) error {
	if cmd.Flags().Changed("arch") {
		arches := commaList(f.arches)
		if len(arches) == 0 {
			return wrong(cmd, "--arch is empty: a tag has at least one view")
		}
		set.Arches = &arches
	}
	if cmd.Flags().Changed("multilib") {
		which := f.multilib
		if which == "none" {
			which = ""
		} else if which != "all" {
			return wrong(cmd, "--multilib %s: want all or none", f.multilib)
		}
		set.Multilib = &which
	}
	if cmd.Flags().Changed("with-source") {
		set.Sources = &f.sources
	}
	if cmd.Flags().Changed("debuginfo") {
		set.Debuginfo = &f.debuginfo
	}
	return nil
}

// showContents is "" for the default.
func showContents(c ctl.Contents) string {
	var out []string
	if c.Multilib != "" {
		out = append(out, "multilib "+c.Multilib)
	}
	if c.Sources {
		out = append(out, "source RPMs in every view")
	}
	if c.NoDebuginfo {
		out = append(out, "debuginfo in debug views only")
	}
	return strings.Join(out, ", ")
}
