package train

import (
	"math"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// logUpdate writes what a topology update did; took is the whole step's time.
func (r *runner) logUpdate(u sparse.Update, stats []sparse.Stats, took time.Duration) error {
	mean := sparse.MeanStats(stats)
	rec := metrics.Topology{
		Step: r.done, Update: int64(u.Number), PruneRatio: u.PruneRatio, Pruned: int64(mean.Pruned),
		ExploredDOF: mean.ExploredDOF, RemovedNewRatio: known(mean.RemovedNewRatio), Turnover: mean.Turnover,
		MeanAge: mean.MeanAge, EmptyRows: int64(mean.EmptyRows), EmptyCols: int64(mean.EmptyCols), Seconds: took.Seconds(),
	}
	rec.Active, rec.Positions = int64(mean.Active), int64(mean.Positions)
	rec.NewbornShare, rec.RemovedNewDense, rec.StartShare = &mean.NewbornShare, &mean.RemovedNewDense, &mean.StartShare
	rec.NewbornNorm, rec.AblatedRows = known(mean.NewbornNorm), int64(mean.Ablated)
	r.grown.survival(mean.Survivors, -1).write(&rec.Survival1, &rec.Survival2, &rec.Survival4, &rec.Survival8)
	r.summary.ExploredDOF, r.summary.Updated = rec.ExploredDOF, true
	if err := r.write(&rec); err != nil {
		return err
	}
	if err := r.logTensors(stats); err != nil {
		return err
	}
	r.grown = r.grown.with(stats)
	r.watch.Updated(TopologyMetrics(rec))
	return nil
}

// logTensors writes what an update did to each tensor.
func (r *runner) logTensors(stats []sparse.Stats) error {
	i := 0
	for _, row := range r.model.Table() {
		if !row.Sparse {
			continue
		}
		s := stats[i]
		rec := metrics.Tensor{
			Step: r.done, Tensor: row.Name, Pruned: int64(s.Pruned), ExploredDOF: s.ExploredDOF(), RemovedNewRatio: known(s.RemovedNewRatio()),
			Turnover: s.Turnover(), MeanAge: s.MeanAge, EmptyRows: int64(s.EmptyRows), EmptyCols: int64(s.EmptyCols),
			Active: int64(s.Active), Positions: int64(s.Positions), NewbornShare: new(s.NewbornShare()), RemovedNewDense: new(s.RemovedNewDense()),
			StartShare: new(s.StartShare()), NewbornNorm: known(s.NewbornNorm()), AblatedRows: int64(s.Ablated),
		}
		r.grown.survival(s.Survivors, i).write(&rec.Survival1, &rec.Survival2, &rec.Survival4, &rec.Survival8)
		if err := r.write(&rec); err != nil {
			return err
		}
		i++
	}
	return nil
}

// known returns nil for a number that there is none of.
func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}
