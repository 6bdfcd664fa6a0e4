package train

import (
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// learningRate is the rate of the step after `done` finished ones: linear
// warm-up over the first `warmup` steps, then linear decay to 0 at `total`
// (paper, training recipe). Step 0 already has peak/warmup, so that no step is
// lost.
func learningRate(peak float64, done, warmup, total int64) float64 {
	if done < warmup {
		return peak * float64(done+1) / float64(warmup)
	}
	if total <= warmup {
		return peak
	}
	return peak * float64(total-done) / float64(total-warmup)
}

// shortestPhase is the least number of steps between two topology updates that
// the default leaves, so that a newborn block, which starts at zero, is trained
// at all before it is judged. A guess: docs/results.md tells what was measured.
const shortestPhase = 100

// defaultPhases is the number of phases when the configuration leaves it open:
// what the paper found best, n = 160 for B = 1 and n = 80 for larger blocks, or
// as many as fit.
func defaultPhases(steps int64, block int) int {
	best := int64(80)
	if block == 1 {
		best = 160
	}
	return int(max(1, min(best, steps/shortestPhase)))
}

// update returns the topology update that is due once `done` steps are
// finished, or nil.
func (p *Plan) update(done int64) *sparse.Update {
	for i, at := range p.UpdateAt {
		if at != done {
			continue
		}
		ratio := p.Config.PruneSchedule.PruneRatio(p.Config.PruneRatio, done, p.Config.MaxSteps)
		u := &sparse.Update{
			Seed: p.Config.Seed, Number: i + 1 + p.updateShift(), Step: done, PruneRatio: ratio,
			Norm: p.Config.PruneNorm, Growth: p.Config.Growth, RegrowPruned: p.Config.RegrowPruned,
			Prune: p.Config.PruneBy, Protect: p.Config.ProtectNew,
		}
		if u.Growth.Ablatable() { // others have no use for it
			u.Ablate = p.Config.AblateNeurons
		}
		return u
	}
	return nil
}
