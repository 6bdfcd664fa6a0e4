package train

import (
	"cmp"
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
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

// rate is the learning rate of the step after `done` finished ones. All schedules warm up
// as learningRate does. Behind that, with t finished steps of T and w of warm-up:
//
//	linear    peak (T - t)/(T - w)
//	cosine    peak/2 (1 + cos(pi (t - w)/(T - w)))
//	constant  peak
//	wsd       peak, and peak (T - t)/D in the last D = max(1, round(T/10)) steps
//
// wsd is the warmup-stable-decay of Hu et al. 2024.
func (c *Config) rate(done int64) float64 {
	peak, warmup, total := c.LearningRate, c.WarmupSteps, c.MaxSteps
	if c.LRSchedule == model.LRLinear || done < warmup || total <= warmup {
		return learningRate(peak, done, warmup, total)
	}
	switch c.LRSchedule {
	case model.LRCosine:
		return peak / 2 * (1 + math.Cos(math.Pi*float64(done-warmup)/float64(total-warmup)))
	case model.LRWSD:
		if decay := max(1, (total+5)/10); total-done < decay {
			return peak * float64(total-done) / float64(decay)
		}
	}
	return peak
}

// updateWindow returns the finished steps between which the phases of a dynamic run lie.
func (c *Config) updateWindow() (from, to int64) {
	total := float64(c.MaxSteps)
	return int64(math.Round(c.UpdateStart * total)), int64(math.Round(cmp.Or(c.UpdateEnd, updateEnd) * total))
}

// updateSteps returns the numbers of finished steps after which the topology is updated.
func (c *Config) updateSteps() ([]int64, error) {
	from, to := c.updateWindow()
	if c.Updates == 0 {
		c.Updates = defaultPhases(to-from, c.BlockSize)
	}
	steps, err := sparse.UpdateSteps(to-from, c.Updates)
	if err != nil {
		return nil, usage.Errorf("updates: %v", err)
	}
	for i := range steps {
		steps[i] += from
	}
	return steps, nil
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
		from, to := p.Config.updateWindow()
		ratio := p.Config.PruneSchedule.PruneRatio(p.Config.PruneRatio, done-from, to-from)
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
