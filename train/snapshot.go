package train

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The snapshots of a run: about so many, of at most so many cells. They make a
// movie that adds less than half a MiB to the metrics.
const (
	snapshots     = 24
	snapshotCells = 1 << 14
)

// snapshotDue says whether the topology is recorded after a step: after the first
// one, which is how the run began, and after some of the updates, the last among
// them.
func (r *runner) snapshotDue(u *sparse.Update) bool {
	n := len(r.plan.UpdateAt)
	if u == nil {
		return r.done == 1
	}
	i := u.Number - r.plan.updateShift() // its place in UpdateAt, from 1
	return r.done == 1 || i == n || i*snapshots/n > (i-1)*snapshots/n
}

// logSnapshot records where the active blocks of the model's first block-sparse
// tensor are.
func (r *runner) logSnapshot(u *sparse.Update) error {
	if !r.writes() || !r.snapshotDue(u) {
		return nil
	}
	for i, row := range r.model.Table() {
		if !row.Sparse {
			continue
		}
		t, err := r.model.Backend().Topology(r.model.Params()[i])
		if err != nil {
			return fmt.Errorf("read topology of %s: %w", row.Name, err)
		}
		rows, cols, cells := t.Cells(snapshotCells)
		return r.write(&metrics.Snapshot{Step: r.done, Tensor: row.Name, Rows: int64(rows), Cols: int64(cols), Cells: cells})
	}
	return nil
}
