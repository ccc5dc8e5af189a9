package state

import (
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"vrepofs/blob"
	"vrepofs/tree"
)

// Names of the tables in the root tree.
const (
	TableRepos     = "repos"
	TableSnapshots = "snapshots"
	TableBuilds    = "builds"
	TableTags      = "tags"
	TableCounters  = "counters"

	TableChannels     = "channels"
	TableChannelMoves = "channelmoves"
	TableFreezes      = "freezes"
	TableSettings     = "settings"
	TablePublished    = "published"
	TableLists        = "lists"
	TableSite         = "site"
)

// Reader reads the tables of one state. An *index.Tx sees its own writes; an index.View is one committed state.
type Reader interface {
	tree.Reader
	// Get returns iofs.ErrNotExist for a name that is not in the table.
	Get(table, name string) ([]byte, error)
	// List yields the names from the given one on, in order.
	List(table, from string) iter.Seq2[tree.Item, error]
}

// Change says which commit last changed a record.
type Change struct {
	Event uint64 `json:"event"`
	Stamp int64  `json:"stamp"` // seconds since 1970 UTC
}

// encode returns the canonical JSON of a record.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: state record cannot be encoded: " + err.Error())
	}
	return b
}

// decode reads a record; what names it in errors, such as "tag f42".
func decode(what string, b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: record in the index: %w", what, err)
	}
	return nil
}

// FormatStamp returns the form of a stamp that names snapshots and moments: "20261121T043000Z".
func FormatStamp(stamp int64) string { return time.Unix(stamp, 0).UTC().Format("20060102T150405Z") }

// ParseStamp reads what FormatStamp writes.
func ParseStamp(s string) (int64, error) {
	t, err := time.Parse("20060102T150405Z", s)
	if err != nil || t.Format("20060102T150405Z") != s {
		return 0, fmt.Errorf("%q is not a UTC time such as 20261121T043000Z", s)
	}
	return t.Unix(), nil
}

// Digest is the digest of a record's encoding.
func Digest(record any) blob.Digest { return blob.Sum(encode(record)) }
