package ptxsim

// Kernels whose blocks may communicate run on one goroutine: the blocks in order,
// each to its end. A block that takes very long may wait for one that has not begun;
// then others begin and they take turns, as blocks do that are on a GPU together.

const (
	// turnInstructions is how long a block runs before others may begin.
	turnInstructions = 1 << 22
	// residentBlocks is how many blocks are under way at most.
	residentBlocks = 16 * processors
)

// runOrdered runs all clusters, and returns their counters.
func (st *launchState) runOrdered(clusters int) (Counters, error) {
	d := st.dev
	turn := min(turnInstructions, max(d.opt.MaxInstructions/8, 1))
	var (
		total  Counters
		active []*cluster
		idle   []*cluster
		next   int
	)
	begin := func() {
		if len(idle) == 0 {
			idle = append(idle, newCluster(st))
		}
		c := idle[len(idle)-1]
		idle = idle[:len(idle)-1]
		c.start(next)
		next++
		active = append(active, c)
	}
	var failed error
	for failed == nil && (next < clusters || len(active) > 0) {
		most, now := 1, turn
		if len(active) > 0 { // one waits, or is very long
			most, now = max(1, residentBlocks/st.cluster.count()), min(turn, sliceInstructions)
		}
		for next < clusters && len(active) < most {
			begin()
		}
		still := active[:0]
		for i, c := range active {
			done, err := c.resume(now)
			if err != nil {
				failed = err
				still = append(still, active[i:]...)
				break
			}
			if done {
				idle = append(idle, c)
			} else {
				still = append(still, c)
			}
		}
		active = still
	}
	for _, c := range append(idle, active...) {
		c.end(&total)
	}
	st.endTiming(&total, failed)
	return total, failed
}
