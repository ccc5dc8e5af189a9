package fs

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"vrepofs/tree"
)

// levelDir is a Level made ready for readdir: sorted by a cookie that depends on the name alone, so that a listing in progress
// neither repeats nor misses a name that stays, whatever comes, goes or moves meanwhile.
type levelDir struct {
	from *Level
	id   nodeID
	rows []levelRow
}

type levelRow struct {
	cookie uint64 // the directory offset behind this entry; above those of "." and ".."
	child  *Child
	id     nodeID
}

// levelRowBytes is about what a row weighs, its Child included.
const levelRowBytes = 200

// levels keeps levelDirs by place serial.
type levels struct {
	src   Source
	cache *lru[nodeID, *levelDir]
}

func newLevels(src Source, bytes int64) *levels {
	return &levels{src: src, cache: newLRU[nodeID](bytes, func(d *levelDir) int64 { return 200 + levelRowBytes*int64(len(d.rows)) })}
}

// open returns the level with a key.
func (l *levels) open(id nodeID, key string) (*levelDir, error) {
	lv, err := l.src.Level(key)
	if err != nil {
		return nil, err
	}
	if d, ok := l.cache.get(id); ok && d.from == lv {
		return d, nil
	}
	d := &levelDir{from: lv, id: id, rows: make([]levelRow, 0, len(lv.Children))}
	for i := range lv.Children {
		c := &lv.Children[i]
		cid, err := childID(l.src, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Key, err)
		}
		d.rows = append(d.rows, levelRow{nameCookie(c.Name), c, cid})
	}
	slices.SortFunc(d.rows, func(a, b levelRow) int {
		if a.cookie != b.cookie {
			if a.cookie < b.cookie {
				return -1
			}
			return 1
		}
		return strings.Compare(a.child.Name, b.child.Name)
	})
	for i := 1; i < len(d.rows); i++ { // one in 2^62 pairs of names
		if d.rows[i].cookie <= d.rows[i-1].cookie {
			d.rows[i].cookie = d.rows[i-1].cookie + 1
		}
	}
	l.cache.put(id, d)
	return d, nil
}

// after returns the index of the first row behind a directory offset.
func (d *levelDir) after(cookie uint64) int {
	return sort.Search(len(d.rows), func(i int) bool { return d.rows[i].cookie > cookie })
}

// nameCookie is the FNV-1a hash of a name in 60 bits, kept above the offsets of "." and "..", and positive in signed types.
func nameCookie(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h>>4 + dotDots + 1
}

// childID returns the node id of a level's child.
func childID(src Source, c *Child) (nodeID, error) {
	if c.File != nil && c.File.RPM {
		return rpmID(c.File.Serial), nil
	}
	return keyID(src, c.Key)
}

// keyID returns the node id of a place.
func keyID(src Source, key string) (nodeID, error) {
	if key == "" {
		return rootID, nil
	}
	s, err := src.PlaceSerial(key)
	if err != nil {
		return 0, fmt.Errorf("serial of %s: %w", key, err)
	}
	if s == 0 || s > maxSerial {
		return 0, fmt.Errorf("serial of %s: %d is not in 1…%d: %w", key, s, maxSerial, errNode)
	}
	return placeID(s, 0), nil
}

// entry returns what a child looks like to the kernel, as a tree entry; a level and a tree place are directories.
func (c *Child) entry() tree.Entry {
	switch {
	case c.File != nil:
		return *c.File
	case c.Symlink != "":
		return tree.Entry{Kind: tree.KindSymlink, Mtime: c.Mtime, Size: int64(len(c.Symlink)), Target: c.Symlink}
	default:
		e := tree.Entry{Kind: tree.KindDir, Mtime: c.Mtime}
		if c.Root != nil {
			e.Perm, e.Gid = c.Root.Perm, c.Root.Gid
		}
		return e
	}
}
