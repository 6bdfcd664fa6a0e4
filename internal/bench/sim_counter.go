package bench

import (
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// simCounter reads the counters of the simulator's driver.
type simCounter struct{ gpu.Driver }

func (c simCounter) Reset() { c.Driver.(*simdriver.Driver).ResetCounters() }

func (c simCounter) Counts() []Count {
	const sector = 32 // bytes
	var counts []Count
	for name, k := range c.Driver.(*simdriver.Driver).Counters() {
		warp, _ := k.Instructions()
		counts = append(counts, Count{
			Name: name, Launches: k.Launches, WarpInstructions: warp, MatrixInstructions: k.Warp[ptxsim.Matrix],
			LoadBytes: sector * k.GlobalLoadSectors, StoreBytes: sector * k.GlobalStoreSectors,
			Atomics: k.GlobalAtomics, BankConflicts: k.SharedConflicts,
		})
	}
	return counts
}
