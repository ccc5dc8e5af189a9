package fs

import (
	"strings"
	"testing"

	"vrepofs/tree"
)

// smallSource is a mount with a bit of everything:
//
//	repos/fedora/20260101T000000Z/{Packages/a/…,repodata/repomd.xml,GPG-KEY}
//	repos/fedora/latest -> 20260101T000000Z
//	repos/fedora/README
//	tags/f40/x86_64/…
func smallSource(t tb) *memSource {
	s := newSource(t)
	snap := s.makeTree(t, 1_700_000_000, map[string]tree.Entry{
		"Packages/a/abc-1-1.x86_64.rpm": s.rpm(t, "abc package"),
		"Packages/a/ab-1-1.x86_64.rpm":  s.rpm(t, "ab package"),
		"Packages/e/empty.rpm":          s.rpm(t, ""),
		"repodata/repomd.xml":           s.rope(1_700_000_001, []byte(strings.Repeat("<repomd/>\n", 1000))),
		"GPG-KEY":                       s.file(t, 1_700_000_002, "key\n"),
		"os":                            link(1_700_000_003, "Packages/a"),
	})
	view := s.makeTree(t, 1_700_000_010, map[string]tree.Entry{
		"Packages/a/abc-1-1.x86_64.rpm": s.rpm(t, "abc package"),
		"repodata/repomd.xml":           s.rope(1_700_000_011, []byte("view")),
	})
	s.setTree("repos/fedora/20260101T000000Z", snap)
	s.setTree("tags@17/f40/x86_64", view)
	readme := s.file(t, 1_700_000_004, "read me\n")
	s.setLevel("", Level{Live: true, Children: []Child{{Name: "repos", Key: "repos", Mtime: 1}, {Name: "tags", Key: "tags", Mtime: 2}}})
	s.setLevel("repos", Level{Live: true, Children: []Child{{Name: "fedora", Key: "repos/fedora", Mtime: 3}}})
	s.setLevel("repos/fedora", Level{Live: true, Children: []Child{
		{Name: "20260101T000000Z", Key: "repos/fedora/20260101T000000Z", Tree: true, Mtime: 1_700_000_000},
		{Name: "latest", Key: "repos/fedora/latest@20260101T000000Z", Symlink: "20260101T000000Z", Mtime: 4},
		{Name: "README", Key: "repos/fedora/README@1", File: &readme},
	}})
	s.setLevel("tags", Level{Live: true, Children: []Child{{Name: "f40", Key: "tags@17/f40", Mtime: 5}}})
	s.setLevel("tags@17/f40", Level{Children: []Child{{Name: "x86_64", Key: "tags@17/f40/x86_64", Tree: true, Mtime: 6}}})
	return s
}

func TestWalk(t *testing.T) {
	f := mountSource(t, smallSource(t), Options{})
	got := f.sh(`find . -printf '%y %m %n %s %b %T@ %P %l\n' | sort -k7 | sed 's/\.0000000000//'`)
	want := `d 555 1 0 0 0  
d 555 1 0 0 1 repos 
d 555 1 0 0 3 repos/fedora 
d 555 1 0 0 1700000000 repos/fedora/20260101T000000Z 
f 444 1 4 1 1700000002 repos/fedora/20260101T000000Z/GPG-KEY 
d 555 1 0 0 1700000000 repos/fedora/20260101T000000Z/Packages 
d 555 1 0 0 1700000000 repos/fedora/20260101T000000Z/Packages/a 
f 444 2 10 1 1600000002 repos/fedora/20260101T000000Z/Packages/a/ab-1-1.x86_64.rpm 
f 444 2 11 1 1600000001 repos/fedora/20260101T000000Z/Packages/a/abc-1-1.x86_64.rpm 
d 555 1 0 0 1700000000 repos/fedora/20260101T000000Z/Packages/e 
f 444 2 0 0 1600000003 repos/fedora/20260101T000000Z/Packages/e/empty.rpm 
l 777 1 10 0 1700000003 repos/fedora/20260101T000000Z/os Packages/a
d 555 1 0 0 1700000000 repos/fedora/20260101T000000Z/repodata 
f 444 1 10000 20 1700000001 repos/fedora/20260101T000000Z/repodata/repomd.xml 
f 444 1 8 1 1700000004 repos/fedora/README 
l 777 1 16 0 4 repos/fedora/latest 20260101T000000Z
d 555 1 0 0 2 tags 
d 555 1 0 0 5 tags/f40 
d 555 1 0 0 6 tags/f40/x86_64 
d 555 1 0 0 1700000010 tags/f40/x86_64/Packages 
d 555 1 0 0 1700000010 tags/f40/x86_64/Packages/a 
f 444 2 11 1 1600000001 tags/f40/x86_64/Packages/a/abc-1-1.x86_64.rpm 
d 555 1 0 0 1700000010 tags/f40/x86_64/repodata 
f 444 1 4 1 1700000011 tags/f40/x86_64/repodata/repomd.xml 
`
	if got != want {
		t.Errorf("find: got\n%s\nwant\n%s", got, want)
	}
	equal(t, "samefile", f.sh(`find . -samefile repos/fedora/latest/Packages/a/abc-1-1.x86_64.rpm | wc -l`), "2\n")
	equal(t, "cat", f.sh(`cat repos/fedora/latest/os/abc-1-1.x86_64.rpm repos/fedora/*Z/GPG-KEY repos/fedora/README tags/f40/x86_64/repodata/repomd.xml`),
		"abc packagekey\nread me\nview")
	equal(t, "rope", f.sh(`cat repos/fedora/latest/repodata/repomd.xml | wc -c`), "10000\n")
	equal(t, "empty", f.sh(`cat repos/fedora/latest/Packages/e/empty.rpm`), "")
	s := f.fs.Stats()
	if !s.Passthrough || s.BlobReads != 0 || s.FallbackOpens != 0 || s.PassthroughOpens != 5 || s.RopeOpens != 2 {
		t.Errorf("stats: %+v", s)
	}
}
