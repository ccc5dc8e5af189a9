package tree

import (
	"fmt"
	iofs "io/fs"
	"strings"
)

// Limits of names in directories, those of Linux (NAME_MAX, PATH_MAX).
const (
	MaxComponent = 255  // bytes of one name
	MaxPath      = 4096 // bytes of a relative path
)

// CheckName is the one check that every name from outside passes before it becomes a name in a directory. It refuses, with
// iofs.ErrInvalid and the reason: "", ".", "..", more than 255 bytes, a slash, control characters (bytes below 0x20 and 0x7f,
// NUL among them), and names that begin with ".nfs" or ".~tmp~", which consumers pass over: NFS clients make the former,
// rsync --delay-updates the latter (create-filelist skips both).
//
// Other bytes are allowed even where they are not UTF-8: a name is bytes to Linux, rsync and dnf, and a repository with
// Latin-1 names must come out as it went in.
func CheckName(name string) error {
	if why := badName(name); why != "" {
		return fmt.Errorf("name %.80q: %s: %w", name, why, iofs.ErrInvalid)
	}
	return nil
}

func badName(name string) string {
	switch name {
	case "":
		return "empty"
	case ".", "..":
		return "means a directory"
	}
	if len(name) > MaxComponent {
		return fmt.Sprintf("%d bytes, at most %d", len(name), MaxComponent)
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '/':
			return "slash"
		case c == 0:
			return "NUL"
		case c < 0x20 || c == 0x7f:
			return fmt.Sprintf("control character %#02x", c)
		}
	}
	if name[0] == '.' && (strings.HasPrefix(name, ".nfs") || strings.HasPrefix(name, ".~tmp~")) {
		return "reserved"
	}
	return ""
}

// CheckPath is CheckName for a relative path such as "Packages/z/zlib-1.3.1-4.fc42.x86_64.rpm": at least one component, one
// slash between two, none before or behind, at most 4096 bytes. It does not clean: what needs cleaning is refused.
func CheckPath(path string) error {
	bad := func(why string) error { return fmt.Errorf("path %.80q: %s: %w", path, why, iofs.ErrInvalid) }
	switch {
	case path == "":
		return bad("empty")
	case len(path) > MaxPath:
		return bad(fmt.Sprintf("%d bytes, at most %d", len(path), MaxPath))
	case path[0] == '/':
		return bad("absolute")
	}
	for component := range strings.SplitSeq(path, "/") {
		if why := badName(component); why != "" {
			return bad(fmt.Sprintf("component %.80q: %s", component, why))
		}
	}
	return nil
}
