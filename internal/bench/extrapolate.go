package bench

import (
	"fmt"
	"math"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/estimate"
	"github.com/sparsebert/sparsebert-gpu/kernels"
)

// point is what a launch did in a sample.
type point struct {
	sequences float64
	blocks    float64
	before    float64 // thread blocks of the latest launch that does not only add up what others left
	work      estimate.Work
	shared    int // static and dynamic, less dynamic
}

// reduces says that a kernel adds up what the thread blocks of the one before left, so that its work goes
// with their number.
func reduces(kernel string) bool { return strings.Contains(kernel, "reduce") }

// points returns what launch number nth of a kernel did in a call; nil: there is none.
func points(c *stepCall, sequences int, kernel string, nth int) (*point, error) {
	if len(c.ran) != len(c.launches) {
		return nil, fmt.Errorf("%s: found %d launches on the simulator, expected %d", kindOf(c.Call), len(c.ran), len(c.launches))
	}
	before := 0.0
	for i, l := range c.launches {
		if l.kernel == kernel {
			if nth == 0 {
				return &point{float64(sequences), l.blocks(), before, estimate.Of(c.ran[i], 0).Work, c.ran[i].SharedBytes - l.shared}, nil
			}
			nth--
		}
		if !reduces(l.kernel) {
			before = l.blocks()
		}
	}
	return nil, nil
}

// extrapolate returns the work of a launch of so many thread blocks for so many sequences from two
// points; b is nil where only one is known, whose blocks' work it then has.
//
// What kernels do is a sum of a part that goes with their thread blocks and one that goes with the
// tokens, so two points give both. Where thread blocks go with tokens it is a constant part and one
// that goes with them. The longest block's time goes with the tokens of a block.
func extrapolate(kernel string, sequences, blocks, before float64, a, b *point) estimate.Work {
	switch {
	case b == nil:
		w := a.work.Scale(blocks / a.blocks)
		w.Blocks = blocks
		return w
	case reduces(kernel) && a.before != b.before:
		return reduction(blocks, before, a, b)
	}
	each, eachA, eachB := sequences/blocks, a.sequences/a.blocks, b.sequences/b.blocks
	if math.Abs(eachA-eachB) < 1e-3*eachA {
		w := estimate.Line(a.sequences, a.work, b.sequences, b.work, sequences)
		mean := a.work.Combine(0.5, b.work, 0.5)
		w = w.WithPath(mean, max(1, each/eachA))
		w.Blocks = blocks
		return w
	}
	// p and q of both points make so many blocks and so many sequences.
	det := a.blocks*b.sequences - b.blocks*a.sequences
	p, q := (blocks*b.sequences-b.blocks*sequences)/det, (a.blocks*sequences-blocks*a.sequences)/det
	w := a.work.Combine(p, b.work, q).WithPath(estimate.Line(eachA, a.work, eachB, b.work, each), 1)
	if w.Blocks = blocks; a.blocks == b.blocks {
		// More tokens than the samples have make more thread blocks, which read the same weights.
		w.Distinct = estimate.Line(a.sequences, a.work, b.sequences, b.work, sequences).Distinct
	}
	return w
}

// reduction is extrapolate for a kernel that adds up what so many thread blocks before it left: along the line.
// Where the sample with fewer partial results takes longer, since its loops do not take several at once,
// instructions and time go with their number from the other sample.
func reduction(blocks, before float64, a, b *point) estimate.Work {
	if a.before > b.before {
		a, b = b, a
	}
	line := estimate.Line(a.before, a.work, b.before, b.work, before)
	w := line.Scale(blocks / b.blocks)
	if a.work.Longest > b.work.Longest {
		times := before / b.before
		w = b.work.Scale(times*blocks/b.blocks).WithPath(b.work, times)
		w.Sectors, w.Distinct = line.Sectors*blocks/b.blocks, line.Distinct*blocks/b.blocks
	}
	w.Blocks = blocks
	return w
}

// estimateCall estimates a call of the step from its counterparts in two samples; b is nil where there is one only.
func estimateCall(g estimate.GPU, c stepCall, sequences int, a, b *stepCall, aSequences, bSequences int) (list kernelList, err error) {
	seen, before := map[string]int{}, 0.0
	for _, l := range c.launches {
		nth := seen[l.kernel]
		seen[l.kernel]++
		pa, err := points(a, aSequences, l.kernel, nth)
		if err != nil {
			return nil, err
		}
		if pa == nil {
			return nil, fmt.Errorf("%s: found no launch of %s in a sample, expected the step's", kindOf(c.Call), l.kernel)
		}
		var pb *point
		if b != nil {
			if pb, err = points(b, bSequences, l.kernel, nth); err != nil {
				return nil, err
			}
		}
		registers, err := kernels.Registers(l.kernel, g.Major)
		if err != nil {
			return nil, err
		}
		one := estimate.Launch{
			Kernel: l.kernel, Threads: l.block.X * max(l.block.Y, 1) * max(l.block.Z, 1), Registers: registers, SharedBytes: l.shared + pa.shared,
			Work: extrapolate(l.kernel, float64(sequences), l.blocks(), before, pa, pb),
		}
		e, err := g.Estimate(one)
		if err != nil {
			return nil, err
		}
		list.add(one, e)
		if !reduces(l.kernel) {
			before = l.blocks()
		}
	}
	if a.memset > 0 {
		w := estimate.Work{Distinct: a.memset}
		if b != nil {
			w = estimate.Line(float64(aSequences), w, float64(bSequences), estimate.Work{Distinct: b.memset}, float64(sequences))
		}
		w.Sectors = w.Distinct
		one := estimate.Launch{Kernel: "memset", Work: w}
		e, err := g.Estimate(one)
		if err != nil {
			return nil, err
		}
		list.add(one, e)
	}
	return list, nil
}
