package simdriver

import (
	"slices"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// Latencies are the cycles from the issue of an instruction to the issue of one that needs its
// result, by what executes it.
type Latencies struct {
	Arithmetic int64 // integers, float32 and smaller, comparisons
	Double     int64 // float64
	Special    int64 // special functions
	Convert    int64 // conversions between types
	Warp       int64 // shuffles, votes
	Shared     int64 // loads of shared memory without conflicts, ldmatrix, atomics there
	Local      int64 // loads of local memory, from the L1 cache
	L2         int64 // atomics on global memory
	Global     int64 // loads of global memory
	Matrix     int64 // mma of 16 x 8 x 16
	Barrier    int64 // from the last arrival at a barrier on
}

// units and matrixKinds are the numbers of units of a multiprocessor, and of kinds of matrix products.
const (
	units       = int(ptxsim.Units)
	matrixKinds = int(ptxsim.MatrixKinds)
)

// BlockTiming is what one thread block did.
type BlockTiming struct {
	Cycles int64         // its longest warp's time, as if it had the multiprocessor to itself
	Issued [units]uint32 // machine instructions of its warps, about, by unit
	Passes uint32        // over shared memory
}

// Launch is one launch of a driver with Options.Latencies, or a Memset or a Copy, which have no
// thread blocks and only sectors.
type Launch struct {
	Kernel      string // "memset" and "copy" are the driver's
	Grid, Block gpu.Dim3
	SharedBytes int // of a thread block, static and dynamic
	Work

	Blocks                       []BlockTiming      // by linear index
	LongestCycles                int64              // of the warp that takes longest
	LongestWarp                  [classes]int64     // its instructions by class
	GlobalChain, SharedChain     int64              // most loads of a warp of which each needs the one before
	Flops                        [matrixKinds]int64 // of matrix instructions
	LoadedSectors, StoredSectors int64              // different 32-byte sectors that it touched
}

// Launches returns the launches since New or ResetCounters in their order; none without Options.Latencies.
func (d *Driver) Launches() []Launch {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.launches)
}

// note keeps a launch that has ended well.
func (d *Driver) note(k *ptxsim.Kernel, grid, block gpu.Dim3, shared int, c ptxsim.Counters) {
	t := d.dev.Timing()
	if d.opt.Latencies == nil || t == nil {
		return
	}
	l := Launch{
		Kernel: k.Name(), Grid: grid, Block: block, SharedBytes: shared + k.SharedBytes(), Work: Work(c),
		LongestCycles: t.Longest.Cycles, LongestWarp: t.Longest.Warp, GlobalChain: t.GlobalChain, SharedChain: t.SharedChain, Flops: t.Flops,
		LoadedSectors: t.LoadedSectors, StoredSectors: t.StoredSectors,
	}
	for _, b := range t.Blocks {
		l.Blocks = append(l.Blocks, BlockTiming(b))
	}
	d.launches = append(d.launches, l)
}

// noteBytes keeps a Memset of n bytes, or a Copy.
func (d *Driver) noteBytes(kernel string, n int64, loads bool) {
	if d.opt.Latencies == nil {
		return
	}
	l := Launch{Kernel: kernel, StoredSectors: (n + 31) / 32}
	if loads {
		l.LoadedSectors = l.StoredSectors
	}
	l.GlobalLoadSectors, l.GlobalStoreSectors = l.LoadedSectors, l.StoredSectors
	d.launches = append(d.launches, l)
}
