package compose

import (
	"context"
	"crypto/sha256"
	"fmt"

	"vrepofs/blob"
	"vrepofs/repodata"
	"vrepofs/state"
	"vrepofs/tree"
)

// Regenerate returns the directory that a verbatim snapshot would be if vrepofs had made it: the same packages, at the places and
// with the repodata that vrepofs gives them, without any other file of upstream's. It is recorded like a view, so that the
// second time costs one record. r has the snapshot's tree of RPMs.
func (c *Composer) Regenerate(ctx context.Context, r tree.Reader, snap state.Snapshot) (View, error) {
	h := sha256.New()
	fmt.Fprintf(h, "regenerated 1 %d %d %s %d\n", repodata.RendererVersion, repodata.CompressorVersion, snap.RPMs, snap.Made.Stamp)
	v := View{Generation: snap.Made, Recipe: blob.Digest(h.Sum(nil))}
	if b, ok := c.index.Recorded(v.Recipe); ok && !c.fresh {
		return v, v.decode(b)
	}
	var rpms []*state.RPM
	seen := map[blob.Digest]bool{}
	for row, err := range state.SnapshotRPMs(r, snap) {
		if err != nil {
			return v, err
		}
		if !seen[row.Digest] {
			seen[row.Digest] = true
			rpms = append(rpms, &row.RPM)
		}
	}
	return v, c.compose(ctx, &v, rpms, state.Metadata{}, nil)
}
