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

// runOrdered runs all blocks, and returns their counters.
func (st *launchState) runOrdered(blocks int) (Counters, error) {
	d := st.dev
	turn := min(turnInstructions, max(d.opt.MaxInstructions/8, 1))
	var (
		total  Counters
		active []*blockRun
		idle   []*blockRun
		next   int
	)
	begin := func() {
		if len(idle) == 0 {
			idle = append(idle, newBlockRun(st))
		}
		b := idle[len(idle)-1]
		idle = idle[:len(idle)-1]
		b.start(next)
		next++
		active = append(active, b)
	}
	var failed error
	for failed == nil && (next < blocks || len(active) > 0) {
		most, now := 1, turn
		if len(active) > 0 { // one waits, or is very long
			most, now = residentBlocks, min(turn, sliceInstructions)
		}
		for next < blocks && len(active) < most {
			begin()
		}
		still := active[:0]
		for i, b := range active {
			done, err := b.resume(now)
			if err != nil {
				failed = err
				still = append(still, active[i:]...)
				break
			}
			if done {
				idle = append(idle, b)
			} else {
				still = append(still, b)
			}
		}
		active = still
	}
	for _, b := range append(idle, active...) {
		d.giveMemory(b.memory)
		total.add(&b.count)
		st.addTimes(b)
	}
	st.endTiming(&total, failed)
	return total, failed
}
