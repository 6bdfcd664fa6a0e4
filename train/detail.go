package train

import (
	"fmt"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train/internal/host"
)

// cost collects where the time of this process goes until the next cost record.
type cost struct {
	metrics.Cost
	since time.Time
}

// logCost writes where the time has gone since the last such record.
func (r *runner) logCost() error {
	now := time.Now()
	r.cost.Step, r.cost.Seconds = r.done, now.Sub(r.cost.since).Seconds()
	r.cost.HostBytes, r.cost.DeviceBytes = host.PeakBytes(), deviceBytes(r.model.Backend())
	rec := r.cost.Cost
	r.cost = cost{since: now}
	return r.write(&rec)
}

// deviceBytes is what a device has given out.
func deviceBytes(b backend.Backend) int64 {
	if p := b.Capabilities().Planner; p != nil {
		return p.DeviceMemory().Bytes
	}
	return b.MemoryBytes()
}

// logTensors writes what an update did to each tensor.
func (r *runner) logTensors(stats []sparse.Stats) error {
	i := 0
	for _, row := range r.model.Table() {
		if !row.Sparse {
			continue
		}
		s := stats[i]
		i++
		if err := r.write(&metrics.Tensor{
			Step: r.done, Tensor: row.Name, Pruned: int64(s.Pruned), ExploredDOF: s.ExploredDOF(), RemovedNewRatio: s.RemovedNewRatio(),
			Turnover: s.Turnover(), MeanAge: s.MeanAge, EmptyRows: int64(s.EmptyRows), EmptyCols: int64(s.EmptyCols),
		}); err != nil {
			return err
		}
	}
	return nil
}

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
	return r.done == 1 || u != nil && (u.Number == n || u.Number*snapshots/n > (u.Number-1)*snapshots/n)
}

// logSnapshot records where the active blocks of the model's first block-sparse
// tensor are.
func (r *runner) logSnapshot(u *sparse.Update) error {
	if !r.snapshotDue(u) {
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
