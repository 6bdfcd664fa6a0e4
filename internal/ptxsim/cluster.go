package ptxsim

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// cluster executes clusters of one launch, one after another: blocks that are on the device at the same
// time, reach each other's shared memory and meet at barrier.cluster. A kernel without a cluster
// directive has clusters of one block.
type cluster struct {
	launch  *launchState
	blocks  []*blockRun            // by rank
	phase   int64                  // of barrier.cluster
	told    history                // what comes before the arrivals of this phase
	last    history                // and of the one before
	ended   int64                  // when the last warp of that one arrived, in the time of its timer
	latest  int64                  // and of this one so far
	objects map[uint64]*syncObject // by address of its shared memory; nil with one block
	random  *rand.Rand             // of the order of turns; nil: that of the ranks
}

// maxCluster is the most blocks of a cluster, as on an H100 with the non-portable size allowed.
const maxCluster = 16

func newCluster(st *launchState) *cluster {
	c := &cluster{launch: st}
	if st.cluster.count() > 1 {
		c.objects = map[uint64]*syncObject{}
	}
	for rank := range st.cluster.count() {
		b := newBlockRun(st)
		b.cluster, b.rank = c, rank
		c.blocks = append(c.blocks, b)
	}
	return c
}

// clusters is how many the grid has along each axis.
func (st *launchState) clusters() Dim3 {
	return Dim3{st.grid.X / st.cluster.X, st.grid.Y / st.cluster.Y, st.grid.Z / st.cluster.Z}
}

// checkCluster reads the cluster directive and compares the grid with it.
func (st *launchState) checkCluster() error {
	fn := st.kernel.fn
	n := [3]int{1, 1, 1}
	copy(n[:], fn.cluster)
	st.cluster = Dim3{n[0], n[1], n[2]}
	c := st.cluster.count()
	switch {
	case fn.explicitCluster && fn.cluster == nil:
		return fmt.Errorf("%w: .explicitcluster without .reqnctapercluster: a size of clusters that the launch gives is not supported", ErrLaunch)
	case n[0] > maxCluster || n[1] > maxCluster || n[2] > maxCluster || c > maxCluster:
		return fmt.Errorf("%w: clusters %v of %d blocks, expected at most %d", ErrLaunch, st.cluster, c, maxCluster)
	case st.grid.X%n[0] != 0 || st.grid.Y%n[1] != 0 || st.grid.Z%n[2] != 0:
		return fmt.Errorf("%w: grid %v, expected a multiple of the cluster %v", ErrLaunch, st.grid, st.cluster)
	}
	st.histories = st.dev.opt.BlockRaces || c > 1
	return nil
}

// run executes the cluster with linear index i.
func (c *cluster) run(i int) error {
	c.start(i)
	for {
		if done, err := c.resume(math.MaxInt64); done || err != nil {
			return err
		}
	}
}

// start makes c the cluster with linear index i, at its beginning.
func (c *cluster) start(i int) {
	clear(c.objects)
	c.phase, c.told, c.last, c.latest = 0, nil, nil, 0
	at, n, g := c.launch.clusters().at(i), c.launch.cluster, c.launch.grid
	for rank, b := range c.blocks {
		in := n.at(rank)
		b.start((at.X*n.X + in.X) + g.X*((at.Y*n.Y+in.Y)+g.Y*(at.Z*n.Z+in.Z)))
	}
}

// resume executes about so many instructions more; done says that all blocks have ended.
func (c *cluster) resume(budget int64) (done bool, err error) {
	slice := budget
	if len(c.blocks) > 1 {
		slice = sliceInstructions
	}
	for budget > 0 {
		moved, left := false, 0
		for _, i := range c.turns() {
			b := c.blocks[i]
			if b.over {
				continue
			}
			before := b.steps
			if b.over, err = b.resume(min(budget, slice)); err != nil {
				return false, err
			}
			moved = moved || b.over || b.steps > before
			budget -= b.steps - before
			if !b.over {
				left++
			}
		}
		if left == 0 {
			return true, nil
		}
		if !moved && budget > 0 {
			return false, c.stuck()
		}
	}
	return false, nil
}

