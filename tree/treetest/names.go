package treetest

import "strings"

// Name is a name or a path and what tree.CheckName or tree.CheckPath must say of it.
type Name struct {
	Name string
	Why  string // part of the reason for which it is refused; empty: it is accepted
}

// HostileNames are single names: none that has a Why may get into a directory.
func HostileNames() []Name {
	return []Name{
		{"", "empty"},
		{".", "means a directory"},
		{"..", "means a directory"},
		{"/", "slash"},
		{"a/b", "slash"},
		{"a/", "slash"},
		{"/etc/passwd", "slash"},
		{"../x", "slash"},
		{"a\x00b", "NUL"},
		{"\x00", "NUL"},
		{"a.rpm\x00.txt", "NUL"},
		{"a\nb", "control character"},
		{"a\rb", "control character"},
		{"\x1b[2J", "control character"},
		{"tab\t", "control character"},
		{"del\x7f", "control character"},
		{"\x01", "control character"},
		{strings.Repeat("a", 256), "256 bytes"},
		{strings.Repeat("ä", 128), "256 bytes"},
		{strings.Repeat("a", 5000), "5000 bytes"},
		{".nfs", "reserved"},
		{".nfs000000000123", "reserved"},
		{".~tmp~", "reserved"},
		{".~tmp~x", "reserved"},
	}
}

// OddNames are single names that look bad and are accepted: Linux, rsync and dnf take names as bytes.
func OddNames() []Name {
	return []Name{
		{Name: "..."},
		{Name: "..a"},
		{Name: ".a"},
		{Name: "a.."},
		{Name: " "},
		{Name: "-rf"},
		{Name: "--delete"},
		{Name: "*"},
		{Name: "a b"},
		{Name: "a\\b"},
		{Name: "$(reboot)"},
		{Name: "`reboot`"},
		{Name: "a;b"},
		{Name: "a'b\"c"},
		{Name: "<x>&amp;"},
		{Name: "%2e%2e%2f"},
		{Name: "100%"},
		{Name: "a?b#c"},
		{Name: "a~b^c+d.rpm"},
		{Name: "caf\xe9.rpm"},               // Latin-1, not UTF-8
		{Name: "\xff\xfe"},                  // never UTF-8
		{Name: "\xc0\xae\xc0\xae"},          // ".." in overlong UTF-8
		{Name: "ä.rpm"},                     // composed
		{Name: "a\u0308.rpm"},               // the same to a reader, other bytes
		{Name: "\u202egnp.rpm"},             // right-to-left override
		{Name: "CON"},                       // a device on Windows
		{Name: ".NFS1"},                     // case counts
		{Name: "a.nfs"},                     // only a prefix is reserved
		{Name: strings.Repeat("a", 255)},    // just short enough
		{Name: strings.Repeat("\xff", 255)}, // the same in bytes above ASCII
	}
}

// HostilePaths are relative paths, of hrefs and archives: none that has a Why may be followed.
func HostilePaths() []Name {
	paths := []Name{
		{"", "empty"},
		{"/", "absolute"},
		{"/a", "absolute"},
		{"//a", "absolute"},
		{"a/", "empty"},
		{"a//b", "empty"},
		{"./a", "means a directory"},
		{"a/.", "means a directory"},
		{"a/./b", "means a directory"},
		{"../a", "means a directory"},
		{"a/..", "means a directory"},
		{"a/../b", "means a directory"},
		{"a/../../../etc/passwd", "means a directory"},
		{"Packages/a\x00.rpm", "NUL"},
		{"Packages/a\n.rpm", "control character"},
		{"Packages/.nfs1/a.rpm", "reserved"},
		{".~tmp~/a.rpm", "reserved"},
		{"Packages/" + strings.Repeat("a", 256), "256 bytes"},
		{strings.Repeat("a/", 2048) + "a", "4097 bytes"},
	}
	for _, n := range HostileNames() {
		if n.Name != "" && !strings.Contains(n.Name, "/") && len(n.Name) < 4000 {
			paths = append(paths, Name{"x/" + n.Name, n.Why}, Name{n.Name + "/x", n.Why})
		}
	}
	return paths
}
