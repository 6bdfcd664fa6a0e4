package sparse_test

import (
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func TestRatios(t *testing.T) {
	s := sparse.Stats{Pruned: 8, RemovedNew: 2, Returned: 3, Explored: 30, Positions: 40, Active: 10}
	if s.ExploredDOF() != 0.75 || s.RemovedNewRatio() != 0.25 || s.Turnover() != 0.5 {
		t.Errorf("found %v, %v, %v, want 0.75, 0.25, 0.5", s.ExploredDOF(), s.RemovedNewRatio(), s.Turnover())
	}
	var none sparse.Stats
	if none.ExploredDOF() != 0 || !math.IsNaN(none.RemovedNewRatio()) || none.Turnover() != 0 {
		t.Errorf("ratios of nothing: found %v, %v, %v, want 0, NaN, 0", none.ExploredDOF(), none.RemovedNewRatio(), none.Turnover())
	}
}

func TestStatsWithoutAnUpdate(t *testing.T) {
	topology := example(t)
	want := sparse.Stats{Explored: 7, Positions: 15, Active: 6, MeanAge: (5*50 + 30) / 6., EmptyRows: 0, EmptyCols: 0, StartAlive: 5}
	if got := topology.Stats(50); got != want {
		t.Errorf("found %+v, want %+v", got, want)
	}
	lone, err := sparse.NewTopology(sparse.Shape{Out: 12, In: 20, Block: 4}, []int32{1}, []int32{4})
	if err != nil {
		t.Fatal(err)
	}
	want = sparse.Stats{Explored: 1, Positions: 15, Active: 1, MeanAge: 7, EmptyRows: 2, EmptyCols: 4, StartAlive: 1}
	if got := lone.Stats(7); got != want {
		t.Errorf("found %+v, want %+v", got, want)
	}
}

// The mean is over tensors, not over blocks: a small one counts as a large one. Of the pruned
// blocks each counts once.
func TestMeanStats(t *testing.T) {
	got := sparse.MeanStats([]sparse.Stats{
		{Pruned: 4, RemovedNew: 1, Explored: 5, Positions: 10, Active: 8, MeanAge: 10, EmptyRows: 1, EmptyCols: 2,
			StartAlive: 2, Newborn: 3, Threshold: 2, NewbornNormSum: 3 << 20, Survivors: [4]int{3, 1, 0, 0}},
		{Pruned: 100, RemovedNew: 75, Explored: 1000, Positions: 1000, Active: 400, MeanAge: 30, EmptyRows: 3, EmptyCols: 4,
			StartAlive: 100, Newborn: 7, Survivors: [4]int{0, 2, 0, 4}},
		{Explored: 0, Positions: 10, Active: 1, MeanAge: 20, Newborn: 1, Threshold: 1, NewbornNormSum: 1 << 22},
	})
	want := sparse.Averages{
		Tensors: 3, ExploredDOF: 0.5, RemovedNewRatio: 76. / 104, Turnover: 0.25, MeanAge: 20,
		Pruned: 104, Active: 409, Positions: 1020, EmptyRows: 4, EmptyCols: 6,
		NewbornShare: 11. / 409, RemovedNewDense: 76. / 1020, StartShare: 102. / 409, NewbornNorm: 7. / 4, Survivors: [4]int{3, 3, 0, 4},
	}
	if got != want {
		t.Errorf("found %+v, want %+v", got, want)
	}
	none := sparse.MeanStats(nil)
	if !math.IsNaN(none.RemovedNewRatio) {
		t.Errorf("of no tensors: found a ratio of %v, want NaN", none.RemovedNewRatio)
	}
	if !math.IsNaN(none.NewbornNorm) {
		t.Errorf("of no tensors: found a newborn norm of %v, want NaN", none.NewbornNorm)
	}
	if none.RemovedNewRatio, none.NewbornNorm = 0, 0; none != (sparse.Averages{}) {
		t.Errorf("of no tensors: found %+v, want zeros", none)
	}
}
