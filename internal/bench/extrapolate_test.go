package bench

import (
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/estimate"
)

// made is a kernel whose work is known: passes for each thread block and for each sequence, distinct sectors that
// all blocks share beside those of each sequence, and a path that goes with the sequences of a block.
func made(sequences, blocks, before float64) *point {
	each := sequences / blocks
	return &point{sequences: sequences, blocks: blocks, before: before, work: estimate.Work{
		Blocks: blocks, Passes: 7*blocks + 5*sequences, Distinct: 100 + 3*sequences, Longest: 20 + 1000*each, Cycles: blocks * (20 + 1000*each),
	}}
}

func TestExtrapolate(t *testing.T) {
	for _, c := range []struct {
		name              string
		a, b              *point
		sequences, blocks float64
		distinct          bool
	}{
		{"thread blocks go with the sequences", made(1, 6, 0), made(4, 24, 0), 256, 1536, true},
		{"ranges: both differ", made(1, 10, 0), made(4, 20, 0), 256, 130, false},
		{"the thread blocks are the same", made(1, 10, 0), made(4, 10, 0), 256, 10, true},
		{"and more of the whole", made(1, 10, 0), made(4, 10, 0), 256, 40, true},
	} {
		want := made(c.sequences, c.blocks, 0).work
		got := extrapolate("sdd_b16", c.sequences, c.blocks, 0, c.a, c.b)
		near := func(x, y float64) bool { return math.Abs(x-y) <= 1e-9*math.Abs(y) }
		if !near(got.Passes, want.Passes) || !near(got.Longest, want.Longest) || !near(got.Cycles, want.Cycles) || got.Blocks != c.blocks || c.distinct && !near(got.Distinct, want.Distinct) {
			t.Errorf("%s: found %+v, expected %+v", c.name, got, want)
		}
	}
	// Of one sample the blocks' work counts, and the longest block stays.
	if got := extrapolate("adamw", 256, 40, 0, made(1, 10, 0), nil); got.Passes != 4*(7*10+5) || got.Longest != 20+100 || got.Blocks != 40 {
		t.Errorf("one sample: found %+v", got)
	}
	// What adds up partial results goes with their number: bytes with a constant part, time from the larger sample.
	a := &point{sequences: 1, blocks: 8, before: 2, work: estimate.Work{Blocks: 8, Sectors: 10 + 2*2, Distinct: 10 + 2*2, Longest: 1000, Cycles: 8000}}
	b := &point{sequences: 4, blocks: 8, before: 4, work: estimate.Work{Blocks: 8, Sectors: 10 + 2*4, Distinct: 10 + 2*4, Longest: 600, Cycles: 4800}}
	if got := extrapolate("sdd_reduce", 256, 8, 22, a, b); got.Sectors != 10+2*22 || got.Distinct != 10+2*22 || math.Abs(got.Longest-600*5.5) > 1e-6 || math.Abs(got.Cycles-4800*5.5) > 1e-6 {
		t.Errorf("reduction: found %+v, expected 54 sectors and 3300 cycles", got)
	}
	a.work.Longest, a.work.Cycles = 500, 4000
	if got := extrapolate("add_norm_reduce", 256, 8, 22, a, b); got.Sectors != 10+2*22 || math.Abs(got.Longest-1500) > 1e-6 || math.Abs(got.Cycles-12000) > 1e-6 {
		t.Errorf("reduction along the line: found %+v, expected 54 sectors and 1500 cycles", got)
	}
}
