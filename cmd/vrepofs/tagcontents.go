package main

import (
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

const contentsHelp = `--arch lists all views of the tag anew. What was in a view that goes stays in earlier generations and in channels. A view
ARCH-debug takes the debuginfo (packages named -debuginfo or -debugsource) out of ARCH. --debuginfo=false leaves it out of all
others, and --with-source puts source RPMs into the view of every arch. --multilib all puts all i386 packages (i686 and the like)
into x86_64, ppc into ppc64 and s390 into s390x; --multilib NAME those that are named, --multilib none none. What a named package
needs is not looked for: vrepofs channel set --gate closure tells what is missing.`

// contentsFlags say which views a tag has and what these hold.
type contentsFlags struct {
	arches, multilib   []string
	sources, debuginfo bool
}

func (f *contentsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.arches, "arch", nil, "`ARCH` of a view, in place of those that the tag has; may be repeated or separated by commas")
	cmd.Flags().StringArrayVar(&f.multilib, "multilib", nil, "packages of the second arch in a view: all, none, or `NAME` with * and ?; commas and repeats")
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
		names := append([]string{}, commaList(f.multilib)...) // not nil, which would say nothing
		if len(names) == 0 {
			return wrong(cmd, "--multilib is empty: want all, none, or names of packages")
		}
		for i, n := range names {
			switch {
			case n != "all" && n != "none":
			case len(names) > 1:
				return wrong(cmd, "--multilib %s goes with nothing else", n)
			case n == "all":
				names[i] = "*"
			default:
				names = names[:0]
			}
		}
		set.Multilib = &names
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
	switch {
	case len(c.Multilib) == 1 && c.Multilib[0] == "*":
		out = append(out, "multilib all")
	case len(c.Multilib) > 0:
		out = append(out, "multilib of "+strings.Join(c.Multilib, " "))
	}
	if c.Sources {
		out = append(out, "source RPMs in every view")
	}
	if c.NoDebuginfo {
		out = append(out, "debuginfo in debug views only")
	}
	return strings.Join(out, ", ")
}
