package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

// parentOf reads "BASE" or "BASE:PRIORITY".
func parentOf(cmd *cobra.Command, text string) (ctl.Parent, error) {
	name, priority, given := strings.Cut(text, ":")
	p := ctl.Parent{Tag: name, Priority: 10}
	if given {
		n, err := strconv.ParseInt(priority, 10, 32)
		if err != nil {
			return p, wrong(cmd, "--inherit %s: want BASE or BASE:PRIORITY, a number", text)
		}
		p.Priority = int(n)
	}
	if name == "" {
		return p, wrong(cmd, "--inherit %s: want BASE or BASE:PRIORITY", text)
	}
	return p, nil
}

// untilFlag reads --until.
func untilFlag(cmd *cobra.Command, text string) (ctl.Until, error) {
	u, err := ctl.ParseUntil(text)
	if err != nil {
		return u, wrong(cmd, "--until %v", err)
	}
	return u, nil
}
