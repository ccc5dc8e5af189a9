package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=v1.2.3.
var version string

// versionText is the linker's version, else what the Go tool knows of the source.
func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (text == "" || text == "(devel)") {
			text = s.Value[:min(12, len(s.Value))]
		}
	}
	if text == "" || text == "(devel)" {
		text = "unknown"
	}
	return text
}

func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Long:    "Prints the version of this program and of the Go that built it. That of a running daemon is in vrepofs status.",
		Example: "  vrepofs version\n  vrepofs version --json",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(map[string]string{"version": versionText(), "go": runtime.Version()})
			}
			fmt.Fprintf(a.out, "vrepofs %s (%s)\n", versionText(), runtime.Version())
			return nil
		},
	}
}
