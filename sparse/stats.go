package sparse

import (
	"math"
	"math/bits"
)

// Stats describes one tensor's topology after an update.
type Stats struct {
	Pruned     int     // blocks pruned by this update, and as many grown
	RemovedNew int     // of those, blocks that the update before had activated
	Returned   int     // of those, blocks grown again at once (RegrowPruned only)
	Explored   int     // positions active at any time
	Positions  int     // blocks of the dense tensor
	Active     int     // nnzb
	MeanAge    float64 // mean over active blocks of Step - Born, in steps
	EmptyRows  int     // block rows without an active block
	EmptyCols  int     // block columns without an active block
	Ablated    int     // block rows that this update took all blocks from (Update.Ablate)
	StartAlive int     // active blocks that have been active from the start on

	// How the newborns fare: see newborns.go.
	Newborn        int            // before the update: active blocks that the update before had activated
	Threshold      float32        // the largest norm that was pruned
	NewbornNormSum uint64         // sum over Newborn of norm over Threshold, in units of 1 / NewbornNormUnit
	Survivors      [len(Lags)]int // active blocks that were activated so many updates ago
}

// ExploredDOF returns the explored degrees of freedom: the fraction of the dense
// tensor's weights that were active at any time (paper, section 4).
func (s Stats) ExploredDOF() float64 { return ratio(s.Explored, s.Positions) }

// RemovedNewRatio returns the fraction of the pruned blocks that the update
// before had activated (paper, section 4). It is NaN when nothing was pruned: 0 would
// say that all of the newborns stayed.
func (s Stats) RemovedNewRatio() float64 {
	if s.Pruned == 0 {
		return math.NaN()
	}
	return ratio(s.RemovedNew, s.Pruned)
}

// Turnover returns the fraction of the active blocks that the update replaced by
// others.
func (s Stats) Turnover() float64 { return ratio(s.Pruned-s.Returned, s.Active) }

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Stats describes the topology as it is after step optimizer steps, apart from
// any update: Pruned, RemovedNew, Returned and Ablated are 0.
func (t *Topology) Stats(step int64) Stats {
	var s Stats
	t.describe(&s, step)
	return s
}

// describe sets the fields of s that do not depend on an update.
func (t *Topology) describe(s *Stats, step int64) {
	s.Positions, s.Active = t.Positions(), t.NNZ()
	s.Explored = 0
	for _, word := range t.Explored {
		s.Explored += bits.OnesCount64(word)
	}
	age := int64(0)
	for _, born := range t.Born {
		age += step - int64(born)
	}
	s.StartAlive = 0
	for _, at := range t.NewAt {
		if at == 0 {
			s.StartAlive++
		}
	}
	s.MeanAge = 0
	if s.Active > 0 {
		s.MeanAge = float64(age) / float64(s.Active)
	}
	s.EmptyRows, s.EmptyCols = empty(t.RowPtr), empty(t.ColPtr)
}

// empty counts the empty groups of a view.
func empty(ptr []int32) int {
	n := 0
	for i := 1; i < len(ptr); i++ {
		if ptr[i] == ptr[i-1] {
			n++
		}
	}
	return n
}

// Averages sums a model's tensors up. ExploredDOF, Turnover and MeanAge are plain
// means over the tensors, as in the paper, whatever their sizes. RemovedNewRatio is
// weighted by the pruned blocks: it is the fraction of all pruned blocks of the
// model, so that a tensor that pruned one block does not count as much as one that
// pruned a thousand. The counts are sums.
type Averages struct {
	Tensors         int     // how many there are
	ExploredDOF     float64 // mean
	RemovedNewRatio float64 // of all pruned blocks; NaN when there are none
	Turnover        float64 // mean
	MeanAge         float64 // mean, in steps
	Pruned          int     // sum, as all to EmptyCols
	Active          int
	Positions       int
	EmptyRows       int
	EmptyCols       int
	Ablated         int
	// Of all blocks of the model, as the methods of Stats of the same name.
	NewbornShare    float64
	RemovedNewDense float64
	StartShare      float64
	NewbornNorm     float64 // of the tensors that have one; NaN where none has
	Survivors       [len(Lags)]int
}

// MeanStats returns the averages over tensors, in the order given. Of no tensors
// it returns zeros, and NaN for RemovedNewRatio and NewbornNorm.
func MeanStats(tensors []Stats) Averages {
	a := Averages{Tensors: len(tensors)}
	var all, normed Stats // sums over all tensors, and over those whose newborns have a norm
	for _, s := range tensors {
		a.ExploredDOF += s.ExploredDOF()
		all.add(s)
		if !math.IsNaN(s.NewbornNorm()) {
			normed.add(s)
			normed.Threshold = s.Threshold
		}
		a.Turnover += s.Turnover()
		a.MeanAge += s.MeanAge
		a.EmptyRows += s.EmptyRows
		a.EmptyCols += s.EmptyCols
		a.Ablated += s.Ablated
	}
	n := float64(max(1, len(tensors)))
	a.ExploredDOF /= n
	a.Turnover /= n
	a.MeanAge /= n
	a.RemovedNewRatio = all.RemovedNewRatio()
	a.Pruned, a.Active, a.Positions, a.Survivors = all.Pruned, all.Active, all.Positions, all.Survivors
	a.NewbornShare, a.RemovedNewDense, a.StartShare = all.NewbornShare(), all.RemovedNewDense(), all.StartShare()
	a.NewbornNorm = normed.NewbornNorm()
	return a
}
