package main

import (
	"cmp"
	"fmt"
	"strings"

	"vrepofs/ctl"
)

// showOthers says which metadata the views of a tag have from external repos: nothing of it is merged, so it says what was passed over.
func (a *app) showOthers(others []ctl.Other) {
	if len(others) == 0 {
		return
	}
	fmt.Fprintln(a.out, "\nmetadata as it is in an external repo:")
	for _, o := range others {
		text := cmp.Or(o.Source, "the tag's own")
		if len(o.Arches) > 0 {
			text += " for " + strings.Join(o.Arches, " ")
		}
		switch len(o.PassedOver) {
		case 0:
		case 1:
			text += " (not merged: " + o.PassedOver[0] + " has one too)"
		default:
			text += " (not merged: " + strings.Join(o.PassedOver, ", ") + " have one too)"
		}
		if o.Fault != "" {
			text += " (could not be read in full: " + clean(o.Fault) + ")"
		}
		kind := clean(o.Kind)
		for _, line := range wrap(text, width-14) {
			fmt.Fprintf(a.out, "  %-11s %s\n", kind, line)
			kind = ""
		}
	}
}
