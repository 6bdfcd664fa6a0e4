package sparse

import "math"

// Lags are the numbers of updates after which [Stats] counts the blocks of one update
// that are still active.
var Lags = [...]int{1, 2, 4, 8}

// NewbornNormUnit is the number of units of Stats.NewbornNormSum that make 1. The sum is
// one of integers, so that it does not depend on an order, and equal on every device:
// for each newborn r = norm / Threshold in float32, min(r, 4096) in units, rounded down.
const NewbornNormUnit = 1 << 20

// largestNewbornNorm is the most that one newborn adds to Stats.NewbornNormSum: with
// fewer than 2^31 blocks the sum fits 64 bits.
const largestNewbornNorm = 4096

// NewbornShare returns the fraction of the active blocks, before the update, that the
// update before had activated: the RemovedNewRatio of an update that prunes at random.
func (s Stats) NewbornShare() float64 { return ratio(s.Newborn, s.Active) }

// RemovedNewDense returns the blocks that were pruned right after the update that
// activated them, as a fraction of the dense tensor's blocks.
func (s Stats) RemovedNewDense() float64 { return ratio(s.RemovedNew, s.Positions) }

// StartShare returns the fraction of the active blocks that have been active from the
// start on. As nnzb stays, it is also the fraction of the start's blocks that are left.
func (s Stats) StartShare() float64 { return ratio(s.StartAlive, s.Active) }

// NewbornNorm returns the mean norm, or other score, of the newborns over the pruning
// threshold, the largest that the update pruned: below 1 the newborns are pruned. NaN where
// there was no newborn, or no block above 0 was pruned.
func (s Stats) NewbornNorm() float64 {
	if s.Newborn == 0 || s.Threshold == 0 {
		return math.NaN()
	}
	return float64(s.NewbornNormSum) / NewbornNormUnit / float64(s.Newborn)
}

// add adds the counts of another tensor that the shares of a model are of.
func (s *Stats) add(o Stats) {
	s.Pruned += o.Pruned
	s.RemovedNew += o.RemovedNew
	s.Active += o.Active
	s.Positions += o.Positions
	s.StartAlive += o.StartAlive
	s.Newborn += o.Newborn
	s.NewbornNormSum += o.NewbornNormSum
	for i, n := range o.Survivors {
		s.Survivors[i] += n
	}
}

// newbornNorm is what a newborn of a norm adds to Stats.NewbornNormSum.
func newbornNorm(norm, threshold float32) uint64 {
	if threshold == 0 {
		return 0
	}
	return uint64(min(norm/threshold, largestNewbornNorm) * NewbornNormUnit)
}

// describeNewborns sets the fields of stats that tell of the blocks of the update before
// u, of which s has the norms and the slots to prune. t is as it was before u.
func (s *Scratch) describeNewborns(t *Topology, u Update, stats *Stats) {
	threshold := uint32(0) // norms have no sign bit: their bits are in their order
	for _, slot := range s.slots {
		threshold = max(threshold, uint32(s.norms[slot]>>32))
	}
	stats.Threshold = math.Float32frombits(threshold)
	for slot, at := range t.NewAt {
		if at > 0 && int(at) == u.Number-1 {
			stats.Newborn++
			stats.NewbornNormSum += newbornNorm(math.Float32frombits(uint32(s.norms[slot]>>32)), stats.Threshold)
		}
	}
}

// survivors counts the active blocks of the updates that were Lags before update number.
func (t *Topology) survivors(number int) (n [len(Lags)]int) {
	for _, at := range t.NewAt {
		for i, lag := range Lags {
			if at > 0 && int(at) == number-lag {
				n[i]++
			}
		}
	}
	return n
}
