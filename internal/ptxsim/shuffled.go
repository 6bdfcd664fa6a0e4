package ptxsim

import "math/rand/v2"

// A GPU runs blocks and warps in an order that nobody knows. With Options.Seed blocks begin
// in a random order and take turns, so do the warps of a block, and turns have random lengths.

const (
	// shuffledBlocks is how many blocks are under way at most.
	shuffledBlocks = 8
	// shuffledTurn is the longest turn of a block, and shuffledSlice that of a warp, in instructions.
	shuffledTurn, shuffledSlice = 1 << 12, 1 << 8
)

// runShuffled runs all clusters on one goroutine, and returns their counters.
func (st *launchState) runShuffled(clusters int) (Counters, error) {
	d := st.dev
	random := rand.New(rand.NewPCG(d.opt.Seed, uint64(clusters)))
	order := random.Perm(clusters)
	var active []*cluster
	for range min(clusters, max(1, shuffledBlocks/st.cluster.count())) {
		c := newCluster(st)
		c.shuffle(random)
		active = append(active, c)
	}
	runs := active
	for _, c := range active {
		c.start(order[0])
		order = order[1:]
	}
	var failed error
	for failed == nil && len(active) > 0 {
		i := random.IntN(len(active))
		c := active[i]
		done, err := c.resume(1 + random.Int64N(shuffledTurn))
		switch {
		case err != nil:
			failed = err
		case done && len(order) > 0:
			c.start(order[0])
			order = order[1:]
		case done:
			active = append(append([]*cluster{}, active[:i]...), active[i+1:]...)
		}
	}
	var total Counters
	for _, c := range runs {
		c.end(&total)
	}
	st.endTiming(&total, failed)
	return total, failed
}

// turns returns the warps in the order in which they have their turns now.
func (b *blockRun) turns() []*warp {
	if b.random == nil {
		return b.warps
	}
	b.shuffled = append(b.shuffled[:0], b.warps...)
	b.random.Shuffle(len(b.shuffled), func(i, k int) { b.shuffled[i], b.shuffled[k] = b.shuffled[k], b.shuffled[i] })
	return b.shuffled
}
