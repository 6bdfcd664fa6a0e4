package gpu

import (
	"math"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The structs of kernels/include/topology.cuh, field by field and byte by byte.
type (
	// topologyTensor describes a block-sparse parameter to the kernels.
	topologyTensor struct {
		rows, cols, born, newAt           Ptr
		explored                          Ptr
		rowPtr, rowSlot, colPtr, colSlot  Ptr
		values, m, v                      Ptr
		forward, backward                 Ptr
		scores                            Ptr
		norms                             Ptr
		state                             Ptr
		groups, colGroups                 Ptr
		grown, shares, pruned             Ptr
		low, keys, positions              Ptr
		inspection                        Ptr
		block, blockRows, blockCols, nnzb int32
		ownFrom, ownTo                    int32
		tensor, list                      uint32
	}

	// topologyUpdate is a sparse.Update.
	topologyUpdate struct {
		seed                                         uint64
		ratio, ablate                                float64
		startFactors, from, factors                  Ptr
		births                                       int32
		number, step, score, growth, regrow, protect int32
		group                                        int32
	}

	// topologyReport is what the last update did to one tensor, or its first fault.
	topologyReport struct {
		fault, index, found, expected                                int32
		number, score                                                int32
		pruned, removedNew, returned, explored, emptyRows, emptyCols int32
		ablated                                                      int32
		ages                                                         uint64
		newbornNorms                                                 uint64
		newborn, start, threshold                                    int32
		survived1, survived2, survived4, survived8, _                int32
	}
)

const (
	tensorBytes = int64(unsafe.Sizeof(topologyTensor{}))
	updateBytes = int64(unsafe.Sizeof(topologyUpdate{}))
	reportBytes = int64(unsafe.Sizeof(topologyReport{}))
)

// scratchArrays returns the memory that updates of a tensor of that shape need
// beside it, and sets its addresses in t once p is known.
func (t *topologyTensor) scratchArrays(s sparse.Shape, nnzb int, p Ptr) int64 {
	groups := (int64(s.Positions()) + 31) / 32
	// Of the positions in the list only those that can grow are among what it is made for:
	// twelve standard deviations and some, for up to a half of the positions active.
	t.list = uint32(min(int64(s.Positions()), 24*int64(math.Sqrt(float64(nnzb)))+128))
	n := int64(0)
	for _, a := range []struct {
		at    *Ptr
		bytes int64
	}{
		{&t.state, 32 * groups}, {&t.norms, 8 * int64(nnzb)}, {&t.groups, 8 * groups},
		{&t.grown, 4 * int64(nnzb)}, {&t.shares, 4 * int64(nnzb)}, {&t.pruned, 8 * ((int64(nnzb) + 31) / 32)}, {&t.colGroups, 8 * groups}, {&t.low, 4 * groups},
		{&t.keys, 8 * int64(t.list)}, {&t.positions, 4 * int64(t.list)}, {&t.inspection, 16},
	} {
		*a.at = p + Ptr(n)
		n += (a.bytes + 15) &^ 15 // the kernels read and write 16 bytes at once
	}
	return n
}

// deviceUpdate returns u as the kernels read it, but for the ages.
func deviceUpdate(u sparse.Update) topologyUpdate {
	d := topologyUpdate{
		seed: u.Seed, ratio: u.PruneRatio, ablate: u.Ablate, number: int32(u.Number), step: int32(u.Step),
		score: scoreKernel(u), growth: growKernels[u.Growth.Criterion().Name],
		protect: int32(u.Protect), group: int32(u.Growth.Constraint().Rows),
	}
	if u.RegrowPruned {
		d.regrow = 1
	}
	return d
}

// stats returns the statistics of a tensor after its update.
func (r *topologyReport) stats(d *deviceTopology) sparse.Stats {
	s := sparse.Stats{
		Pruned: int(r.pruned), RemovedNew: int(r.removedNew), Returned: int(r.returned),
		Explored: int(r.explored), Positions: d.Positions(), Active: d.nnz,
		MeanAge:   float64(int64(r.ages)) / float64(d.nnz),
		EmptyRows: int(r.emptyRows), EmptyCols: int(r.emptyCols), Ablated: int(r.ablated),
		StartAlive: int(r.start), Newborn: int(r.newborn), Threshold: math.Float32frombits(uint32(r.threshold)), NewbornNormSum: r.newbornNorms,
	}
	for i, n := range [len(sparse.Lags)]int32{r.survived1, r.survived2, r.survived4, r.survived8} {
		s.Survivors[i] = int(n)
	}
	return s
}
