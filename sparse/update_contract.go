package sparse

// Norm is the block norm by which blocks are pruned.
type Norm uint8

// The block norms (paper, figure 7). L1 is the default.
const (
	L1 Norm = iota
	L2
	LInf
)

// Growth is the way in which new blocks are chosen.
type Growth uint8

// The ways to grow.
const (
	GrowRandom   Growth = iota // uniformly among the inactive positions
	GrowGradient               // largest L1-pooled gradient (RigL)
	GrowFanIn                  // at random with the same number of blocks in every block row
)

// Update is one topology update of a model.
type Update struct {
	Seed         uint64
	Number       int     // 1 for the first update
	Step         int64   // optimiser steps finished; Born of the new blocks
	PruneRatio   float64 // pr(t) of this update
	Norm         Norm
	Growth       Growth
	RegrowPruned bool // a block pruned now may return at once
}

// Stats describes one tensor's topology after an update.
type Stats struct {
	Pruned     int     // blocks moved by this update
	RemovedNew int     // of those, blocks that the update before had activated
	Explored   int     // positions active at any time
	Positions  int     // blocks of the dense tensor
	Active     int     // nnzb
	MeanAge    float64 // mean over active blocks of Step - Born, in steps
	EmptyRows  int     // block rows without an active block
	EmptyCols  int     // block columns without an active block
}
