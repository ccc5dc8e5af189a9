package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"strconv"
	"strings"

	"vrepofs/tree"
)

// Channel is what lies at a stable path of a published tree: a repository, or files that were put there.
type Channel struct {
	Path     string     `json:"path"`               // "production/9/core/x86_64/os"
	Snapshot string     `json:"snapshot,omitempty"` // "fedora@20261121T043000Z", or else
	Tag      string     `json:"tag,omitempty"`      // the view of a tag
	Arch     string     `json:"arch,omitempty"`     // for one arch
	AsOf     Change     `json:"as_of,omitzero"`     // of that generation
	Files    string     `json:"files,omitempty"`    // what was put: digest of the file, or of the directory with all times 0
	Mode     Mode       `json:"mode"`               // whose repodata it has; of Files, PutFiles
	Signed   string     `json:"signed,omitempty"`   // by what its repomd.xml was signed: the key's fingerprint; "": not by vrepofs
	Root     tree.Entry `json:"-"`                  // its directory as published: with the times of this path; or the file that was put
	Dir      []byte     `json:"dir"`                // Root, encoded
	Count    int        `json:"count"`              // number of RPMs; of Files
	Bytes    int64      `json:"bytes"`              // sum of their sizes
	Changed  Change     `json:"changed"`            // when the content at the path last changed
	Earlier  []uint64   `json:"earlier,omitempty"`  // events at which the repositories that were there before came, newest first; at most maxEarlier
}

// Source names what is published: "fedora@20261121T043000Z", "dev/x86_64@17" or "files:2cf24dba5fb0". In a plan "dev/x86_64" is a view that
// the same commit makes.
func (c Channel) Source() string {
	switch {
	case c.Files != "":
		return "files:" + c.Files[:min(len(c.Files), shortDigest)]
	case c.Tag == "":
		return c.Snapshot
	}
	if c.AsOf.Event == 0 {
		return c.Tag + "/" + c.Arch
	}
	return c.Tag + "/" + c.Arch + "@" + strconv.FormatUint(c.AsOf.Event, 10)
}

// shortDigest is how many hex digits of a digest a person sees.
const shortDigest = 12

// same reports whether two records say the same.
func (c *Channel) same(o *Channel) bool {
	return c.Path == o.Path && c.Source() == o.Source() && c.Files == o.Files && c.Mode == o.Mode && c.Root == o.Root
}

// maxChannelPath and maxChannelDepth bound paths: rsync, web servers and clients add names of their own behind.
const (
	maxChannelPath  = 512 // bytes
	maxChannelDepth = 32  // components
)

// CheckChannelPath refuses paths that would not make good names on every server. The last component may begin with a dot:
// .treeinfo and its like are put where clients look for them.
func CheckChannelPath(path string) error {
	if err := tree.CheckPath(path); err != nil {
		return fmt.Errorf("channel path: %w", err)
	}
	components := strings.Split(path, "/")
	if len(path) > maxChannelPath || len(components) > maxChannelDepth {
		return fmt.Errorf("channel path %.80q: want at most %d bytes and %d components: %w", path, maxChannelPath, maxChannelDepth, iofs.ErrInvalid)
	}
	for i, c := range components {
		if i == len(components)-1 && len(c) > 1 {
			c = strings.TrimPrefix(c, ".")
		}
		if err := CheckName("channel", c); err != nil {
			return fmt.Errorf("channel path %q: %w", path, err)
		}
	}
	return nil
}

// GetChannel returns what is published at a path. iofs.ErrNotExist when nothing is.
func GetChannel(r Reader, path string) (Channel, error) {
	c, err := get[Channel](r, TableChannels, "channel", path)
	if err != nil {
		return c, err
	}
	return c, c.finish()
}

func (c *Channel) finish() (err error) {
	if c.Root, err = tree.DecodeEntry(c.Dir); err != nil {
		err = fmt.Errorf("channel %s: record in the index: %w", c.Path, err)
	}
	return err
}

// Channels yields what is published at a path and below it, the path itself first, then in the order of paths; "" means everything.
func Channels(r Reader, path string) iter.Seq2[Channel, error] {
	below := func(yield func(Channel, error) bool) {
		prefix := path + "/"
		if path == "" {
			prefix = ""
		}
		for c, err := range all(r, TableChannels, "channel", prefix, (*Channel).finish) {
			if !yield(c, err) {
				return
			}
		}
	}
	if path == "" {
		return below
	}
	return func(yield func(Channel, error) bool) {
		c, err := GetChannel(r, path)
		if errors.Is(err, iofs.ErrNotExist) || yield(c, err) && err == nil {
			below(yield)
		}
	}
}

// HasChannels reports whether anything is published.
func HasChannels(r Reader) (bool, error) {
	for _, err := range r.List(TableChannels, "") {
		return err == nil, err
	}
	return false, nil
}

// ChannelMoved says when what is to be seen at a path or below it last changed, removals included; "" means all channels. The zero
// Change: never.
func ChannelMoved(r Reader, path string) (c Change, err error) {
	c, err = get[Change](r, TableChannelMoves, "channel", "/"+path)
	if errors.Is(err, iofs.ErrNotExist) {
		return Change{}, nil
	}
	return c, err
}

// prefixes returns a path's own prefixes, the shortest first, itself last: "a", "a/b", "a/b/c".
func prefixes(path string) []string {
	var out []string
	for i := range len(path) {
		if path[i] == '/' {
			out = append(out, path[:i])
		}
	}
	return append(out, path)
}

// Within returns the path of the repository in which a path lies, or that it is; "" when it lies in none.
func Within(r Reader, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	for _, p := range prefixes(path) {
		if there, err := exists(r, TableChannels, p); err != nil || there {
			return p, err
		}
	}
	return "", nil
}

// MovedPaths yields the paths that ever moved, those above repositories included, with when what is seen at or below them last
// changed, in order.
func MovedPaths(r Reader) iter.Seq2[MovedPath, error] {
	return func(yield func(MovedPath, error) bool) {
		for item, err := range r.List(TableChannelMoves, "/") {
			m := MovedPath{Path: strings.TrimPrefix(item.Name, "/")}
			if err == nil {
				err = decode("moves of channel "+m.Path, item.Value, &m.Moved)
			}
			if err != nil {
				yield(m, fmt.Errorf("moves of channels: %w", err))
				return
			}
			if m.Path != "" && !yield(m, nil) {
				return
			}
		}
	}
}

// MovedPath is a path of channels, and when what is seen at or below it last changed.
type MovedPath struct {
	Path  string
	Moved Change
}
