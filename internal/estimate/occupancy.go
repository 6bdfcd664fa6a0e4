package estimate

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

// Resident returns how many thread blocks of so many threads, registers a thread and bytes of shared
// memory a multiprocessor holds at once. Registers come in pieces of 256 a warp and for four warps at
// a time. 0 registers are no limit. It fails where not even one block fits.
func (g *GPU) Resident(threads, registers, shared int) (int, error) {
	warps := (threads + 31) / 32
	if warps < 1 {
		return 0, errors.New("found a thread block without threads")
	}
	n := min(g.Blocks, g.Warps/warps)
	if registers > 0 {
		each := (32*registers + 255) / 256 * 256
		n = min(n, g.Registers/each/4*4/warps)
	}
	n = min(n, g.SharedBytes/((shared+g.SharedReserved+127)/128*128))
	if n < 1 {
		return 0, fmt.Errorf("found a thread block of %d threads with %d registers and %d bytes of shared memory, expected less on %s", threads, registers, shared, g.Label)
	}
	return n, nil
}

// place is a place for a thread block on a multiprocessor, free from a cycle on. Of places that are free the
// first ones of all multiprocessors come before the second ones.
type place struct {
	free    int64
	nth, of int // place nth of multiprocessor of
}

type places []place

func (p places) Len() int      { return len(p) }
func (p places) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p places) Less(i, j int) bool {
	a, b := &p[i], &p[j]
	return cmp.Or(cmp.Compare(a.free, b.free), cmp.Compare(a.nth, b.nth), cmp.Compare(a.of, b.of)) < 0
}
func (p *places) Push(x any) { *p = append(*p, x.(place)) }
func (p *places) Pop() any {
	old := *p
	x := old[len(old)-1]
	*p = old[:len(old)-1]
	return x
}

// Share is what one multiprocessor does of a launch.
type Share struct {
	Blocks int
	Issued [ptxsim.Units]int64 // machine instructions by unit
}

// all is the instructions of all units.
func (s *Share) all() (n int64) {
	for _, i := range s.Issued {
		n += i
	}
	return n
}

// Schedule hands blocks out in order to multiprocessors that hold so many each, as one ends after
// another, each taking the cycles that it takes alone. It returns each multiprocessor's share and
// the cycle at which the last block ends.
func Schedule(blocks []simdriver.BlockTiming, multiprocessors, resident int) (shares []Share, cycles int64) {
	shares = make([]Share, multiprocessors)
	var free places
	for nth := range resident {
		for of := range multiprocessors {
			free = append(free, place{nth: nth, of: of})
		}
	}
	for i := range blocks {
		p := &free[0]
		p.free += blocks[i].Cycles
		cycles = max(cycles, p.free)
		s := &shares[p.of]
		s.Blocks++
		for u, n := range blocks[i].Issued {
			s.Issued[u] += int64(n)
		}
		heap.Fix(&free, 0)
	}
	return shares, cycles
}