// turns returns the ranks in the order in which the blocks have their turns now.
func (c *cluster) turns() []int {
	if c.random != nil {
		return c.random.Perm(len(c.blocks))
	}
	order := make([]int, len(c.blocks))
	for i := range order {
		order[i] = i
	}
	return order
}

// shuffle makes turns random.
func (c *cluster) shuffle(r *rand.Rand) {
	c.random = r
	for _, b := range c.blocks {
		b.random = r
	}
}

// end gives the memory back and adds up what the blocks have counted.
func (c *cluster) end(total *Counters) {
	for _, b := range c.blocks {
		c.launch.dev.giveMemory(b.memory)
		total.add(&b.count)
		c.launch.addTimes(b)
	}
}

// arrive counts warp w in at the cluster's barrier; what h stands for comes before whoever waits for it.
func (c *cluster) arrive(w *warp, h history) {
	if w.arrived {
		w.fail(0, ErrDivergent, "barrier.cluster.arrive, and again without a barrier.cluster.wait between")
		return
	}
	w.arrived, w.phase = true, c.phase
	c.told = c.told.joined(h)
	if w.timer != nil {
		c.latest = max(c.latest, w.timer.at)
	}
	c.complete()
}

// wait lets warp w go on when all threads of the cluster have arrived.
func (c *cluster) wait(w *warp) {
	switch {
	case !w.arrived:
		w.fail(0, ErrDivergent, "barrier.cluster.wait without a barrier.cluster.arrive before")
	case w.phase < c.phase:
		c.pass(w)
	default:
		w.status = warpAtCluster
	}
}

func (c *cluster) pass(w *warp) {
	w.arrived = false
	w.learn(c.last, !c.launch.histories)
	if w.timer != nil {
		w.timer.now = max(w.timer.now, c.ended+w.timer.lat.Barrier)
	}
}

// complete ends the phase of the barrier if all warps that have not ended have arrived.
func (c *cluster) complete() {
	any := false
	for _, b := range c.blocks {
		for _, w := range b.warps {
			here := w.arrived && w.phase == c.phase
			if !here && w.status != warpDone {
				return
			}
			any = any || here
		}
	}
	if !any {
		return
	}
	c.phase++
	c.last, c.told, c.ended, c.latest = c.told, nil, c.latest, 0
	for _, b := range c.blocks {
		for _, w := range b.warps {
			if w.status == warpAtCluster {
				w.status = warpReady
				c.pass(w)
			}
		}
	}
}

// stuck reports that the cluster's barrier cannot complete.
func (c *cluster) stuck() error {
	var at *warp
	waits, missing := 0, 0
	for _, b := range c.blocks {
		for _, w := range b.warps {
			switch {
			case w.status == warpAtCluster:
				waits++
				if at == nil {
					at = w
				}
			case w.status != warpDone && !(w.arrived && w.phase == c.phase):
				missing++
			}
		}
	}
	at.failAt(at.pc-1, 0, ErrDivergent, "%d warps of the cluster wait at barrier.cluster, %d have not arrived and wait elsewhere", waits, missing)
	return at.fault
}

// clusterBarrier: barrier.cluster.arrive{.release|.relaxed}{.aligned} and barrier.cluster.wait{.acquire}{.aligned}.
func (x *building) clusterBarrier() exec {
	x.nargs(0, 0)
	if x.need("arrive", "wait") == "wait" {
		x.has("acquire")
		return func(w *warp, _ uint32) {
			if w.together() {
				w.blk.cluster.wait(w)
			}
		}
	}
	relaxed := x.opt("release", "relaxed") == "relaxed"
	return func(w *warp, _ uint32) {
		if !w.together() {
			return
		}
		h := history{w.blk.index: new(times)} // that the block has begun
		if !relaxed {
			h = w.snapshot()
		} else if w.fenced != nil && !w.fencedBlock {
			h = h.joined(w.fenced)
		}
		w.blk.cluster.arrive(w, h)
	}
}
