package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// The exit codes that mount(8) expects of its helpers ("EXIT STATUS" there).
const (
	mountUsage  = 1
	mountFailed = 32
)

// isMountHelper says whether the program was called as mount(8) calls its helper for -t vrepofs: by a link /sbin/mount.vrepofs.
func isMountHelper(argv0 string) bool { return filepath.Base(argv0) == "mount.vrepofs" }

// mountHelper does what mount(8) wants of a helper, by means of the command line of vrepofs mount.
func mountHelper(args []string, talk io.Writer, run func([]string) int) int {
	h, err := parseMountHelper(args)
	if err != nil {
		fmt.Fprintf(talk, "mount.vrepofs: %v\nUsage: mount -t vrepofs STORE MNT [-o OPTIONS]\n", err)
		return mountUsage
	}
	if h.fake {
		return exitDone
	}
	switch run(append([]string{"mount", h.mnt, "--store=" + h.store}, h.flags...)) {
	case exitDone:
		return exitDone
	case exitUsage:
		return mountUsage
	}
	return mountFailed
}

// helperCall is what a call of the helper comes to.
type helperCall struct {
	store, mnt string
	flags      []string // of vrepofs mount
	fake       bool     // -f: all but mounting
}

// parseMountHelper reads "mount.vrepofs STORE MNT [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE.SUBTYPE]" (mount(8), "EXTERNAL HELPERS").
func parseMountHelper(args []string) (*helperCall, error) {
	var h helperCall
	var options string
	var places []string
	sloppy := false
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if len(arg) < 2 || arg[0] != '-' {
			places = append(places, arg)
			continue
		}
		for i := 1; i < len(arg); i++ {
			switch c := arg[i]; c {
			case 's':
				sloppy = true
			case 'f':
				h.fake = true
			case 'n', 'v', 'r', 'w': // there is no mtab, and the mount is read-only
			case 'o', 't', 'N':
				value := arg[i+1:]
				if value == "" {
					if len(args) == 0 {
						return nil, fmt.Errorf("-%c wants a value", c)
					}
					value, args = args[0], args[1:]
				}
				if c == 'N' {
					return nil, errors.New("-N: enter the namespace with nsenter(1), the daemon has to run in it")
				}
				if c == 'o' {
					options += "," + value
				}
				i = len(arg)
			default:
				return nil, fmt.Errorf("option -%c is not known", c)
			}
		}
	}
	if len(places) != 2 {
		return nil, fmt.Errorf("wants a store and a mountpoint, not %q", places)
	}
	h.store, h.mnt = places[0], places[1]
	if !filepath.IsAbs(h.store) {
		return nil, fmt.Errorf("store %q: give its absolute path", h.store)
	}
	if strings.HasPrefix(h.mnt, "-") {
		return nil, fmt.Errorf("mountpoint %q: give its absolute path", h.mnt)
	}
	for _, o := range splitOptions(options) {
		flag, known := mountOption(o)
		if !known && !sloppy {
			return nil, fmt.Errorf("mount option %q is not known", o)
		}
		if flag != "" {
			h.flags = append(h.flags, flag)
		}
	}
	return &h, nil
}

// mountOption turns one option of mount(8) into a flag of vrepofs mount, "" for one that asks for nothing.
func mountOption(o string) (flag string, known bool) {
	name, value, _ := strings.Cut(o, "=")
	switch name {
	case "context":
		return "--context=" + strings.Trim(value, `"`), true
	case "noexec":
		return "--noexec", true
	case "allow_other":
		return "--allow-other", true
	case "noallow_other":
		return "--allow-other=false", true
	case "accept_clock":
		return "--accept-clock", true
	case "exec", "defaults", "rw", "ro", "suid", "nosuid", "dev", "nodev", "sync", "async", "atime", "noatime", "diratime", "nodiratime",
		"relatime", "norelatime", "strictatime", "lazytime", "nolazytime", "silent", "loud":
		// The mount is read-only, nosuid and nodev whatever is asked for, and its times never change. mount(8) itself says rw when
		// the line says nothing.
		return "", true
	case "auto", "noauto", "nofail", "_netdev", "user", "nouser", "users", "owner", "noowner", "group", "nogroup", "comment":
		return "", true // for mount(8) and systemd
	}
	return "", strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "X-") // for other programs (mount(8))
}

// splitOptions splits a list of options at its commas outside of double quotes.
func splitOptions(list string) []string {
	quoted := false
	return strings.FieldsFunc(list, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ',' && !quoted
	})
}
