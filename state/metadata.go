package state

import (
	"fmt"
	iofs "io/fs"
)

// Metadata says how generated repodata is written. The zero value is the default: gzip, ten change log entries.
type Metadata struct {
	Compress   string `json:"compress,omitempty"`   // "gzip" or "zstd"; "" means gzip
	Changelogs int    `json:"changelogs,omitempty"` // newest change log entries of each package; 0 means 10, negative all
}

// Check refuses a compression that is not known.
func (m Metadata) Check() error {
	switch m.Compress {
	case "", "gzip", "zstd":
		return nil
	}
	return fmt.Errorf("compression %q: want gzip or zstd: %w", m.Compress, iofs.ErrInvalid)
}

// SetMetadata says how the repodata of a tag's views is written from now on.
func SetMetadata(tx Tx, tag string, m Metadata) error {
	if err := m.Check(); err != nil {
		return fmt.Errorf("tag %s: %w", tag, err)
	}
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	t.Metadata = m
	putTag(tx, t)
	return nil
}
