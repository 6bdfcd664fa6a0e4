package estimate

import (
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// sector is bytes.
const sector = 32

// warpClasses is the number of classes of instructions.
const warpClasses = len(simdriver.Launch{}.LongestWarp)

// Work is what a launch does, summed over its blocks, as numbers that a straight line can be laid through.
type Work struct {
	Blocks        float64
	Issued        [ptxsim.Units]float64       // machine instructions of warps by unit
	Flops         [ptxsim.MatrixKinds]float64 // of matrix instructions
	Matrix        float64                     // matrix instructions
	Passes        float64                     // over shared memory
	Conflicts     float64                     // of them those that bank conflicts cost
	Sectors       float64                     // that L2 is asked for, atomics too
	Distinct      float64                     // sectors that memory moves, written ones too
	Cycles        float64                     // of all blocks, each alone
	Longest       float64                     // of the longest block
	LongestIssued float64                     // instructions of the warp that takes longest
	LongestWarp   [warpClasses]float64        // the same by class
	GlobalChain   float64                     // most loads of a warp of which each needs the one before
	SharedChain   float64
}

// fields are the numbers of w, for arithmetic on all of them.
func (w *Work) fields() []*float64 {
	f := []*float64{
		&w.Blocks, &w.Matrix, &w.Passes, &w.Conflicts, &w.Sectors, &w.Distinct, &w.Cycles, &w.Longest, &w.LongestIssued, &w.GlobalChain, &w.SharedChain,
	}
	for i := range w.Issued {
		f = append(f, &w.Issued[i])
	}
	for i := range w.Flops {
		f = append(f, &w.Flops[i])
	}
	for i := range w.LongestWarp {
		f = append(f, &w.LongestWarp[i])
	}
	return f
}

// Launch is a launch to be estimated.
type Launch struct {
	Kernel      string
	Threads     int // of a thread block; 0: a copy or a memset of the driver's
	Registers   int // of a thread; 0: no limit
	SharedBytes int // of a thread block
	Work
	Each []simdriver.BlockTiming // the blocks one by one; nil: not known
}

// Of is a launch that the simulator ran with time, with so many registers a thread.
func Of(l simdriver.Launch, registers int) Launch {
	r := Launch{Kernel: l.Kernel, Threads: threads(l.Block), Registers: registers, SharedBytes: l.SharedBytes, Each: l.Blocks}
	w := &r.Work
	w.Blocks = float64(len(l.Blocks))
	for i := range l.Blocks {
		b := &l.Blocks[i]
		for u, n := range b.Issued {
			w.Issued[u] += float64(n)
		}
		w.Passes += float64(b.Passes)
		w.Cycles += float64(b.Cycles)
	}
	for k, n := range l.Flops {
		w.Flops[k] = float64(n)
	}
	w.Matrix, w.Conflicts = float64(l.Work.Warp[ptxsim.Matrix]), float64(l.SharedConflicts)
	w.Sectors = float64(l.GlobalLoadSectors + l.GlobalStoreSectors + l.GlobalAtomics)
	w.Distinct = float64(l.LoadedSectors + l.StoredSectors)
	w.Longest, w.GlobalChain, w.SharedChain = float64(l.LongestCycles), float64(l.GlobalChain), float64(l.SharedChain)
	for i, n := range l.LongestWarp {
		w.LongestWarp[i] = float64(n)
		w.LongestIssued += float64(n)
	}
	return r
}

func threads(d gpu.Dim3) int { return d.X * max(d.Y, 1) * max(d.Z, 1) }

// Combine returns p times w plus q times o, number by number; nothing is below 0.
func (w Work) Combine(p float64, o Work, q float64) (r Work) {
	to, a, b := r.fields(), w.fields(), o.fields()
	for i := range to {
		*to[i] = max(0, p**a[i]+q**b[i])
	}
	return r
}

// Line is the work at x of the straight line through the work at two points, for each number of its
// own; nothing is below 0. Where the points are one it is the mean of both.
func Line(x0 float64, w0 Work, x1 float64, w1 Work, x float64) Work {
	if x0 == x1 {
		return w0.Combine(0.5, w1, 0.5)
	}
	q := (x - x0) / (x1 - x0)
	return w0.Combine(1-q, w1, q)
}

// Scale multiplies what adds up over blocks; what one block or warp has stays.
func (w Work) Scale(by float64) Work { return w.Combine(by, Work{}, 0).WithPath(w, 1) }

// WithPath is w with what the longest block and warp of o have, times by.
func (w Work) WithPath(o Work, by float64) Work {
	w.Longest, w.LongestIssued, w.GlobalChain, w.SharedChain = by*o.Longest, by*o.LongestIssued, by*o.GlobalChain, by*o.SharedChain
	for i := range w.LongestWarp {
		w.LongestWarp[i] = by * o.LongestWarp[i]
	}
	return w
}

// Special is the instructions of the special-function unit.
func (w *Work) Special() float64 { return w.Issued[ptxsim.SpecialUnit] }
