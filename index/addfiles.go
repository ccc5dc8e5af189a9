package index

import (
	"context"
	"fmt"
	"slices"
)

// AddFiles gives RPM blobs their serials and modification times ahead of the commit that will refer to them, so that what
// depends on a time (primary's <time file>) can be rendered outside of the commit. A known digest gets its row back. A new
// one gets the next serial and, as Mtime, the one given or, where that is 0, the time of the clock or of the head, whichever is
// later, raised above any other blob's that was seen under the same name. The rows are facts about blobs, no commit: they
// become durable with the next one, and if there is none, losing them is harmless.
func (x *Index) AddFiles(rows []FileRow) ([]FileRow, error) {
	rows = slices.Clone(rows)
	now := max(x.o.Now().Unix(), x.Head().Stamp)
	for i := range rows {
		if rows[i].Mtime == 0 {
			rows[i].Mtime = now
		}
	}
	if err := x.send(&call{ctx: context.Background(), rec: &Recording{files: rows}}).err; err != nil {
		return nil, fmt.Errorf("add files: %w", err)
	}
	return rows, nil
}
